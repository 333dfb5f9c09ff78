"""The backup place: which snapshots are there, and removing those whose time is over. Needs no key."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from studio.services.backups import copies
from studio.services.backups.errors import Damaged, NoSnapshot
from studio.services.storage import ObjectMissing, Storage, StoredObject, key_for

_KIND = "s"
_FORMAT = 1
WRITTEN = ("dump", "manifest", "names", "index")  # in this order
_MOST_INDEX = 10_000
HALF_WRITTEN = timedelta(days=1)


@dataclass(frozen=True)
class Snapshot:
    """What the clear index says: `bytes` of the encrypted dump and of all objects, as they are in the studio."""

    id: UUID
    at: datetime
    expires: datetime
    bytes: int
    objects: int

    def part(self, name: str) -> str:
        """Where one of its parts lies."""
        return part(self.id, name)


def part(ident: UUID, name: str) -> str:
    """Where a part of a snapshot lies."""
    return key_for(_KIND, ident, suffix=name)


async def publish(shelf: Storage, snapshot: Snapshot) -> None:
    """Write the index: from now on the snapshot exists."""
    told = {
        "format": _FORMAT,
        "id": str(snapshot.id),
        "at": snapshot.at.isoformat(),
        "expires": snapshot.expires.isoformat(),
        "bytes": snapshot.bytes,
        "objects": snapshot.objects,
    }
    await shelf.put(snapshot.part("index"), json.dumps(told).encode(), content_type="application/json")


async def snapshots(shelf: Storage) -> list[Snapshot]:
    """Every finished one, oldest first.

    Raises:
        Damaged: an index cannot be read. Nothing is removed then.
    """
    found = [await _read(shelf, item) for item in await _parts(shelf) if item.key.endswith(".index")]
    return sorted(found, key=lambda each: (each.at, each.id))


async def find(shelf: Storage, wanted: str) -> Snapshot:
    """One by its id or its beginning, or the latest. Raises NoSnapshot."""
    there = await snapshots(shelf)
    fitting = there[-1:] if wanted == "latest" else [each for each in there if str(each.id).startswith(wanted)]
    if len(fitting) != 1:
        raise NoSnapshot
    return fitting[0]


async def prune(shelf: Storage, *, now: datetime, thorough: bool = False) -> tuple[int, int]:
    """Remove what expired, copies that no unexpired snapshot names, and what was half written a day ago.

    Returns (snapshots, copies) removed.

    Killed anywhere, the next call goes on: names stay until the copies are gone. Copies of a backup that was killed
    stay for the next one to use, unless `thorough`. Nobody else may write to the place meanwhile.
    """
    there = await snapshots(shelf)
    kept = [each for each in there if each.expires > now]
    for each in there:
        if each.expires <= now:
            for name in ("index", "dump", "manifest"):
                await shelf.delete(each.part(name))
    alive = {each.part(name) for each in kept for name in WRITTEN}
    left = [item.key for item in await _parts(shelf) if item.key not in alive]
    removed = 0
    if thorough or any(key.endswith(".names") for key in left):
        removed = await _sweep_copies(shelf, kept)
    for key in left:
        await shelf.delete(key)
    await shelf.sweep(older_than=HALF_WRITTEN)
    return len(there) - len(kept), removed


async def _sweep_copies(shelf: Storage, kept: list[Snapshot]) -> int:
    """Walk copies and lists of names side by side; both are in order, so memory does not grow with either."""
    removed = 0
    async with AsyncExitStack() as stack:
        lists = [await stack.enter_async_context(aclosing(names(shelf, each))) for each in kept]
        heads = [await anext(each, None) for each in lists]
        async for item in shelf.list(f"{copies.KIND}/"):
            name = copies.name_at(item.key)
            named = False
            for at, each in enumerate(lists):
                while (head := heads[at]) is not None and head < name:
                    heads[at] = await anext(each, None)
                named |= head == name
            if not named:
                await shelf.delete(item.key)
                removed += 1
    return removed


async def names(shelf: Storage, snapshot: Snapshot) -> AsyncGenerator[bytes, None]:
    """The names of a snapshot's copies, 16 bytes each, in order. Raises Damaged unless they are all there."""
    rest, count = b"", 0
    try:
        stream = await shelf.open(snapshot.part("names"))
    except ObjectMissing:
        raise Damaged from None
    async with stream:
        async for block in stream:
            rest += block
            for at in range(0, len(rest) - 15, 16):
                count += 1
                yield rest[at : at + 16]
            rest = rest[len(rest) // 16 * 16 :]
    if rest or count != snapshot.objects:
        raise Damaged


async def _parts(shelf: Storage) -> list[StoredObject]:
    return [item async for item in shelf.list(f"{_KIND}/")]


async def _read(shelf: Storage, item: StoredObject) -> Snapshot:
    if item.size > _MOST_INDEX:
        raise Damaged
    async with await shelf.open(item.key) as stream:
        raw = b"".join([block async for block in stream])
    try:
        told = json.loads(raw)
        found = Snapshot(
            id=UUID(told["id"]),
            at=datetime.fromisoformat(told["at"]),
            expires=datetime.fromisoformat(told["expires"]),
            bytes=int(told["bytes"]),
            objects=int(told["objects"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged from error
    if told.get("format") != _FORMAT or found.part("index") != item.key:
        raise Damaged
    return found
