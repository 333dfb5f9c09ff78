"""One frozen `Settings`, read from the environment. A wrong or half-set value stops the start with its name.

Every external part of the product is chosen here and nowhere else; the README's table lists the same names.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from studio import rates
from studio.rates import Rate

MICROS = 1_000_000
GOOGLE = "https://accounts.google.com"
NO_OPERATOR, NO_REGION = "Example operator", "unspecified"
# Names that RFC 2606 keeps for examples: nobody can be reached there.
EXAMPLES = re.compile(r"(?:^|[@.])(?:example\.(?:com|net|org)|example|invalid|test)$", re.IGNORECASE)
_S3 = ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY", "ADDRESSING")


class SettingsError(Exception):
    """A setting is missing or wrong: the message names the variable and says what is expected."""


@dataclass(frozen=True)
class S3Settings:
    """An S3-compatible object store."""

    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str
    prefix: str
    path_style: bool


@dataclass(frozen=True)
class OidcSettings:
    """An OpenID Connect issuer and this studio's client there. `key` is its name in addresses."""

    key: str
    name: str
    issuer: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class SignupSettings:
    """Who may make an account: open, invite, or domain with the domains and addresses that are let in."""

    mode: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """Everything the processes need to know about the world around them."""

    data_dir: Path
    host: str
    port: int
    public_url: str
    secret_key: str
    database_url: str | None
    redis_url: str | None
    s3: S3Settings | None
    journal: Path | S3Settings
    backup: Path | S3Settings | None
    backup_recipient: str | None
    backup_identity_file: Path | None
    backup_hours: int
    backup_days: int
    ark_api_key: str | None
    ark_base_url: str | None
    ark_tier: str
    prices_file: Path | None
    oidc: tuple[OidcSettings, ...]
    signup: SignupSettings
    smtp_url: str | None
    smtp_from: str
    operator_name: str
    operators: tuple[str, ...]
    operator_identities: tuple[tuple[str, str], ...]
    embedded: bool
    privacy_contact: str
    legal_contact: str
    region: str
    processors_file: Path | None
    counsel_reviewed: str
    default_cap_micros: int
    max_cap_micros: int
    session_idle_days: int
    session_absolute_days: int
    log_days: int
    trash_days: int
    limits: Mapping[str, Rate]
    export_part_bytes: int
    simulator_url: str | None
    simulator_pace: str

    @property
    def simulated(self) -> bool:
        """True without an API key: pictures come from the local simulator and the page says so."""
        return self.ark_api_key is None

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def cookie_name(self) -> str:
        """`__Host-` needs https; on plain loopback http the cookie has the bare name."""
        return "__Host-studio_session" if self.secure else "studio_session"

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins a socket or a form may come from: the public one and, on loopback, its twin spelling."""
        url = urlsplit(self.public_url)
        origin = f"{url.scheme}://{url.netloc}"
        twins = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}
        twin = twins.get(url.hostname or "")
        return (origin, origin.replace(url.hostname or "", twin)) if twin else (origin,)


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in schemes or not (parts.netloc or parts.path):
        raise SettingsError(f"{name}: expected a URL beginning with {' or '.join(s + '://' for s in schemes)}")
    return value.rstrip("/")


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = env.get(name, "").strip() or str(default)
    if not re.fullmatch(r"-?\d{1,12}", raw) or not low <= int(raw) <= high:
        raise SettingsError(f"{name}: expected a whole number from {low} to {high}, got {raw!r}")
    return int(raw)


def _usd(env: Mapping[str, str], name: str, default: str) -> int:
    raw = env.get(name, "").strip() or default
    try:
        micros = Decimal(raw) * MICROS
    except InvalidOperation:
        micros = Decimal(-1)
    if not micros.is_finite() or not 0 <= micros <= 10**15 or micros != int(micros):
        raise SettingsError(f"{name}: expected an amount in US dollars such as 40 or 12.50, got {raw!r}")
    return int(micros)


def _choice(env: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = env.get(name, "").strip() or default
    if value not in choices:
        raise SettingsError(f"{name}: expected {' or '.join(choices)}, got {value!r}")
    return value


def _email(env: Mapping[str, str], name: str, default: str) -> str:
    value = env.get(name, "").strip() or default
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise SettingsError(f"{name}: expected an e-mail address, got {value!r}")
    return value


def _all_or_none(env: Mapping[str, str], family: str, names: tuple[str, ...]) -> bool:
    """Whether a family of variables is set. Raises when only some of `names` are."""
    if not any(name.startswith(family) and value.strip() for name, value in env.items()):
        return False
    missing = next((name for name in names if not env.get(name, "").strip()), None)
    if missing is not None:
        raise SettingsError(f"{missing}: expected, because other {family} variables are set")
    return True


def _reviewed(env: Mapping[str, str]) -> str:
    """Whether counsel reviewed the texts: "" no, "1" yes, or the date of it."""
    value = env.get("STUDIO_COUNSEL_REVIEWED", "").strip()
    try:
        return {"": "", "0": "", "1": "1"}[value] if value in ("", "0", "1") else date.fromisoformat(value).isoformat()
    except ValueError:
        raise SettingsError(
            f"STUDIO_COUNSEL_REVIEWED: expected 1 or a date such as 2026-11-25, got {value!r}"
        ) from None


def _file(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name, "").strip()
    if value and not Path(value).is_file():
        raise SettingsError(f"{name}: expected a readable file, got {value!r}")
    return Path(value) if value else None


def _oidc(env: Mapping[str, str]) -> tuple[OidcSettings, ...]:
    """The providers people sign in with: any issuer by discovery, then Google."""
    found = []
    own = {name: value for name, value in env.items() if not name.startswith("OIDC_GOOGLE_")}
    if _all_or_none(own, "OIDC_", ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")):
        issuer = _url(env, "OIDC_ISSUER", ("https", "http")) or ""
        parts = urlsplit(issuer)
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise SettingsError("OIDC_ISSUER: expected https, except on this machine")
        if parts.query or parts.fragment or parts.username:
            raise SettingsError("OIDC_ISSUER: expected no query, fragment or name, such as https://id.example.org")
        name = env.get("OIDC_NAME", "").strip() or "your organisation"
        if len(name) > 40:
            raise SettingsError("OIDC_NAME: expected at most 40 characters")
        found.append(
            OidcSettings("oidc", name, issuer, env["OIDC_CLIENT_ID"].strip(), env["OIDC_CLIENT_SECRET"].strip())
        )
    if _all_or_none(env, "OIDC_GOOGLE_", ("OIDC_GOOGLE_CLIENT_ID", "OIDC_GOOGLE_CLIENT_SECRET")):
        client = (env["OIDC_GOOGLE_CLIENT_ID"].strip(), env["OIDC_GOOGLE_CLIENT_SECRET"].strip())
        found.append(OidcSettings("google", "Google", GOOGLE, *client))
    return tuple(found)


def _signup(env: Mapping[str, str]) -> SignupSettings:
    value = env.get("STUDIO_SIGNUP", "").strip().lower() or "invite"
    if value in ("open", "invite"):
        return SignupSettings(value)
    kind, _, rest = value.partition(":")
    allowed = tuple(part.strip() for part in rest.split(",") if part.strip())
    wrong = [part for part in allowed if not re.fullmatch(r"([^@\s]+@)?[a-z0-9-]+(\.[a-z0-9-]+)+", part)]
    if kind != "domain" or not allowed or wrong:
        raise SettingsError(
            f"STUDIO_SIGNUP: expected open, invite or domain:example.org,mara@example.com, got {value!r}"
        )
    return SignupSettings("domain", allowed)


def _limits(env: Mapping[str, str]) -> Mapping[str, Rate]:
    try:
        return rates.parse(env.get("STUDIO_LIMITS", ""))
    except ValueError as error:
        raise SettingsError(f"STUDIO_LIMITS: {error}") from None


def _operators(env: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Who operates this studio: confirmed addresses, and people at a provider as `issuer|subject`."""
    named = [part.strip() for part in env.get("STUDIO_OPERATORS", "").split(",") if part.strip()]
    pairs = [part.partition("|") for part in named if "|" in part]
    for issuer, _, subject in pairs:
        if not re.fullmatch(r"https?://[^\s|]+", issuer.strip()) or not subject.strip():
            raise SettingsError("STUDIO_OPERATORS: expected an identity such as https://id.example.org|the-subject")
    addresses = [part.lower() for part in named if "|" not in part]
    for address in addresses:
        _email({"STUDIO_OPERATORS": address}, "STUDIO_OPERATORS", "")
    return tuple(addresses), tuple((issuer.strip(), subject.strip()) for issuer, _, subject in pairs)


