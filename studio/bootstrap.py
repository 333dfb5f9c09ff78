"""Prepares `.tools` (uv) and `.venv` (the pinned packages) from nothing but a Python with its standard library.

Run by the Makefile as `python -I studio/bootstrap.py run|dev|lock`, before any package is installed, so it imports the
standard library only. A stamp in `.venv` holds the hash of what was installed: a second run does nothing. Addresses of
package indexes are never named here; uv gets those of this machine, pip's own settings included.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV_VERSION = "0.13.9"
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"

# pip's option, the variables by which uv may already know better, and how uv spells the value.
_TRANSLATED: tuple[tuple[str, tuple[str, ...], Callable[[str], str]], ...] = (
    ("index-url", ("UV_DEFAULT_INDEX", "UV_INDEX_URL"), str),
    ("cert", ("SSL_CERT_FILE",), str),
    ("proxy", ("ALL_PROXY", "HTTPS_PROXY"), str),
    ("trusted-host", ("UV_INSECURE_HOST",), str),
    ("default-timeout", ("UV_HTTP_TIMEOUT",), str),
)
# Further sources are tried only when the main one does not suffice: uv would prefer them.
_FURTHER: tuple[tuple[str, tuple[str, ...], Callable[[str], str]], ...] = (
    ("extra-index-url", ("UV_INDEX", "UV_EXTRA_INDEX_URL"), str),
    ("find-links", ("UV_FIND_LINKS",), lambda value: ",".join(value.split())),
    ("no-index", ("UV_NO_INDEX",), str),
)


class CannotPrepareError(Exception):
    """The environment cannot be prepared; the message says what is missing."""


def say(text: str) -> None:
    """Print one line for the person at the terminal, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def digest(*paths: Path) -> str:
    """Hash of lock files, this Python's version and this file's pin of uv."""
    content = hashlib.sha256(f"{sys.version_info[:2]} {UV_VERSION}".encode())
    for path in paths:
        content.update(path.read_bytes())
    return content.hexdigest()


def prepared(kind: str) -> bool:
    """Whether `.venv` holds exactly what this kind needs: `run`, or `dev` (which includes it)."""
    stamp = VENV / f".stamp-{kind}"
    locks = (RUN_LOCK,) if kind == "run" else (RUN_LOCK, DEV_LOCK)
    return stamp.is_file() and stamp.read_text() == digest(*locks)


@contextmanager
def _alone() -> Iterator[None]:
    """Two makes at once prepare one after the other."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "bootstrap.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(kind: str) -> None:
    """Install what this kind needs, unless it is there."""
    if prepared(kind):
        return
    with _alone():
        if prepared(kind):
            return
        uv = tools()
        if not _venv_fits():
            _call(
                [uv, "venv", "--quiet", "--clear", "--python", _interpreter(), VENV],
                "The virtual environment could not be made.",
            )
        lock = RUN_LOCK if kind == "run" else DEV_LOCK
        say("Installing the pinned Python packages, once.")
        _install(uv, lock)
        _write_command()
        (VENV / ".stamp-run").write_text(digest(RUN_LOCK))
        if kind == "dev":
            (VENV / ".stamp-dev").write_text(digest(RUN_LOCK, DEV_LOCK))


def _write_command() -> None:
    """`.venv/bin/studio`, which finds this checkout from where it lies itself."""
    command = VENV / "bin" / "studio"
    command.write_text(
        "#!/bin/sh\n"
        'root=$(cd "$(dirname "$0")/../.." && pwd)\n'
        # As in the Makefile: a wish for no bytecode beside the sources is kept, and a start stays short.
        'if [ -n "$PYTHONDONTWRITEBYTECODE" ]; then\n'
        "  unset PYTHONDONTWRITEBYTECODE\n"
        '  export PYTHONPYCACHEPREFIX="${PYTHONPYCACHEPREFIX:-$root/.cache/bytecode}"\n'
        "fi\n"
        'PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$root/.venv/bin/python" -m studio "$@"\n'
    )
    command.chmod(0o755)


def _venv_fits() -> bool:
    """Whether `.venv` exists with this minor version of Python (a moved or half-made one does not count)."""
    python = VENV / "bin" / "python"
    if not python.exists():
        return False
    asked = subprocess.run(  # noqa: S603 - our own interpreter
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return asked.stdout.split() == [str(part) for part in sys.version_info[:2]]


def _interpreter() -> str:
    """The interpreter itself, also when this runs inside some other virtual environment."""
    return getattr(sys, "_base_executable", None) or sys.executable


def tools() -> Path:
    """The pinned uv in `.tools`, installed by pip when missing."""
    uv = TOOLS / "bin" / "uv"
    if uv.exists():
        asked = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if asked.stdout.split()[1:2] == [UV_VERSION]:
            return uv
    _need_venv_module()
    say("Installing uv, once.")
    _call([_interpreter(), "-m", "venv", "--clear", TOOLS], "The tools environment could not be made.")
    pip = [
        TOOLS / "bin" / "python",
        "-m",
        "pip",
        "-qq",
        "--disable-pip-version-check",
        "install",
        f"uv=={UV_VERSION}",
    ]
    _call(pip, "uv could not be installed; is the package index reachable?")
    return uv


def _need_venv_module() -> None:
    """Debian splits `venv` off: install it as root, else say which package is missing."""
    if _has_venv():
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    apt = shutil.which("apt-get")
    if apt is not None and os.geteuid() == 0:
        say(f"Installing {package}, once.")
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        failed = f"{package} could not be installed."
        _call([apt, "-qq", "update"], failed, env=quiet)
        _call([apt, "-qq", "-y", "install", "--no-install-recommends", package], failed, env=quiet)
    if not _has_venv():
        raise CannotPrepareError(f"This Python cannot make virtual environments. Install {package} and try again.")


def _has_venv() -> bool:
    asked = subprocess.run(  # noqa: S603 - our own interpreter
        [_interpreter(), "-c", "import venv, ensurepip"], capture_output=True, check=False
    )
    return asked.returncode == 0


def _call(command: Sequence[str | Path], failed: str, env: Mapping[str, str] | None = None) -> None:
    """Run a command with its output shown; a failure becomes one sentence."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=False)  # noqa: S603 - fixed commands
    if done.returncode != 0:
        raise CannotPrepareError(failed)


