"""Every row of an account, table by table, as JSON lines; and a description that another program can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from studio.services import registry
from studio.services.exports.spool import Spool

# What a file tells of itself to its owner's gallery, one line each, oldest first.
_FILES = """
SELECT json_build_object(
  'id', a.id, 'key', a.object_key, 'size', a.size_bytes, 'crc32', a.crc32, 'sha256', a.sha256, 'mime', a.mime,
  'kind', a.kind, 'created_at', a.created_at, 'width', a.width, 'height', a.height, 'duration_ms', a.duration_ms,
  'prompt', b.prompt, 'model', b.model, 'params', b.params, 'position', g.position, 'charged_micros', g.charged_micros,
  'rating', a.rating, 'labels', (SELECT json_agg(l.name ORDER BY lower(l.name), l.id) FROM asset_labels al
    JOIN labels l ON l.id = al.label_id WHERE al.asset_id = a.id),
  'made_from', coalesce(
    (SELECT json_agg(i.asset_id ORDER BY i.position, i.role) FROM batch_inputs i WHERE i.batch_id = b.id),
    CASE WHEN a.derived_from IS NOT NULL THEN json_build_array(a.derived_from) END)
)::text FROM assets a LEFT JOIN generations g ON g.id = a.generation_id LEFT JOIN batches b ON b.id = g.batch_id
WHERE a.account_id = :account ORDER BY a.created_at, a.id
"""
_AT_ONCE = 500
_UNITS = {"_micros": "millionths of a US dollar", "_bytes": "bytes", "_ms": "milliseconds", "_seconds": "seconds"}
_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "datetime": "datetime", "date": "date"}


async def spool(session: AsyncSession, *, account_id: UUID, folder: Path) -> tuple[Mapping[str, Spool], Spool]:
    """All rows as {table: lines}, and the list of files, as one moment of the database shows them.

    The transaction must read one snapshot (REPEATABLE READ). Nothing is sent anywhere before it ends.
    """
    await session.execute(text("SET LOCAL TimeZone = 'UTC'"))
    found: dict[str, Spool] = {}
    for entity in registry.entities():
        if entity.owned_by is None or not entity.exported:
            continue
        columns = ", ".join(f'"{name}"' for name in entity.exported)
        order = ", ".join(f'"{column.name}"' for column in SQLModel.metadata.tables[entity.table].primary_key)
        rows = f"SELECT {columns} FROM {entity.table} WHERE {entity.owned_by} ORDER BY {order}"  # noqa: S608  # the registry's words
        found[entity.table] = await _stream(session, f"SELECT row_to_json(r)::text FROM ({rows}) r", account_id, folder)  # noqa: S608
    return found, await _stream(session, _FILES, account_id, folder)


async def picture(session: AsyncSession, *, account_id: UUID) -> str | None:
    """The object key of the person's own picture."""
    return await session.scalar(text("SELECT picture_key FROM accounts WHERE id = :account"), {"account": account_id})


async def _stream(session: AsyncSession, query: str, account_id: UUID, folder: Path) -> Spool:
    into = Spool(folder)
    result = await session.stream(text(query), {"account": account_id})
    async for rows in result.partitions(_AT_ONCE):
        into.write("".join(f"{row[0]}\n" for row in rows))
    return into


def package(*, name: str, created: str, tables: list[str]) -> str:
    """datapackage.json (Frictionless Data Package v1): each table's columns with type, unit and reason."""
    resources = [
        {
            "name": table,
            "path": f"data/{table}.jsonl",
            "format": "jsonl",
            "mediatype": "application/jsonl",
            "encoding": "utf-8",
            "schema": {"fields": [_field(entity, column) for column in entity.exported]},
        }
        for entity in registry.entities()
        if (table := entity.table) in tables
    ]
    described = {"profile": "data-package", "name": name, "created": created, "resources": resources}
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _field(entity: registry.Entity, column: str) -> dict[str, Any]:
    kind = SQLModel.metadata.tables[entity.table].columns[column].type
    try:
        said = _TYPES.get(kind.python_type.__name__, "string")
    except NotImplementedError:  # SQLAlchemy's word for a column type that no Python type stands for
        said = "any"
    if said == "string" and kind.__class__.__name__ in ("JSON", "JSONB", "ARRAY"):
        said = "any"
    field = {"name": column, "type": said, "description": f"Held {entity.columns[column].why}."}
    unit = next((words for ending, words in _UNITS.items() if column.endswith(ending)), None)
    return {**field, "unit": unit} if unit else field
