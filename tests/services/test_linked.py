"""Linking and unlinking providers: whose, when, and never the last way in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from studio import config
from studio.config import OidcSettings
from studio.db import SYSTEM, Actor, transaction
from studio.errors import NotFound
from studio.services import sessions
from studio.services.identity import joining, linked
from studio.services.identity.joining import Arrival, IdentityTaken
from studio.services.identity.linked import LastWayIn
from studio.services.sessions import ReauthNeeded
from tests.factories import Person, person

ACME = OidcSettings("oidc", "Acme", "https://id.example.org", "studio", "secret")
GOOGLE = OidcSettings("google", "Google", "https://accounts.google.com", "studio", "secret")


@pytest.fixture
def providers(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two providers are configured."""
    monkeypatch.setattr(linked, "settings", lambda: replace(settings, oidc=(ACME, GOOGLE)))


async def tie(who: Person, issuer: str) -> None:
    arrival = Arrival(email=who.email, issuer=issuer, subject=uuid4().hex)
    async with transaction(SYSTEM) as session:
        await joining.link(session, account_id=who.account_id, arrival=arrival)


async def prove(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=who.identity.session_id)


async def ways(who: Person) -> dict[str, UUID]:
    async with transaction(who.actor) as session:
        return {each.name: each.id for each in await linked.listed(session, actor=who.actor)}


async def unlink(actor: Actor, identity_id: UUID) -> str:
    async with transaction(actor) as session:
        return await linked.unlink(session, actor=actor, identity_id=identity_id)


async def mails(who: Person) -> list[tuple[str, str, str]]:
    async with transaction(SYSTEM) as session:
        rows = await session.execute(
            text(
                "SELECT template, category, data ->> 'provider' FROM mails WHERE account_id = :id "
                "AND template LIKE 'provider%' ORDER BY created_at, template"
            ),
            {"id": who.account_id},
        )
        return [tuple(row) for row in rows]


@pytest.mark.usefixtures("providers")
async def test_what_is_linked_is_named_as_in_the_settings_and_the_rest_can_be(someone: Person):
    await tie(someone, "https://id.example.org/")
    await tie(someone, "https://old.example.net/realm")
    async with transaction(someone.actor) as session:
        found = await linked.listed(session, actor=someone.actor)
    assert [(each.name, each.key) for each in found] == [("Acme", "oidc"), ("old.example.net", "")]
    assert [(each.name, each.key) for each in linked.linkable(found)] == [("Google", "google")]


@pytest.mark.usefixtures("providers")
async def test_unlinking_needs_a_fresh_proof_and_is_told_by_mail_as_linking_was(someone: Person):
    await tie(someone, ACME.issuer)
    await tie(someone, GOOGLE.issuer)
    known = await ways(someone)
    with pytest.raises(ReauthNeeded):
        await unlink(someone.actor, known["Acme"])
    assert await ways(someone) == known
    await prove(someone)
    assert await unlink(someone.actor, known["Acme"]) == "Acme"
    assert list(await ways(someone)) == ["Google"]
    told = await mails(someone)
    assert sorted(told) == [
        ("provider_linked", "security", "Acme"),
        ("provider_linked", "security", "Google"),
        ("provider_unlinked", "security", "Acme"),
    ]


@pytest.mark.usefixtures("providers")
async def test_linking_the_same_again_tells_nothing_twice(someone: Person):
    arrival = Arrival(email=someone.email, issuer=ACME.issuer, subject=uuid4().hex)
    for _ in range(2):
        async with transaction(SYSTEM) as session:
            await joining.link(session, account_id=someone.account_id, arrival=arrival)
    assert len(await mails(someone)) == 1
    stranger = await person()
    with pytest.raises(IdentityTaken):
        async with transaction(SYSTEM) as session:
            await joining.link(session, account_id=stranger.account_id, arrival=arrival)
    assert await mails(stranger) == []


@pytest.mark.usefixtures("providers")
async def test_the_last_way_in_stays_and_one_that_is_not_configured_is_none(someone: Person):
    await prove(someone)
    await tie(someone, ACME.issuer)
    await tie(someone, "https://old.example.net")
    known = await ways(someone)
    with pytest.raises(LastWayIn):
        await unlink(someone.actor, known["Acme"])
    await unlink(someone.actor, known["old.example.net"])
    assert list(await ways(someone)) == ["Acme"]


async def test_with_sign_in_links_the_last_provider_may_go(someone: Person):
    await prove(someone)
    await tie(someone, ACME.issuer)
    known = await ways(someone)
    await unlink(someone.actor, known["id.example.org"])
    assert await ways(someone) == {}


@pytest.mark.usefixtures("providers")
async def test_two_clicks_at_once_leave_one_way_in(someone: Person):
    await prove(someone)
    await tie(someone, ACME.issuer)
    await tie(someone, GOOGLE.issuer)
    known = await ways(someone)
    done = await asyncio.gather(*(unlink(someone.actor, each) for each in known.values()), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["LastWayIn", "str"]
    assert len(await ways(someone)) == 1


@pytest.mark.usefixtures("providers")
async def test_somebody_elses_provider_is_not_there(someone: Person, other: Person):
    await tie(other, ACME.issuer)
    await tie(other, GOOGLE.issuer)
    await prove(someone)
    known = await ways(other)
    for actor in (someone.actor, Actor(someone.account_id, other.identity.session_id)):
        with pytest.raises((NotFound, ReauthNeeded)):
            await unlink(actor, known["Acme"])
    assert await ways(other) == known
