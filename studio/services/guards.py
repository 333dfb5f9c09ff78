"""What the guards of this process counted, written down in batches: connections that go out, cookies that are set.

A row is written even when nothing was counted: it says that a guard stood there (promises W1 and C1).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import egress
from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.services import cookies
from studio.services.guard_counts import Process, write

REPORT_SECONDS = 10.0
KEEP_DAYS = 92
log = logging.getLogger("studio")


def listed() -> Mapping[str, int]:
    """Every cookie of the table at /cookies, with the longest Max-Age it may have."""
    return {each.name: each.most for each in cookies.cookies(settings())}


@dataclass
class Cookies:
    """Decides which cookies may be set, by name and by how long a browser is told to keep them, and counts."""

    ages: Callable[[], Mapping[str, int]] = listed
    allowed: int = 0
    refused: int = 0

    def judge(self, name: str, *, seconds: float) -> bool:
        """Whether a cookie of this name may be set with this Max-Age."""
        passes = seconds <= self.ages().get(name, -1)
        self.allowed += passes
        self.refused += not passes
        return passes

    def take(self) -> tuple[int, int]:
        """What was counted since the last time: allowed and refused."""
        taken = (self.allowed, self.refused)
        self.allowed = self.refused = 0
        return taken

    def put_back(self, counted: tuple[int, int]) -> None:
        """What could not be written down is counted again the next time."""
        self.allowed += counted[0]
        self.refused += counted[1]


COOKIES = Cookies()


async def flush(process: Process) -> None:
    """Write down what this process's guards counted."""
    standing: list[tuple[str, egress.Guard | Cookies]] = []
    if (outgoing := egress.guard()) is not None:
        standing.append(("egress", outgoing))
    if process == "web":
        standing.append(("cookies", COOKIES))
    taken = [(name, guard, guard.take()) for name, guard in standing]
    try:
        async with transaction(SYSTEM) as session:
            for name, _, (allowed, refused) in taken:
                await write(session, guard=name, process=process, allowed=allowed, refused=refused)
    except BaseException:
        for _, guard, counted in taken:
            guard.put_back(counted)
        raise


async def report(process: Process) -> None:
    """Flush now, every ten seconds until cancelled, and once more then."""
    try:
        while True:
            try:
                await flush(process)
            except Exception as error:  # noqa: BLE001  # a guard outlives a restart of the database
                log.warning("What the guards counted could not be written: %s", type(error).__name__)
            await asyncio.sleep(REPORT_SECONDS)
    finally:
        await flush(process)


@asynccontextmanager
async def standing(process: Process) -> AsyncIterator[None]:
    """Stand guard over a process that does one thing and ends, and write down what was counted."""
    egress.install(settings())
    try:
        yield
    finally:
        try:
            await flush(process)
        except Exception as error:  # noqa: BLE001  # what it did is done; that it did not report turns the proof red
            log.warning("What the guards counted could not be written: %s", type(error).__name__)


async def sweep(session: AsyncSession) -> int:
    """Delete counts past their time. Returns how many rows."""
    gone = await session.execute(
        text(
            "DELETE FROM guard_counts WHERE day < (studio_now() AT TIME ZONE 'UTC')::date - CAST(:days AS integer) "
            "RETURNING 1"
        ),
        {"days": KEEP_DAYS},
    )
    return len(gone.all())
