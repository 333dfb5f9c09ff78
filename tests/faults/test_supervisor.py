"""What an operator can rely on when processes are stopped, crash or are killed."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio import frontend, processes
from studio.config import load
from studio.serve import CannotStartError, Serve, check_port, data_lock, simulator_port

PATIENCE = 60.0

# The product's own lock and supervisor around stand-in children that say who they are.
HARNESS = """
import os, signal, sys
from pathlib import Path
from studio import processes, serve
from studio.supervisor import Child, Supervisor, say
if "--with-parent" in sys.argv:
    processes.die_with_parent(signal.SIGTERM, os.getppid())
try:
    with serve.data_lock(Path(sys.argv[1])):
        supervisor = Supervisor()
        supervisor.catch_signals()
        for number, program in enumerate(sys.argv[2].split("||")):
            supervisor.start(Child(f"child{number}", [sys.executable, "-c", program], dict(os.environ)))
        supervisor.run()
        supervisor.stop_all()
        say("stopped")
except serve.CannotStartError as error:
    sys.exit(str(error))
"""
SAYS_PID = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SAYS_PID
WITH_CHILD = (
    "import subprocess, sys; "
    "grand = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "print('grandchild', grand.pid, flush=True); " + SAYS_PID
)


class Run:
    """A harness process whose lines can be waited for."""

    def __init__(self, data_dir: Path, program: str, *flags: str, prefix: tuple[str, ...] = ()) -> None:
        command = [*prefix, sys.executable, "-c", HARNESS, str(data_dir), program, *flags]
        self.process = subprocess.Popen(
            command, cwd=frontend.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.text = ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line that matches, read with a deadline; what was said before it is forgotten."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            left = deadline - time.monotonic()
            readable = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            chunk = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            assert chunk, f"{pattern!r} never came; what came: {self.text!r}"
            self.text += chunk.decode()
        self.text = self.text[found.end() :]
        return found

    def pid(self, child: int = 0) -> int:
        return int(self.wait_for(rf"\[child{child}\] pid (\d+)")[1])

    def end(self, wish: int) -> int:
        self.process.send_signal(wish)
        return self.process.wait(PATIENCE)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(program: str, *flags: str, prefix: tuple[str, ...] = ()) -> Run:
        runs.append(Run(tmp_path / "data", program, *flags, prefix=prefix))
        return runs[-1]

    yield begin
    for each in runs:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


def gone(*pids: int) -> bool:
    return all(processes.wait_gone(pid, PATIENCE) for pid in pids)


def test_ctrl_c_stops_every_child(run: Callable[..., Run]) -> None:
    studio = run(f"{SAYS_PID}||{SAYS_PID}")
    pids = sorted(int(studio.wait_for(r"pid (\d+)")[1]) for _ in range(2))
    assert studio.end(signal.SIGINT) == 0
    assert gone(*pids)


def test_children_die_with_a_killed_supervisor_and_the_next_start_works(run: Callable[..., Run]) -> None:
    first = run(SAYS_PID)
    child = first.pid()
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert gone(child)
    second = run(SAYS_PID)
    assert second.pid() != child
    assert second.end(signal.SIGTERM) == 0


def test_a_second_start_on_the_same_folder_is_refused_with_a_sentence(run: Callable[..., Run]) -> None:
    first = run(SAYS_PID)
    first.pid()
    second = run(SAYS_PID)
    told = second.wait_for(r"Studio is already running on the data folder \S+ \(process (\d+)\)")
    assert int(told[1]) == first.process.pid
    assert second.process.wait(PATIENCE) == 1
    assert first.process.poll() is None


def test_a_child_that_crashes_is_started_again(run: Callable[..., Run]) -> None:
    studio = run(SAYS_PID)
    first = studio.pid()
    os.kill(first, signal.SIGKILL)
    studio.wait_for(r"The child0 stopped \(signal 9\); starting it again in 0.5 s\.")
    assert studio.pid() != first
    assert studio.end(signal.SIGINT) == 0


def test_a_child_that_keeps_failing_waits_longer_each_time(run: Callable[..., Run]) -> None:
    studio = run("raise SystemExit(3)")
    for delay in ("0.5", "1", "2"):
        studio.wait_for(rf"The child0 stopped \(exit code 3\); starting it again in {delay} s\.")
    assert studio.end(signal.SIGINT) == 0


def test_a_child_that_ignores_the_request_is_ended_in_time(run: Callable[..., Run]) -> None:
    studio = run(STUBBORN)
    pid = studio.pid()  # it would stay for good
    assert studio.end(signal.SIGTERM) == 0
    assert gone(pid)


def test_what_a_child_started_goes_with_it(run: Callable[..., Run]) -> None:
    studio = run(WITH_CHILD)
    grandchild = int(studio.wait_for(r"grandchild (\d+)")[1])
    child = studio.pid()
    assert studio.end(signal.SIGINT) == 0
    assert gone(child, grandchild)


def test_under_make_the_supervisor_goes_with_its_parent(run: Callable[..., Run]) -> None:
    shell = ("sh", "-c", '"$@" & echo shell $!; wait', "sh")
    studio = run(SAYS_PID, "--with-parent", prefix=shell)
    supervisor = int(studio.wait_for(r"shell (\d+)")[1])
    child = studio.pid()
    studio.end(signal.SIGKILL)
    assert gone(supervisor, child)


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    with data_lock(tmp_path), pytest.raises(CannotStartError, match=f"process {os.getpid()}"), data_lock(tmp_path):
        pass
    with data_lock(tmp_path):
        pass


def test_a_busy_port_is_named_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStartError, match=f"Port {port} is in use"):
            check_port("127.0.0.1", port)


def test_the_simulator_keeps_its_port_unless_something_took_it(tmp_path: Path) -> None:
    port = simulator_port(tmp_path)
    assert simulator_port(tmp_path) == port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        assert simulator_port(tmp_path) != port


@pytest.mark.parametrize(("url", "embedded"), [("", "1"), ("postgresql://owner@db.example.org/studio", "")])
def test_the_first_child_knows_whose_database_it_is(tmp_path: Path, url: str, embedded: str) -> None:
    # The web process starts before the database does, and decides by this who sees /operator.
    env = {"STUDIO_DATA": str(tmp_path), "DATABASE_URL": url}
    assert Serve(load(env), env).environment["STUDIO_EMBEDDED"] == embedded


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("DATABASE_URL", "mysql://x/y"), ("ARK_BASE_URL", "x")])
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str) -> None:
    env = {"PATH": os.environ["PATH"], "STUDIO_DATA": str(tmp_path), name: value}
    done = subprocess.run(
        [sys.executable, "-m", "studio", "serve"],
        cwd=frontend.ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.count("\n") == 1
