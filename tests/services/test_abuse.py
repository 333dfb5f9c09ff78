"""Limits hold exactly, for all connections at once, and nothing of whom they counted is left behind."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from studio import config, rates
from studio.db import SYSTEM, role_options, sqlalchemy_url, transaction
from studio.jobs import upkeep
from studio.services import abuse, eventlog
from studio.services.abuse import TooOften
from studio.services.eventlog import Writer
from tests.factories import Person

ADDRESS = "203.0.113.77"
HOUR = 3600


@contextmanager
def clock(moment: datetime) -> Iterator[None]:
    """The database's clock goes on from `moment`; only the owner can move it."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        ahead = (moment - datetime.now(UTC)).total_seconds()
        owner.execute(
            "INSERT INTO studio_clock VALUES (true, %s) ON CONFLICT (single) DO UPDATE SET offset_seconds = %s",
            (ahead, ahead),
        )
        try:
            yield
        finally:
            owner.execute("DELETE FROM studio_clock")


@pytest.fixture
async def hour(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[datetime]:
    """An hour that has just begun, and limits of 5 and 50 in it."""
    limits = rates.parse(f"signin=5/{HOUR},csv=50/{HOUR},join=5/60")
    monkeypatch.setattr(abuse, "settings", lambda: replace(settings, limits=limits))
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    with clock(start + timedelta(seconds=5)):
        yield start
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM rate_counts"))
        await session.execute(text("DELETE FROM rate_salts"))


async def attempt(what: str = "signin", *, address: str = ADDRESS, who: Person | None = None) -> TooOften | None:
    """One try in a transaction of its own, as every edge makes it."""
    try:
        async with transaction(SYSTEM) as session:
            await abuse.count(session, what=what, actor=who.actor if who else None, address=address)
    except TooOften as refused:
        return refused
    return None


async def kept() -> list[tuple[bytes, int, datetime]]:
    async with transaction(SYSTEM) as session:
        found = await session.execute(text("SELECT key, used, ends_at FROM rate_counts ORDER BY key"))
        return [(row.key, row.used, row.ends_at) for row in found]


@pytest.mark.usefixtures("hour")
async def test_of_two_hundred_tries_at_once_exactly_as_many_pass_as_the_limit_says(settings: config.Settings):
    assert settings.database_url
    options = {"options": role_options("sys")}
    url = sqlalchemy_url(settings.database_url)
    engines: list[AsyncEngine] = [
        create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=60, connect_args=options) for _ in range(2)
    ]

    async def one(number: int) -> bool:
        try:
            async with AsyncSession(engines[number % 2]) as session, session.begin():
                await abuse.count(session, what="csv", address=ADDRESS)
        except TooOften:
            return False
        return True

    passed = await asyncio.gather(*(one(number) for number in range(200)))
    for engine in engines:
        await engine.dispose()
    assert sum(passed) == 50
    assert [used for _, used, _ in await kept()] == [50]


async def test_the_next_window_of_the_databases_clock_begins_at_nothing(hour: datetime):
    for _ in range(5):
        assert await attempt() is None
    refused = await attempt()
    assert refused is not None
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.wait_seconds is not None
    assert HOUR - 60 <= refused.wait_seconds <= HOUR - 5
    with clock(hour + timedelta(seconds=HOUR - 30)):
        refused = await attempt()
        assert refused is not None
        assert refused.wait_seconds is not None
        assert 1 <= refused.wait_seconds <= 30
        assert refused.message == f"Too many sign-in attempts. Try again in {refused.wait_seconds} seconds."
    with clock(hour + timedelta(seconds=HOUR)):
        assert [await attempt() for _ in range(5)] == [None] * 5
        assert await attempt() is not None


@pytest.mark.usefixtures("hour")
async def test_accounts_addresses_and_limits_are_counted_apart(someone: Person, other: Person):
    for _ in range(5):
        await attempt(who=someone)
    assert await attempt(who=someone, address="198.51.100.1") is not None, "an account is the same everywhere"
    assert await attempt(who=other) is None
    assert await attempt() is None
    assert await attempt(address="203.0.113.78") is None
    assert await attempt("join", who=someone) is None


async def test_what_is_kept_is_no_address_and_differs_from_window_to_window(hour: datetime, settings: config.Settings):
    await attempt()
    [(first, _, ends)] = await kept()
    assert ends == hour + timedelta(hours=1)
    packed = ip_address(ADDRESS).packed
    secret = settings.secret_key.encode()
    guesses = {hashlib.sha256(raw).digest() for raw in (ADDRESS.encode(), packed, b"address " + ADDRESS.encode())}
    guesses |= {hmac.digest(secret, raw, "sha256") for raw in (ADDRESS.encode(), packed)}
    guesses |= {abuse._who("signin", None, ADDRESS)}
    assert first not in guesses, "not even whoever has the secret key can look an address up"
    assert packed not in first
    with clock(hour + timedelta(hours=1, seconds=1)):
        await attempt()
        [(second, used, _)] = await kept()
    assert (second != first, used) == (True, 1)


