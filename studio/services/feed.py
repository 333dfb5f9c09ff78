"""What the studio page shows of a person's batches: one query for batches, one for tiles, one for pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound
from studio.services.byteplus.params import Params, params_from_json

PAGE = 12
MOST = 120


@dataclass(frozen=True)
class Output:
    """One place of a batch with its file, when there is one."""

    id: UUID
    batch_id: UUID
    position: int
    state: str
    created_at: datetime
    submitted_at: datetime | None
    unknown_at: datetime | None
    cancel_at: datetime | None
    ended_at: datetime | None
    reserved_micros: int
    charged_micros: int | None
    task_id: str | None
    tries: int
    error_code: str | None
    error_title: str | None
    error_message: str | None
    place: int
    asset_id: UUID | None
    width: int | None
    height: int | None
    duration_ms: int | None
    rating: int | None


@dataclass(frozen=True)
class Picture:
    """An input of a batch."""

    role: str
    asset_id: UUID


@dataclass(frozen=True)
class BatchRow:
    """One click of Generate."""

    id: UUID
    workspace_id: UUID
    kind: str
    model: str
    prompt: str
    params: Params
    created_at: datetime
    outputs: Sequence[Output]
    inputs: Sequence[Picture]


@dataclass(frozen=True)
class Counts:
    """What is on its way for an account."""

    running: int
    waiting: int
    unknown: int


_OUTPUTS = """
SELECT g.id, g.batch_id, g.position, g.state, g.created_at, g.submitted_at, g.unknown_at, g.cancel_at, g.ended_at,
  g.reserved_micros, g.charged_micros, g.task_id, g.tries, g.error_code, g.error_title, g.error_message,
  CASE WHEN g.state = 'queued' THEN (
    SELECT count(*) FROM generations q WHERE q.account_id = g.account_id AND q.state = 'queued'
      AND (q.created_at, q.position, q.id) <= (g.created_at, g.position, g.id)) ELSE 0 END AS place,
  a.id AS asset_id, a.width, a.height, a.duration_ms, a.rating
FROM generations g LEFT JOIN assets a ON a.generation_id = g.id
WHERE g.account_id = :account AND g.superseded_by IS NULL AND a.trashed_at IS NULL
"""


async def page(
    session: AsyncSession,
    *,
    actor: Actor,
    kind: str | None = None,
    before: UUID | None = None,
    limit: int = PAGE,
) -> Sequence[BatchRow]:
    """Batches of the active workspace, newest first; `before` is the last batch of the page above.

    A batch whose outputs are all in the trash is left out.
    """
    rows = await session.execute(
        text(
            "SELECT b.id, b.workspace_id, b.kind, b.model, b.prompt, b.params, b.created_at FROM batches b "
            "WHERE b.account_id = :account AND b.workspace_id = :workspace "
            "AND (CAST(:kind AS text) IS NULL OR b.kind = :kind) "
            "AND (CAST(:before AS uuid) IS NULL OR (b.created_at, b.id) < "
            "(SELECT p.created_at, p.id FROM batches p WHERE p.id = :before AND p.account_id = :account)) "
            "AND EXISTS (SELECT 1 FROM generations g LEFT JOIN assets a ON a.generation_id = g.id "
            "WHERE g.batch_id = b.id AND g.superseded_by IS NULL AND a.trashed_at IS NULL) "
            "ORDER BY b.created_at DESC, b.id DESC LIMIT :limit"
        ),
        {
            "account": actor.account_id,
            "workspace": actor.workspace_id,
            "kind": kind,
            "before": before,
            "limit": max(1, min(limit, MOST)),
        },
    )
    return await _filled(session, actor=actor, rows=rows.all())


async def batch(session: AsyncSession, *, actor: Actor, batch_id: UUID) -> BatchRow:
    """One batch. Raises NotFound when it is not this account's, or all of it is in the trash."""
    rows = await session.execute(
        text(
            "SELECT id, workspace_id, kind, model, prompt, params, created_at FROM batches "
            "WHERE id = :id AND account_id = :account"
        ),
        {"id": batch_id, "account": actor.account_id},
    )
    found = await _filled(session, actor=actor, rows=rows.all())
    if not found or not found[0].outputs:
        raise NotFound
    return found[0]


