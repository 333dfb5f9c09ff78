"""From the provider's link to our object store: whole, checked, with thumbnails."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.config import settings
from studio.services.assets import write_objects
from studio.services.attempts import Work
from studio.services.byteplus.client import ModelArkClient
from studio.services.byteplus.params import VideoParams
from studio.services.media import posters, probe, thumbnails
from studio.services.storage import Storage

MOST_IMAGE = 100_000_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class Saved:
    """The columns of the asset's row."""

    columns: Mapping[str, Any]


async def save(work: Work, *, client: ModelArkClient, storage: Storage) -> Saved:
    """Fetch and store one result. Raises a StudioError when the link, the bytes or the store fail."""
    url = str(work.result["url"])
    if work.kind == "image":
        return await _image(work, url, client=client, storage=storage)
    return await _video(work, url, client=client, storage=storage)


async def _image(work: Work, url: str, *, client: ModelArkClient, storage: Storage) -> Saved:
    data = b"".join([chunk async for chunk in client.download(url, max_bytes=MOST_IMAGE)])
    info = probe.image(data)
    small = await thumbnails.make(data)
    objects = await write_objects(storage, owner=work.id, data=data, mime=info.mime, thumbnails=small.images)
    return Saved({**objects, "width": small.width, "height": small.height, "duration": None})


async def _video(work: Work, url: str, *, client: ModelArkClient, storage: Storage) -> Saved:
    folder = settings().data_dir / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    mov = isinstance(work.params, VideoParams) and work.params.output_format == "mov"
    mime, suffix = ("video/quicktime", ".mov") if mov else ("video/mp4", ".mp4")
    with tempfile.NamedTemporaryFile(dir=folder, suffix=suffix) as file:
        async for chunk in client.download(url):
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(file.flush)
        path = Path(file.name)
        info = await probe.video(path)
        small = await thumbnails.make(await posters.poster(path))
        objects = await write_objects(storage, owner=work.id, data=_chunks(path), mime=mime, thumbnails=small.images)
    return Saved({**objects, "width": info.width, "height": info.height, "duration": info.duration_ms})


async def _chunks(path: Path) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:  # opening is quick; reading happens in a thread
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