async def test_nothing_is_left_when_the_window_is_over(hour: datetime):
    await attempt()
    await attempt("join")
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT count(*) FROM rate_salts")) == 2
    with clock(hour + timedelta(minutes=2)):  # the minute of "join" is over, the hour is not
        async with transaction(SYSTEM) as session:
            await upkeep.tidy(session)
        assert [ends for _, _, ends in await kept()] == [hour + timedelta(hours=1)]
    with clock(hour + timedelta(hours=2)):
        await attempt(address="198.51.100.9")  # the first try of a later window clears up by itself
        assert [used for _, used, _ in await kept()] == [1]
        async with transaction(SYSTEM) as session:
            assert list(await session.scalars(text("SELECT ends_at FROM rate_salts"))) == [hour + timedelta(hours=3)]


@pytest.mark.usefixtures("hour")
async def test_a_refusal_changes_nothing():
    for _ in range(5):
        await attempt()
    before = await kept()
    assert await attempt() is not None
    assert await kept() == before


@pytest.mark.parametrize("table", ["rate_counts", "rate_salts"])
async def test_a_person_can_count_but_not_look(someone: Person, table: str):
    async with transaction(someone.actor) as session:
        await abuse.count(session, what="submit", actor=someone.actor)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as session:
            await session.execute(text(f"SELECT * FROM {table}"))
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as session:
            await session.execute(text("SELECT studio_forget_counts()"))


async def test_counters_are_in_no_archive_of_the_log(session: AsyncSession):
    found = await session.scalars(
        text("SELECT relpersistence::text FROM pg_class WHERE relname IN ('rate_counts', 'rate_salts')")
    )
    assert list(found) == ["u", "u"]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.77", "203.0.113.77"),
        ("::ffff:203.0.113.77", "203.0.113.77"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("203.0.113.77:50123", "203.0.113.77"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("203.0.113.77, 198.51.100.1", "unknown"),
    ],
)
def test_an_address_counts_whole_or_as_its_household(address: str, counted: str):
    assert abuse.neighbourhood(address) == counted


NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "in 1 second"),
        (40, "in 40 seconds"),
        (119, "in 119 seconds"),
        (120, "in 2 minutes"),
        (121, "in 3 minutes"),
        (3599, "in 60 minutes"),
        (3600, "at 13:01 UTC"),
        (43_170, "at 00:00 UTC"),
    ],
)
def test_when_to_try_again_is_said_so_that_it_is_not_too_early(seconds: int, said: str):
    assert TooOften("uploads", seconds, now=NOON).message == f"Too many uploads. Try again {said}."


async def test_a_try_costs_one_small_transaction(settings: config.Settings):
    taken = []
    for number in range(120):
        began = time.perf_counter()
        assert await attempt("signin", address=f"198.51.100.{number % 20}") is None
        taken.append((time.perf_counter() - began) * 1000)
    assert statistics.median(taken[20:]) < 50, "one small transaction, on a machine however loaded"


class BrokenError(Exception):
    """Something nobody foresaw."""


def broken() -> BrokenError:
    """The same error at the same place."""
    try:
        raise BrokenError
    except BrokenError as error:
        return error


async def test_the_same_error_again_and_again_is_a_few_rows_that_count(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    writer, source = Writer(), uuid4().hex
    told = [writer.error(source, broken()) for _ in range(500)]
    await writer.flush()
    told += [writer.error(source, broken()) for _ in range(100)]
    await writer.flush()
    other = writer.error(source, ValueError())
    monkeypatch.setattr(eventlog, "REPEAT_SECONDS", -1.0)  # the minute is over
    later = writer.error(source, broken())
    await writer.flush()
    async with transaction(SYSTEM) as session:
        found = await session.execute(
            text("SELECT reference, repeats FROM error_events WHERE source = :source ORDER BY at, repeats"),
            {"source": source},
        )
        repeats = {row.reference: row.repeats for row in found}
    assert len(repeats) == eventlog.MOST_ALIKE + 2
    assert set(told) | {other, later} == set(repeats), "every reference that was shown leads to a row"
    assert sorted(repeats.values()) == [0] * (eventlog.MOST_ALIKE + 1) + [600 - eventlog.MOST_ALIKE]
    assert not writer.again
