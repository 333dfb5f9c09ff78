"""What the library asks the database: layouts by filter, tiles by window, and how many there are of each kind.

Layouts are kept for a short time per account, filter and width, and dropped when something changed. They are hints
for where things stand; what a tile says is read anew for every window.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from hashlib import blake2b
from secrets import token_bytes
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.services.byteplus import catalog
from studio.services.library import filters as asking
from studio.services.library.filters import Filters
from studio.services.library.layout import Layout, arrange

CHANGED = "outputs"  # what a process tells the others when one came or went
BEGINNING = 400  # outputs of a beginning: more than the first windows show
KEPT_SECONDS = 300.0
MOST_KEPT = 600_000  # outputs in kept layouts, about 15 MB
MOST_LAYOUTS = 500  # however few outputs they have
MOST_WINDOW = 400


@dataclass(frozen=True)
class Tile:
    """What is said of one output."""

    asset_id: UUID
    generation_id: UUID
    kind: str
    duration_ms: int | None
    rating: int
    prompt: str


@dataclass(frozen=True)
class Count:
    """How many outputs a choice would show; `id` is its value in an address."""

    id: str
    name: str
    count: int
    color: str = ""


@dataclass(frozen=True)
class Facets:
    """What there is to choose from, over everything that is kept."""

    total: int
    trashed: int
    media: Sequence[Count]
    models: Sequence[Count]
    ratings: Mapping[int, int]
    workspaces: Sequence[Count]
    labels: Sequence[Count]


Key = tuple[UUID, bytes]


class Shelf:
    """Layouts that were made lately. `forget` also makes what is being made for an account count as old.

    A key says whose a layout is, and nothing that can be read of what was searched for.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[float, Layout]] = OrderedDict()
        self._outputs = 0  # in all of them
        self._facets: dict[UUID, tuple[float, Facets]] = {}
        self._turns: dict[UUID, int] = {}
        self._began = 0  # the turn of every account that has none of its own
        self._secret = token_bytes(32)

    def __len__(self) -> int:
        """How many layouts are kept."""
        return len(self._kept)

    def key(self, actor: Actor, wanted: Filters, zone: ZoneInfo, width: int) -> Key:
        """Of one account's filters at one width."""
        told = f"{zone.key} {width} {wanted.query()}".encode()
        return actor.account_id, blake2b(told, digest_size=16, key=self._secret).digest()

    def get(self, key: Key) -> Layout | None:
        """A layout that is young enough."""
        found = self._kept.get(key)
        if found is None or time.monotonic() - found[0] > KEPT_SECONDS:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found[1]

    def facets(self, account_id: UUID) -> Facets | None:
        """What there is to choose from, if that was counted lately."""
        found = self._facets.get(account_id)
        return found[1] if found and time.monotonic() - found[0] <= KEPT_SECONDS else None

    def turn(self, account_id: UUID) -> int:
        """A number that changes when something of the account does."""
        return self._turns.get(account_id, self._began)

    def put(self, key: Key, layout: Layout, turn: int) -> None:
        """Keep a layout that was asked for at that turn, and fewer of the others."""
        if turn != self.turn(key[0]):
            return
        now = time.monotonic()
        for old in [each for each, (since, _) in self._kept.items() if now - since > KEPT_SECONDS]:
            self._drop(old)
        self._drop(key)
        self._kept[key] = (now, layout)
        self._outputs += layout.count
        while len(self._kept) > 1 and (self._outputs > MOST_KEPT or len(self._kept) > MOST_LAYOUTS):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        self._outputs -= gone[1].count if gone else 0

    def put_facets(self, account_id: UUID, facets: Facets, turn: int) -> None:
        """Keep counts that were asked for at that turn."""
        if turn == self.turn(account_id):
            while len(self._facets) >= 200:
                self._facets.pop(next(iter(self._facets)))
            self._facets[account_id] = (time.monotonic(), facets)

    def forget(self, account_id: UUID) -> None:
        """Something of the account changed."""
        self._facets.pop(account_id, None)
        for key in [key for key in self._kept if key[0] == account_id]:
            self._drop(key)
        if len(self._turns) > 10_000:
            self._turns.clear()
            self._began = time.monotonic_ns()
        self._turns[account_id] = time.monotonic_ns()

    def forget_all(self) -> None:
        """Anything may have changed."""
        self._kept.clear()
        self._facets.clear()
        self._turns.clear()
        self._outputs, self._began = 0, time.monotonic_ns()


