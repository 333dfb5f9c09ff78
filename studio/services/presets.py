"""Parameters under a name, for each workspace, and the draft: what its composer holds just now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import Actor
from studio.errors import Conflict, NotFound, ValidationError

CHANGED = "presets"
MOST = 60
LONGEST_NAME = 60


class NameTaken(Conflict):
    """There is a preset of that name here already. Choose another name."""

    code = "preset_name"


class TooManyPresets(ValidationError):
    """A workspace holds 60 presets. Delete one that is not used any more."""

    code = "presets_full"


@dataclass(frozen=True)
class Preset:
    """Named parameters, as the composer wrote them."""

    id: UUID
    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Draft:
    """What a workspace's composer held when it was saved."""

    content: Mapping[str, Any]
    saved_at: datetime


def storable(words: str) -> str:
    """Text without the few characters that Postgres does not store."""
    return words.replace("\x00", "").encode("utf-8", "ignore").decode()


def _name(value: str) -> str:
    name = " ".join(storable(value).split())
    if not name:
        raise ValidationError("Give the preset a name.")
    if len(name) > LONGEST_NAME:
        raise ValidationError(f"A name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
    return name


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[Preset]:
    """The presets of the active workspace by name."""
    rows = await session.execute(
        text(
            "SELECT id, name, settings FROM presets WHERE account_id = :account AND workspace_id = :workspace "
            "ORDER BY lower(name) LIMIT :most"
        ),
        {"account": actor.account_id, "workspace": actor.workspace_id, "most": MOST},
    )
    return [Preset(**row._mapping) for row in rows]


async def get(session: AsyncSession, *, actor: Actor, preset_id: UUID) -> Preset:
    """One preset of the active workspace. Raises NotFound."""
    row = (
        await session.execute(
            text(
                "SELECT id, name, settings FROM presets "
                "WHERE id = :id AND account_id = :account AND workspace_id = :workspace"
            ),
            {"id": preset_id, "account": actor.account_id, "workspace": actor.workspace_id},
        )
    ).one_or_none()
    if row is None:
        raise NotFound("That preset is not there any more.")
    return Preset(**row._mapping)


async def save(session: AsyncSession, *, actor: Actor, name: str, settings: Mapping[str, Any]) -> None:
    """Keep parameters under a name; those of the same name are replaced.

    Raises:
        ValidationError: the name does not fit.
        TooManyPresets: there are 60 of other names.
    """
    name = _name(name)
    others = await session.scalar(
        text(
            "SELECT count(*) FROM presets WHERE account_id = :account AND workspace_id = :workspace AND lower(name) "
            "<> lower(:name)"
        ),
        {"account": actor.account_id, "workspace": actor.workspace_id, "name": name},
    )
    if others >= MOST:
        raise TooManyPresets
    await session.execute(
        text(
            "INSERT INTO presets (id, account_id, workspace_id, name, settings) "
            "VALUES (:id, :account, :workspace, :name, CAST(:settings AS jsonb)) "
            "ON CONFLICT (workspace_id, lower(name)) DO UPDATE SET name = excluded.name, settings = excluded.settings"
        ),
        {
            "id": uuid4(),
            "account": actor.account_id,
            "workspace": actor.workspace_id,
            "name": name,
            "settings": json.dumps(dict(settings)),
        },
    )
    await queue.notify(session, actor.account_id, CHANGED)


async def rename(session: AsyncSession, *, actor: Actor, preset_id: UUID, name: str) -> None:
    """Give a preset another name. Raises NotFound, ValidationError, NameTaken."""
    try:
        async with session.begin_nested():
            found = await session.scalar(
                text(
                    "UPDATE presets SET name = :name WHERE id = :id AND account_id = :account "
                    "AND workspace_id = :workspace RETURNING true"
                ),
                {
                    "id": preset_id,
                    "account": actor.account_id,
                    "workspace": actor.workspace_id,
                    "name": _name(name),
                },
            )
    except IntegrityError:
        raise NameTaken from None
    if not found:
        raise NotFound("That preset is not there any more.")
    await queue.notify(session, actor.account_id, CHANGED)


async def delete(session: AsyncSession, *, actor: Actor, preset_id: UUID) -> None:
    """Take a preset away; one that is gone already stays gone."""
    await session.execute(
        text("DELETE FROM presets WHERE id = :id AND account_id = :account AND workspace_id = :workspace"),
        {"id": preset_id, "account": actor.account_id, "workspace": actor.workspace_id},
    )
    await queue.notify(session, actor.account_id, CHANGED)


async def draft(session: AsyncSession, *, actor: Actor) -> Draft | None:
    """What the composer of the active workspace held last, on whichever device."""
    row = (
        await session.execute(
            text("SELECT content, saved_at FROM drafts WHERE workspace_id = :workspace AND account_id = :account"),
            {"workspace": actor.workspace_id, "account": actor.account_id},
        )
    ).one_or_none()
    return Draft(**row._mapping) if row else None


async def save_draft(session: AsyncSession, *, actor: Actor, content: Mapping[str, Any]) -> datetime | None:
    """Keep what the composer holds; the last one to write wins.

    Returns when, by the database's clock, or None: the workspace is not there any more.
    """
    return await session.scalar(
        text(
            "INSERT INTO drafts (workspace_id, account_id, content) "
            "SELECT id, account_id, CAST(:content AS jsonb) FROM workspaces WHERE id = :workspace "
            "AND account_id = :account "
            "ON CONFLICT (workspace_id) DO UPDATE SET content = excluded.content, saved_at = studio_now() "
            "RETURNING saved_at"
        ),
        {
            "workspace": actor.workspace_id,
            "account": actor.account_id,
            "content": json.dumps(dict(content)),
        },
    )
