"""What the Library shows: rows of a window, days, stops of the scrubber, and the choices of its filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from studio.services.dates import Dates
from studio.services.ledger import dollars
from studio.services.library.filters import MEDIA, Filters
from studio.services.library.layout import Heading, Layout, Line
from studio.services.library.windows import Count, Facets, Tile
from studio.state.tiles import PICTURE_WORDS, clock

MOST_STOPS = 400


@dataclass(frozen=True)
class GridTile:
    """One output of a window; `at` is its place in order. Without a name it is gone."""

    id: str = ""
    at: int = 0
    width: int = 1
    kind: str = "image"
    duration: str = ""
    rating: int = 0
    name: str = ""


@dataclass(frozen=True)
class GridRow:
    """One row: `line` counts rows and headings from 1."""

    line: int = 1
    top: int = 0
    height: int = 1
    tiles: list[GridTile] = field(default_factory=list)


@dataclass(frozen=True)
class GridDay:
    """A day over its rows."""

    line: int = 1
    top: int = 0
    day: str = ""
    date: str = ""
    count: str = ""


@dataclass(frozen=True)
class Stop:
    """A day to jump to; `tick` is what the scale says there, if anything."""

    top: int = 0
    label: str = ""
    tick: str = ""


@dataclass(frozen=True)
class Move:
    """How the page scrolls by itself, once for each `n`: to a place, or by so much where `to` is below 0."""

    n: int = 0
    to: int = -1
    by: int = 0


@dataclass(frozen=True)
class Option:
    """A choice of a filter. `count` is how many outputs have it, as text."""

    value: str = ""
    label: str = ""
    count: str = ""
    color: str = ""
    on: bool = False


@dataclass(frozen=True)
class FilterWords:
    """What each filter's button says beside its name; empty when it hides nothing."""

    media: str = ""
    model: str = ""
    rating: str = ""
    label: str = ""
    workspace: str = ""
    date: str = ""
    cost: str = ""
    batch: str = ""


@dataclass(frozen=True)
class FilterOptions:
    """What each filter offers."""

    media: list[Option] = field(default_factory=list)
    model: list[Option] = field(default_factory=list)
    rating: list[Option] = field(default_factory=list)
    label: list[Option] = field(default_factory=list)
    workspace: list[Option] = field(default_factory=list)


@dataclass(frozen=True)
class ViewOption:
    """A saved view."""

    id: str = ""
    name: str = ""
    href: str = ""


def outputs(count: int) -> str:
    """ "1 output", "214 outputs"."""
    return "1 output" if count == 1 else f"{count:,} outputs"


def tile_name(tile: Tile) -> str:
    """ "Image: a lake, rated 4 of 5"."""
    stars = f", rated {tile.rating} of 5" if tile.rating else ""
    return f"{PICTURE_WORDS[tile.kind]}: {tile.prompt}{stars}"


def row_view(line: Line, told: Mapping[UUID, Tile]) -> GridRow:
    """A row with what is said of its outputs."""
    tiles = []
    for number, (asset_id, width) in enumerate(zip(line.ids, line.widths, strict=True)):
        tile, at = told.get(asset_id), line.first + number
        if tile is None:
            tiles.append(GridTile(id=str(asset_id), at=at, width=width))
            continue
        tiles.append(
            GridTile(
                id=str(asset_id),
                at=at,
                width=width,
                kind=tile.kind,
                duration=clock(tile.duration_ms) if tile.duration_ms else "",
                rating=tile.rating,
                name=tile_name(tile),
            )
        )
    return GridRow(line=line.index + 1, top=line.top, height=line.height, tiles=tiles)


def day_view(heading: Heading, today: date, dates: Dates, *, counted: bool = True) -> GridDay:
    """A day's heading. `today` is the day of the person's time zone; a count that is not known is not said."""
    words = {today: "Today", today - timedelta(days=1): "Yesterday"}
    full = dates.heading(heading.day, today)
    return GridDay(
        line=heading.index + 1,
        top=heading.top,
        day=words.get(heading.day, full),
        date=full if heading.day in words else "",
        count=outputs(heading.count) if counted else "",
    )


def stop_views(layout: Layout, dates: Dates) -> list[Stop]:
    """The scrubber's days; the scale names a year where it begins and a month where it begins."""
    stops: list[Stop] = []
    before: date | None = None
    for day, top in layout.stops(MOST_STOPS):
        new_year = before is not None and before.year != day.year
        new_month = before is None or (before.year, before.month) != (day.year, day.month)
        month = dates.style.months.split()[day.month - 1]
        tick = str(day.year) if new_year else month if new_month else ""
        stops.append(Stop(top=top, label=dates.full(day), tick=tick))
        before = day
    return stops


def _named(wanted: Sequence[str], counts: Sequence[Count]) -> str:
    names = {each.id: each.name for each in counts}
    found = [names.get(each, each) for each in wanted]
    return found[0] if len(found) == 1 else str(len(found)) if found else ""


def words_of(wanted: Filters, facets: Facets | None, dates: Dates) -> FilterWords:
    """What the buttons say."""
    known = facets or Facets(0, 0, (), (), {}, (), ())
    labels = _named([str(each) for each in wanted.labels], known.labels)
    place = _named([str(wanted.workspace)] if wanted.workspace else [], known.workspaces)
    return FilterWords(
        media=MEDIA.get(wanted.media, ""),
        model=_named(wanted.models, known.models),
        rating="" if not wanted.rating else "5" if wanted.rating == 5 else f"{wanted.rating} and up",
        label=labels if len(labels) <= 40 else labels[:40],
        workspace=place,
        date=_span(wanted, dates),
        cost=_costs(wanted),
        batch="one" if wanted.batch else "",
    )


def _span(wanted: Filters, dates: Dates) -> str:
    since, until = wanted.since, wanted.until
    if since and until:
        return dates.full(since) if since == until else f"{dates.full(since)} to {dates.full(until)}"
    return f"since {dates.full(since)}" if since else f"until {dates.full(until)}" if until else ""


def _costs(wanted: Filters) -> str:
    low, high = wanted.cost_min, wanted.cost_max
    if low is not None and high is not None:
        return f"{dollars(low)} to {dollars(high)}"
    return f"from {dollars(low)}" if low is not None else f"up to {dollars(high)}" if high is not None else ""


def options_of(wanted: Filters, facets: Facets) -> FilterOptions:
    """What the filters offer, with how many outputs have it."""

    def option(each: Count, chosen: Sequence[str]) -> Option:
        return Option(each.id, each.name, f"{each.count:,}", each.color, each.id in chosen)

    at_least = {stars: sum(n for rated, n in facets.ratings.items() if rated >= stars) for stars in range(5, 0, -1)}
    return FilterOptions(
        media=[option(each, [wanted.media]) for each in facets.media],
        model=[option(each, wanted.models) for each in facets.models],
        rating=[
            Option(str(stars), "5" if stars == 5 else f"{stars} and up", f"{n:,}", "", wanted.rating == stars)
            for stars, n in at_least.items()
        ],
        label=[option(each, [str(one) for one in wanted.labels]) for each in facets.labels],
        workspace=[option(each, [str(wanted.workspace)]) for each in facets.workspaces],
    )