_shelf = Shelf()
forget = _shelf.forget
forget_all = _shelf.forget_all

_ORDER = {
    "newest": "a.created_at DESC, a.id DESC",
    "oldest": "a.created_at, a.id",
    "rating": "a.rating DESC NULLS LAST, a.created_at DESC, a.id DESC",
    "cost": "a.cost_micros DESC NULLS LAST, a.created_at DESC, a.id DESC",
}
# A search is in an OR, so that Postgres hashes what it found once instead of joining it.
_SEARCH = (
    "(a.batch_id IN (SELECT library_search(:account, :words, :letters, :text)) OR a.model = ANY(:named_models) "
    "OR a.id IN (SELECT x.asset_id FROM asset_labels x JOIN labels l ON l.id = x.label_id "
    "WHERE l.account_id = :account AND :letters <> '' AND l.name ILIKE :letters))"
)


def condition(actor: Actor, wanted: Filters, zone: ZoneInfo) -> tuple[str, dict[str, Any]]:
    """The WHERE of a filter over `assets a`, and its values."""
    values: dict[str, Any] = {"account": actor.account_id}
    parts = ["a.account_id = :account", "a.generation_id IS NOT NULL"]
    parts.append("a.trashed_at IS NOT NULL AND a.erase_asked_at IS NULL" if wanted.trash else "a.trashed_at IS NULL")
    for name, column, value in (
        ("media", "a.kind = :media", wanted.media),
        ("models", "a.model = ANY(:models)", list(wanted.models)),
        ("rating", "a.rating >= :rating", wanted.rating),
        ("workspace", "a.workspace_id = :workspace", wanted.workspace),
        ("batch", "a.batch_id = :batch", wanted.batch),
        ("since", "a.created_at >= :since", wanted.since),
        ("until", "a.created_at < :until", wanted.until and wanted.until + timedelta(days=1)),
        ("low", "a.cost_micros >= :low", wanted.cost_min),
        ("high", "a.cost_micros <= :high", wanted.cost_max),
        (
            "labels",
            "a.id IN (SELECT x.asset_id FROM asset_labels x WHERE x.label_id = ANY(:labels))",
            list(wanted.labels),
        ),
    ):
        if value or (value == 0 and name in ("low", "high")):
            parts.append(column)
            values[name] = datetime.combine(value, clock(), zone) if isinstance(value, date) else value
    if wanted.text:
        parts.append(_SEARCH)
        low = wanted.text.lower()
        values |= {
            "text": wanted.text,
            "words": asking.tsquery(wanted.text),
            "letters": asking.like(wanted.text),
            "named_models": [each.id for each in catalog.models() if len(low) > 2 and low in each.name.lower()],
        }
    return " AND ".join(parts), values


def counted(actor: Actor) -> Facets | None:
    """What there is to choose from as it was counted lately; None when it is to be asked for."""
    return _shelf.facets(actor.account_id)


def kept(actor: Actor, wanted: Filters, zone: ZoneInfo, width: int) -> bool:
    """Whether this layout is there without asking the database for everything."""
    return _shelf.get(_shelf.key(actor, wanted, zone, width)) is not None


async def layout(
    session: AsyncSession, *, actor: Actor, wanted: Filters, zone: ZoneInfo, width: int, beginning: bool = False
) -> Layout:
    """The rows of a filter at a width; with `beginning` only the first ones, where that is quicker."""
    key = _shelf.key(actor, wanted, zone, width)
    if found := _shelf.get(key):
        return found
    turn = _shelf.turn(actor.account_id)
    where, values = condition(actor, wanted, zone)
    packed = await session.scalar(
        text(
            "SELECT string_agg(uuid_send(id) || int2send(least(width * 1000 / height, 32000)::int2) "  # noqa: S608
            "|| int4send(floor(date_part('epoch', created_at) / 60)::int4), ''::bytea) FROM "
            f"(SELECT a.id, a.width, a.height, a.created_at FROM assets a WHERE {where} "
            f"ORDER BY {_ORDER[wanted.sort]}{' LIMIT :most' if beginning else ''}) s"  # constants of this module
        ),
        {**values, "most": BEGINNING} if beginning else values,
    )
    data = bytes(packed or b"")
    complete = not beginning or len(data) < BEGINNING * 22
    made = await asyncio.to_thread(arrange, data, width=width, dated=wanted.dated, zone=zone, complete=complete)
    if complete:
        _shelf.put(key, made, turn)
    return made


