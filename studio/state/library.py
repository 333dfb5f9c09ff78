"""The Library page: every finished output of the account, newest first, a page at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import reflex as rx

from studio.services import assets
from studio.services.dates import Dates
from studio.state import guard
from studio.state.guard import action
from studio.state.tiles import PICTURE_WORDS, clock, media_url
from studio.state.toasts import ToastMixin
from studio.state.views import LibraryDay, LibraryTile

PAGE = 60
MOST = 600


def day_view(day: date, rows: list[assets.Finished], today: date, dates: Dates) -> LibraryDay:
    """One day's heading and tiles. `day` and `today` are days of the person's time zone."""
    words = {today: "Today", today - timedelta(days=1): "Yesterday"}
    full = dates.heading(day, today)
    return LibraryDay(
        day=words.get(day, full),
        date=full if day in words else "",
        count="1 output" if len(rows) == 1 else f"{len(rows)} outputs",
        tiles=[
            LibraryTile(
                asset_id=str(row.asset_id),
                generation_id=str(row.generation_id),
                kind=row.kind,
                thumb=media_url(row.asset_id, 512),
                original=media_url(row.asset_id, "original"),
                width=row.width,
                height=row.height,
                ratio=round(row.width / row.height, 4),
                duration=clock(row.duration_ms) if row.duration_ms else "",
                name=f"{PICTURE_WORDS[row.kind]}: {row.prompt[:80]}",
            )
            for row in rows
        ],
    )


class LibraryState(ToastMixin, rx.State):
    """One tab of the Library."""

    days: list[LibraryDay] = []
    total: str = ""  # "214 outputs"
    has_more: bool = False
    loaded: bool = False

    _rows: list[assets.Finished] = []

    @action
    async def load(self):
        """The newest page."""
        await self._read()
        self.loaded = True

    async def _read(self) -> None:
        """As many rows as were shown before, and at least a page."""
        async with guard.work() as session:
            self._rows = list(
                await assets.library(session, actor=guard.actor(), limit=max(PAGE, min(len(self._rows), 200)))
            )
            count = await assets.count(session, actor=guard.actor())
        self._show(count)

    @action
    async def more(self):
        """The next page below."""
        if not self._rows or len(self._rows) >= MOST:
            self.has_more = False
            return
        async with guard.work() as session:
            rows = await assets.library(session, actor=guard.actor(), before=self._rows[-1].asset_id, limit=PAGE)
            count = await assets.count(session, actor=guard.actor())
        self._rows = [*self._rows, *rows]
        self._show(count)

    def _show(self, count: int) -> None:
        dates = guard.identity().dates
        today = dates.day_of(datetime.now(UTC))
        self.days = [
            day_view(day, list(rows), today, dates)
            for day, rows in groupby(self._rows, key=lambda row: dates.day_of(row.created_at))
        ]
        self.total = "1 output" if count == 1 else f"{count:,} outputs"
        self.has_more = len(self._rows) < count and len(self._rows) < MOST
