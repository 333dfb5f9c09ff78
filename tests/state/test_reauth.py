"""An act that needs a recent sign-in: the page offers one and the way back, whatever the handler does about it."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import reflex as rx
from sqlalchemy import text

from studio import config
from studio.config import OidcSettings
from studio.db import SYSTEM, transaction
from studio.services import sessions
from studio.services.identity import joining, linked
from studio.services.identity.joining import Arrival
from studio.state import guard
from studio.state.devices import DevicesState
from studio.state.guard import action
from studio.state.profile import ProfileState
from studio.state.reauth import ReauthMixin
from studio.state.toasts import ToastMixin
from tests.factories import Person
from tests.state.tab import S, at_path, call, tab


class Careful(ReauthMixin, ToastMixin, rx.State):
    """A page whose handler leaves the refusal to the guard."""

    done: int = 0

    @action
    async def act(self):
        async with guard.work() as session:
            await sessions.require_fresh(session, actor=guard.actor())
        self.done += 1


class Plain(ToastMixin, rx.State):
    """The same without a place for the offer."""

    @action
    async def act(self):
        async with guard.work() as session:
            await sessions.require_fresh(session, actor=guard.actor())


async def sign_in_again(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=who.identity.session_id)


async def test_a_refusal_that_a_handler_lets_pass_becomes_an_offer_that_leads_back(someone: Person):
    state = tab(Careful, someone, "/settings/sessions?x=1")
    await call(state, "act")
    assert (state.done, state.toasts, state.reauth_href) == (0, [], "/reauth?next=%2Fsettings%2Fsessions")
    await sign_in_again(someone)
    await call(state, "act")
    assert state.done == 1


async def test_without_a_place_for_the_offer_it_is_a_sentence(someone: Person):
    state = tab(Plain, someone)
    await call(state, "act")
    assert [toast.title for toast in state.toasts] == [
        "Confirm that it is you first: sign in once more, then try again."
    ]


async def test_an_address_is_asked_for_from_the_page_and_what_was_typed_comes_back(someone: Person):
    new = f"new.{someone.email}"
    state = tab(ProfileState, someone)
    await call(state, "load")
    for typed in ("nobody", someone.email, "x" * 5000, None, 7):
        await call(state, "ask_address", {"email": typed})
        assert (state.waiting_for, bool(state.new_email_error or state.reauth_href)) == ("", True)
    await call(state, "ask_address", {"email": new})
    assert (state.new_email, state.new_email_error, state.waiting_for) == (new, "", "")
    assert state.reauth_href.startswith("/reauth?next=%2Fsettings%2Fprofile%3Femail%3D")
    await sign_in_again(someone)
    back = tab(ProfileState, someone, f"/settings/profile?email={new}")
    assert "/settings/profile" in str(await call(back, "load"))
    assert (back.new_email, back.waiting_for) == (new, ""), "offered, not sent"
    await call(back, "ask_address", {"email": back.new_email})
    assert (back.new_email, back.reauth_href, back.waiting_for) == ("", "", new)
    await call(state, "load")
    assert state.waiting_for == new, "other tabs know when they are loaded"
    await call(back, "cancel_address")
    await call(state, "cancel_address")
    assert (back.waiting_for, state.waiting_for) == ("", "")
    assert [toast.title for toast in state.toasts] == ["No change of address waits any more."]


async def test_what_is_too_long_for_the_way_back_is_left_behind(someone: Person):
    state = tab(ProfileState, someone)
    await call(state, "load")
    await call(state, "ask_address", {"email": "ö" * 60 + "@example.org"})
    assert state.reauth_href == "/reauth?next=%2Fsettings%2Fprofile"
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT count(*) FROM address_changes WHERE new_email LIKE 'ö%'")) == 0


ACME = OidcSettings("oidc", "Acme", "https://id.example.org", "studio", "secret")
GOOGLE = OidcSettings("google", "Google", "https://accounts.google.com", "studio", "secret")


async def come_back(state: rx.State, kind: type[S], who: Person) -> S:
    """Sign in again and follow the way back, as the browser does: the page, then the page without what it was given."""
    await sign_in_again(who)
    there = parse_qs(urlsplit(state.reauth_href).query)["next"][0]  # type: ignore[attr-defined]  # ReauthMixin
    back = tab(kind, who, there)
    assert urlsplit(there).path in str(await call(back, "load"))
    at_path(back, urlsplit(there).path)
    assert await call(back, "load") is None
    return back


async def test_a_provider_that_was_to_be_unlinked_is_one_click_away_after_signing_in_again(
    settings: config.Settings, someone: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(linked, "settings", lambda: replace(settings, oidc=(ACME, GOOGLE)))
    for each in (ACME, GOOGLE):
        async with transaction(SYSTEM) as session:
            arrival = Arrival(email=someone.email, issuer=each.issuer, subject=uuid4().hex)
            await joining.link(session, account_id=someone.account_id, arrival=arrival)
    state = tab(ProfileState, someone)
    await call(state, "load")
    await call(state, "unlink", next(way.id for way in state.ways if way.name == "Acme"))
    assert (state.reauth_part, len(state.ways), state.asked) == ("ways", 2, "")
    back = await come_back(state, ProfileState, someone)
    assert (back.asked, back.asked_link, back.reauth_href, len(back.ways)) == ("Unlink Acme", "", "", 2)
    await call(back, "unlink", back.asked_for)
    assert ([way.name for way in back.ways], back.asked) == (["Google"], "")


async def test_a_provider_that_was_to_be_linked_is_one_click_away_too(
    settings: config.Settings, someone: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(linked, "settings", lambda: replace(settings, oidc=(ACME,)))
    state = tab(ProfileState, someone)
    await call(state, "load")
    await call(state, "ask_link", "oidc")
    back = await come_back(state, ProfileState, someone)
    assert (back.asked, back.asked_link) == ("Link Acme", "/auth/oidc/start?link=1&next=/settings/profile")


async def sign_in_elsewhere(who: Person) -> str:
    """One more session of the same person."""
    async with transaction(SYSTEM) as session:
        found = await sessions.identify(session, token=await sessions.start(session, account_id=who.account_id))
    assert found is not None
    return str(found.session_id)


async def test_what_was_to_be_ended_is_one_click_away_after_signing_in_again(someone: Person):
    async def leave(handler: str, *given: str) -> DevicesState:
        async with transaction(SYSTEM) as session:
            await session.execute(
                text("UPDATE sessions SET reauth_at = NULL WHERE account_id = :id"), {"id": someone.account_id}
            )
        state = tab(DevicesState, someone)
        await call(state, "load")
        before = len(state.devices)
        await call(state, handler, *given)
        assert (len(state.devices), bool(state.reauth_href), state.leaving) == (before, True, False)
        return await come_back(state, DevicesState, someone)

    first, _ = await sign_in_elsewhere(someone), await sign_in_elsewhere(someone)
    one = await leave("end", first)
    assert (one.asked, one.asked_for) == ("Sign out Browser without a name", first)
    await call(one, "end_asked")
    assert first not in {each.id for each in one.devices}
    assert (len(one.devices), one.asked) == (2, "")
    others = await leave("end_others")
    assert others.asked == "Sign out all others"
    await call(others, "end_asked")
    assert (len(others.devices), others.asked) == (1, "")
    everywhere = await leave("end_all")
    assert (everywhere.leaving, everywhere.asked) == (True, "")


async def test_an_address_somebody_else_wrote_offers_nothing_to_whoever_did_not_sign_in_again(someone: Person):
    for there in ("end=all", "end=others", f"end={await sign_in_elsewhere(someone)}"):
        state = tab(DevicesState, someone, f"/settings/sessions?{there}")
        await call(state, "load")
        assert (state.leaving, state.asked) == (False, "")
