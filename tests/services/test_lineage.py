"""Where an output comes from, when much led to it: each file is met once, and the cost counts all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services import lineage
from tests.factories import Person
from tests.library_rows import Made, fill


async def layered(who: Person, layers: int, *, wide: int = 4) -> list[list[UUID]]:
    """Layers of outputs, the newest last; each is made from all of the layer before. Output n costs n + 1 micros."""
    made = [Made(days_ago=layers - at // wide, cost=at + 1) for at in range(layers * wide)]
    ids = await fill(who, made)
    rows = [ids[at : at + wide] for at in range(0, len(ids), wide)]
    async with transaction(SYSTEM) as session:
        for above, below in pairwise(rows):
            await session.execute(
                text(
                    "INSERT INTO batch_inputs (batch_id, role, position, account_id, asset_id) "
                    "SELECT a.batch_id, 'reference', u.place, a.account_id, u.id FROM assets a "
                    "CROSS JOIN unnest(CAST(:above AS uuid[])) WITH ORDINALITY u(id, place) WHERE a.id = ANY(:below)"
                ),
                {"above": above, "below": below},
            )
    return rows


async def line_of(who: Person, asset_id: UUID) -> lineage.Line:
    async with transaction(who.actor) as session:
        return await lineage.of(session, actor=who.actor, asset_id=asset_id)


def steps(line: lineage.Line) -> Sequence[tuple[UUID, int]]:
    return [(each.id, each.step) for each in line.steps]


async def test_each_file_is_met_once_however_many_ways_lead_to_it(someone: Person):
    rows = await layered(someone, 12)  # four million ways from the last to the first
    began = time.monotonic()
    line = await line_of(someone, rows[11][2])
    assert time.monotonic() - began < 0.5
    assert set(steps(line)) == {(rows[11][2], 0)} | {(i, at - 11) for at in range(11) for i in rows[at]}
    assert line.so_far_micros == sum(range(1, 45)) + 47
    between = await line_of(someone, rows[3][0])
    assert set(steps(between)) == {(rows[3][0], 0)} | {(i, at - 3) for at in range(12) if at != 3 for i in rows[at]}
    assert between.so_far_micros == sum(range(1, 14))


async def test_a_long_line_shows_what_is_nearest_and_its_cost_counts_everything(someone: Person):
    rows = await layered(someone, 25)
    line = await line_of(someone, rows[24][1])
    assert len(line.steps) == lineage.MOST
    assert steps(line)[-1] == (rows[24][1], 0), "the output itself is always there"
    assert {each.step for each in line.steps} == set(range(-15, 1))
    assert line.so_far_micros == sum(range(1, 97)) + 98


async def test_what_is_in_the_trash_is_not_shown_and_was_paid_for_all_the_same(someone: Person):
    rows = await layered(someone, 3, wide=2)
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE assets SET trashed_at = studio_now() WHERE id = ANY(:ids)"), {"ids": [*rows[1], rows[2][0]]}
        )
    line = await line_of(someone, rows[2][0])
    assert set(steps(line)) == {(rows[0][0], -2), (rows[0][1], -2), (rows[2][0], 0)}
    assert line.so_far_micros == 1 + 2 + 3 + 4 + 5


async def test_a_line_that_takes_too_long_is_left_out_and_nothing_else(
    someone: Person, monkeypatch: pytest.MonkeyPatch
):
    rows = await layered(someone, 2, wide=1)
    monkeypatch.setattr(lineage, "PATIENCE", "30ms")
    monkeypatch.setattr(lineage, "_COST", "SELECT 1 FROM pg_sleep(5)")
    async with transaction(someone.actor) as session:
        line = await lineage.of(session, actor=someone.actor, asset_id=rows[1][0])
        assert (line.steps, line.so_far_micros) == ([], 0)
        assert await session.scalar(text("SHOW statement_timeout")) == "0", "the transaction goes on as it was"
