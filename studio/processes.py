"""Start processes that cannot outlive their parent, and end them within a deadline.

Linux delivers a signal to a child when its parent dies, however it dies (`PR_SET_PDEATHSIG`): that is what stops the
children of a supervisor killed with `kill -9`. Elsewhere there is no such call; there the next start cleans up.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may import or allocate more than it must.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(death_signal: int, parent: int) -> None:
    """Ask the kernel to signal this process when its parent ends; end now if that already happened."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[bytes] = subprocess.DEVNULL,
    death_signal: int = signal.SIGKILL,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, so that a Ctrl-C in the terminal reaches only the supervisor.

    `death_signal` is what the child gets when this process dies. With `user` and `group` the child drops to them
    first; the kernel forgets the death signal on such a change, and Python runs the hook after it.
    """
    parent = os.getpid()

    def before_exec() -> None:
        die_with_parent(death_signal, parent)

    return subprocess.Popen(  # noqa: S603 - every caller passes a fixed command
        [str(part) for part in command],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        preexec_fn=before_exec,  # noqa: PLW1509 - the supervisor starts children from its only thread
    )


def alive(pid: int) -> bool:
    """Whether a process with this id exists and has not ended (a zombie has)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return sys.platform != "linux"


def is_orphan(pid: int) -> bool:
    """Whether a process that we hold the lock for was started by another one, which has ended and told it to end.

    Only where the kernel tells it: elsewhere it lives on, and may be used.
    """
    if _libc is None:
        return False
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return False  # gone
    return parent != os.getpid()


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait until a process, our child or not, has ended. False when it is still there at the deadline."""
    deadline = time.monotonic() + seconds
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return wait_until(lambda: not alive(pid), seconds)
    try:
        while alive(pid):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([handle], [], [], left)[0]:
                return not alive(pid)
            break
    finally:
        os.close(handle)
    return True


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Look again and again until the condition holds; for states that no descriptor announces."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True


def stop(process: subprocess.Popen[bytes], seconds: float, first: int = signal.SIGTERM) -> None:
    """Ask a child to end, then end it and whatever it started."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait()
    kill_group(process.pid)


def kill_group(pid: int) -> None:
    """End everything left in the session that `start` made for this child."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
