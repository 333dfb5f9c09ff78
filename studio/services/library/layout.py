"""Where every output stands: rows of one width at true ratios, under days.

A layout of a hundred thousand outputs is a few arrays, about 2.5 MB: nothing in it is an object of its own.
Rows are broken greedily, so the rows of a beginning are the first rows of the whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

GAP = 6
HEADING = 44
ROW, PHONE_ROW = 188, 156  # the height that rows are near to
PHONE = 600
MOST_IN_A_ROW = 11  # of squares: on a very wide screen rows grow instead
FLATTEST, TALLEST = 5.0, 0.25  # beyond these a tile shows a part: a strip would leave its row no height
AFTER = 24  # below the last row
# What the database sends of each output: its id, its ratio in thousandths, and when it was made in minutes.
PACKED = np.dtype([("id", "V16"), ("ratio", ">u2"), ("at", ">i4")])


@dataclass(frozen=True)
class Line:
    """One row of outputs. `index` counts lines and headings from 0, `first` is its first output's place in order."""

    index: int
    top: int
    height: int
    first: int
    widths: Sequence[int]
    ids: Sequence[UUID]


@dataclass(frozen=True)
class Heading:
    """A day over its rows."""

    index: int
    top: int
    day: date
    count: int


@dataclass(frozen=True)
class Layout:
    """The geometry of one filter at one width. `complete` is False for a beginning, whose end is not known yet."""

    width: int
    complete: bool
    ids: bytes
    ratios: Any
    firsts: Any  # of each line, and one after the last
    tops: Any
    heights: Any
    full: Any  # whether a line fills the width
    days: Any  # ordinals
    day_tops: Any
    day_firsts: Any  # and one after the last
    height: int

    @property
    def count(self) -> int:
        """How many outputs."""
        return int(self.firsts[-1])

    @property
    def lines(self) -> int:
        """How many rows, headings included."""
        return len(self.tops) + len(self.days)

    def id_at(self, place: int) -> UUID:
        """The output at a place in order."""
        return UUID(bytes=self.ids[place * 16 : place * 16 + 16])

    def ids_between(self, first: int, last: int) -> Sequence[UUID]:
        """The outputs from one place to another, both included."""
        return [self.id_at(place) for place in range(max(0, first), min(last + 1, self.count))]

    def place_of(self, asset_id: UUID) -> int | None:
        """Where an output stands in order; None when it is not here."""
        found = self.ids.find(asset_id.bytes)
        while found > 0 and found % 16:  # a run of bytes across two ids
            found = self.ids.find(asset_id.bytes, found + 1)
        return found // 16 if 0 <= found < self.count * 16 else None

    def top_of(self, place: int) -> int:
        """The upper edge of the row an output stands in."""
        return int(self.tops[self._line_of(place)])

    def _line_of(self, place: int) -> int:
        return int(np.searchsorted(self.firsts, place, side="right")) - 1

    def between(self, top: int, bottom: int) -> Sequence[Line]:
        """The rows that reach into a stretch of the page."""
        begin = int(np.searchsorted(self.tops + self.heights, top))
        end = int(np.searchsorted(self.tops, bottom))
        return [self._line(number) for number in range(begin, end)]

    def _line(self, number: int) -> Line:
        first, after = int(self.firsts[number]), int(self.firsts[number + 1])
        headings = int(np.searchsorted(self.day_firsts[:-1], first, side="right"))
        return Line(
            index=number + headings,
            top=int(self.tops[number]),
            height=int(self.heights[number]),
            first=first,
            widths=self.widths(number),
            ids=self.ids_between(first, after - 1),
        )

    def widths(self, number: int) -> list[int]:
        """Whole pixels for each output of a row; the last takes what rounding leaves."""
        first, after = int(self.firsts[number]), int(self.firsts[number + 1])
        found = [max(1, round(int(each) * int(self.heights[number]) / 1000)) for each in self.ratios[first:after]]
        if self.full[number]:
            found[-1] = max(1, self.width - GAP * (len(found) - 1) - sum(found[:-1]))
        return found

    def bones(self, top: int, bottom: int) -> list[list[int]]:
        """The bare rows of a stretch: upper edge, height, then every width."""
        begin = int(np.searchsorted(self.tops + self.heights, top))
        end = int(np.searchsorted(self.tops, bottom))
        return [[int(self.tops[n]), int(self.heights[n]), *self.widths(n)] for n in range(begin, end)]

    def headings(self, top: int, bottom: int) -> Iterator[Heading]:
        """The days that begin in a stretch."""
        begin = int(np.searchsorted(self.day_tops, top - HEADING))
        for number in range(begin, int(np.searchsorted(self.day_tops, bottom))):
            first, after = int(self.day_firsts[number]), int(self.day_firsts[number + 1])
            yield Heading(
                index=number + self._line_of(first),
                top=int(self.day_tops[number]),
                day=date.fromordinal(int(self.days[number])),
                count=after - first,
            )

    def stops(self, most: int) -> list[tuple[date, int]]:
        """Days to jump to with their upper edges; with more days than `most`, as many of them, evenly."""
        each = max(1, -(-len(self.days) // most))
        chosen = [*range(0, len(self.days), each)]
        if chosen and chosen[-1] != len(self.days) - 1:  # the end is always one of them
            chosen.append(len(self.days) - 1)
        return [(date.fromordinal(int(self.days[n])), int(self.day_tops[n])) for n in chosen]


def target(width: int) -> float:
    """The height that rows of a page are near to."""
    return PHONE_ROW if width < PHONE else max(ROW, width / MOST_IN_A_ROW)


def arrange(packed: bytes, *, width: int, dated: bool, zone: ZoneInfo, complete: bool = True) -> Layout:
    """Break outputs, as `PACKED` and in order, into rows `width` pixels wide. Takes about 60 ms for 100,000.

    Of a beginning (not `complete`) the last row is left out: more may stand in it.
    """
    given = np.frombuffer(packed, PACKED)
    ratios = np.clip(given["ratio"], int(TALLEST * 1000), int(FLATTEST * 1000)).astype(np.uint16)
    days, starts = _days(given["at"], zone) if dated else ([], [0] if len(given) else [])
    lines = _Lines(ratios, width)
    for number, start in enumerate(starts):
        lines.section(start, starts[number + 1] if number + 1 < len(starts) else len(given), heading=dated)
    if not complete:
        lines.drop_last()
    if dated and starts and lines.end <= starts[-1]:
        days, starts = days[:-1], starts[:-1]
    return Layout(
        width=width,
        complete=complete,
        ids=given["id"].tobytes()[: lines.end * 16],
        ratios=ratios,
        firsts=np.array([*lines.firsts, lines.end], np.int32),
        tops=np.array(lines.tops, np.int32),
        heights=np.array(lines.heights, np.int32),
        full=np.array(lines.full, bool),
        days=np.array(days, np.int32),
        day_tops=np.array(lines.day_tops[: len(days)], np.int32),
        day_firsts=np.array([*starts, lines.end] if dated else [0], np.int32),
        height=lines.y + AFTER,
    )


class _Lines:
    """Rows as they are broken, one section after the other."""

    def __init__(self, ratios: Any, width: int) -> None:
        self.width, self.target = width, target(width)
        # Sums up to each output: of ratios, and of what outputs take at the wanted height with the gap after them.
        self.sums = [0.0, *(np.cumsum(ratios, dtype=np.int64) / 1000).tolist()]
        self.costs = [0.0, *np.cumsum(ratios / 1000 * self.target + GAP).tolist()]
        self.firsts: list[int] = []
        self.tops: list[int] = []
        self.heights: list[int] = []
        self.full: list[bool] = []
        self.day_tops: list[int] = []
        self.y, self.end = 0, 0

    def section(self, start: int, stop: int, *, heading: bool) -> None:
        """The rows of one day, or of everything."""
        if heading:
            self.day_tops.append(self.y)
            self.y += HEADING
        while start < stop:
            # The fewest outputs that fill the width at the wanted height, or one less: whichever is nearer to it.
            after = bisect_left(self.costs, self.costs[start] + self.width + GAP, start + 1, stop + 1)
            if after > stop:
                self._add(start, stop, self.target, full=False)
                return
            height = self._height(start, after)
            if after - 1 > start and (less := self._height(start, after - 1)) * height < self.target**2:
                after, height = after - 1, less
            self._add(start, after, height, full=True)
            start = after

    def _height(self, start: int, after: int) -> float:
        return (self.width - GAP * (after - start - 1)) / (self.sums[after] - self.sums[start])

    def _add(self, start: int, after: int, height: float, *, full: bool) -> None:
        self.firsts.append(start)
        self.tops.append(self.y)
        self.heights.append(max(1, int(height)))
        self.full.append(full)
        self.y += self.heights[-1] + GAP
        self.end = after

    def drop_last(self) -> None:
        """Take the last row back."""
        if self.firsts:
            self.end = self.firsts.pop()
            self.y = self.tops.pop()
            self.heights.pop()
            self.full.pop()


def _days(minutes: Any, zone: ZoneInfo) -> tuple[list[int], list[int]]:
    """Days in order, as ordinals, and the place of the first output of each. `minutes` rise or fall throughout."""
    days: list[int] = []
    starts: list[int] = []
    falling = len(minutes) > 0 and minutes[0] >= minutes[-1]
    order = -minutes.astype(np.int64) if falling else minutes.astype(np.int64)
    place = 0
    while place < len(minutes):
        day = datetime.fromtimestamp(int(minutes[place]) * 60, UTC).astimezone(zone).date()
        days.append(day.toordinal())
        starts.append(place)
        # Until its midnight: the one before it where time runs backwards, the one after it where it runs on.
        edge = datetime.combine(day if falling else day + timedelta(days=1), time(), zone).timestamp() / 60
        place = int(np.searchsorted(order, -edge if falling else edge, side="right" if falling else "left"))
        place = max(place, starts[-1] + 1)
    return days, starts
