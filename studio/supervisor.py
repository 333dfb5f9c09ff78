"""Keeps a handful of child processes running until it is told to stop, and takes them along when it dies.

It knows nothing about what they are: `studio/serve.py` names them. One thread waits for everything at once (signals,
the children's output, the clock), and nothing heavy is imported, so at rest it costs a few megabytes.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studio import processes

TICK = 0.25
FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
# A child that ran this long starts again at once; one that keeps failing waits longer each time.
SETTLED_SECONDS = 30.0
STOP_SECONDS = 4.0
KEPT_LINES = 20

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text: str) -> None:
    """Print one line for the person at the terminal, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass
class Child:
    """One supervised process. `command` and `environment` are read anew at every start."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    cwd: Path | None = None
    once: bool = False
    """A child that is expected to end: it is not restarted."""
    grace: float = STOP_SECONDS
    """Seconds it may take to end when asked to."""
    needed_to_the_end: bool = False
    """Others finish their work with it, so it is asked to end after them."""
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started: float = 0.0
    due: float | None = None
    pending: bytes = b""
    lines: list[str] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts children, prints what they say, restarts those that end, and stops them in order."""

    def __init__(self, speak: Callable[[str], None] = say) -> None:
        self._speak = speak
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._chores: list[Callable[[], None]] = []
        self.stopping = False
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def catch_signals(self) -> None:
        """From now on Ctrl-C, SIGTERM and a closed terminal mean an orderly stop."""
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        for wish in _STOP_SIGNALS:
            signal.signal(wish, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _asked_to_stop(self, *_: object) -> None:
        self.stopping = True

    def add_chore(self, chore: Callable[[], None]) -> None:
        """Have something looked at on every turn, a few times a second; it must return at once."""
        self._chores.append(chore)

    def start(self, child: Child) -> Child:
        """Start a child and watch over it from now on."""
        self._children.append(child)
        self._launch(child)
        return child

    def replace_environment(self, extra: Mapping[str, str]) -> None:
        """Give every child other surroundings at its next start."""
        for child in self._children:
            child.environment = {**child.environment, **extra}

    def run(self) -> None:
        """Turn until a stop signal arrives."""
        self.turn_until(lambda: False, None)

    def turn_until(self, condition: Callable[[], bool], seconds: float | None) -> bool:
        """Turn until the condition holds (True), the time is over or a stop is asked for (False)."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.stopping:
            if condition():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            self._turn(TICK if seconds is None else 0.05)
        return False

    def stop_all(self) -> None:
        """Ask the children to end, those that others need last; end what is left after its grace."""
        for needed in (False, True):
            self._stop([child for child in self._children if child.needed_to_the_end == needed])
        self._read(0)

    def _stop(self, children: Sequence[Child]) -> None:
        asked, told = time.monotonic(), False
        for child in children:
            if child.process is not None and child.running:
                child.process.terminate()
        while late := [child for child in children if child.running]:
            waited = time.monotonic() - asked
            for child in late:
                if child.process is not None and waited >= child.grace:
                    processes.stop(child.process, 0.2, signal.SIGKILL)
            if waited > STOP_SECONDS and not told:
                told = True
                self._speak("Waiting a few seconds for what is at the provider to be recorded.")
            self._read(0.05)
        for child in children:
            if child.process is not None:
                processes.stop(child.process, 0.2)  # what it started goes with it

    # One turn

    def _turn(self, seconds: float) -> None:
        self._read(seconds)
        for child in self._children:
            self._look_after(child)
        for chore in self._chores:
            chore()

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                os.read(self._wake, 4096)
            else:
                self._read_child(key.data, key.fd)

    def _read_child(self, child: Child, descriptor: int) -> None:
        chunk = os.read(descriptor, 65536)
        if not chunk:
            self._selector.unregister(descriptor)
            os.close(descriptor)
            if child.pending:
                self._print(child, child.pending)
                child.pending = b""
            return
        *lines, child.pending = (child.pending + chunk).split(b"\n")
        for line in lines:
            self._print(child, line)

    def _print(self, child: Child, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            child.lines = [*child.lines[1 - KEPT_LINES :], text]
            if not child.once:
                self._speak(f"[{child.name}] {text}")

    def _look_after(self, child: Child) -> None:
        if child.running or self.stopping:
            return
        if child.process is not None and child.due is None and not child.once:
            self._plan_restart(child, child.process.returncode)
        if child.due is not None and time.monotonic() >= child.due:
            self._launch(child)

    def _plan_restart(self, child: Child, code: int) -> None:
        if time.monotonic() - child.started > SETTLED_SECONDS:
            child.failures = 0
        delay = min(FIRST_DELAY * 2**child.failures, LONGEST_DELAY)
        child.failures += 1
        child.due = time.monotonic() + delay
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._speak(f"The {child.name} stopped ({how}); starting it again in {delay:g} s.")

    def _launch(self, child: Child) -> None:
        child.due = None
        child.started = time.monotonic()
        reading, writing = os.pipe()
        try:
            with os.fdopen(writing, "wb") as output:
                child.process = processes.start(child.command, env=child.environment, cwd=child.cwd, output=output)
        except OSError:
            os.close(reading)
            raise
        self._selector.register(reading, selectors.EVENT_READ, child)
