"""Files of an account: uploads in, originals and thumbnails out. Bytes are in the object store, rows are here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound
from studio.services import sessions
from studio.services.byteplus.params import Params, params_from_json
from studio.services.storage import Storage, StoredObject, key_for

THUMBNAILS = (256, 512, 1024)


@dataclass(frozen=True)
class Asset:
    """One file. `thumbnails` maps the longest side in pixels to an object key."""

    id: UUID
    generation_id: UUID | None
    kind: str
    mime: str
    object_key: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    duration_ms: int | None
    thumbnails: Mapping[str, str]
    created_at: datetime

    def thumbnail(self, side: int) -> str:
        """The object key of the smallest thumbnail that is at least `side`, else of the largest."""
        sizes = sorted(int(size) for size in self.thumbnails)
        return self.thumbnails[str(next((size for size in sizes if size >= side), sizes[-1]))]


@dataclass(frozen=True)
class Made:
    """How an output came to be, for a file that carries its own story."""

    model: str
    prompt: str
    params: Params
    position: int
    created_at: datetime


_COLUMNS = (
    "id, generation_id, kind, mime, object_key, size_bytes, sha256, width, height, duration_ms, thumbnails, created_at"
)
_THERE = "erase_asked_at IS NULL"  # not deleted for good: such a file waits for the worker alone


async def write_objects(
    storage: Storage, *, owner: UUID, data: Any, mime: str, thumbnails: Mapping[int, bytes]
) -> Mapping[str, Any]:
    """Store a file and its thumbnails under keys derived from a random id, so that a rerun writes the same objects.

    `data` is bytes or an async iterator of bytes. Returns the columns of the asset's row that it decides.
    """
    keys = {side: key_for("t", owner, suffix=f"w{side}") for side in thumbnails}
    done = await asyncio.gather(
        storage.put(key_for("o", owner), data, content_type=mime),
        *(storage.put(keys[side], thumbnails[side], content_type="image/webp") for side in thumbnails),
        return_exceptions=True,  # whoever removes the rest after an error must not be overtaken by it
    )
    for each in done:
        if isinstance(each, BaseException):
            raise each
    stored = done[0]
    assert isinstance(stored, StoredObject)
    return {
        "key": stored.key,
        "mime": mime,
        "size": stored.size,
        "sha256": stored.sha256,
        "crc32": stored.crc32,
        "thumbnails": {str(side): key for side, key in keys.items()},
    }


def keys_of(ident: UUID) -> list[str]:
    """Every object that belongs to an output or an upload by its id, whether its row names it or not."""
    return [key_for("o", ident), *(key_for("t", ident, suffix=f"w{side}") for side in THUMBNAILS)]


async def discard(storage: Storage, *, owner: UUID) -> None:
    """Take back what was stored for a file that gets no row."""
    for key in keys_of(owner):
        await storage.delete(key)


async def add_upload(
    session: AsyncSession,
    *,
    actor: Actor,
    asset_id: UUID,
    objects: Mapping[str, Any],
    width: int,
    height: int,
    derived_from: UUID | None = None,
) -> None:
    """Record an uploaded picture whose bytes are stored; `derived_from`: the clip it was taken from."""
    await session.execute(
        text(
            "INSERT INTO assets (id, account_id, workspace_id, kind, mime, object_key, size_bytes, sha256, crc32, "
            "width, height, thumbnails, derived_from) VALUES (:id, :account, :workspace, 'upload', :mime, :key, :size, "
            ":sha256, :crc32, :width, :height, CAST(:thumbnails AS jsonb), :derived)"
        ),
        {
            **objects,
            "id": asset_id,
            "account": actor.account_id,
            "workspace": actor.workspace_id,
            "width": width,
            "height": height,
            "derived": derived_from,
            "thumbnails": json.dumps(objects["thumbnails"]),
        },
    )


async def get(session: AsyncSession, *, actor: Actor, asset_id: UUID) -> Asset:
    """One file of the account. Raises NotFound."""
    found = await many(session, actor=actor, asset_ids=[asset_id])
    if not found:
        raise NotFound
    return found[0]


async def of_session(
    session: AsyncSession, *, actor: Actor, token_hash: bytes, asset_ids: Sequence[UUID]
) -> dict[UUID, Asset]:
    """Those of the ids that are the account's, by id, if the token is of a session of it that is in use: one query."""
    in_use, values = sessions.in_use(token_hash)
    rows = await session.execute(
        text(f"SELECT {_COLUMNS} FROM assets WHERE account_id = :account AND id = ANY(:ids) AND {_THERE} AND {in_use}"),  # noqa: S608  # constants
        {"account": actor.account_id, "ids": list(asset_ids), **values},
    )
    return {row.id: Asset(**row._mapping) for row in rows}


async def many(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> Sequence[Asset]:
    """Those of the ids that are the account's, in the order given."""
    rows = await session.execute(
        text(f"SELECT {_COLUMNS} FROM assets WHERE account_id = :account AND id = ANY(:ids) AND {_THERE}"),  # noqa: S608  # constants
        {"account": actor.account_id, "ids": list(asset_ids)},
    )
    found = {row.id: Asset(**row._mapping) for row in rows}
    return [found[each] for each in asset_ids if each in found]


async def story(session: AsyncSession, *, actor: Actor, asset_id: UUID) -> Made | None:
    """How an output was made; None for an upload."""
    row = (
        await session.execute(
            text(
                "SELECT b.model, b.prompt, b.params, g.position, a.created_at FROM assets a "
                "JOIN generations g ON g.id = a.generation_id JOIN batches b ON b.id = g.batch_id "
                "WHERE a.id = :id AND a.account_id = :account"
            ),
            {"id": asset_id, "account": actor.account_id},
        )
    ).one_or_none()
    if row is None:
        return None
    return Made(
        model=row.model,
        prompt=row.prompt,
        params=params_from_json(row.params),
        position=row.position,
        created_at=row.created_at,
    )
