"""Where an output comes from and what was made from it: reference → picture → first frame → clip → next clip.

Two kinds of steps: a request was given a file (`batch_inputs`), and a still was taken from a clip (`derived_from`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor

MOST = 60
DEEPEST = 20

# Up to the sources and down to what was made. `step` is negative above and positive below, the nearest where two ways
# lead to a file; a file is met once on each way, so a circle, which no request can make, would end too.
_QUERY = """
WITH RECURSIVE up(id, step, way) AS (
  SELECT CAST(:id AS uuid), 0, ARRAY[CAST(:id AS uuid)]
  UNION ALL
  SELECT s.id, up.step - 1, up.way || s.id FROM up JOIN assets a ON a.id = up.id CROSS JOIN LATERAL (
    SELECT i.asset_id AS id FROM batch_inputs i WHERE i.batch_id = a.batch_id AND i.account_id = :account
    UNION SELECT a.derived_from WHERE a.derived_from IS NOT NULL) s
  WHERE up.step > -:deepest AND s.id <> ALL(up.way)
), down(id, step, way) AS (
  SELECT CAST(:id AS uuid), 0, ARRAY[CAST(:id AS uuid)]
  UNION ALL
  SELECT s.id, down.step + 1, down.way || s.id FROM down CROSS JOIN LATERAL (
    SELECT o.id FROM batch_inputs i JOIN assets o ON o.batch_id = i.batch_id
    WHERE i.asset_id = down.id AND i.account_id = :account
    UNION SELECT f.id FROM assets f WHERE f.derived_from = down.id) s
  WHERE down.step < :deepest AND s.id <> ALL(down.way)
), met AS (
  SELECT DISTINCT ON (id) id, step FROM (SELECT id, step FROM up UNION SELECT id, step FROM down) every
  ORDER BY id, abs(step)
)
SELECT a.id, a.generation_id, a.kind, a.width, a.height, a.duration_ms, a.created_at, m.step,
  coalesce(a.cost_micros, 0) AS cost_micros, a.derived_from IS NOT NULL AS still,
  (SELECT min(i.role) FROM batch_inputs i WHERE i.asset_id = a.id AND i.account_id = :account) AS used_as
FROM met m JOIN assets a ON a.id = m.id
WHERE a.account_id = :account AND (a.trashed_at IS NULL OR a.id = :id)
ORDER BY m.step, a.created_at, a.id LIMIT :most
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
    """The steps in order, and what the output and everything that led to it cost."""

    steps: Sequence[Step]
    so_far_micros: int


async def of(session: AsyncSession, *, actor: Actor, asset_id: UUID) -> Line:
    """The line of one output; a single step when nothing led to it and nothing came of it. Empty when it is gone."""
    rows = await session.execute(
        text(_QUERY), {"id": asset_id, "account": actor.account_id, "deepest": DEEPEST, "most": MOST}
    )
    steps = [Step(**row._mapping) for row in rows]
    return Line(steps=steps, so_far_micros=sum(each.cost_micros for each in steps if each.step <= 0))
