"""A change of address: the new one confirms, the old one can take it back, and no chain of changes outruns that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config
from studio.db import SYSTEM, engine, transaction
from studio.errors import NotFound, TooMany, ValidationError
from studio.jobs import upkeep
from studio.services import accounts, addresses, sessions
from studio.services.addresses import LinkOver, NotUsable
from studio.services.identity import signin_link
from tests.factories import Person, person


def somewhere() -> str:
    return f"{uuid4().hex}@example.net"


async def sign_in_again(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=who.identity.session_id)


@pytest.fixture
async def owner(someone: Person) -> Person:
    """Somebody who has just proved who they are."""
    await sign_in_again(someone)
    return someone


async def value(query: str, **values: Any) -> Any:
    async with transaction(SYSTEM) as session:
        return await session.scalar(text(query), values)


async def address(who: Person) -> str:
    return await value("SELECT email FROM accounts WHERE id = :id", id=who.account_id)


async def link(to: str, template: str) -> str:
    """The token in the newest mail of a kind to an address."""
    path = await value(
        "SELECT data->>'link' FROM mails WHERE recipient = :to AND template = :template "
        "ORDER BY created_at DESC LIMIT 1",
        to=to,
        template=template,
    )
    return path.rpartition("/")[2]


async def ask(who: Person, email: str) -> None:
    async with transaction(who.actor) as session:
        await addresses.ask(session, actor=who.actor, email=email)


async def confirm(token: str) -> addresses.Change:
    async with transaction(SYSTEM) as session:
        return await addresses.confirm(session, token=token)


async def undo(token: str) -> addresses.Change:
    async with transaction(SYSTEM) as session:
        return await addresses.undo(session, token=token)


async def change(who: Person, email: str) -> None:
    await ask(who, email)
    await confirm(await link(email, "email_confirm"))


async def live(who: Person) -> bool:
    async with transaction(SYSTEM) as session:
        return await sessions.still_live(session, session_id=who.identity.session_id) is not None


async def pending(who: Person) -> str | None:
    async with transaction(who.actor) as session:
        found = await addresses.pending(session, actor=who.actor)
    return found.email if found else None


async def test_nothing_changes_until_the_new_address_confirms_and_both_are_told(owner: Person):
    new = somewhere()
    await ask(owner, f"  {new.upper()} ")
    assert (await address(owner), await pending(owner)) == (owner.email, new)
    change = await confirm(await link(new, "email_confirm"))
    assert (change.old, change.new) == (owner.email, new)
    assert (await address(owner), await pending(owner)) == (new, None)
    assert await live(owner)
    told = await value(
        "SELECT array_agg(template ORDER BY template) FROM mails WHERE recipient = :to AND template LIKE 'email%'",
        to=owner.email,
    )
    assert told == ["email_asked", "email_changed"]


async def test_only_a_recent_sign_in_may_ask(someone: Person):
    new = somewhere()
    with pytest.raises(sessions.ReauthNeeded):
        await ask(someone, new)
    assert await pending(someone) is None
    assert await value("SELECT count(*) FROM mails WHERE recipient = :to", to=new) == 0


async def test_asking_anew_replaces_what_waited_and_cancelling_ends_it(owner: Person):
    first, second = somewhere(), somewhere()
    await ask(owner, first)
    await ask(owner, second)
    assert await pending(owner) == second
    with pytest.raises(LinkOver):
        await confirm(await link(first, "email_confirm"))
    async with transaction(owner.actor) as session:
        await addresses.cancel(session, actor=owner.actor)
        with pytest.raises(NotFound):
            await addresses.cancel(session, actor=owner.actor)
    with pytest.raises(LinkOver):
        await confirm(await link(second, "email_confirm"))
    assert await address(owner) == owner.email


async def test_asking_twice_at_once_leaves_one_that_waits(owner: Person):
    await asyncio.gather(ask(owner, somewhere()), ask(owner, somewhere()), ask(owner, somewhere()))
    waiting = "SELECT count(*) FROM address_changes WHERE account_id = :id AND state = 'asked'"
    assert await value(waiting, id=owner.account_id) == 1


async def test_a_link_confirms_once_and_for_a_day(owner: Person):
    new = somewhere()
    await ask(owner, new)
    token = await link(new, "email_confirm")
    results = await asyncio.gather(*[confirm(token) for _ in range(5)], return_exceptions=True)
    assert sum(isinstance(each, addresses.Change) for each in results) == 1
    assert sum(isinstance(each, LinkOver) for each in results) == 4
    late = somewhere()
    await ask(owner, late)
    await value("UPDATE address_changes SET expires_at = studio_now() WHERE new_email = :to RETURNING 1", to=late)
    with pytest.raises(LinkOver):
        await confirm(await link(late, "email_confirm"))
    assert (await address(owner), await pending(owner)) == (new, None)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Write the new e-mail address"),
        ("nobody", "not an e-mail address"),
        ("a@b", "not an e-mail address"),
        ("a@example.org, b@example.org", "not an e-mail address"),
        ("a@example.org\nBcc: b@example.org", "not an e-mail address"),
        ("Mara <a@example.org>", "not an e-mail address"),
        ("a" * 250 + "@example.org", "at most 254 characters"),
    ],
)
async def test_what_is_no_address_is_refused_with_a_sentence(owner: Person, typed: str, sentence: str):
    with pytest.raises(ValidationError, match=sentence):
        await ask(owner, typed)
    assert await pending(owner) is None


async def test_the_same_address_is_refused_however_it_is_written(owner: Person):
    with pytest.raises(ValidationError, match="your address already"):
        await ask(owner, owner.email.upper())


async def test_nobody_learns_by_asking_whether_an_address_has_an_account(owner: Person, other: Person):
    await ask(owner, other.email)
    assert await pending(owner) == other.email
    with pytest.raises(NotUsable, match="cannot be used for a Studio account"):
        await confirm(await link(other.email, "email_confirm"))
    assert (await address(owner), await address(other)) == (owner.email, other.email)


async def test_five_changes_a_day_are_enough(owner: Person):
    for _ in range(addresses.MOST_A_DAY):
        await ask(owner, somewhere())
    with pytest.raises(TooMany):
        await ask(owner, somewhere())


@pytest.mark.parametrize("mail", ["email_asked", "email_changed"])
async def test_the_old_address_takes_a_change_back_and_every_session_ends(owner: Person, mail: str):
    new = somewhere()
    await change(owner, new)
    token = await link(owner.email, mail)
    assert (await undo(token)).done
    assert await address(owner) == owner.email
    assert not await live(owner)
    with pytest.raises(LinkOver):
        await undo(token)
    told = "SELECT count(*) FROM mails WHERE recipient = :to AND template = :template"
    assert await value(told, to=owner.email, template="sessions_revoked") == 1
    assert await value(told, to=new, template="email_undone") == 1


async def test_the_old_address_stops_a_change_that_waits(owner: Person):
    new = somewhere()
    await ask(owner, new)
    assert not (await undo(await link(owner.email, "email_asked"))).done
    with pytest.raises(LinkOver):
        await confirm(await link(new, "email_confirm"))
    assert (await address(owner), await live(owner)) == (owner.email, False)


async def test_a_chain_of_changes_does_not_outrun_the_first_address(owner: Person):
    hops = [somewhere() for _ in range(3)]
    for hop in hops:
        await change(owner, hop)
    waiting = somewhere()
    await ask(owner, waiting)
    with pytest.raises(ValidationError, match="You left this address"):
        await ask(owner, owner.email)  # it would give the last hop a link that outlives the owner's
    await undo(await link(hops[1], "email_changed"))  # the thief goes one step back himself
    assert await address(owner) == hops[1]
    await undo(await link(owner.email, "email_changed"))
    assert await address(owner) == owner.email
    for dead in (await link(hops[0], "email_changed"), await link(hops[0], "email_asked")):
        with pytest.raises(LinkOver):
            await undo(dead)
    with pytest.raises(LinkOver):
        await confirm(await link(waiting, "email_confirm"))
    assert await address(owner) == owner.email


async def test_after_seven_days_a_change_stays(owner: Person):
    new = somewhere()
    await change(owner, new)
    row = "UPDATE address_changes SET undo_until = studio_now() WHERE new_email = :to RETURNING 1"
    await value(row, to=new)
    for mail in ("email_asked", "email_changed"):
        with pytest.raises(LinkOver):
            await undo(await link(owner.email, mail))
    assert (await address(owner), await live(owner)) == (new, True)


async def test_seven_days_are_seven_days(owner: Person):
    await change(owner, somewhere())
    until = "SELECT undo_until - confirmed_at = interval '7 days' FROM address_changes WHERE account_id = :id"
    assert await value(until, id=owner.account_id)


async def test_what_was_linked_since_the_change_was_asked_for_goes_with_it(owner: Person):
    await value(
        "UPDATE accounts SET created_at = studio_now() - interval '9 minutes' WHERE id = :id RETURNING 1",
        id=owner.account_id,
    )
    await change(owner, somewhere())
    for issuer, minutes in (("first", 9), ("long before", 11), ("just before", 5), ("after", 0)):
        await value(
            "INSERT INTO identities (id, account_id, issuer, subject, created_at) "
            "SELECT gen_random_uuid(), id, :issuer, id::text, CASE :minutes WHEN 9 THEN created_at "
            "ELSE studio_now() - make_interval(mins => :minutes) END FROM accounts WHERE id = :id RETURNING 1",
            id=owner.account_id,
            issuer=issuer,
            minutes=minutes,
        )
    await undo(await link(owner.email, "email_asked"))
    kept = "SELECT array_agg(issuer ORDER BY issuer) FROM identities WHERE account_id = :id"
    assert await value(kept, id=owner.account_id) == ["first", "long before"]


async def test_an_address_that_may_be_come_back_to_is_nobody_elses(owner: Person, other: Person):
    await change(owner, somewhere())
    async with transaction(SYSTEM) as session:
        with pytest.raises(accounts.AddressLeft):
            await accounts.ensure(session, email=owner.email)
    await sign_in_again(other)
    await ask(other, owner.email)
    with pytest.raises(NotUsable):
        await confirm(await link(owner.email, "email_confirm"))
    await undo(await link(owner.email, "email_changed"))
    assert (await address(owner), await address(other)) == (owner.email, other.email)


async def test_a_new_account_and_a_change_that_want_the_same_address_at_once_make_one(owner: Person):
    for _ in range(5):
        who, new = await person(), somewhere()
        await sign_in_again(who)
        await ask(who, new)
        token = await link(new, "email_confirm")

        async def join(email: str = new) -> object:
            async with transaction(SYSTEM) as session:
                return await accounts.create(session, email=email)

        made, changed = await asyncio.gather(join(), confirm(token), return_exceptions=True)
        assert (made is None) == isinstance(changed, addresses.Change)
        assert isinstance(changed, addresses.Change | NotUsable)
        assert await value("SELECT count(*) FROM accounts WHERE email = :new", new=new) == 1


async def test_a_person_sees_their_own_changes_only(owner: Person, other: Person):
    await ask(owner, somewhere())
    for who, seen in ((owner, {owner.account_id}), (other, set())):
        async with transaction(who.actor) as session:
            assert set(await session.scalars(text("SELECT account_id FROM address_changes"))) == seen


async def test_a_persons_own_transaction_cannot_change_an_address_or_call_one_confirmed(owner: Person):
    await ask(owner, somewhere())
    for forged in (
        "UPDATE accounts SET email = 'thief@example.org'",
        "UPDATE address_changes SET state = 'confirmed'",
        "UPDATE address_changes SET undo_until = studio_now() + interval '9 years'",
        "SELECT confirm_hash FROM address_changes",
        "DELETE FROM address_changes",
    ):
        with pytest.raises(DBAPIError, match=r"permission denied|confirmation only|row-level security"):
            async with transaction(owner.actor) as session:
                await session.execute(text(forged))


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 9000, "' OR 1=1 --", "é" * 43, "\x00" * 43])
async def test_a_link_that_was_never_made_is_not_found(settings: object, token: str):
    for use in (addresses.confirm, addresses.undo, addresses.look_to_confirm, addresses.look_to_undo):
        async with transaction(SYSTEM) as session:
            with pytest.raises(NotFound):
                await use(session, token=token)


async def test_only_hashes_of_the_links_are_kept(owner: Person):
    new = somewhere()
    await change(owner, new)
    kept = await value("SELECT address_changes::text FROM address_changes WHERE new_email = :to", to=new)
    for to, mail in ((new, "email_confirm"), (owner.email, "email_asked"), (owner.email, "email_changed")):
        token = await link(to, mail)
        assert token not in kept
        assert token.encode().hex() not in kept


async def test_what_is_over_is_swept_and_what_may_be_undone_is_kept(owner: Person):
    done, late = somewhere(), somewhere()
    await change(owner, done)
    await ask(owner, late)
    await value("UPDATE address_changes SET expires_at = studio_now() - interval '1 minute' RETURNING 1")
    left = "SELECT array_agg(new_email) FROM address_changes WHERE account_id = :id"
    async with transaction(SYSTEM) as session:
        await upkeep.tidy(session)
    assert await value(left, id=owner.account_id) == [done]
    await value("UPDATE address_changes SET undo_until = studio_now() - interval '1 minute' RETURNING 1")
    async with transaction(SYSTEM) as session:
        await upkeep.tidy(session)
    assert await value(left, id=owner.account_id) is None


async def test_the_default_link_follows_the_only_person_of_a_studio_to_their_new_address(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(signin_link, "settings", lambda: replace(settings, operators=()))
    async with AsyncSession(engine("sys")) as session:  # never committed: the accounts of other tests stay
        await session.execute(text("DELETE FROM accounts"))
        assert await signin_link.default_address(session) == "you@localhost"
        await accounts.ensure(session, email="you@localhost")
        await session.execute(text("UPDATE accounts SET email = 'mira@example.org'"))
        assert await signin_link.default_address(session) == "mira@example.org"
        await accounts.ensure(session, email="second@example.org")
        assert await signin_link.default_address(session) == "you@localhost"
        named = replace(settings, operators=("boss@example.org",))
        monkeypatch.setattr(signin_link, "settings", lambda: named)
        assert await signin_link.default_address(session) == "boss@example.org"
