"""Where an output comes from and what was made from it: reference → picture → first frame → clip → next clip.

Two kinds of steps: a request was given a file (`batch_inputs`), and a still was taken from a clip (`derived_from`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor

log = logging.getLogger("studio")

MOST = 60  # files of a line that are shown, the nearest ones
DEEPEST = 20  # steps that are followed for them
WIDEST = 500  # files of one step
PATIENCE = "1s"  # for each query; a line that takes longer is left out, never the details around it
CANCELED = "57014"  # SQLSTATE of a query that took too long

# One step up to the sources and one down to what was made, of files that were not met nearer by.
_NEXT = """
SELECT s.id, s.way, a.trashed_at IS NULL AS kept FROM (
  SELECT i.asset_id AS id, -1 AS way FROM assets a JOIN batch_inputs i ON i.batch_id = a.batch_id
    WHERE a.id = ANY(:above) AND i.account_id = :account
  UNION SELECT a.derived_from, -1 FROM assets a WHERE a.id = ANY(:above) AND a.derived_from IS NOT NULL
  UNION SELECT o.id, 1 FROM batch_inputs i JOIN assets o ON o.batch_id = i.batch_id
    WHERE i.asset_id = ANY(:below) AND i.account_id = :account
  UNION SELECT f.id, 1 FROM assets f WHERE f.derived_from = ANY(:below)) s
JOIN assets a ON a.id = s.id
WHERE a.account_id = :account AND s.id <> ALL(:met)
ORDER BY s.way, a.created_at, a.id LIMIT :widest
"""
# Everything that led to a file, each once however many ways lead there, and however deep or in the trash it is.
_COST = """
WITH RECURSIVE up(id) AS (
  SELECT CAST(:id AS uuid)
  UNION
  SELECT s.id FROM up JOIN assets a ON a.id = up.id CROSS JOIN LATERAL (
    SELECT i.asset_id AS id FROM batch_inputs i WHERE i.batch_id = a.batch_id AND i.account_id = :account
    UNION ALL SELECT a.derived_from WHERE a.derived_from IS NOT NULL) s
)
SELECT coalesce(sum(a.cost_micros), 0)::bigint FROM up JOIN assets a ON a.id = up.id WHERE a.account_id = :account
"""
_ROWS = """
SELECT a.id, a.generation_id, a.kind, a.width, a.height, a.duration_ms, a.created_at,
  coalesce(a.cost_micros, 0) AS cost_micros, a.derived_from IS NOT NULL AS still,
  (SELECT min(i.role) FROM batch_inputs i WHERE i.asset_id = a.id AND i.account_id = :account) AS used_as
FROM assets a WHERE a.account_id = :account AND a.id = ANY(:ids)
"""


@dataclass(frozen=True)
class Step:
    """One file of the line. `step` counts requests and stills from the output that was asked about.

    It is 0 there and negative above. `used_as` is the role it has in a later request; `still`: it is taken from a clip.
    """

    id: UUID
    generation_id: UUID | None
    kind: str
    width: int
    height: int
    duration_ms: int | None
    created_at: datetime
    step: int
    cost_micros: int
    still: bool
    used_as: str | None


@dataclass(frozen=True)
class Line:
    """The nearest steps in order, and what the output and everything that led to it cost."""

    steps: Sequence[Step]
    so_far_micros: int


async def of(session: AsyncSession, *, actor: Actor, asset_id: UUID) -> Line:
    """The line of one output; a single step when nothing led to it and nothing came of it. Empty when it is gone.

    It is empty as well when the database had no time for it.
    """
    try:
        async with session.begin_nested():
            await session.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE}'"))
            steps = await _nearest(session, actor, asset_id)
            known = {"account": actor.account_id, "id": asset_id, "ids": list(steps)}
            rows = [Step(**row._mapping, step=steps[row.id]) for row in await session.execute(text(_ROWS), known)]
            so_far = await session.scalar(text(_COST), known)
            await session.execute(text("SET LOCAL statement_timeout TO DEFAULT"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != CANCELED:
            raise
        log.warning("The line of an output was left out: it took more than %s.", PATIENCE)
        return Line(steps=[], so_far_micros=0)
    return Line(steps=sorted(rows, key=lambda each: (each.step, each.created_at, each.id)), so_far_micros=so_far or 0)


async def _nearest(session: AsyncSession, actor: Actor, asset_id: UUID) -> dict[UUID, int]:
    """The file itself and what is nearest to it: a file's step, where it is met first. What is in the trash is passed.

    Each file is met once, so the work grows with the files, not with the ways between them.
    """
    met, shown = {asset_id: 0}, {asset_id: 0}
    above = below = [asset_id]
    for step in range(1, DEEPEST + 1):
        values = {"account": actor.account_id, "above": above, "below": below, "met": list(met), "widest": WIDEST}
        rows = (await session.execute(text(_NEXT), values)).all()
        above, below = ([row.id for row in rows if row.way == way] for way in (-1, 1))
        for row in rows:
            met[row.id] = row.way * step
            if row.kept and len(shown) < MOST:
                shown[row.id] = met[row.id]
        if not rows or len(shown) == MOST:
            break
    return shown
