"""A month's figures are its ledger's; people set their own cap within the operator's ceiling; rows stay their own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.errors import NotFound, ValidationError
from studio.services import generations, ledger, sessions, spend
from tests.factories import IMAGE_MODEL, Person, image, person, submitted

CENT = 10_000
DOLLAR = 100 * CENT


def this_month() -> date:
    return datetime.now(UTC).date().replace(day=1)


async def closed(who: Person, made: generations.Submitted, *charges: int | None) -> None:
    """Settle the outputs of a batch one by one; None releases."""
    async with transaction(SYSTEM) as session:
        for each, charge in zip(made.generation_ids, charges, strict=False):
            held = ledger.Reservation(each, who.account_id, this_month(), "image", 4 * CENT)
            if charge is None:
                await ledger.release(session, held)
            else:
                await ledger.settle(session, held, charged=charge)


async def read(who: Person) -> spend.Month:
    async with transaction(who.actor) as session:
        return await spend.month(session, actor=who.actor, month=this_month())


async def sign_in_again(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=who.identity.session_id)


async def set_cap(who: Person, micros: int, *, fresh: bool = True) -> ledger.Budget:
    if fresh:
        await sign_in_again(who)
    async with transaction(who.actor) as session:
        return await spend.set_cap(session, actor=who.actor, cap_micros=micros)


async def test_a_month_adds_up_charges_by_day_and_model_and_says_what_was_not_charged(someone: Person):
    made = await submitted(someone, image(count=3))
    await closed(someone, made, 4 * CENT, 3 * CENT, None)
    await submitted(someone, image())
    found = await read(someone)
    assert [(d.model, d.kind, d.micros, d.outputs) for d in found.days] == [(IMAGE_MODEL, "image", 7 * CENT, 2)]
    assert found.days[0].day == found.today
    assert (found.released_micros, found.failed, found.cancelled) == (4 * CENT, 1, 0)
    assert (found.budget.spent, found.budget.held) == (7 * CENT, 4 * CENT)
    assert sum(d.micros for d in found.days) == found.budget.spent
    assert found.models == [IMAGE_MODEL]


async def test_a_charge_that_was_given_back_no_longer_counts_on_its_day(someone: Person):
    made = await submitted(someone, image())
    await closed(someone, made, 4 * CENT)
    async with transaction(SYSTEM) as session:
        held = ledger.Reservation(made.generation_ids[0], someone.account_id, this_month(), "image", 4 * CENT)
        await ledger.reverse(session, held, charged=4 * CENT)
    found = await read(someone)
    assert sum(d.micros for d in found.days) == found.budget.spent == 0


async def test_the_ledger_says_what_each_entry_did_to_the_hold_and_joins_what_is_still_there(someone: Person):
    made = await submitted(someone, image("a paper lantern", count=2))
    await closed(someone, made, 3 * CENT, None)
    async with transaction(someone.actor) as session:
        rows = await spend.entries(session, actor=someone.actor, month=this_month())
    told = [(row.kind, row.amount_micros, row.held_micros, row.position, row.total, row.prompt) for row in rows]
    lantern = "a paper lantern"
    assert told == [
        ("release", 4 * CENT, -4 * CENT, 2, 2, lantern),
        ("settle", 3 * CENT, -4 * CENT, 1, 2, lantern),
        ("reserve", 4 * CENT, 4 * CENT, 2, 2, lantern),
        ("reserve", 4 * CENT, 4 * CENT, 1, 2, lantern),
    ]
    async with transaction(someone.actor) as session:
        await session.execute(text("DELETE FROM batches WHERE id = :id"), {"id": made.batch_id})
        bare = await spend.entries(session, actor=someone.actor, month=this_month())
    assert [(row.amount_micros, row.prompt, row.model, row.asset_id) for row in bare] == [
        (row.amount_micros, None, None, None) for row in rows
    ]


async def test_filters_and_pages_find_every_entry_once(someone: Person):
    made = await submitted(someone, image(count=5))
    await closed(someone, made, CENT, CENT, None)
    month = this_month()
    async with transaction(someone.actor) as session:
        for kind, count in (("reserve", 5), ("settle", 2), ("release", 1), ("reverse", 0), (None, 8)):
            assert await spend.count(session, actor=someone.actor, month=month, kind=kind) == count
        assert await spend.count(session, actor=someone.actor, month=month, model="another-model") == 0
        everything = await spend.entries(session, actor=someone.actor, month=month)
        by_offset = [
            row.seq
            for offset in (0, 3, 6)
            for row in await spend.entries(session, actor=someone.actor, month=month, offset=offset, limit=3)
        ]
        first = await spend.entries(session, actor=someone.actor, month=month, limit=3)
        rest = await spend.entries(session, actor=someone.actor, month=month, before=first[-1].seq)
    assert by_offset == [row.seq for row in everything] == [row.seq for row in (*first, *rest)]


async def test_nobody_sees_anothers_entries_or_months(someone: Person, other: Person):
    await closed(other, await submitted(other, image("theirs")), 4 * CENT)
    found = await read(someone)
    assert (list(found.days), found.released_micros, found.budget.spent) == ([], 0, 0)
    async with transaction(SYSTEM) as session:  # even where no policy helps, the query names the account
        assert list(await spend.entries(session, actor=someone.actor, month=this_month())) == []
        assert await spend.count(session, actor=someone.actor, month=this_month()) == 0


async def test_the_months_are_those_with_a_budget_and_others_are_not_there(someone: Person):
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("INSERT INTO budgets (account_id, month, cap_micros) VALUES (:id, '2025-02-01', 5)"),
            {"id": someone.account_id},
        )
    async with transaction(someone.actor) as session:
        assert list(await spend.months(session, actor=someone.actor)) == [this_month(), date(2025, 2, 1)]
        assert (await spend.month(session, actor=someone.actor, month=date(2025, 2, 1))).budget.cap == 5
        with pytest.raises(NotFound):
            await spend.month(session, actor=someone.actor, month=date(2025, 3, 1))


async def test_a_lower_cap_holds_at_once_and_below_what_is_used_stops_new_work():
    who = await person(cap_micros=DOLLAR)
    await submitted(who, image(count=2))
    assert (await set_cap(who, 5 * CENT)).left == -3 * CENT
    with pytest.raises(ledger.CapReached) as refused:
        await submitted(who, image())
    assert "you have $0.00" in refused.value.message
    assert (await set_cap(who, 0)).cap == 0
    assert (await set_cap(who, DOLLAR)).left == 92 * CENT
    await submitted(who, image())


async def test_a_cap_is_raised_to_the_operators_ceiling_and_no_further(someone: Person):
    ceiling = config.settings().max_cap_micros
    assert (await set_cap(someone, ceiling)).cap == ceiling
    before = await read(someone)
    with pytest.raises(spend.CapTooHigh, match=r"\$500\.00 is the highest cap here"):
        await set_cap(someone, ceiling + 1)
    with pytest.raises(ValidationError):
        await set_cap(someone, -1)
    assert (await read(someone)).budget == before.budget
    async with transaction(SYSTEM) as session:
        kept = await session.scalar(text("SELECT cap_micros FROM accounts WHERE id = :id"), {"id": someone.account_id})
    assert kept == ceiling


async def test_a_cap_that_the_operator_set_above_the_ceiling_may_still_be_lowered():
    ceiling = config.settings().max_cap_micros
    who = await person(cap_micros=ceiling + 10 * DOLLAR)
    assert (await set_cap(who, ceiling + DOLLAR)).cap == ceiling + DOLLAR
    with pytest.raises(spend.CapTooHigh):
        await set_cap(who, ceiling + 2 * DOLLAR)


async def test_only_a_raise_asks_for_a_sign_in_within_the_last_ten_minutes(someone: Person):
    await set_cap(someone, 10 * DOLLAR, fresh=False)
    with pytest.raises(sessions.ReauthNeeded):
        await set_cap(someone, 20 * DOLLAR, fresh=False)
    assert (await read(someone)).budget.cap == 10 * DOLLAR
    await sign_in_again(someone)
    assert (await set_cap(someone, 20 * DOLLAR, fresh=False)).cap == 20 * DOLLAR
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE sessions SET reauth_at = reauth_at - interval '10 minutes' WHERE id = :id"),
            {"id": someone.identity.session_id},
        )
    with pytest.raises(sessions.ReauthNeeded):
        await set_cap(someone, 30 * DOLLAR, fresh=False)


@pytest.mark.parametrize(
    ("typed", "micros"),
    [("40", 40 * DOLLAR), (" $12.50 ", 1250 * CENT), ("0", 0), ("1,000", 1000 * DOLLAR), ("0.5", 50 * CENT)],
)
def test_an_amount_is_read_as_it_is_written(typed: str, micros: int):
    assert spend.parse_usd(typed) == micros


@pytest.mark.parametrize(
    "typed", ["", "$", "-1", "1e3", "12,50", "0.001", "NaN", "١٢", "4 0", "9" * 40, "=1+1", "1.", "∞"]
)
def test_anything_else_is_refused_with_an_example(typed: str):
    with pytest.raises(ValidationError, match=r"such as 40 or 12\.50"):
        spend.parse_usd(typed)


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-1", "1999-01", "2026-01-01", "2026-01\n", "x" * 99])
def test_what_is_no_month_is_not_found(month: str):
    with pytest.raises(NotFound):
        spend.parse_month(month)


async def test_alerts_are_all_on_at_first_and_turn_off_and_on_one_by_one(someone: Person, other: Person):
    async with transaction(someone.actor) as session:
        assert await spend.alerts(session, actor=someone.actor) == [50, 80, 100]
        await spend.set_alert(session, actor=someone.actor, percent=80, on=False)
        await spend.set_alert(session, actor=someone.actor, percent=80, on=False)
        assert await spend.alerts(session, actor=someone.actor) == [50, 100]
        await spend.set_alert(session, actor=someone.actor, percent=80, on=True)
        await spend.set_alert(session, actor=someone.actor, percent=80, on=True)
        assert await spend.alerts(session, actor=someone.actor) == [50, 80, 100]
        await spend.set_alert(session, actor=someone.actor, percent=50, on=False)
        with pytest.raises(ValidationError):
            await spend.set_alert(session, actor=someone.actor, percent=60, on=True)
    async with transaction(other.actor) as session:
        assert await spend.alerts(session, actor=other.actor) == [50, 80, 100]


async def test_a_charge_after_midnight_of_the_last_day_stays_in_the_month_it_was_held_in(someone: Person):
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                "INSERT INTO budgets (account_id, month, cap_micros, spent_micros) "
                "VALUES (:id, '2026-01-01', :cent, :cent)"
            ),
            {"id": someone.account_id, "cent": CENT},
        )
        held = ledger.Reservation(uuid4(), someone.account_id, date(2026, 1, 1), "video", CENT)
        await ledger._append(session, "reserve", [(held, CENT)])
        await ledger._append(session, "settle", [(held, CENT)])
    async with transaction(someone.actor) as session:
        found = await spend.month(session, actor=someone.actor, month=date(2026, 1, 1))
    assert [(d.day, d.model, d.kind, d.micros) for d in found.days] == [(date(2026, 1, 31), None, "video", CENT)]
