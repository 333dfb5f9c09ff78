"""Picked files as one zip with a manifest, made while it is sent: nothing is built first, and memory stays flat.

Sizes and checksums stand in the rows, so the zip's length and layout are known before a file is read (`zipmap`).
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound
from studio.services.byteplus import catalog
from studio.services.cells import plain, usd
from studio.services.exports.stream import Assembler
from studio.services.exports.zipmap import Member, ZipMap
from studio.services.storage import Storage

PIECE = 1 << 20
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
COLUMNS = (
    "file",
    "prompt",
    "model",
    "parameters",
    "cost_usd",
    "rating",
    "labels",
    "workspace",
    "made_at",
    "width",
    "height",
    "seconds",
    "sha256",
)
_ROWS = """
SELECT a.id, a.object_key, a.size_bytes, a.crc32, a.sha256, a.mime, a.width, a.height, a.duration_ms, a.created_at,
  a.rating, a.cost_micros, b.prompt, b.model, b.params, w.name AS workspace,
  ARRAY(SELECT l.name FROM asset_labels al JOIN labels l ON l.id = al.label_id WHERE al.asset_id = a.id
    ORDER BY lower(l.name)) AS labels
FROM assets a LEFT JOIN batches b ON b.id = a.batch_id LEFT JOIN workspaces w ON w.id = a.workspace_id
WHERE a.account_id = :account AND a.id = ANY(:ids) AND a.erase_asked_at IS NULL ORDER BY a.created_at, a.id
"""


def slug(prompt: str) -> str:
    """A prompt's first words as part of a file name that every system takes; empty when it has none."""
    letters = unicodedata.normalize("NFKD", prompt.lower()).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", letters)[:6])[:60]


def file_name(*, prompt: str, ident: UUID, mime: str) -> str:
    """ "a-still-alpine-lake-3f2a9c1e.jpg"."""
    return f"{'-'.join(filter(None, (slug(prompt), ident.hex[:8])))}.{EXTENSIONS.get(mime, 'bin')}"


class Zip:
    """One zip of picked files: its exact size, and its bytes."""

    def __init__(self, storage: Storage, members: Sequence[Member], texts: Mapping[str, bytes]) -> None:
        self._plan = ZipMap(members)
        self._assembler = _Assembler(storage, self._plan, texts)
        self.size = self._plan.size

    async def stream(self) -> AsyncIterator[bytes]:
        """A piece at a time; the first is small, so that something arrives at once."""
        at = 0
        while at < self.size:
            end = at + (PIECE // 16 if at == 0 else PIECE)
            yield await self._assembler.piece(at, end)
            at = min(end, self.size)


class _Assembler(Assembler):
    """Also members whose bytes are here instead of in the store, under a key that no object has."""

    def __init__(self, storage: Storage, plan: ZipMap, texts: Mapping[str, bytes]) -> None:
        super().__init__(storage, plan)
        self._texts = texts

    async def _read(self, key: str, start: int, end: int, room: memoryview) -> None:
        if key in self._texts:
            room[:] = self._texts[key][start:end]
        else:
            await super()._read(key, start, end, room)


async def build(session: AsyncSession, *, actor: Actor, storage: Storage, asset_ids: Sequence[UUID]) -> Zip:
    """The zip of those of the ids that are the account's, oldest first. Raises NotFound when none is left."""
    rows = (await session.execute(text(_ROWS), {"account": actor.account_id, "ids": list(asset_ids)})).all()
    if not rows:
        raise NotFound("None of these files is there any more.")
    named = [(f"{row.created_at.astimezone(UTC):%Y-%m-%d} {_name(row)}", row) for row in rows]
    texts = {"manifest.json": _json(named), "manifest.csv": _csv(named)}
    members = [Member(name, name, len(data), zlib.crc32(data)) for name, data in texts.items()]
    members += [Member(name, row.object_key, row.size_bytes, row.crc32) for name, row in named]
    return Zip(storage, members, texts)


def _name(row: Row[Any]) -> str:
    return file_name(prompt=row.prompt or "upload", ident=row.id, mime=row.mime)


def _facts(name: str, row: Row[Any]) -> dict[str, Any]:
    params = {k: v for k, v in (row.params or {}).items() if k not in ("prompt", "model") and v is not None}
    values = (
        name,
        row.prompt or "",
        catalog.label(row.model) if row.model else "",
        params,
        usd(row.cost_micros) if row.cost_micros is not None else None,
        row.rating,
        list(row.labels),
        row.workspace or "",
        row.created_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        row.width,
        row.height,
        None if row.duration_ms is None else row.duration_ms / 1000,
        row.sha256,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _json(named: Sequence[tuple[str, Row[Any]]]) -> bytes:
    return json.dumps([_facts(*each) for each in named], ensure_ascii=False, indent=1).encode()


def _csv(named: Sequence[tuple[str, Row[Any]]]) -> bytes:
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for each in named:
        facts = _facts(*each)
        facts |= {
            "parameters": json.dumps(facts["parameters"], ensure_ascii=False),
            "labels": ", ".join(facts["labels"]),
        }
        table.writerow([plain(value) if isinstance(value, str) else value for value in facts.values()])
    return out.getvalue().encode()