def _s3(env: Mapping[str, str]) -> S3Settings | None:
    names = ("STUDIO_S3_BUCKET", "STUDIO_S3_ACCESS_KEY", "STUDIO_S3_SECRET_KEY")
    endpoint = _url(env, "STUDIO_S3_ENDPOINT", ("http", "https"))
    if not _all_or_none(env, "STUDIO_S3_", names):
        return None
    return S3Settings(
        endpoint=endpoint or "",
        bucket=env["STUDIO_S3_BUCKET"].strip(),
        region=env.get("STUDIO_S3_REGION", "").strip() or "us-east-1",
        access_key=env["STUDIO_S3_ACCESS_KEY"].strip(),
        secret_key=env["STUDIO_S3_SECRET_KEY"].strip(),
        prefix=env.get("STUDIO_S3_PREFIX", "").strip().strip("/"),
        path_style=_choice(env, "STUDIO_S3_ADDRESSING", "path", ("path", "virtual")) == "path",
    )


def _place(env: Mapping[str, str], name: str, family: str) -> Path | S3Settings | None:
    """A folder, or s3://bucket/prefix; what the `family` of variables leaves out is as STUDIO_S3_ says."""
    value = env.get(name, "").strip()
    if not value:
        return None
    if not value.startswith("s3://"):
        if "://" in value:
            raise SettingsError(f"{name}: expected a folder, or s3://bucket/prefix")
        return Path(value).expanduser().resolve()
    bucket, _, prefix = value.removeprefix("s3://").partition("/")
    own = {part: env.get(f"{family}{part}", "").strip() or env.get(f"STUDIO_S3_{part}", "").strip() for part in _S3}
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise SettingsError(f"{name}: expected a bucket's name, such as s3://studio-backup/home")
    for part in ("ACCESS_KEY", "SECRET_KEY"):
        if not own[part]:
            raise SettingsError(f"{family}{part}: expected, because {name} is a bucket")
    return S3Settings(
        endpoint=_url({family: own["ENDPOINT"]}, family, ("http", "https")) or "",
        bucket=bucket,
        region=own["REGION"] or "us-east-1",
        access_key=own["ACCESS_KEY"],
        secret_key=own["SECRET_KEY"],
        prefix=prefix.strip("/"),
        path_style=_choice({family: own["ADDRESSING"]}, family, "path", ("path", "virtual")) == "path",
    )


