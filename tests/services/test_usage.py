"""Counts of use: by day under a number, 90 days, then sums; an experiment's sums know no number at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.pages.welcome import HEADLINES
from studio.services import experiments, usage
from studio.services.experiments import LANDING, Assignment


async def test_uses_add_up_by_day_and_are_forgotten_with_their_number(session: AsyncSession):
    mine, yours = uuid4(), uuid4()
    for number, page in ((mine, "/"), (mine, "/"), (mine, "/library/"), (yours, "/")):
        await usage.count(session, number=number, name=usage.page_name(page))
    await usage.count(session, number=mine, name="feature:Generate")
    found = await usage.report(session)
    assert [(row.name, row.uses, row.visitors) for row in found.pages] == [("Studio", 3, 2), ("Library", 1, 1)]
    assert [(row.name, row.uses) for row in found.features] == [("Generate", 1)]
    assert (len(found.days), found.days[-1].views, found.days[-1].visitors) == (30, 4, 2)
    assert found.days[-1].day == datetime.now(UTC).date()
    await usage.forget(session, number=mine)
    assert [(row.name, row.uses) for row in (await usage.report(session)).pages] == [("Studio", 1)]


@pytest.mark.parametrize("path", ["/private/words", "", "/welcome?x=1", "//evil", "x" * 5000])
def test_only_known_pages_have_a_name(path: str):
    assert usage.page_name(path) in ("page:Other pages", "page:Studio")


async def test_after_90_days_only_sums_are_left(session: AsyncSession):
    today = datetime.now(UTC).date()
    for visitor in (uuid4(), uuid4()):
        for age, uses in ((89, 1), (90, 2), (91, 3), (200, 4)):
            await session.execute(
                text("INSERT INTO usage_counts VALUES (:visitor, :day, 'page:Studio', :uses)"),
                {"visitor": visitor, "day": today - timedelta(days=age), "uses": uses},
            )
    for _ in range(2):
        await usage.aggregate(session)
    oldest = await session.scalar(text("SELECT min(day) FROM usage_counts"))
    assert oldest == today - timedelta(days=90)
    totals = await session.execute(text("SELECT day, visitors, uses FROM usage_totals ORDER BY day DESC"))
    assert [((today - row.day).days, row.visitors, row.uses) for row in totals] == [(91, 2, 6), (200, 2, 8)]


async def test_an_arm_is_counted_once_for_a_browser_and_a_start_only_after_it_was_seen(session: AsyncSession):
    fresh = Assignment("landing", "price")
    assert await experiments.note(session, assignment=fresh, event="start") is None
    seen = await experiments.note(session, assignment=fresh, event="view")
    assert seen is not None
    assert seen.value == "landing.price.v"
    assert await experiments.note(session, assignment=seen, event="view") is None
    begun = await experiments.note(session, assignment=seen, event="start")
    assert begun is not None
    assert begun.value == "landing.price.vs"
    assert await experiments.note(session, assignment=begun, event="start") is None
    found = {row.arm: (row.views, row.starts) for row in await experiments.report(session)}
    assert found == {"work": (0, 0), "price": (1, 1)}


@pytest.mark.parametrize("value", ["landing.work.", "landing.price.v", "landing.price.vs"])
def test_a_cookie_of_ours_is_read_as_it_was_written(value: str):
    found = experiments.read(value)
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize("value", [None, "", "landing", "landing.other.", "x.work.", "landing.work.q", "a.b.c.d"])
def test_any_other_cookie_is_no_assignment(value: str | None):
    assert experiments.read(value) is None


def test_both_arms_come_up_and_the_page_has_the_words_of_each():
    assert {experiments.assign().arm for _ in range(200)} == {"work", "price"}
    assert LANDING.arms == HEADLINES
