"""Settings, data folder, port, front end and the address people use."""

from __future__ import annotations

import fcntl
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from studio import frontend
from studio.config import Settings, SettingsError, load
from studio.doctor.findings import Finding, failed, in_thread, ok, warning
from studio.serve import CannotStartError, check_port, healthy

PREFIXES = ("STUDIO_", "ARK_", "SMTP_", "OIDC_")
NAMES = ("DATABASE_URL", "REDIS_URL", "PORT", "HOST")
# Read where they are used, not in studio/config.py; those of the simulator and the tests begin with the last two.
ELSEWHERE = ("STUDIO_TRUSTED_PROXIES", "STUDIO_WORKER_CONCURRENCY", "STUDIO_SIM_", "STUDIO_TORTURE")
# A half-set family is left out whole, so that the rest can be checked.
FAMILIES = ("OIDC_GOOGLE_", "OIDC_", "STUDIO_S3_", "STUDIO_BACKUP_", "STUDIO_JOURNAL_", "ARK_")
LITTLE_BYTES = 5 * 1024**3
TOO_LITTLE_BYTES = 500 * 1024**2
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Read(dict[str, str]):
    """An environment that remembers which names were asked for."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(env)
        self.asked: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]  # a variable's value is text
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)


def survey(env: Mapping[str, str]) -> tuple[Settings | None, dict[str, str], list[Finding]]:
    """Every wrong setting by name, not the first only; the settings and the environment that are left without them."""
    left, findings = dict(env), []
    for _ in range(len(env) + 1):
        read = Read(left)
        try:
            ours = load(read)
        except SettingsError as error:
            name, _, expected = str(error).partition(": ")
            findings.append(failed("settings", f"{name}: {expected}", f"Correct {name}."))
            family = next((each for each in FAMILIES if name.startswith(each)), name)
            gone = [name] if name in left else [each for each in left if each.startswith(family)]
            if not gone:
                break
            for each in gone:
                left.pop(each, None)
        except OSError as error:
            findings.append(failed("settings", f"STUDIO_DATA: {error.strerror}", "Choose another folder: STUDIO_DATA."))
            break
        else:
            return ours, left, [*findings, *_names(env, read.asked)]
    return None, left, findings


def _names(env: Mapping[str, str], known: set[str]) -> list[Finding]:
    ours = sorted(n for n, value in env.items() if (n.startswith(PREFIXES) or n in NAMES) and value.strip())
    unknown = [n for n in ours if n not in known and not n.startswith(ELSEWHERE)]
    unknown = [n for n in unknown if not n.startswith(FAMILIES)]  # one that was left out is named already
    told = ok("settings", f"set: {', '.join(ours)}" if ours else "none set: everything runs on this machine")
    return [
        told,
        *(warning("settings", f"{n} is no setting of Studio.", f"Look for a misspelling: {n}.") for n in unknown),
    ]


def _placeholder(value: str) -> bool:
    return value.rpartition("@")[2] in ("example.com", "example.org", "example.net")


async def placeholders(ours: Settings) -> list[Finding]:
    """What people will read on the legal pages and in mails."""
    unset = {
        "STUDIO_OPERATOR_NAME": ours.operator_name == "Example operator",
        "STUDIO_PRIVACY_CONTACT": _placeholder(ours.privacy_contact),
        "STUDIO_LEGAL_CONTACT": _placeholder(ours.legal_contact),
        "STUDIO_REGION": ours.region == "unspecified",
        "SMTP_FROM": ours.smtp_url is not None and _placeholder(ours.smtp_from),
        "STUDIO_OPERATORS": not ours.operators,
    }
    names = [name for name, is_unset in unset.items() if is_unset]
    found = [warning("operator", f"{name} is not set.", f"Set {name} before people are let in.") for name in names]
    return found or [ok("operator", "name, contacts and region are set")]


async def data_folder(ours: Settings) -> list[Finding]:
    """Writable, private enough, with room, and held by whom."""
    part, folder = "data folder", ours.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        mend = "Give this user the folder, or choose another one: STUDIO_DATA."
        return [failed(part, f"{folder} cannot be written: {error.strerror}", mend)]
    free = shutil.disk_usage(folder).free
    found = f"{folder} can be written, {free / 1024**3:.1f} GB free"
    if free < LITTLE_BYTES:
        make = failed if free < TOO_LITTLE_BYTES else warning
        room = [make(part, found, "Make room on this disk, or move the folder: STUDIO_DATA.")]
    else:
        room = [ok(part, f"{found}; {_holder(ours)}")]
    key = folder / "secret.key"
    if key.is_file() and key.stat().st_mode & 0o077:
        return [*room, failed("secret key", f"{key} can be read by others.", f"chmod 600 {key}")]
    return [*room, *_secret(ours)]


def _holder(ours: Settings) -> str:
    path = ours.data_dir / "lock"
    if not path.is_file():
        return "no Studio has run on it"
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"held by {lock.read().strip() or 'another process'}"
    return "no Studio runs on it now"


def _secret(ours: Settings) -> list[Finding]:
    kept = ours.data_dir / "secret.key"
    if kept.is_file() and kept.read_text().strip() == ours.secret_key:
        if ours.redis_url is not None:
            mend = "Set the same STUDIO_SECRET_KEY for each web process."
            return [warning("secret key", "made here and kept in the data folder, with REDIS_URL set", mend)]
        return [ok("secret key", "made once and kept in the data folder")]
    return [ok("secret key", "set by STUDIO_SECRET_KEY")]


async def port(ours: Settings) -> list[Finding]:
    """Free, or ours."""
    part = "port"
    if await in_thread(healthy, ours.host, ours.port):
        return [ok(part, f"{ours.port} answers as Studio")]
    try:
        check_port(ours.host, ours.port)
    except CannotStartError as error:
        return [failed(part, str(error).partition(". ")[0].rstrip(".") + ".", "Choose another PORT or HOST.")]
    return [ok(part, f"{ours.port} is free; no web process runs here now")]


async def front_end(_: Settings) -> list[Finding]:
    """Built for these very sources, or at the next start."""
    built = await in_thread(frontend.cached)
    return [ok("front end", "built" if built else "not built yet; the next start builds it")]


async def public_address(ours: Settings) -> list[Finding]:
    """What people type: https unless it is this machine, and leading here."""
    part, url = "public address", urlsplit(ours.public_url)
    if not ours.secure and url.hostname not in LOOPBACK:
        mend = "Put a TLS proxy in front and set STUDIO_PUBLIC_URL to its https address."
        return [failed(part, f"{ours.public_url} is not https: cookies and pictures would travel in the open.", mend)]
    try:
        status = await in_thread(_status, f"{ours.public_url}/healthz")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if not ours.secure:
            return [ok(part, f"{ours.public_url}, this machine only; nothing answers there now")]
        said = f"{ours.public_url} does not answer ({type(reason).__name__})."
        return [warning(part, said, "Start Studio, or lead the name and the proxy of STUDIO_PUBLIC_URL to it.")]
    if status != 200:
        mend = "Lead STUDIO_PUBLIC_URL to Studio's own port; look at its log if it does already."
        return [failed(part, f"{ours.public_url}/healthz answers {status}.", mend)]
    return [ok(part, f"{ours.public_url} answers")]


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=8) as answer:  # noqa: S310 - http or https, checked by the settings
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
