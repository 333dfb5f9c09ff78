"""`studio serve`: everything one machine needs, in one command, on one port.

The order is chosen for the person who waits for the first page: the web process starts first, since it takes longest,
and opens its port only when it finds the database at this release's schema; database and migration come up beside it;
sign-in link, simulator and worker follow. This process imports neither Reflex nor SQLAlchemy: what needs them runs in
a short-lived child.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from studio import frontend, processes
from studio.config import Settings, SettingsError, load
from studio.embedded import postgres
from studio.supervisor import Child, Supervisor, say

READY_SECONDS = 90.0
WORKER_GRACE = 16.0  # a request at the provider is recorded, so that it does not end as unknown
MIGRATE_SECONDS = 600.0
BUILD_SECONDS = 900.0


# glibc keeps an arena a core and thread, and gives little back; two arenas are plenty for these processes.
FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}


class CannotStartError(Exception):
    """The product cannot start as asked; the message is what the person should read."""


@contextmanager
def data_lock(data_dir: Path) -> Iterator[IO[str]]:
    """Hold the data folder for this process; the kernel lets go when it ends, however it ends.

    Raises:
        CannotStartError: another process holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise CannotStartError(
                f"Studio is already running on the data folder {data_dir} ({holder}). "
                "Stop it first, or choose another folder with STUDIO_DATA."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield lock


def check_port(host: str, port: int) -> None:
    """Refuse a port that something else answers on.

    Granian shares its port with whoever else shares it, so a plain bind is what notices.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStartError(
                    f"Port {port} is in use by another program. Choose another one: make run PORT={_next_port(port)}"
                ) from None
            raise CannotStartError(f"Studio cannot listen on {host} port {port}: {error.strerror}.") from None


def _next_port(port: int) -> int:
    return port + 1 if port < 65535 else 3000


def healthy(host: str, port: int) -> bool:
    """Whether the web process answers its health check."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    try:
        with socket.create_connection((target, port), timeout=2) as link:
            link.sendall(f"GET /healthz HTTP/1.1\r\nHost: {target}:{port}\r\nConnection: close\r\n\r\n".encode())
            status = link.recv(64).split(b" ")[1:2]
            return status != [] and not status[0].startswith(b"5")
    except OSError:
        return False


def simulator_port(data_dir: Path) -> int:
    """A free loopback port for the simulator: the one it had before, so that links it gave out still lead to it."""
    remembered = data_dir / "simulator-port"
    known = remembered.read_text().strip() if remembered.is_file() else ""
    for wanted in (int(known) if known.isdigit() else 0, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
            remembered.write_text(f"{port}\n")
            return port
    raise CannotStartError("No local port is free for the simulator.")


class Serve:
    """One run of the whole product."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.environment = {**FRUGAL, **environment, "STUDIO_DATA": str(settings.data_dir)}
        # Before any child starts: the web process decides by it who sees /operator.
        self.environment["STUDIO_EMBEDDED"] = "1" if settings.database_url is None else ""
        self.simulator_port: int | None = None
        if settings.simulated and settings.simulator_url is None:
            self.simulator_port = simulator_port(settings.data_dir)
            # Web and worker learn the address before the simulator runs: the first page does not wait for it.
            self.environment["STUDIO_SIMULATOR_URL"] = f"http://127.0.0.1:{self.simulator_port}"
        self.supervisor = Supervisor()
        self.database: postgres.Running | None = None

    def run(self) -> int:
        """Start everything, wait for a stop signal, stop everything. Returns the exit code."""
        self.supervisor.catch_signals()
        try:
            if not self._up():
                return 0 if self.supervisor.stopping else 1
            self.supervisor.run()
            return 0
        finally:
            self._down()

    def _up(self) -> bool:
        if not frontend.cached() and not self._built():
            return False
        if self.settings.database_url is None:
            self.environment["DATABASE_URL"] = postgres.address(self.settings.data_dir)
        web = self.supervisor.start(self._child("web", "--wait"))
        self._start_database()
        if not self._ran_once(MIGRATE_SECONDS, "migrate", "--if-needed"):
            return False
        ready = self.supervisor.turn_until(
            lambda: web.failures > 0 or healthy(self.settings.host, self.settings.port), READY_SECONDS
        )
        if self.supervisor.stopping:
            return False
        if not ready or web.failures:
            say("The web process did not start; its last lines are above.")
            return False
        # After the first page: beside the web process's start this one would only take its processor time.
        link = self.supervisor.start(self._child("signin-link", "--default", name="sign-in link", once=True))
        self._start_simulator()
        worker = self._child("worker")
        worker.grace = WORKER_GRACE
        self.supervisor.start(worker)
        self.supervisor.turn_until(lambda: not link.running, READY_SECONDS)
        self._welcome(link)
        return not self.supervisor.stopping

    def _down(self) -> None:
        # A second Ctrl-C must not leave half of it running: from here on it is a matter of seconds.
        for wish in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(wish, signal.SIG_IGN)
        self.supervisor.stop_all()
        if self.database is not None:
            self.database.stop()
        say("Studio has stopped.")

    # Parts

    def _child(self, *arguments: str, name: str | None = None, once: bool = False) -> Child:
        command = [sys.executable, "-m", "studio", *arguments]
        return Child(name or arguments[0], command, self.environment, frontend.ROOT, once=once)

    def _built(self) -> bool:
        say("Building the front end, once; this takes about half a minute.")
        return self._ran_once(BUILD_SECONDS, "build")

    def _ran_once(self, seconds: float, command: str, *arguments: str) -> bool:
        child = self.supervisor.start(self._child(command, *arguments, once=True))
        self.supervisor.turn_until(lambda: not child.running, seconds)
        if self.supervisor.stopping:
            return False
        if child.process is not None and child.process.poll() == 0:
            return True
        say(f"studio {command} failed:\n" + "\n".join(child.lines))
        return False

    def _start_database(self) -> None:
        if self.settings.database_url is not None:
            return
        self.database = postgres.ensure(self.settings.data_dir)
        self.supervisor.add_chore(self._look_after_database)

    def _look_after_database(self) -> None:
        if self.database is None or self.database.alive() or self.supervisor.stopping:
            return
        say("The database stopped; starting it again.")
        self.database.stop()
        self.database = postgres.ensure(self.settings.data_dir)
        say("The database is back; nothing that was saved is lost.")

    def _start_simulator(self) -> None:
        if self.simulator_port is None:
            return
        from studio import simulator

        chosen = simulator.environment(
            self.settings.data_dir / "simulator", pace=self.settings.simulator_pace, limits=self.settings.ark_tier
        )
        command = simulator.command("127.0.0.1", self.simulator_port)
        child = Child("simulator", command, {**self.environment, **chosen}, frontend.ROOT, needed_to_the_end=True)
        self.supervisor.start(child)

    def _welcome(self, link: Child) -> None:
        say(f"Studio is ready at {self.settings.public_url}")
        if link.process is not None and link.process.poll() == 0 and link.lines:
            say(f"Sign in once with {link.lines[-1]}")
            say("Another link: make link, or .venv/bin/studio signin-link EMAIL")
        if self.settings.simulated:
            say("No ARK_API_KEY is set: pictures and clips come from the local simulator, and nothing is charged.")
        say("Press Ctrl-C to stop.")


def main(*, with_parent: bool = False) -> int:
    """Check the settings, take the data folder and the port, and serve.

    With `with_parent` (make run) this process also stops when the process that started it dies.
    """
    if with_parent:
        processes.die_with_parent(signal.SIGTERM, os.getppid())
    try:
        settings = load()
        with data_lock(settings.data_dir):
            check_port(settings.host, settings.port)
            return Serve(settings, os.environ).run()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (CannotStartError, postgres.PostgresError, frontend.FrontendError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
