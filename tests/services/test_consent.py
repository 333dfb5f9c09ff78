"""An answer about cookies: kept six months behind the browser's cookie, whoever signs in there, and never assumed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config
from studio.db import SYSTEM, transaction
from studio.services import consent, sessions
from studio.services.consent import TextChangedError
from studio.services.identity import joining
from tests.factories import Person

ALL = frozenset({"analytics", "experiments"})
NONE: frozenset[str] = frozenset()


@asynccontextmanager
async def days_later(settings: config.Settings, days: float) -> AsyncIterator[None]:
    """The database's clock, moved by its owner."""
    assert settings.database_url is not None
    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as owner:
        await owner.execute("DELETE FROM studio_clock")
        await owner.execute("INSERT INTO studio_clock (offset_seconds) VALUES (%s)", (days * 86_400,))
        try:
            yield
        finally:
            await owner.execute("DELETE FROM studio_clock")


async def answered(token: str, allowed: frozenset[str] = ALL, *, signal: bool = False) -> str:
    async with transaction(SYSTEM) as session:
        done = await consent.answer(session, token=token, allowed=allowed, shown=consent.text_hash(), signal=signal)
    return done.token


async def now(token: str, *, signal: bool = False) -> consent.Standing:
    async with transaction(SYSTEM) as session:
        return await consent.standing(session, token=token, signal=signal)


@pytest.mark.parametrize("token", ["", "nothing", "x" * 5000])
async def test_without_an_answer_nothing_is_allowed_and_the_person_is_asked(settings, token: str):
    found = await now(token)
    assert (found.allowed, found.ask, found.seconds) == (NONE, True, 0)


@pytest.mark.parametrize("allowed", [NONE, ALL, frozenset({"analytics"}), frozenset({"experiments"})])
async def test_an_answer_holds_as_given_in_an_anonymous_session_of_its_own(settings, allowed: frozenset[str]):
    token = await answered("", allowed)
    found = await now(token)
    assert (found.allowed, found.ask) == (allowed, False)
    assert 180 * 86_400 < found.seconds <= 184 * 86_400
    async with transaction(SYSTEM) as session:
        assert await sessions.identify(session, token=token) is None, "an answer signs nobody in"


async def test_an_answer_counts_for_six_months_and_not_a_day_longer(settings):
    token = await answered("")
    async with days_later(settings, 180):
        async with transaction(SYSTEM) as session:
            await sessions.sweep(session)
            await consent.sweep(session)
        assert (await now(token)).allowed == ALL
    async with days_later(settings, 185):
        assert ((await now(token)).allowed, (await now(token)).ask) == (NONE, True)
        async with transaction(SYSTEM) as session:
            await sessions.sweep(session)
            await consent.sweep(session)
            left = await session.scalar(
                text("SELECT count(*) FROM sessions WHERE token_hash = :hash"), {"hash": sessions.hash_token(token)}
            )
    assert left == 0


async def test_another_text_asks_again_and_an_answer_to_an_old_one_is_refused(
    settings, monkeypatch: pytest.MonkeyPatch
):
    shown = consent.text_hash()
    token = await answered("")
    monkeypatch.setattr(consent, "TEXT", "Something else is asked now.")
    consent.text_hash.cache_clear()
    try:
        assert consent.text_hash() != shown
        found = await now(token)
        assert (found.allowed, found.ask) == (NONE, True)
        with pytest.raises(TextChangedError, match="Read it again"):
            async with transaction(SYSTEM) as session:
                await consent.answer(session, token=token, allowed=ALL, shown=shown, signal=False)
    finally:
        monkeypatch.undo()
        consent.text_hash.cache_clear()
    assert (await now(token)).allowed == ALL


async def test_the_browsers_signal_is_a_no_unless_the_person_said_yes_beside_it(settings):
    assert ((await now("", signal=True)).allowed, (await now("", signal=True)).ask) == (NONE, False)
    before = await answered("")
    assert (await now(before, signal=True)).allowed == NONE
    assert (await now(before)).allowed == ALL
    beside = await answered("", signal=True)
    assert (await now(beside, signal=True)).allowed == ALL
    assert (await now(beside)).allowed == ALL


async def test_each_choice_is_a_row_with_its_text_and_time_and_nothing_about_the_computer(session: AsyncSession):
    token = ""
    for allowed in (ALL, NONE, frozenset({"analytics"})):
        done = await consent.answer(session, token=token, allowed=allowed, shown=consent.text_hash(), signal=False)
        token = done.token
    assert (await consent.standing(session, token=token, signal=False)).allowed == {"analytics"}
    rows = await session.execute(
        text(
            "SELECT c.* FROM consents c JOIN sessions s ON s.id = c.session_id WHERE s.token_hash = :hash "
            "ORDER BY answered_at"
        ),
        {"hash": sessions.hash_token(token)},
    )
    found = [dict(row._mapping) for row in rows]
    assert [(row["analytics"], row["experiments"]) for row in found] == [(True, True), (False, False), (True, False)]
    assert len({row["id"] for row in found}) == 3
    assert {row["text_hash"] for row in found} == {consent.text_hash()}
    assert set(found[0]) == {
        "id", "session_id", "account_id", "text_hash", "analytics", "experiments", "despite_signal", "answered_at",
        "kept_until",
    }  # fmt: skip


