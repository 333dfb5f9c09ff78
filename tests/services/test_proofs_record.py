"""Thirty days of the proofs: a day that was red stays to be seen, operators hear of it once, and of silence as well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config
from studio.services import alarms, operators
from studio.services.proofs import PROOFS, Result, record

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
async def kept(session: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> AsyncSession:
    """No history yet, and two operators."""
    ours = replace(config.settings(), operators=("one@example.org", "two@example.org"))
    for module in (alarms, operators):
        monkeypatch.setattr(module, "settings", lambda: ours)
    await session.execute(text("DELETE FROM proof_results"))
    return session


def results(*, red: str = "", back: timedelta = timedelta()) -> list[Result]:
    return [Result(each.id, each.id != red, "3 of 3", NOW - back) for each in PROOFS]


async def letters(session: AsyncSession, like: str) -> list[Any]:
    found = await session.execute(
        text("SELECT recipient, category, data FROM mails WHERE dedupe_key LIKE :like ORDER BY recipient"),
        {"like": like},
    )
    return list(found.all())


async def test_what_turns_red_is_told_to_each_operator_once(kept: AsyncSession):
    assert await record.store(kept, results=results()) == []
    assert await record.store(kept, results=results(red="W1")) == ["W1"]
    assert await record.store(kept, results=results(red="W1")) == [], "it is red already"
    told = await letters(kept, "proof:W1:%")
    assert [(row.recipient, row.category) for row in told] == [
        ("one@example.org", "security"),
        ("two@example.org", "security"),
    ]
    assert "Promise W1 is not kept" in told[0].data["title"]


async def test_a_first_measurement_that_is_red_is_told_as_well(kept: AsyncSession):
    assert await record.store(kept, results=results(red="D1")) == ["D1"]


async def test_a_day_on_which_it_was_red_stays_to_be_seen(kept: AsyncSession):
    await record.store(kept, results=results(red="C1"))
    await record.store(kept, results=results())
    found = (await record.standing(kept))["C1"]
    assert found.last is not None
    assert found.last.ok
    assert (found.days[-1].runs, found.days[-1].failures) == (2, 1)
    assert len(found.days) == record.DAYS
    assert found.days[0].runs == 0


async def test_it_is_due_once_a_day_and_late_after_twenty_six_hours(kept: AsyncSession):
    assert await record.due(kept)
    assert await record.watch(kept) == [], "a new studio has time for its first run"
    await record.store(kept, results=results())
    assert not await record.due(kept)
    for hours, due, late in ((22, False, False), (24, True, False), (27, True, True)):
        await kept.execute(
            text("UPDATE proof_results SET checked_at = studio_now() - make_interval(hours => :h)"), {"h": hours}
        )
        assert await record.due(kept) is due, hours
        assert bool(await record.watch(kept)) is late, hours
        assert (await record.standing(kept))["D1"].late is late, hours
    assert len(await letters(kept, "proof:late:%")) == 2
    await record.watch(kept)
    assert len(await letters(kept, "proof:late:%")) == 2, "once a day"


async def test_one_promise_that_is_never_measured_is_late_as_well(kept: AsyncSession):
    await record.store(kept, results=[each for each in results() if each.id != "V1"])
    assert await record.watch(kept) == ["V1"]
    assert (await record.standing(kept))["V1"].last is None


async def test_history_is_kept_for_thirty_days(kept: AsyncSession):
    for back in (40, 30, 29, 1):
        await record.store(kept, results=results(back=timedelta(days=back)))
    await record.store(kept, results=results())
    days = await kept.scalars(text("SELECT DISTINCT day FROM proof_results ORDER BY day"))
    assert list(days) == [(NOW - timedelta(days=back)).date() for back in (29, 1, 0)]
