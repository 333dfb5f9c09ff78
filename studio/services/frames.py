"""The last frame of a clip as a picture of its own, to go on from."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.db import Actor
from studio.services import assets
from studio.services.assets import Asset
from studio.services.media import posters, probe, thumbnails, uploads
from studio.services.storage import Storage


@dataclass(frozen=True)
class Taken:
    """A frame whose bytes are stored and whose row is not written yet."""

    asset_id: UUID
    objects: Mapping[str, Any]
    width: int
    height: int


async def known(session: AsyncSession, *, actor: Actor, clip_id: UUID) -> UUID | None:
    """The frame that was taken from a clip before, so that it is taken once."""
    return await session.scalar(
        text(
            "SELECT id FROM assets WHERE account_id = :account AND derived_from = :clip AND trashed_at IS NULL "
            "ORDER BY created_at DESC LIMIT 1"
        ),
        {"account": actor.account_id, "clip": clip_id},
    )


async def take_last(storage: Storage, clip: Asset) -> Taken:
    """Read a clip and store its last frame, as PNG at full size.

    Raises:
        StudioError: the clip cannot be read, or its shape is none that a clip can begin with.
    """
    folder = settings().data_dir / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".mp4") as file:
        async for chunk in await storage.open(clip.object_key):
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(file.flush)
        data = await posters.last_frame(Path(file.name))
    info = probe.image(data)
    uploads.check_frame(info)
    small = await thumbnails.make(data)
    asset_id = uuid4()
    try:
        objects = await assets.write_objects(
            storage, owner=asset_id, data=data, mime="image/png", thumbnails=small.images
        )
    except BaseException:
        await assets.discard(storage, owner=asset_id)
        raise
    return Taken(asset_id=asset_id, objects=objects, width=info.width, height=info.height)


async def keep(session: AsyncSession, *, actor: Actor, clip: Asset, taken: Taken) -> None:
    """Record a frame beside the clip it is from. Raises NotFound when the clip was erased meanwhile."""
    await assets.get(session, actor=actor, asset_id=clip.id)
    await assets.add_upload(
        session,
        actor=actor,
        asset_id=taken.asset_id,
        objects=taken.objects,
        width=taken.width,
        height=taken.height,
        derived_from=clip.id,
    )
