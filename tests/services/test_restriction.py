"""A restricted account: nothing new happens with its data, everything it is owed still works."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import Conflict, NotFound, Restricted, ValidationError
from studio.services import (
    assets,
    attempts,
    devices,
    feed,
    generations,
    ledger,
    mail,
    profile,
    restriction,
    sessions,
    spend,
    workspaces,
)
from tests.factories import Person, fresh, image, person, restricted, state_of, submitted, upload
from tests.fixtures_mail import rows_of

SENTENCE = "This account is restricted at your own request; your data is kept. You can still download or delete it."


async def restrict(who: Person, reason: str = "person") -> restriction.Done:
    async with transaction(SYSTEM) as session:
        return await restriction.restrict(session, by=None, account_id=who.account_id, reason=reason)


async def lift(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await restriction.unrestrict(session, by=None, account_id=who.account_id)


async def test_what_waits_is_cancelled_and_its_hold_is_given_back(someone: Person):
    sent = await submitted(someone, image(count=2))
    done = await restrict(someone)
    assert (done.cancelled, done.released_micros) == (2, 80_000)
    assert [await state_of(each) for each in sent.generation_ids] == ["cancelled", "cancelled"]
    async with transaction(SYSTEM) as session:
        now = await ledger.budget(session, account_id=someone.account_id)
        assert (now.held, now.spent) == (0, 0)
        assert (await ledger.check(session)).ok
    told = [row for row in await rows_of(someone.email) if row.template == "restricted"]
    assert [row.data for row in told] == [{"request": "at your own request"}]


async def cancelled_generation(who: Person) -> Any:
    async with transaction(SYSTEM) as session:
        return await session.scalar(
            text("SELECT id FROM generations WHERE account_id = :id AND state = 'cancelled'"), {"id": who.account_id}
        )


REFUSED: dict[str, Any] = {
    "submit": lambda s, a, _: generations.submit(s, actor=a, params=image()),
    "retry": lambda s, a, g: generations.retry(s, actor=a, generation_id=g),
    "cap": lambda s, a, _: spend.set_cap(s, actor=a, cap_micros=1),
    "alert": lambda s, a, _: spend.set_alert(s, actor=a, percent=50, on=False),
    "name": lambda s, a, _: profile.rename(s, actor=a, name="Mara"),
    "time zone": lambda s, a, _: profile.set_time_zone(s, actor=a, time_zone="Europe/Berlin"),
    "workspace": lambda s, a, _: workspaces.rename(s, actor=a, workspace_id=a.workspace_id, name="Mine"),
    "upload": lambda s, a, _: restriction.check(s, actor=a),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_work_and_settings_are_refused_with_a_sentence_until_it_is_lifted(settings, name: str):
    who = await restricted()
    ident = await cancelled_generation(who)
    with pytest.raises(Restricted) as refused:
        async with transaction(who.actor) as session:
            await REFUSED[name](session, who.actor, ident)
    assert (refused.value.message, refused.value.status) == (SENTENCE, 403)
    async with transaction(SYSTEM) as session:
        assert (await ledger.budget(session, account_id=who.account_id)).held == 0
    await lift(who)
    async with transaction(who.actor) as session:
        await REFUSED[name](session, who.actor, ident)


async def test_an_uploads_row_is_refused_by_the_database_itself(settings):
    who = await restricted()
    with pytest.raises(Restricted):
        await upload(who)


async def test_reading_signing_in_and_out_unsubscribing_and_deleting_still_work(someone: Person):
    picture = await upload(someone)
    await submitted(someone)
    async with transaction(someone.actor) as session:
        await mail.opt_in(session, account_id=someone.account_id, text_version="1.0")
    await restrict(someone)
    async with transaction(SYSTEM) as session:
        token = await sessions.start(session, account_id=someone.account_id)
        identity = await sessions.identify(session, token=token)
    assert identity is not None
    assert identity.restricted == "person"
    await fresh(replace(someone, identity=identity))
    async with transaction(identity.actor) as session:
        assert len(await feed.page(session, actor=identity.actor, kind=None)) == 1
        assert (await assets.get(session, actor=identity.actor, asset_id=picture)).id == picture
        assert (await profile.get(session, actor=identity.actor)).email == someone.email
        months = await spend.months(session, actor=identity.actor)
        await spend.month(session, actor=identity.actor, month=months[0])
        assert await mail.opt_out(session, account_id=someone.account_id)
        await devices.revoke(session, actor=identity.actor, session_id=someone.identity.session_id)
        gone = await session.execute(text("DELETE FROM batches WHERE account_id = :id"), {"id": someone.account_id})
        assert gone.rowcount == 1  # type: ignore[attr-defined]  # a DELETE's result is a CursorResult


async def test_the_queue_passes_a_restricted_account_over(someone: Person, other: Person):
    kept = await submitted(someone)
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE generations SET due_at = studio_now() + interval '1 hour'"))
        await session.execute(
            text("UPDATE generations SET due_at = NULL WHERE id = :id"), {"id": kept.generation_ids[0]}
        )
        await session.execute(
            text("UPDATE accounts SET restricted_at = studio_now(), restricted_for = 'operator' WHERE id = :id"),
            {"id": someone.account_id},
        )
        assert await attempts.claim(session, worker_lock=1, concurrency={}) is None
        await session.execute(
            text("UPDATE accounts SET restricted_at = NULL, restricted_for = NULL WHERE id = :id"),
            {"id": someone.account_id},
        )
        work = await attempts.claim(session, worker_lock=1, concurrency={})
        assert work is not None
        assert work.id == kept.generation_ids[0]
        await session.rollback()


async def test_what_was_sent_before_still_arrives(someone: Person):
    sent = await submitted(someone)
    attempt = None
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE generations SET worker_lock = 1 WHERE id = :id"), {"id": sent.generation_ids[0]}
        )
        work = await attempts.load(session, generation_id=sent.generation_ids[0])
        assert work is not None
        attempt = await attempts.begin(session, work=work, worker_lock=1)
    assert attempt is not None
    assert (await restrict(someone)).cancelled == 0
    async with transaction(SYSTEM) as session:
        assert await attempts.made(session, attempt_id=attempt, result={"urls": []}) is not None
    assert await state_of(sent.generation_ids[0]) == "storing"


async def test_of_submits_and_a_restriction_at_once_nothing_is_left_waiting(settings):
    for _ in range(4):
        who = await person()

        async def send(who: Person = who) -> bool:
            try:
                await submitted(who)
            except Restricted:
                return False
            return True

        *sent, done = await asyncio.gather(*(send() for _ in range(6)), restrict(who))
        async with transaction(SYSTEM) as session:
            waiting = await session.scalar(
                text("SELECT count(*) FROM generations WHERE account_id = :id AND state = 'queued'"),
                {"id": who.account_id},
            )
            now = await ledger.budget(session, account_id=who.account_id)
        assert (waiting, now.held) == (0, 0)
        assert done.cancelled == sum(sent)  # type: ignore[attr-defined]  # the last one is the restriction's


async def test_a_restriction_is_made_once_for_a_known_reason_and_a_known_account(someone: Person):
    with pytest.raises(ValidationError, match="authority"):
        await restrict(someone, "because she wrote a long letter")
    await restrict(someone)
    with pytest.raises(Conflict, match="already"):
        await restrict(someone)
    await lift(someone)
    with pytest.raises(Conflict, match="not restricted"):
        await lift(someone)
    async with transaction(SYSTEM) as session:
        with pytest.raises(NotFound):
            await restriction.restrict(session, by=None, account_id=someone.identity.session_id, reason="person")
    with pytest.raises(NotFound):
        async with transaction(SYSTEM) as session:
            await restriction.restrict(session, by=someone.actor, account_id=someone.account_id, reason="person")
