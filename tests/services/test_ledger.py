"""The cap holds, every hold ends once, and the chain shows any change."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import SYSTEM, transaction
from studio.services import ledger
from tests.factories import Person, person

CENT = 10_000


async def hold(who: Person, amount: int, count: int = 1) -> list[ledger.Reservation]:
    ids = [uuid4() for _ in range(count)]
    async with transaction(who.actor) as session:
        month = await ledger.reserve(session, account_id=who.account_id, kind="image", amount=amount, reservations=ids)
    return [ledger.Reservation(each, who.account_id, month, "image", amount) for each in ids]


async def budget_of(who: Person) -> ledger.Budget:
    async with transaction(who.actor) as session:
        return await ledger.budget(session, account_id=who.account_id)


async def test_a_hold_counts_against_the_cap_until_it_is_settled_for_less():
    who = await person(cap_micros=100 * CENT)
    (reservation,) = await hold(who, 40 * CENT)
    assert (await budget_of(who)).left == 60 * CENT
    async with transaction(SYSTEM) as session:
        charged = await ledger.settle(session, reservation, charged=25 * CENT)
    after = await budget_of(who)
    assert (charged, after.held, after.spent, after.left) == (25 * CENT, 0, 25 * CENT, 75 * CENT)


async def test_a_charge_never_exceeds_what_was_held():
    who = await person()
    (reservation,) = await hold(who, 5 * CENT)
    async with transaction(SYSTEM) as session:
        assert await ledger.settle(session, reservation, charged=50 * CENT) == 5 * CENT


async def test_a_submit_above_the_cap_says_what_is_short_and_writes_nothing():
    who = await person(cap_micros=10 * CENT)
    await hold(who, 4 * CENT)
    with pytest.raises(ledger.CapReached) as refusal:
        await hold(who, 4 * CENT, count=2)
    assert refusal.value.message.startswith("This needs $0.08, you have $0.06. Your cap resets on 1 ")
    assert (await budget_of(who)).held == 4 * CENT
    async with transaction(who.actor) as session:
        assert await session.scalar(text("SELECT count(*) FROM ledger_entries")) == 1


async def test_forty_at_once_against_a_cap_for_ten_let_exactly_ten_through():
    who = await person(cap_micros=40 * CENT)
    results = await asyncio.gather(*(hold(who, 4 * CENT) for _ in range(40)), return_exceptions=True)
    refused = [r for r in results if isinstance(r, ledger.CapReached)]
    assert (len(results) - len(refused), len(refused)) == (10, 30)
    assert (await budget_of(who)).left == 0


async def test_a_reservation_is_closed_once_only():
    who = await person()
    (reservation,) = await hold(who, 4 * CENT)
    async with transaction(SYSTEM) as session:
        await ledger.release(session, reservation)
    with pytest.raises(IntegrityError):
        async with transaction(SYSTEM) as session:
            await ledger.settle(session, reservation, charged=CENT)
    assert (await budget_of(who)).spent == 0


async def test_two_that_close_the_same_reservation_at_once_have_one_winner():
    who = await person()
    (reservation,) = await hold(who, 4 * CENT)

    async def close(charge: bool) -> None:
        async with transaction(SYSTEM) as session:
            if charge:
                await ledger.settle(session, reservation, charged=4 * CENT)
            else:
                await ledger.release(session, reservation)

    results = await asyncio.gather(close(True), close(False), return_exceptions=True)
    assert sum(r is None for r in results) == 1
    assert (await budget_of(who)).held == 0


@pytest.mark.parametrize("statement", ["UPDATE ledger_entries SET amount_micros = 0", "DELETE FROM ledger_entries"])
async def test_no_role_can_change_or_remove_an_entry(someone: Person, statement: str):
    await hold(someone, CENT)
    for actor in (someone.actor, SYSTEM):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(actor) as session:
                await session.execute(text(statement))


async def test_the_check_sees_a_changed_amount_a_missing_entry_and_a_wrong_budget(session: AsyncSession):
    who = await person()
    first, second = await hold(who, CENT, count=2)
    async with transaction(SYSTEM) as own:
        await ledger.settle(own, first, charged=CENT)
        await ledger.release(own, second)
    clean = await ledger.check(session)
    assert clean.ok
    assert clean.entries >= 4
    owner = await session.connection()
    await owner.execute(text("SET ROLE NONE"))
    await owner.execute(text("ALTER TABLE ledger_entries DISABLE TRIGGER ledger_append_only"))
    key = {"key": f"reserve:{first.id}"}
    await owner.execute(text("UPDATE ledger_entries SET amount_micros = 1 WHERE idempotency_key = :key"), key)
    assert (await ledger.check(session)).broken == 1
    await owner.execute(text("DELETE FROM ledger_entries WHERE idempotency_key = :key"), key)
    assert (await ledger.check(session)).broken >= 1
    await owner.execute(
        text("UPDATE budgets SET spent_micros = 999 WHERE account_id = :account"), {"account": who.account_id}
    )
    assert (await ledger.check(session)).mismatched >= 1


def test_money_is_written_as_dollars_and_the_reset_is_the_first_of_next_month():
    shown = [ledger.dollars(m) for m in (0, 40_000, 45_000, 45_500, 767_109, 1_234_560_000)]
    assert shown == ["$0.00", "$0.04", "$0.045", "$0.046", "$0.77", "$1,234.56"]
    assert ledger.dollars(38_952_891, down=True) == "$38.95"
    december = ledger.Budget(month=date(2026, 12, 1), cap=5, held=1, spent=1)
    assert (december.resets, december.left) == (date(2027, 1, 1), 3)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["hold", "settle", "release"]), st.integers(1, 60)), max_size=25))
async def test_any_order_of_holds_settles_and_releases_keeps_budget_and_ledger_equal(
    session: AsyncSession, steps: list[tuple[str, int]]
):
    who = await person(cap_micros=100 * CENT)
    open_holds: list[ledger.Reservation] = []
    held = spent = 0
    for kind, cents in steps:
        if kind == "hold":
            try:
                open_holds += await hold(who, cents * CENT)
                held += cents * CENT
            except ledger.CapReached:
                assert held + spent + cents * CENT > 100 * CENT
        elif open_holds:
            reservation = open_holds.pop()
            held -= reservation.amount
            async with transaction(SYSTEM) as own:
                if kind == "settle":
                    spent += await ledger.settle(own, reservation, charged=cents * CENT)
                else:
                    await ledger.release(own, reservation)
        now = await budget_of(who)
        assert (now.held, now.spent) == (held, spent)
        assert now.held + now.spent <= now.cap
    assert (await ledger.check(session)).ok
    await session.rollback()
