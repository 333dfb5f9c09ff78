"""The Privacy page without a browser: archives, deletion, and what every tab knows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.runtime import journal as journal_store
from studio.services import erasure, journal, restriction, sessions
from studio.services.exports.archives import Archive
from studio.state.archives import archive_view, building_view, expires_words
from studio.state.privacy import PrivacyState
from studio.state.settings_views import files_words, size_words
from studio.state.studio import StudioState
from tests.factories import Person, person
from tests.state.tab import call, tab
from tests.state.test_settings import ENGLISH

HERE = "/settings/privacy"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


async def fresh(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=who.identity.session_id)


def archive(**more: object) -> Archive:
    known: dict = {
        "id": uuid4(),
        "state": "building",
        "files_done": 812,
        "files_total": 1304,
        "bytes_done": 620,
        "bytes_total": 1000,
        "missing": 0,
        "parts": (("studio.zip", 1_800_000_000),),
        "created_at": NOW - timedelta(days=4),
        "started_at": NOW - timedelta(seconds=294),
        "expires_at": NOW + timedelta(days=5, hours=21, minutes=3),
    }
    return Archive(**{**known, **more})


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (12_345_678, "12 MB"),
        (4_200_000_000, "4.2 GB"),
        (3 * 10**15, "3000 TB"),
    ],
)
def test_sizes_are_told_in_powers_of_a_thousand(size: int, words: str):
    assert size_words(size) == words


def test_an_archive_says_how_far_it_is_and_until_when_its_link_lives():
    view = building_view(archive(), NOW)
    assert (view.percent, view.words) == (62, "812 of 1,304 files, about 3 min left")
    assert building_view(archive(bytes_total=0), NOW).words == "Listing everything that is yours"
    assert building_view(archive(state="queued"), NOW).words == "Waiting for its turn"
    assert building_view(archive(bytes_done=0, files_done=0), NOW).words == "0 of 1,304 files"
    shown = archive_view(archive(state="ready", missing=2), ENGLISH, NOW)
    assert shown.title == "21 November 2026, 1.8 GB"
    assert shown.note == "Link expires in 5 days 21 h, 1,304 files"
    assert shown.missing.startswith("2 files could not be read.")
    assert [part.name for part in shown.parts] == ["Download ZIP"]
    two = archive_view(archive(parts=(("a.zip", 5), ("b.zip", 6))), ENGLISH, NOW)
    assert [(part.name, part.href[-2:]) for part in two.parts] == [
        ("Part 1 of 2, 5 bytes", "/1"),
        ("Part 2 of 2, 6 bytes", "/2"),
    ]
    assert expires_words(NOW + timedelta(minutes=9), NOW) == "Link expires in 9 min"
    assert expires_words(NOW - timedelta(minutes=9), NOW) == "Link expires in 0 min"
    assert files_words(1) == "1 file"


async def test_an_archive_needs_a_recent_sign_in_and_is_offered_again_after_it(settings):
    who = await person()
    state = tab(PrivacyState, who, HERE)
    await call(state, "load")
    await call(state, "ask_archive")
    assert state.reauth_href == "/reauth?next=%2Fsettings%2Fprivacy%3Farchive%3D1"
    assert (state.building.id, state.archive_error) == ("", "")
    await fresh(who)
    back = tab(PrivacyState, who, f"{HERE}?archive=1")
    assert HERE in str(await call(back, "load"))
    assert (back.asked, back.building.id) == ("Download my data", "")
    await call(back, "ask_archive")
    assert (back.asked, back.building.words) == ("", "Waiting for its turn")
    await call(back, "ask_archive")
    assert back.archive_error.startswith("One archive a day.")
    await call(back, "take_back", back.building.id)
    assert (back.building.id, back.ready) == ("", [])


async def test_product_news_are_asked_for_taken_back_and_stay_in_the_history(settings):
    who = await person()
    state = tab(PrivacyState, who, HERE)
    await call(state, "load")
    assert (state.news, state.answers) == (False, [])
    for on in (True, True, False, False, True):
        await call(state, "set_news", on)
        assert state.news is on
    assert [(each.on, each.words) for each in state.answers] == [
        (True, "Turned on Product news by email"),
        (False, "Turned off Product news by email"),
        (True, "Turned on Product news by email"),
    ]
    async with transaction(SYSTEM) as session:
        ended = await session.scalar(
            text("SELECT id FROM mail_optins WHERE account_id = :id AND withdrawn_at IS NOT NULL"),
            {"id": who.account_id},
        )
    assert [each.id async for each in journal.entries() if each.kind == "optout" and each.id == ended] == [ended]


async def test_a_restricted_account_takes_news_back_and_asks_for_none(settings):
    who = await person()
    state = tab(PrivacyState, who, HERE)
    await call(state, "set_news", True)
    async with transaction(SYSTEM) as session:
        await restriction.restrict(session, by=None, account_id=who.account_id, reason="person")
    await call(state, "set_news", False)
    assert state.news is False
    await call(state, "set_news", True)
    assert (state.news, state.toasts[-1].title[:26]) == (False, "This account is restricted")


async def test_nobody_takes_back_the_archive_of_somebody_else(settings):
    who, thief = await person(), await person()
    await fresh(who)
    state = tab(PrivacyState, who, HERE)
    await call(state, "ask_archive")
    other = tab(PrivacyState, thief, HERE)
    await call(other, "take_back", state.building.id)
    assert other.toasts[-1].title == "This archive is gone already."
    await call(state, "load")
    assert state.building.id


async def test_the_account_goes_only_with_its_address_and_every_page_says_so_until_it_is_kept(settings):
    who = await person()
    state = tab(PrivacyState, who, HERE)
    await call(state, "load")
    assert (state.holding, state.address, state.counting.due) == ("0 files, 0 bytes", who.email, "")
    await call(state, "set_delete_open", True)
    await call(state, "delete_account", {"address": who.email})
    assert state.reauth_href.endswith("leave%3D1")
    assert (state.delete_open, state.reauth_part) == (True, "leaving")
    await fresh(who)
    back = tab(PrivacyState, who, f"{HERE}?leave=1")
    assert HERE in str(await call(back, "load"))
    assert back.delete_open
    for typed in ("", "yes", 7):
        await call(back, "delete_account", {"address": typed})
        assert back.delete_error == f"Type {who.email} to confirm that this is the account you mean."
    await call(back, "delete_account", {"address": f" {who.email.upper()} "})
    assert (back.delete_open, back.delete_error) == (False, "")
    assert back.counting.due
    page = tab(StudioState, who)
    await call(page, "identify")
    assert page.leaving.endswith(" UTC")
    hours = page.leaving_ms / 3_600_000 - datetime.now(UTC).timestamp() / 3600
    assert 71.9 < hours <= 72.01
    await call(page, "keep_account")
    assert (page.leaving, page.leaving_ms, page.announcement[:18]) == ("", 0, "Your account stays")
    await call(page, "keep_account")
    assert page.announcement == "There is no countdown to stop any more."
    noted = [entry async for entry in journal.entries(store=journal_store()) if entry.id == who.account_id]
    assert [each.kind for each in sorted(noted, key=lambda each: each.number)] == ["leaving", "staying"]
    async with transaction(SYSTEM) as session:
        row = await session.execute(
            text("SELECT asked_at, ended_at FROM erasures WHERE account_id = :id"), {"id": who.account_id}
        )
        assert {each.at for each in noted} == set(row.one())
    await call(back, "load")
    assert back.counting.due == ""


async def test_a_deletion_concerns_only_whoever_asked_for_it(settings):
    who, other = await person(), await person()
    await fresh(who)
    async with transaction(SYSTEM) as session:
        await erasure.request(session, actor=who.actor, typed=who.email)
    page = tab(StudioState, other)
    await call(page, "identify")
    assert page.leaving == ""
    await call(page, "keep_account")
    async with transaction(SYSTEM) as session:
        state = await session.scalar(text("SELECT state FROM erasures WHERE account_id = :id"), {"id": who.account_id})
    assert state == "waiting"
