"""An act that needs a recent sign-in: the page offers one and the way back, whatever the handler does about it."""

from __future__ import annotations

import reflex as rx
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services import sessions
from studio.state import guard
from studio.state.guard import action
from studio.state.profile import ProfileState
from studio.state.reauth import ReauthMixin
from studio.state.toasts import ToastMixin
from tests.factories import Person
from tests.state.tab import call, tab


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
