"""Sending too often is a sentence with a time; what was typed and chosen stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from studio import config, rates
from studio.db import SYSTEM, transaction
from studio.services import abuse
from studio.state.profile import ProfileState
from studio.state.studio import StudioState
from tests.factories import Person, image, submitted, upload
from tests.state.tab import call, tab


@pytest.fixture(autouse=True)
async def twice(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Two requests a day; what was counted goes with the test."""
    monkeypatch.setattr(abuse, "settings", lambda: replace(settings, limits=rates.parse("submit=2/86400")))
    yield
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM rate_counts"))


async def sent_by(who: Person) -> int:
    async with transaction(SYSTEM) as session:
        return (
            await session.scalar(
                text("SELECT count(*) FROM generations WHERE account_id = :id"), {"id": who.account_id}
            )
            or 0
        )


async def test_a_request_too_many_says_when_and_keeps_the_composer(someone: Person, other: Person):
    state = tab(StudioState, someone)
    await call(state, "load")
    await call(state, "set_count", "3")
    for _ in range(2):
        await call(state, "generate", {"prompt": "a lake"})
        state._sent_at = -1.0  # as long after as a person needs
    await call(state, "generate", {"prompt": "a lake at dawn, and much more that was typed"})
    assert [toast.title.partition(".")[0] for toast in state.toasts] == ["Too many requests for pictures and clips"]
    assert "Try again " in state.toasts[0].title
    assert (state.prompt, state.count) == ("a lake at dawn, and much more that was typed", 3)
    assert await sent_by(someone) == 6
    theirs = tab(StudioState, other)
    await call(theirs, "load")
    await call(theirs, "generate", {"prompt": "somebody else's"})
    assert await sent_by(other) == 1


async def test_asking_again_for_a_cancelled_output_counts_as_a_request(someone: Person):
    sent = await submitted(someone, image(count=3))
    state = tab(StudioState, someone)
    await call(state, "load")
    for each in sent.generation_ids:
        await call(state, "cancel", str(each))
    for each in sent.generation_ids:
        await call(state, "retry", str(each))
    assert await sent_by(someone) == 5
    assert "Too many requests" in state.toasts[-1].title


async def test_a_sentence_about_a_refused_upload_is_shown_and_the_others_are_placed(someone: Person):
    picture = str(await upload(someone))
    state = tab(StudioState, someone)
    await call(state, "load")
    sentence = "Too many uploads. Try again in 40 seconds."
    await call(state, "add_uploads", {"role": "reference", "ids": [picture], "errors": [sentence]})
    assert [reference.asset_id for reference in state.references] == [picture]
    assert state.toasts[-1].title == sentence


async def test_an_address_that_is_asked_for_too_often_stays_in_its_field(
    settings: config.Settings, someone: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(abuse, "settings", lambda: replace(settings, limits=rates.parse("email_change=2/86400")))
    state = tab(ProfileState, someone)
    await call(state, "load")
    for _ in range(2):
        await call(state, "ask_address", {"email": "nobody"})
        assert "Too many" not in state.new_email_error
    await call(state, "ask_address", {"email": "a.new.one@example.org"})
    assert state.new_email_error.startswith("Too many changes of your address. Try again ")
    assert (state.new_email, state.reauth_href, state.toasts) == ("a.new.one@example.org", "", [])