async def batch_of(session: AsyncSession, *, actor: Actor, generation_id: UUID) -> BatchRow:
    """The batch of a generation. Raises NotFound when it is not this account's."""
    batch_id = await session.scalar(
        text("SELECT batch_id FROM generations WHERE id = :id AND account_id = :account"),
        {"id": generation_id, "account": actor.account_id},
    )
    if batch_id is None:
        raise NotFound
    return await batch(session, actor=actor, batch_id=batch_id)


async def queue(session: AsyncSession, *, actor: Actor, limit: int = 40) -> Sequence[BatchRow]:
    """Batches of all workspaces of which something is on its way, the oldest first, with that alone."""
    ids = await session.scalars(
        text(
            "SELECT batch_id FROM generations WHERE account_id = :account AND ended_at IS NULL "
            "GROUP BY batch_id ORDER BY min(created_at), batch_id LIMIT :limit"
        ),
        {"account": actor.account_id, "limit": limit},
    )
    rows = await session.execute(
        text(
            "SELECT id, workspace_id, kind, model, prompt, params, created_at FROM batches "
            "WHERE account_id = :account AND id = ANY(:ids) ORDER BY created_at, id"
        ),
        {"account": actor.account_id, "ids": list(ids)},
    )
    found = await _filled(session, actor=actor, rows=rows.all())
    return [replace(row, outputs=[o for o in row.outputs if o.ended_at is None]) for row in found]


async def usual_seconds(session: AsyncSession, *, actor: Actor) -> Mapping[str, int]:
    """How long each model took for this person lately: the median in seconds, where there are three or more."""
    rows = await session.execute(
        text(
            "SELECT model, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - submitted_at)) "
            "AS seconds FROM (SELECT model, ended_at, submitted_at FROM generations WHERE account_id = :account "
            "AND state = 'succeeded' ORDER BY ended_at DESC LIMIT 100) lately GROUP BY model HAVING count(*) >= 3"
        ),
        {"account": actor.account_id},
    )
    return {row.model: max(1, round(row.seconds)) for row in rows}


async def counts(session: AsyncSession, *, actor: Actor) -> Counts:
    """How much runs, waits and is being looked up."""
    row = (
        await session.execute(
            text(
                "SELECT count(*) FILTER (WHERE state IN ('submitting', 'running', 'storing')) AS running, "
                "count(*) FILTER (WHERE state = 'queued') AS waiting, "
                "count(*) FILTER (WHERE state = 'unknown') AS unknown "
                "FROM generations WHERE account_id = :account AND ended_at IS NULL"
            ),
            {"account": actor.account_id},
        )
    ).one()
    return Counts(running=row.running, waiting=row.waiting, unknown=row.unknown)


async def _filled(session: AsyncSession, *, actor: Actor, rows: Sequence[Any]) -> Sequence[BatchRow]:
    values: Mapping[str, Any] = {"account": actor.account_id, "batches": [row.id for row in rows]}
    outputs: dict[UUID, list[Output]] = defaultdict(list)
    inputs: dict[UUID, list[Picture]] = defaultdict(list)
    if rows:
        for o in await session.execute(
            text(f"{_OUTPUTS} AND g.batch_id = ANY(:batches) ORDER BY g.position"),
            values,
        ):
            outputs[o.batch_id].append(Output(**o._mapping))
        for i in await session.execute(
            text(
                "SELECT batch_id, role, asset_id FROM batch_inputs "
                "WHERE account_id = :account AND batch_id = ANY(:batches) ORDER BY position"
            ),
            values,
        ):
            inputs[i.batch_id].append(Picture(role=i.role, asset_id=i.asset_id))
    return [
        BatchRow(
            id=row.id,
            workspace_id=row.workspace_id,
            kind=row.kind,
            model=row.model,
            prompt=row.prompt,
            params=params_from_json(row.params),
            created_at=row.created_at,
            outputs=outputs[row.id],
            inputs=inputs[row.id],
        )
        for row in rows
    ]
