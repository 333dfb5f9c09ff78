"""What /security says of this hour: how long each kind of data is kept, how old the oldest is, and the last backups.

The text of the document is fixed in its version; this stands below it. It is read from the database once a minute at
most, whoever asks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from studio.db import SYSTEM, transaction
from studio.services import retention
from studio.services.backups import records

FRESH_SECONDS = 60.0


@dataclass(frozen=True)
class Kept:
    """One kind of data. `state` is passing, late or failing, as in the table of proofs."""

    what: str
    kept: str
    ends: str
    oldest: str
    swept: str
    state: str


@dataclass(frozen=True)
class Keeping:
    """All kinds, when a backup was made last, and when one was last restored beside the service."""

    kinds: Sequence[Kept]
    backup: str
    verified: str


def _days(days: float) -> str:
    if days >= 3 * 365 and days % 365 == 0:
        return f"{days / 365:.0f} years"
    return "0 days" if not days else f"{days:.0f} day{'s' * (days != 1)}"


def _instant(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at is not None else "never"


def _kept(each: retention.Standing) -> Kept:
    entry = each.entry
    swept = _instant(each.last_run) if entry.swept else "elsewhere"
    return Kept(
        what=entry.label,
        kept=f"{_days(each.days)} from {entry.since}",
        ends=entry.ends,
        oldest=f"{each.oldest_age_days:.1f} days" if each.oldest_age_days is not None else "nothing is there",
        swept=swept,
        state="failing" if each.overdue else "late" if each.stale else "passing",
    )


class Minute:
    """The newest reading of this process. Whoever asks while it is made waits for the same one."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._at = float("-inf")
        self._found = Keeping((), "never", "never")

    async def read(self) -> Keeping:
        """At most a minute old."""
        async with self._lock:
            if time.monotonic() - self._at > FRESH_SECONDS:
                async with transaction(SYSTEM) as session:
                    self._found = Keeping(
                        [_kept(each) for each in await retention.report(session)],
                        _instant(await records.last_backup_at(session)),
                        _instant(await records.last_verified_at(session)),
                    )
                self._at = time.monotonic()
        return self._found


MINUTE = Minute()
