"""The outbox: a mail is part of its transaction, and says only what its template knows."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import SYSTEM, transaction
from studio.errors import ValidationError
from studio.services import devices, ledger, mail, mail_events, mail_outbox, sessions, spend
from tests.factories import Person, person
from tests.fixtures_mail import rows_of

CENT = 10_000


def address() -> str:
    return f"{uuid4().hex}@example.org"


async def write(who: Person, to: str, **rest: Any) -> Any:
    async with transaction(who.actor) as session:
        return await mail.enqueue(session, account_id=who.account_id, to=to, template="welcome", data={}, **rest)


async def test_a_mail_is_written_with_its_cause_and_has_one_message_id(someone: Person):
    to = address()
    mail_id = await write(someone, to, category="account")
    (row,) = await rows_of(to)
    assert (row.id, row.state, row.tries, row.category) == (mail_id, "queued", 0, "account")
    assert row.message_id == f"<{mail_id}@example.com>"


async def test_a_rollback_leaves_no_mail(someone: Person):
    to = address()

    async def fails_after_asking_for_mail() -> None:
        async with transaction(someone.actor) as session:
            await mail.enqueue(session, account_id=someone.account_id, to=to, template="welcome", data={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails_after_asking_for_mail()
    assert await rows_of(to) == []


async def test_a_dedupe_key_lets_one_of_many_at_once_through(someone: Person):
    to = address()
    made = await asyncio.gather(*(write(someone, to, dedupe_key="k") for _ in range(12)))
    assert sum(mail_id is not None for mail_id in made) == 1
    assert len(await rows_of(to)) == 1


async def test_two_accounts_may_have_the_same_dedupe_key(someone: Person, other: Person):
    to = address()
    assert await write(someone, to, dedupe_key="k")
    assert await write(other, to, dedupe_key="k")


async def test_a_mail_without_an_account_is_deduplicated_as_well(session: AsyncSession):
    data = {"receipt": "r", "removed": "1 picture", "signature": "s"}
    made = [
        await mail.enqueue(session, account_id=None, to=address(), template="deletion_done", data=data, dedupe_key="x9")
        for _ in range(2)
    ]
    assert made[1] is None


@pytest.mark.parametrize(
    ("template", "data"),
    [
        ("nothing", {}),
        ("welcome", {"name": "x"}),
        ("signin", {}),
        ("signin", {"at": "yesterday"}),
        ("signin", {"at": "2026-11-01T10:00:00"}),  # no zone
        ("email_confirm", {"link": "https://evil.example/x"}),
        ("email_confirm", {"link": "//evil.example/x"}),
        ("email_confirm", {"link": "/x\r\nBcc: a@example.org"}),
        ("cap_reached", {"percent": True, "used": 1, "cap": 2, "resets": "2026-12-01"}),
        ("cap_reached", {"percent": 50, "used": -1, "cap": 2, "resets": "2026-12-01"}),
        ("receipt", {"month": "a\r\nb", "charged": 1, "images": 1, "videos": 1}),
        ("receipt", {"month": "x" * 3000, "charged": 1, "images": 1, "videos": 1}),
    ],
)
async def test_other_facts_than_those_of_the_template_are_refused(session: AsyncSession, template: str, data: Any):
    with pytest.raises(mail.UnknownMail):
        await mail.enqueue(session, account_id=None, to=address(), template=template, data=data)


async def test_a_mail_cannot_be_passed_off_under_another_category(someone: Person):
    with pytest.raises(mail.UnknownMail, match="belongs to account"):
        await write(someone, address(), category="security")


@pytest.mark.parametrize(
    "to",
    [
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org\nX: y",
        "a@example.org, b@example.org",
        "a,b@example.org",
        "A <a@example.org>",
        "<a@example.org>",
        "a@example.org>",
        "a@b@example.org",
        "a b@example.org",
        '"a b"@example.org',
        "a\x00@example.org",
        "a\u2028b@example.org",
        "@example.org",
        "a@",
        "",
        "x" * 250 + "@example.org",
    ],
)
async def test_only_one_plain_address_is_taken(session: AsyncSession, to: str):
    with pytest.raises(ValidationError):
        await mail.enqueue(session, account_id=None, to=to, template="welcome", data={})


@pytest.mark.parametrize("to", ["you@localhost", "o'brien+x@example.org", "jörg@bücher.example", "用户@例子.广告"])
def test_addresses_of_everybody_are_taken(to: str):
    assert mail.clean_recipient(to) == to


async def test_a_person_can_ask_for_mail_to_their_account_only_and_cannot_say_it_was_sent(
    someone: Person, other: Person
):
    insert = (
        "INSERT INTO mails (id, account_id, recipient, template, category, rank, data, message_id, state, ended_at) "
        "VALUES (gen_random_uuid(), :account, 'a@example.org', 'welcome', 'account', 0, '{}', :key, :state, :ended)"
    )
    now = datetime.now(UTC)
    for account, state, ended in ((other.account_id, "queued", None), (someone.account_id, "sent", now)):
        values = {"account": account, "state": state, "ended": ended, "key": uuid4().hex}
        with pytest.raises(DBAPIError, match="row-level security"):
            async with transaction(someone.actor) as session:
                await session.execute(text(insert), values)
    await write(someone, address())
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as session:
            await session.execute(text("UPDATE mails SET state = 'queued'"))
    await write(other, address())
    async with transaction(someone.actor) as session:
        assert set(await session.scalars(text("SELECT account_id FROM mails"))) == {someone.account_id}


# Events


async def mails(who: Person, template: str) -> list[Any]:
    return [row for row in await rows_of(who.email) if row.template == template]


async def hold(who: Person, amount: int) -> ledger.Reservation:
    each = uuid4()
    async with transaction(who.actor) as session:
        month = await ledger.reserve(
            session, account_id=who.account_id, kind="image", amount=amount, reservations=[each]
        )
    return ledger.Reservation(each, who.account_id, month, "image", amount)


async def test_a_new_account_is_welcomed_once_and_hears_of_its_sign_ins_from_the_next_day_on_once_a_day(
    someone: Person,
):
    assert len(await mails(someone, "welcome")) == 1
    async with transaction(SYSTEM) as session:
        assert await mail_events.on_account_created(session, account_id=someone.account_id) is None
        assert await mail_events.on_signed_in(session, account_id=someone.account_id) is None
        await session.execute(
            text("UPDATE mails SET created_at = created_at - interval '2 days' WHERE account_id = :id"),
            {"id": someone.account_id},
        )
    for _ in range(3):
        async with transaction(SYSTEM) as session:
            await mail_events.on_signed_in(session, account_id=someone.account_id)
    assert len(await mails(someone, "signin")) == 1


async def test_twenty_submits_at_once_tell_each_threshold_exactly_once():
    who = await person(cap_micros=20 * CENT)
    results = await asyncio.gather(*(hold(who, CENT) for _ in range(25)), return_exceptions=True)
    assert sum(isinstance(r, ledger.CapReached) for r in results) == 5
    told = await mails(who, "cap_reached")
    assert sorted(row.data["percent"] for row in told) == [50, 80, 100]
    assert {row.data["percent"]: row.data["used"] for row in told} == {50: 10 * CENT, 80: 16 * CENT, 100: 20 * CENT}


async def test_a_step_over_several_thresholds_tells_the_highest_and_never_a_lower_one_later():
    who = await person(cap_micros=100 * CENT)
    held = await hold(who, 85 * CENT)
    async with transaction(SYSTEM) as session:
        await ledger.release(session, held)
    await hold(who, 60 * CENT)
    assert [row.data["percent"] for row in await mails(who, "cap_reached")] == [80]
    await hold(who, 40 * CENT)
    assert [row.data["percent"] for row in await mails(who, "cap_reached")] == [80, 100]


async def test_a_cap_that_is_lowered_below_what_is_used_is_told_and_one_that_is_raised_is_not():
    who = await person(cap_micros=100 * CENT)
    await hold(who, 40 * CENT)
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=who.identity.session_id)
    for cap in (45, 30, 90):
        async with transaction(who.actor) as session:
            await spend.set_cap(session, actor=who.actor, cap_micros=cap * CENT)
    assert [row.data["percent"] for row in await mails(who, "cap_reached")] == [80, 100]


async def test_below_half_nothing_is_told_and_a_refused_submit_tells_nothing():
    who = await person(cap_micros=100 * CENT)
    await hold(who, 49 * CENT)
    with pytest.raises(ledger.CapReached):
        await hold(who, 52 * CENT)
    assert await mails(who, "cap_reached") == []


async def test_an_alert_that_was_turned_off_is_not_sent():
    who = await person(cap_micros=100 * CENT)
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE accounts SET alerts = '{100}' WHERE id = :id"), {"id": who.account_id})
    await hold(who, 90 * CENT)
    assert await mails(who, "cap_reached") == []


async def test_ending_every_session_is_told_and_ending_the_others_is_not(someone: Person):
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=someone.identity.session_id)
    for but_this in (True, False):
        async with transaction(someone.actor) as session:
            await devices.revoke_all(session, actor=someone.actor, but_this=but_this)
    assert len(await mails(someone, "sessions_revoked")) == 1


async def test_a_month_is_receipted_once_after_its_holds_are_closed():
    who = await person()
    first, second = await hold(who, 5 * CENT), await hold(who, 3 * CENT)
    async with transaction(SYSTEM) as session:
        await ledger.settle(session, first, charged=4 * CENT)
        owner = await session.connection()
        await owner.execute(text("SET LOCAL ROLE NONE"))
        past = "(studio_month() - interval '1 month')::date"
        await owner.execute(text("ALTER TABLE ledger_entries DISABLE TRIGGER ledger_append_only"))
        await owner.execute(
            text(f"UPDATE ledger_entries SET month = {past} WHERE reservation = ANY(:ids)"),
            {"ids": [first.id, second.id]},
        )
        await owner.execute(text("ALTER TABLE ledger_entries ENABLE TRIGGER ledger_append_only"))
        await owner.execute(text(f"UPDATE budgets SET month = {past} WHERE account_id = :id"), {"id": who.account_id})
        day = await session.scalar(text("SELECT extract(day FROM studio_now() AT TIME ZONE 'UTC')"))
        await session.execute(text("SET LOCAL ROLE studio_sys"))
        if day < 3:
            await mail_events.write_receipts(session)
            assert await session.scalar(text("SELECT count(*) FROM mails WHERE dedupe_key LIKE 'receipt:%'")) == 0
        closing = ledger.Reservation(second.id, who.account_id, date(2000, 1, 1), "image", second.amount)
        await session.execute(text("UPDATE budgets SET held_micros = 0 WHERE account_id = :id"), {"id": who.account_id})
        assert closing.amount
        for _ in range(2):
            await mail_events.write_receipts(session)
        rows = (
            await session.execute(
                text("SELECT data FROM mails WHERE account_id = :id AND template = 'receipt'"), {"id": who.account_id}
            )
        ).all()
        assert [(r.data["charged"], r.data["images"], r.data["videos"]) for r in rows] == [(4 * CENT, 1, 0)]
        await session.rollback()


async def test_old_mails_are_emptied_then_deleted_and_those_without_an_account_go_first(someone: Person):
    async with transaction(SYSTEM) as session:
        ids = []
        for number, (account, age) in enumerate(
            [(someone.account_id, 29), (someone.account_id, 31), (someone.account_id, 93), (None, 0)]
        ):
            mail_id = await mail.enqueue(
                session, account_id=account, to=f"s{number}@example.org", template="welcome", data={}
            )
            ids.append(mail_id)
            await session.execute(
                text(
                    "UPDATE mails SET state = 'shown', data = '{\"a\": 1}', "
                    "ended_at = studio_now() - make_interval(days => :age) WHERE id = :id"
                ),
                {"age": age, "id": mail_id},
            )
        await mail_outbox.sweep(session)
        rows = await session.execute(text("SELECT id, recipient, data FROM mails WHERE id = ANY(:ids)"), {"ids": ids})
        left = {row.id: (row.recipient, row.data) for row in rows}
    assert left == {ids[0]: ("s0@example.org", {"a": 1}), ids[1]: ("", {})}
