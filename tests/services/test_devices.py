"""A person sees where they are signed in, names each place and can leave every one of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from studio.db import SYSTEM, transaction
from studio.errors import NotFound, ValidationError
from studio.services import devices, sessions
from tests.factories import Person, fresh


async def another(who: Person) -> sessions.Identity:
    """One more browser of the same person."""
    async with transaction(SYSTEM) as session:
        found = await sessions.identify(session, token=await sessions.start(session, account_id=who.account_id))
    assert found is not None
    return found


async def listed(who: Person) -> list[devices.Device]:
    async with transaction(who.actor) as session:
        return list(await devices.listed(session, actor=who.actor))


async def live(session_id: object) -> bool:
    async with transaction(SYSTEM) as session:
        return await sessions.still_live(session, session_id=session_id) is not None  # type: ignore[arg-type]


async def test_the_list_has_this_session_first_then_the_last_used_and_nobody_elses(someone: Person, other: Person):
    older, newer = await another(someone), await another(someone)
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE sessions SET seen_at = seen_at - interval '1 hour' WHERE id = ANY(:ids)"),
            {"ids": [older.session_id, someone.identity.session_id]},
        )
    found = await listed(someone)
    assert [each.id for each in found] == [someone.identity.session_id, newer.session_id, older.session_id]
    assert [each.current for each in found] == [True, False, False]
    assert found[1].seen_at - found[2].seen_at > timedelta(minutes=59)
    assert other.identity.session_id not in {each.id for each in found}


async def test_sessions_that_ended_in_any_way_are_not_listed(someone: Person):
    revoked, idle, old = await another(someone), await another(someone), await another(someone)
    async with transaction(SYSTEM) as session:
        await sessions.revoke(session, account_id=someone.account_id, session_id=revoked.session_id)
        for column, each in (("seen_at", idle), ("created_at", old)):
            await session.execute(
                text(f"UPDATE sessions SET {column} = {column} - interval '31 days' WHERE id = :id"),
                {"id": each.session_id},
            )
    assert [each.id for each in await listed(someone)] == [someone.identity.session_id]


async def test_a_name_is_kept_trimmed_and_taken_back(someone: Person):
    async with transaction(someone.actor) as session:
        own = someone.identity.session_id
        await devices.rename(session, actor=someone.actor, session_id=own, name="  Work \n laptop ")
        assert (await devices.listed(session, actor=someone.actor))[0].name == "Work laptop"
        with pytest.raises(ValidationError, match="at most 60"):
            await devices.rename(session, actor=someone.actor, session_id=own, name="x" * 61)
        await devices.rename(session, actor=someone.actor, session_id=own, name=" ")
        assert (await devices.listed(session, actor=someone.actor))[0].name == ""


async def test_another_persons_session_can_be_neither_named_nor_ended(someone: Person, other: Person):
    await fresh(someone)
    theirs = other.identity.session_id
    for session_id in (theirs, uuid4()):
        async with transaction(SYSTEM) as session:  # even where no policy helps, the query names the account
            with pytest.raises(NotFound):
                await devices.rename(session, actor=someone.actor, session_id=session_id, name="mine")
            with pytest.raises(NotFound):
                await devices.revoke(session, actor=someone.actor, session_id=session_id)
    assert (await live(theirs), (await listed(other))[0].name) == (True, "")


async def test_one_others_and_all_end_as_asked(someone: Person, other: Person):
    await fresh(someone)
    first, second, third = await another(someone), await another(someone), await another(someone)
    async with transaction(someone.actor) as session:
        await devices.revoke(session, actor=someone.actor, session_id=first.session_id)
    assert (await live(first.session_id), await live(second.session_id)) == (False, True)
    async with transaction(someone.actor) as session:
        with pytest.raises(NotFound, match="has ended"):
            await devices.revoke(session, actor=someone.actor, session_id=first.session_id)
    async with transaction(someone.actor) as session:
        assert await devices.revoke_all(session, actor=someone.actor, but_this=True) == 2
    assert [each.id for each in await listed(someone)] == [someone.identity.session_id]
    assert not await live(third.session_id)
    await another(someone)
    async with transaction(someone.actor) as session:
        assert await devices.revoke_all(session, actor=someone.actor, but_this=False) == 2
    assert not await live(someone.identity.session_id)
    assert await live(other.identity.session_id)


async def test_whoever_has_only_taken_a_session_over_cannot_end_the_others(someone: Person):
    owners = await another(someone)
    async with transaction(someone.actor) as session:
        for ending in (
            devices.revoke(session, actor=someone.actor, session_id=owners.session_id),
            devices.revoke_all(session, actor=someone.actor, but_this=True),
            devices.revoke_all(session, actor=someone.actor, but_this=False),
        ):
            with pytest.raises(sessions.ReauthNeeded, match="Confirm that it is you first"):
                await ending
        assert await live(owners.session_id)
        await devices.revoke(session, actor=someone.actor, session_id=someone.identity.session_id)
    assert not await live(someone.identity.session_id), "one's own is left without a question"


@pytest.mark.parametrize("column", ["token_hash", "account_id", "created_at", "seen_at", "reauth_at"])
async def test_the_role_that_serves_people_changes_nothing_else_of_a_session(someone: Person, column: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as session:
            await session.execute(text(f"UPDATE sessions SET {column} = {column}"))


async def test_what_that_role_may_change_of_a_session_is_named_here(someone: Person):
    async with transaction(someone.actor) as session:
        found = await session.scalars(
            text(
                "SELECT attname::text FROM pg_attribute WHERE attrelid = 'sessions'::regclass AND attnum > 0 "
                "AND NOT attisdropped AND has_column_privilege('studio_app', attrelid, attnum, 'UPDATE')"
            )
        )
    assert set(found) == {"name", "revoked_at", "workspace_id"}


async def test_a_session_is_never_put_into_somebody_elses_workspace(someone: Person, other: Person):
    put = text("UPDATE sessions SET workspace_id = :workspace WHERE account_id = studio_account()")
    for wrong in (other.identity.workspace_id, uuid4()):
        with pytest.raises(DBAPIError, match="row-level security"):
            async with transaction(someone.actor) as session:
                await session.execute(put, {"workspace": wrong})
    for right in (None, someone.identity.workspace_id):
        async with transaction(someone.actor) as session:
            await session.execute(put, {"workspace": right})
