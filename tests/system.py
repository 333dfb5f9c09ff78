"""A running Studio for tests and benchmarks: real processes on free ports, against a real Postgres.

`System` is what one machine runs, with any number of web and worker processes; a kill is a real `kill -9`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import psycopg

from studio import frontend, simulator
from studio.db import role_options
from studio.services.accounts import FIRST_WORKSPACE
from tests.factories import OPERATOR

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 180.0  # on a loaded machine; nobody waits longer than it takes
PLENTY = "all=1000000/60"  # tests sign in far more often than people; tests of the limits set their own


class NotReadyError(Exception):
    """A process did not come up in time; the message ends with what it last said."""


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Any, seconds: float, what: str, step: float = 0.05) -> Any:
    """Poll until `condition()` is truthy and return it. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(step)
    raise TimeoutError(f"not within {seconds:.0f} s: {what}")


def joined(database_url: str, email: str) -> None:
    """An account whose person has answered the questions of the first sign-in, so that a link leads to the studio."""
    with psycopg.connect(database_url, autocommit=True, options=role_options("sys")) as connection:
        made = connection.execute(
            "INSERT INTO accounts (id, email, name, attested_at) VALUES (%s, %s, %s, studio_now()) "
            "ON CONFLICT DO NOTHING RETURNING id",
            (uuid4(), email.lower(), email.lower().split("@")[0]),
        ).fetchone()
        if made is None:
            return
        connection.execute(
            "INSERT INTO workspaces (id, account_id, name) VALUES (%s, %s, %s)", (uuid4(), made[0], FIRST_WORKSPACE)
        )
        for kind in ("privacy", "terms"):
            connection.execute(
                "INSERT INTO agreements (id, account_id, kind, version) VALUES (%s, %s, %s, '1.0')",
                (uuid4(), made[0], kind),
            )


@dataclass
class Part:
    """One process of the system, with its log."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output goes to the log."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, env=dict(self.environment), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not within ten seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""


@dataclass
class System:
    """`webs` and `workers` processes and one simulator. More than one web needs `redis_url`."""

    folder: Path
    database_url: str
    webs: int = 1
    workers: int = 1
    pace: str = "instant"
    redis_url: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    web: list[Part] = field(default_factory=list)
    worker: list[Part] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    simulator: Part | None = None
    simulator_url: str = ""

    def __enter__(self) -> System:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def environment(self, port: int = 0) -> dict[str, str]:
        """What each process of ours is started with."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("STUDIO_", "ARK_", "REFLEX_", "__REFLEX"))}
        own = {
            "DATABASE_URL": self.database_url,
            "STUDIO_DATA": str(self.folder / "data"),
            "STUDIO_SIMULATOR_URL": self.simulator_url,
            "STUDIO_SECRET_KEY": "system-secret-" + "0" * 32,
            "STUDIO_OPERATORS": OPERATOR,
            "PORT": str(port or 3000),
            "STUDIO_LIMITS": PLENTY,
        }
        if self.redis_url:
            own["REDIS_URL"] = self.redis_url
        return {**keep, **own, **self.extra}

    def start(self) -> None:
        """Start everything and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        frontend.ensure(lambda _: None)  # once, before the clock of readiness runs
        self.start_simulator()
        for number in range(self.webs):
            self.ports.append(free_port())
            self.web.append(self._part(f"web{number}", "web", self.ports[-1]))
        for number in range(self.workers):
            self.worker.append(self._part(f"worker{number}", "worker"))
        for part in (*self.web, *self.worker):
            part.start()
        for number, part in enumerate(self.web):
            self._ready(part, f"{self.url(number)}/healthz")

    def start_simulator(self) -> None:
        """The provider's place."""
        port = free_port()
        self.simulator_url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, **simulator.environment(self.folder / "simulator", pace=self.pace, limits="off")}
        self.simulator = Part(
            "simulator", simulator.command("127.0.0.1", port), environment, self.folder / "simulator.log"
        )
        self.simulator.start()
        self._ready(self.simulator, f"{self.simulator_url}/healthz")

    def stop(self) -> None:
        """Stop everything this object started, and nothing else."""
        for part in (*self.web, *self.worker, *([self.simulator] if self.simulator else [])):
            part.stop()

    def url(self, number: int = 0) -> str:
        """Where a web process answers."""
        return f"http://127.0.0.1:{self.ports[number]}"

    def signin_link(self, email: str, number: int = 0) -> str:
        """A one-time link, made by the product's own command, for somebody who has answered the first questions."""
        joined(self.database_url, email)
        done = subprocess.run(
            [sys.executable, "-m", "studio", "signin-link", email],
            env=self.environment(self.ports[number] if self.ports else 0),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip().splitlines()[-1]

    def ask_simulator(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """GET, or POST with a body, on one of the simulator's control addresses; returns its JSON."""
        request = Request(  # noqa: S310  # our own loopback address
            f"{self.simulator_url}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers={"content-type": "application/json"},
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310  # our own loopback address
            return json.loads(answer.read() or b"null")

    def _part(self, name: str, command: str, port: int = 0) -> Part:
        return Part(
            name, [sys.executable, "-m", "studio", command], self.environment(port), self.folder / f"{name}.log"
        )

    def _ready(self, part: Part, url: str) -> None:
        def answers() -> bool:
            assert part.process is not None
            if part.process.poll() is not None:
                raise NotReadyError(f"{part.name} ended:\n{part.tail()}")
            try:
                with urlopen(url, timeout=2) as answer:  # noqa: S310  # our own loopback address
                    return answer.status == 200
            except (URLError, OSError):
                return False

        try:
            wait_until(answers, READY_SECONDS, f"{part.name} answers")
        except TimeoutError as error:
            raise NotReadyError(f"{error}\n{part.tail()}") from None