_TILE = (
    "SELECT a.id AS asset_id, a.generation_id, a.kind, a.duration_ms, coalesce(a.rating, 0) AS rating, "
    "left(b.prompt, 80) AS prompt FROM assets a JOIN batches b ON b.id = a.batch_id WHERE "
)


async def tiles(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> Mapping[UUID, Tile]:
    """What is said of these outputs, by one query; one that is gone meanwhile is missing."""
    rows = await session.execute(
        text(f"{_TILE}a.id = ANY(:ids) AND a.account_id = :account"),
        {"account": actor.account_id, "ids": list(asset_ids[:MOST_WINDOW])},
    )
    return {row.asset_id: Tile(*row) for row in rows}


async def page(
    session: AsyncSession, *, actor: Actor, wanted: Filters, zone: ZoneInfo, most: int, after: UUID | None = None
) -> Sequence[Tile]:
    """The newest of a filter without a layout, at most so many; `after`: those that follow this output."""
    where, values = condition(actor, wanted, zone)
    if after is not None:
        where += (
            " AND (a.created_at, a.id) < "
            "(SELECT x.created_at, x.id FROM assets x WHERE x.id = :after AND x.account_id = :account)"
        )
    rows = await session.execute(
        text(f"{_TILE}{where} ORDER BY {_ORDER['newest']} LIMIT :most"),  # constants of this module
        {**values, "after": after, "most": min(most, MOST_WINDOW)},
    )
    return [Tile(*row) for row in rows]


async def facets(session: AsyncSession, *, actor: Actor) -> Facets:
    """What there is to choose from and how many of each, over everything that is kept."""
    if found := _shelf.facets(actor.account_id):
        return found
    turn = _shelf.turn(actor.account_id)
    made = await _count(session, actor)
    _shelf.put_facets(actor.account_id, made, turn)
    return made


async def _count(session: AsyncSession, actor: Actor) -> Facets:
    known = {"account": actor.account_id}
    counted = (
        await session.execute(
            text(
                "SELECT kind, model, coalesce(rating, 0) AS rating, workspace_id, count(*) AS n FROM assets "
                "WHERE account_id = :account AND generation_id IS NOT NULL AND trashed_at IS NULL "
                "GROUP BY kind, model, rating, workspace_id"
            ),
            known,
        )
    ).all()
    trashed = await session.scalar(
        text(
            "SELECT count(*) FROM assets "
            "WHERE account_id = :account AND generation_id IS NOT NULL AND trashed_at IS NOT NULL "
            "AND erase_asked_at IS NULL"
        ),
        known,
    )
    places = await session.execute(
        text(
            "SELECT id, name FROM workspaces WHERE account_id = :account AND trashed_at IS NULL "
            "ORDER BY created_at, id LIMIT 200"
        ),
        known,
    )
    labels = await session.execute(
        text(
            "SELECT l.id, l.name, l.color, count(a.id) AS n FROM labels l "
            "LEFT JOIN asset_labels x ON x.label_id = l.id "
            "LEFT JOIN assets a ON a.id = x.asset_id AND a.trashed_at IS NULL "
            "WHERE l.account_id = :account GROUP BY l.id, l.name, l.color ORDER BY lower(l.name) LIMIT 200"
        ),
        known,
    )

    def total(column: str) -> dict[Any, int]:
        sums: dict[Any, int] = {}
        for row in counted:
            value = getattr(row, column)
            sums[value] = sums.get(value, 0) + row.n
        return sums

    media, models, in_place = total("kind"), total("model"), total("workspace_id")
    return Facets(
        total=sum(media.values()),
        trashed=trashed or 0,
        media=[Count(kind, name, media.get(kind, 0)) for kind, name in asking.MEDIA.items()],
        models=[Count(m, catalog.label(m), models[m]) for m in sorted(models, key=lambda m: -models[m])],
        ratings=total("rating"),
        workspaces=[Count(str(row.id), row.name, in_place.get(row.id, 0)) for row in places],
        labels=[Count(str(row.id), row.name, row.n, row.color) for row in labels],
    )
