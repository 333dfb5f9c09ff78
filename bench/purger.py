"""Worker processes that purge and are killed: `python bench/purger.py` forks one for each line that it reads.

A line is a JSON object: `at` kills the process with SIGKILL at that boundary (each statement, commit and call of the
object store has one before and one after), `after` that many seconds into its life; `most`: how many accounts it takes.
Answered by one line: whether it was killed, at which boundary it was or how many it passed, and what it fired.

A process of its own, with one thread, so that a fork is a whole worker a few milliseconds later.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from sqlalchemy import event

from studio import db, runtime
from studio.config import settings
from studio.jobs.erasing import Eraser
from studio.jobs.provider import SharedLimiter, connect
from studio.services import erasure, journal

STORE_CALLS = ("put", "stat", "delete", "delete_prefix")


class Boundaries:
    """Counts the places between which something happens, and kills this process at one of them."""

    def __init__(self, at: int | None) -> None:
        self.at, self.passed = at, 0

    def tick(self, *_: Any, **__: Any) -> None:
        """One more."""
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """A call with a boundary before and one after it."""

        async def watched(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            done = await call(*args, **kwargs)
            self.tick()
            return done

        return watched

    def watch(self) -> None:
        """Stand between the worker and everything that it changes."""
        engine = db.engine("sys").sync_engine
        for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(engine, name, self.tick)
        for store in (runtime.storage(), runtime.journal()):
            for name in STORE_CALLS:
                setattr(store, name, self.around(getattr(store, name)))


async def _purge(at: int | None, *, most: int | None) -> dict[str, Any]:
    boundaries, lock, fired = Boundaries(at), secrets.randbits(62), []
    url = settings().database_url
    assert url is not None
    alive = await psycopg.AsyncConnection.connect(url, autocommit=True, options=db.role_options("sys"))
    await alive.execute("SELECT pg_advisory_lock(%s)", (lock,))
    client = connect(settings(), SharedLimiter(settings().ark_tier))
    fire = erasure.fire

    async def noted(*args: Any, **kwargs: Any) -> erasure.Fired | None:
        if most is not None and len(fired) >= most:
            return None
        found = await fire(*args, **kwargs)
        if found is not None:
            fired.append(str(found.account_id))
        return found

    erasure.fire = noted
    boundaries.watch()
    await Eraser(lock=lock, client=client).run()
    await client.aclose()
    await alive.close()
    await db.dispose()
    return {"passed": boundaries.passed, "fired": fired}


def _forked(at: int | None, after: float | None, *, most: int | None) -> dict[str, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            told = asyncio.run(_purge(at, most=most))
        except BaseException as error:  # noqa: BLE001  # said to whoever waits; this process ends here
            told = {"error": repr(error)}
        os.write(writing, json.dumps(told).encode())
        os._exit(0)
    os.close(writing)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)  # a process that has ended waits here for us, and minds no signal
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status)
    return {"killed": killed, **(json.loads(said) if said else {})}


def main() -> None:
    """Fork for each line until there is no more."""
    assert journal  # imported here, so that no fork pays for it
    for line in sys.stdin:
        wanted = json.loads(line)
        told = _forked(wanted.get("at"), wanted.get("after"), most=wanted.get("most"))
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