async def history(who: Person) -> list[frozenset[str]]:
    async with transaction(who.actor) as session:
        return [each.allowed for each in await consent.history(session, actor=who.actor)]


async def test_signing_in_takes_the_answer_along_and_signing_out_leaves_it_with_the_browser(
    someone: Person, other: Person
):
    token = await answered("", frozenset({"analytics"}))
    async with transaction(SYSTEM) as session:
        started = await sessions.start(session, account_id=someone.account_id)
        await consent.carry(session, old_token=token, token=started)
        await joining.leave_behind(session, token=token)
        gone = await session.scalar(
            text("SELECT count(*) FROM sessions WHERE token_hash = :hash"), {"hash": sessions.hash_token(token)}
        )
    assert gone == 0
    assert (await now(started)).allowed == {"analytics"}
    assert await history(someone) == [frozenset({"analytics"})]
    async with transaction(SYSTEM) as session:
        out = await consent.carry_out(session, token=started)
    assert out is not None
    assert (await now(out)).allowed == {"analytics"}
    async with transaction(SYSTEM) as session:
        owners = await session.scalars(
            text("SELECT account_id FROM consents WHERE session_id = (SELECT id FROM sessions WHERE token_hash = :h)"),
            {"h": sessions.hash_token(out)},
        )
        assert list(owners) == [None], "what stays with the browser names nobody"
        theirs = await sessions.start(session, account_id=other.account_id)
        await consent.carry(session, old_token=out, token=theirs)
    assert (await now(theirs)).allowed == {"analytics"}
    assert (await history(someone), await history(other)) == ([frozenset({"analytics"})], [frozenset({"analytics"})])


async def test_nobody_to_carry_for_is_nothing(someone: Person):
    async with transaction(SYSTEM) as session:
        assert await consent.carry_out(session, token=someone.token) is None
        await consent.carry(session, old_token="", token=someone.token)
        await consent.carry(session, old_token="unknown", token=someone.token)
    assert (await now(someone.token)).ask


async def test_a_sign_in_that_is_begun_or_given_up_keeps_the_answer(settings):
    token = await answered("")
    async with transaction(SYSTEM) as session:
        begun = await sessions.keep_anonymous(session, old_token=token, state={"provider": "x"})
        assert await sessions.peek_attempt(session, token=begun) == {"provider": "x"}
    assert ((await now(token)).ask, (await now(begun)).allowed) == (True, ALL)
    async with transaction(SYSTEM) as session:
        assert await joining.leave(session, token=begun)
        assert await sessions.peek_attempt(session, token=begun) is None
    assert (await now(begun)).allowed == ALL
    async with transaction(SYSTEM) as session:
        bare = await sessions.keep_anonymous(session, old_token="", state={"provider": "x"})
        assert not await joining.leave(session, token=bare)
        assert await sessions.browser(session, token=bare) is None


async def test_an_answer_outlives_the_sign_in_it_was_given_in(settings, someone: Person):
    await answered(someone.token)
    async with transaction(SYSTEM) as session:
        await sessions.revoke(session, account_id=someone.account_id, session_id=someone.identity.session_id)
    async with days_later(settings, 60):
        async with transaction(SYSTEM) as session:
            await sessions.sweep(session)
            assert await sessions.identify(session, token=someone.token) is None
        assert (await now(someone.token)).allowed == ALL
        changed = await answered(someone.token, NONE)
        assert changed != someone.token, "an ended session takes no more answers for its account"
        assert await history(someone) == [ALL]


async def test_history_is_the_persons_own_and_only_read(someone: Person, other: Person):
    await answered(someone.token)
    await answered(other.token, NONE)
    assert (await history(someone), await history(other)) == ([ALL], [NONE])
    async with transaction(someone.actor) as session:
        assert set(await session.scalars(text("SELECT account_id FROM consents"))) == {someone.account_id}
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as session:
            await session.execute(text("UPDATE consents SET analytics = false"))


@pytest.mark.parametrize("table", ["usage_counts", "usage_totals", "experiment_counts"])
async def test_counts_are_closed_to_people(someone: Person, table: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as session:
            await session.execute(text(f"SELECT * FROM {table}"))


async def test_erasing_an_account_takes_its_answers_along(someone: Person):
    await answered(someone.token)
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM accounts WHERE id = :id"), {"id": someone.account_id})
        left = await session.scalar(
            text("SELECT count(*) FROM consents WHERE account_id = :id"), {"id": someone.account_id}
        )
    assert left == 0


def test_a_number_that_is_none_of_ours_names_nobody():
    from studio.services import usage

    assert usage.visitor(None) is None
    assert usage.visitor("' OR 1=1") is None
    assert usage.visitor(str(number := uuid4())) == number