def _recipient(env: Mapping[str, str], place: Path | S3Settings | None) -> str | None:
    """The age public key that backups are encrypted for; without one nothing is ever written."""
    value = env.get("STUDIO_BACKUP_RECIPIENT", "").strip()
    if value and not re.fullmatch(r"age1[a-z0-9]{58}", value):
        raise SettingsError("STUDIO_BACKUP_RECIPIENT: expected an age public key, such as age1… (studio backup key)")
    if place is not None and not value and not env.get("STUDIO_BACKUP_IDENTITY_FILE", "").strip():
        raise SettingsError("STUDIO_BACKUP_RECIPIENT: expected, because STUDIO_BACKUP_URL is set")
    return value or None


def _secret(env: Mapping[str, str], data_dir: Path) -> str:
    """The key that signs tab tokens: from the environment, else made once and kept in the data folder."""
    value = env.get("STUDIO_SECRET_KEY", "").strip()
    if value:
        if len(value) < 32:
            raise SettingsError("STUDIO_SECRET_KEY: expected at least 32 characters")
        return value
    path = data_dir / "secret.key"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting.

    Raises:
        SettingsError: naming the variable and what is expected of it.
    """
    env = os.environ if env is None else env
    data_dir = Path(env.get("STUDIO_DATA", "").strip() or ".data").expanduser().resolve()
    port = _integer(env, "PORT", 3000, 1, 65535)
    database_url = _url(env, "DATABASE_URL", ("postgresql", "postgres"))
    redis_url = _url(env, "REDIS_URL", ("redis", "rediss", "unix"))
    public_url = _url(env, "STUDIO_PUBLIC_URL", ("http", "https")) or f"http://127.0.0.1:{port}"
    if urlsplit(public_url).path:
        raise SettingsError("STUDIO_PUBLIC_URL: expected no path after the host, such as https://studio.example.org")
    ark_base_url = _url(env, "ARK_BASE_URL", ("http", "https"))
    ark_api_key = env.get("ARK_API_KEY", "").strip() or None
    if ark_base_url and not ark_api_key:
        raise SettingsError("ARK_API_KEY: expected, because ARK_BASE_URL is set")
    default_cap = _usd(env, "STUDIO_DEFAULT_CAP_USD", "40")
    max_cap = _usd(env, "STUDIO_MAX_CAP_USD", "500")
    if default_cap > max_cap:
        raise SettingsError("STUDIO_DEFAULT_CAP_USD: expected at most STUDIO_MAX_CAP_USD")
    operators, operator_identities = _operators(env)
    prices = env.get("STUDIO_PRICES_FILE", "").strip()
    if prices and not Path(prices).is_file():
        raise SettingsError(f"STUDIO_PRICES_FILE: expected a readable file, got {prices!r}")
    backup = _place(env, "STUDIO_BACKUP_URL", "STUDIO_BACKUP_S3_")
    identity = env.get("STUDIO_BACKUP_IDENTITY_FILE", "").strip()
    return Settings(
        data_dir=data_dir,
        host=env.get("HOST", "").strip() or "127.0.0.1",
        port=port,
        public_url=public_url,
        secret_key=_secret(env, data_dir),
        database_url=database_url,
        redis_url=redis_url,
        s3=_s3(env),
        journal=_place(env, "STUDIO_JOURNAL_URL", "STUDIO_JOURNAL_S3_") or data_dir / "journal",
        backup=backup,
        backup_recipient=_recipient(env, backup),
        backup_identity_file=Path(identity).expanduser() if identity else None,
        backup_hours=_integer(env, "STUDIO_BACKUP_HOURS", 24, 1, 24 * 31),
        backup_days=_integer(env, "STUDIO_BACKUP_DAYS", 30, 1, 365),
        ark_api_key=ark_api_key,
        ark_base_url=ark_base_url or ("https://ark.ap-southeast.bytepluses.com/api/v3" if ark_api_key else None),
        ark_tier=_choice(env, "ARK_ACCOUNT_TIER", "individual", ("individual", "enterprise")),
        prices_file=_file(env, "STUDIO_PRICES_FILE"),
        oidc=_oidc(env),
        signup=_signup(env),
        smtp_url=_url(env, "SMTP_URL", ("smtp", "smtps")),
        smtp_from=_email(env, "SMTP_FROM", "studio@example.com"),
        operator_name=env.get("STUDIO_OPERATOR_NAME", "").strip() or NO_OPERATOR,
        operators=operators,
        operator_identities=operator_identities,
        embedded=env.get("STUDIO_EMBEDDED", "").strip() == "1",
        privacy_contact=_email(env, "STUDIO_PRIVACY_CONTACT", "privacy@example.com"),
        legal_contact=_email(env, "STUDIO_LEGAL_CONTACT", "legal@example.com"),
        region=env.get("STUDIO_REGION", "").strip() or NO_REGION,
        processors_file=_file(env, "STUDIO_PROCESSORS_FILE"),
        counsel_reviewed=_reviewed(env),
        default_cap_micros=default_cap,
        max_cap_micros=max_cap,
        session_idle_days=_integer(env, "STUDIO_SESSION_IDLE_DAYS", 7, 1, 365),
        session_absolute_days=_integer(env, "STUDIO_SESSION_DAYS", 30, 1, 365),
        log_days=_integer(env, "STUDIO_LOG_DAYS", 30, 2, 30),
        trash_days=_integer(env, "STUDIO_TRASH_DAYS", 30, 1, 365),
        limits=_limits(env),
        export_part_bytes=_integer(env, "STUDIO_EXPORT_PART_GB", 10, 1, 5_000) * 1_000_000_000,
        simulator_url=_url(env, "STUDIO_SIMULATOR_URL", ("http",)),
        simulator_pace=_choice(env, "STUDIO_SIMULATOR_PACE", "believable", ("believable", "instant")),
    )


def placeholders(ours: Settings) -> list[str]:
    """Settings of the public pages that still hold an example, as "NAME: value"; empty when all are real."""
    shown = {
        "STUDIO_OPERATOR_NAME": (ours.operator_name, ours.operator_name == NO_OPERATOR),
        "STUDIO_REGION": (ours.region, ours.region == NO_REGION),
        "STUDIO_PRIVACY_CONTACT": (ours.privacy_contact, EXAMPLES.search(ours.privacy_contact)),
        "STUDIO_LEGAL_CONTACT": (ours.legal_contact, EXAMPLES.search(ours.legal_contact)),
        "SMTP_FROM": (ours.smtp_from, EXAMPLES.search(ours.smtp_from)),
        "STUDIO_PUBLIC_URL": (ours.public_url, EXAMPLES.search(urlsplit(ours.public_url).hostname or "")),
    }
    return [f"{name}: {value}" for name, (value, example) in shown.items() if example]


@cache
def settings() -> Settings:
    """This process's settings, read once."""
    return load()