# Where packages come from


def _install(uv: Path, lock: Path) -> None:
    """Install with the machine's main index; with its further sources when that does not suffice."""
    base = [str(uv), "pip", "install", "--quiet", "--require-hashes", "--python", str(VENV / "bin" / "python")]
    pip = pip_settings()
    attempts = [uv_environment(os.environ, pip, _TRANSLATED), uv_environment(os.environ, pip, _TRANSLATED + _FURTHER)]
    if attempts[0] == attempts[1]:
        del attempts[1]
    for left, env in reversed(list(enumerate(reversed(attempts)))):
        done = subprocess.run(  # noqa: S603 - our own uv, fixed arguments
            [*base, "-r", str(lock)], cwd=ROOT, env=env, check=False, capture_output=left > 0
        )
        if done.returncode == 0:
            return
    raise CannotPrepareError("The Python packages could not be installed; is the package index reachable?")


def pip_settings() -> dict[str, str]:
    """pip's settings on this machine, the most particular one of each name."""
    asked = subprocess.run(  # noqa: S603 - our own pip
        [TOOLS / "bin" / "python", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    found: dict[str, str] = {}
    for line in asked.stdout.splitlines():
        name, _, value = line.partition("=")
        if value:
            # pip lists its variables, spelled ":env:.index-url", after its files: the later line wins, as in pip.
            found[name.rpartition(".")[2]] = value.strip().strip("'")
    return found


def uv_environment(
    env: Mapping[str, str],
    pip: Mapping[str, str],
    translated: Sequence[tuple[str, tuple[str, ...], Callable[[str], str]]],
) -> dict[str, str]:
    """The environment for uv: pip's settings where uv has none of its own."""
    result = {**env, "UV_PYTHON_DOWNLOADS": "never"}
    # Every file is checked against the lock's hashes, so it does not matter which index answers first.
    result.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    for option, names, spelled in translated:
        if pip.get(option) and not any(env.get(name) for name in names):
            result[names[0]] = spelled(pip[option])
    return result


def lock(arguments: Sequence[str]) -> None:
    """Make both lock files anew from pyproject.toml; `--upgrade` among the arguments takes newer versions."""
    with _alone():
        uv = tools()
        env = uv_environment(os.environ, pip_settings(), _TRANSLATED)
        compile_ = [
            uv,
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-emit-find-links",
        ]
        compile_ += ["--python-version", "3.11", "--custom-compile-command", "make lock", *arguments]
        failed = "The lock files could not be made."
        _call([*compile_, "--group", "dev", "pyproject.toml", "-o", DEV_LOCK.name], failed, env=env)
        # The running product gets the very versions that were tested.
        _call([*compile_, "-c", DEV_LOCK.name, "pyproject.toml", "-o", RUN_LOCK.name], failed, env=env)


def main(arguments: Sequence[str]) -> int:
    """`run`, `dev` or `lock`. Exit code 1 with one sentence when it cannot be done."""
    kind, *rest = arguments or [""]
    try:
        if kind in ("run", "dev"):
            prepare(kind)
        elif kind == "lock":
            lock(rest)
        else:
            raise CannotPrepareError("Expected run, dev or lock.")
    except CannotPrepareError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
