"""What is over ends, late or not, once, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config, db, runtime
from studio.db import SYSTEM, Actor, transaction
from studio.jobs import upkeep
from studio.services import (
    alarms,
    ledger,
    leftovers,
    logs,
    operators,
    purge,
    registry,
    retention,
    retention_table,
    selections,
    trash,
)
from studio.services.eventlog import WRITER, Writer
from studio.services.proofs import Page
from studio.services.proofs.base import Probe
from studio.services.proofs.lasting import live_untouched
from studio.services.storage import new_key
from studio.simulator.store import KEEP_TASKS, Store
from tests.conftest import Database
from tests.factories import Person, finished, image, person, submitted, upload
from tests.services.retentionbench import (
    Clock,
    Traffic,
    error_totals,
    live_hash,
    oldest_raw_days,
    request_totals,
    rows,
)

START = datetime(2031, 3, 1, 0, 30, tzinfo=UTC)


@contextmanager
def own_settings(url: str) -> Iterator[None]:
    """This process uses another database for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        config.settings.cache_clear()
        db.engine.cache_clear()
        yield
    config.settings.cache_clear()


@pytest.fixture(scope="module")
def mould(database: Database) -> str:
    """A migrated database that nobody connects to, so that a copy of it takes little time."""
    return database.fresh()


@pytest.fixture
async def clock(settings: config.Settings, database: Database, mould: str) -> AsyncIterator[Clock]:
    """A database of this test's own at the beginning of a day, whose clock it moves."""
    await db.dispose()
    name = f"clock_{uuid4().hex}"
    template = mould.partition("@/")[2].partition("?")[0]
    with psycopg.connect(database.server.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]  # our own names
        with own_settings(mould.replace(f"@/{template}?", f"@/{name}?")):
            moving = Clock(url_now())
            moving.move(START)
            await upkeep.run()
            yield moving
            moving.close()
            await db.dispose()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]  # our own name


def url_now() -> str:
    url = config.settings().database_url
    assert url is not None
    return url


# Logs


async def test_a_log_of_any_day_is_gone_before_its_thirtieth_day_begins_and_its_totals_are_right(clock: Clock):
    traffic = Traffic()
    for number in range(33):
        day = (START + timedelta(days=number)).date()
        clock.move(datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC))
        await traffic.day(day, 500 if number < 3 else 20)
        await upkeep.run()
        assert await oldest_raw_days() <= 30
    days = [START.date() + timedelta(days=number) for number in range(33)]
    gone, kept = days[:4], days[4:]
    left = {r.day for r in await rows("SELECT DISTINCT (at AT TIME ZONE 'UTC')::date AS day FROM request_log")}
    assert left == set(kept)
    wanted, discarded = traffic.totals(gone, of=traffic.requests)
    assert await request_totals() == wanted
    assert sum(wanted.values()) + discarded == sum(sum(traffic.requests[day].values()) for day in gone)
    assert discarded > 0
    assert any(path == "other" and status == "any" for _, path, status, _ in wanted)
    assert await error_totals() == traffic.totals(gone, of=traffic.errors)[0]


@pytest.mark.parametrize("down", [1, 7, 30, 40])
async def test_after_days_without_a_worker_one_run_brings_everything_to_the_promised_state(clock: Clock, down: int):
    traffic = Traffic()
    for number in range(down + 1):  # the web goes on meanwhile, and makes the days it needs
        clock.move(START + timedelta(days=number, hours=23))
        await traffic.day(clock.at.date(), 60)
    assert len(await rows("SELECT 1 FROM request_log")) == 60 * (down + 1)
    clock.move(START + timedelta(days=down + 1))
    await upkeep.run()
    assert await oldest_raw_days() <= 30
    gone = [START.date() + timedelta(days=number) for number in range(max(0, down + 1 - 28))]
    assert await request_totals() == traffic.totals(gone, of=traffic.requests)[0]
    async with transaction(SYSTEM) as session:
        assert [each.entry.what for each in await retention.report(session) if each.overdue] == []


async def test_two_workers_at_once_and_one_that_dies_midway_count_nothing_twice(clock: Clock):
    traffic = Traffic()
    for number in range(5):
        clock.move(START + timedelta(days=number, hours=23))
        await traffic.day(clock.at.date(), 400)
    clock.move(START + timedelta(days=60))
    async with AsyncSession(db.engine("sys")) as session:
        ended = [await logs.retire_requests(session) for _ in range(3)]
        await session.rollback()  # what is left of a process that is killed here
    assert ended == [0, 400, 400]  # the day before the first was made and never used
    assert await request_totals() == Counter()
    async with transaction(SYSTEM) as first, transaction(SYSTEM) as second:
        assert await retention.sweep(first, what="requests") == 0
        assert await retention.sweep(second, what="requests") is None
    await asyncio.gather(*(upkeep.run() for _ in range(4)))
    days = list(traffic.requests)
    assert await request_totals() == traffic.totals(days, of=traffic.requests)[0]
    assert await error_totals() == traffic.totals(days, of=traffic.errors)[0]
    assert await oldest_raw_days() == 0


async def test_what_is_still_being_written_into_a_day_is_waited_for(clock: Clock):
    clock.move(START + timedelta(days=28))
    await upkeep.run()  # the empty day before goes first
    clock.move(START + timedelta(days=29))
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'request_log'::regclass"

    async def retire() -> None:
        async with transaction(SYSTEM) as session:
            while await logs.retire_requests(session) is not None:
                pass

    async with AsyncSession(db.engine("sys")) as writing:
        insert = "INSERT INTO request_log SELECT gen_random_uuid(), :at, '/', 200, 3 FROM generate_series(1, 12)"
        await writing.execute(text(insert), {"at": START})
        run = asyncio.create_task(retire())
        async with asyncio.timeout(60):
            while not await rows(waiting):  # noqa: ASYNC110  # Postgres tells nobody that it waits
                await asyncio.sleep(0.02)
        await writing.commit()
    await run
    assert sum((await request_totals()).values()) == 12


async def test_totals_hold_no_request_and_no_account(clock: Clock):
    who = await person()
    traffic = Traffic()
    clock.move(START + timedelta(hours=23))
    await traffic.day(START.date(), 800)
    clock.move(START + timedelta(days=31))
    await upkeep.run()
    found = [*(await rows("SELECT * FROM request_totals")), *(await rows("SELECT * FROM error_totals"))]
    kept = " ".join(str(tuple(row)) for row in found)
    assert len(kept) > 100
    assert [each for each in (*traffic.ids, str(who.account_id), who.email) if each in kept] == []
    columns = await rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name IN ('request_totals', 'error_totals')"
    )
    assert {r.column_name for r in columns} == {"hour", "path", "status", "latency", "requests", "kind", "errors"}


def request(at: datetime) -> dict[str, object]:
    return {"id": uuid4(), "at": at, "path": "/", "status": 200, "latency": 5}


async def test_a_batch_that_comes_late_brings_no_dropped_day_back_and_loses_nothing_of_today(clock: Clock):
    clock.move(START + timedelta(days=40))
    await upkeep.run()
    before = await rows("SELECT inhrelid FROM pg_inherits WHERE inhparent = 'request_log'::regclass")
    writer = Writer()
    writer.requests += [request(START), request(clock.at - timedelta(days=3)), request(clock.at)]
    await writer.flush()
    assert [r.at for r in await rows("SELECT at FROM request_log")] == [clock.at]
    assert await rows("SELECT inhrelid FROM pg_inherits WHERE inhparent = 'request_log'::regclass") == before


async def test_a_time_ahead_of_the_databases_clock_does_not_outlive_its_days(clock: Clock):
    writer = Writer()
    writer.requests.append(request(clock.at + timedelta(days=300)))
    try:
        raise KeyError
    except KeyError as error:
        writer.error("test", error)  # stamped by this process, years before the database's clock
    writer.errors[0].at = clock.at + timedelta(days=300)
    await writer.flush()
    ((ahead,),) = await rows("SELECT max(at) - studio_now() FROM request_log")
    assert ahead <= timedelta(0)
    assert len(await rows("SELECT 1 FROM error_events WHERE at <= studio_now()")) == 1


async def test_what_a_lost_database_kept_from_being_written_is_written_with_the_next_batch(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    writer = Writer()
    kept = request(clock.at)
    writer.requests.append(kept)
    url = url_now()
    with monkeypatch.context() as patch:
        await db.dispose()
        patch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
        config.settings.cache_clear()
        with pytest.raises(DBAPIError):
            await writer.flush()
        await db.dispose()
    config.settings.cache_clear()
    assert url_now() == url
    writer.requests.append(request(clock.at))
    await writer.flush()
    await writer.flush()
    assert len(await rows("SELECT 1 FROM request_log")) == 2
    writer.requests.append(kept)  # its answer was lost, so it comes once more
    await writer.flush()
    assert len(await rows("SELECT 1 FROM request_log")) == 2


async def test_fewer_days_can_be_set_and_more_are_refused(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    traffic = Traffic()
    clock.move(START + timedelta(hours=23))
    await traffic.day(START.date(), 30)
    clock.move(START + timedelta(days=5))
    monkeypatch.setattr(logs, "settings", lambda: replace(config.settings(), log_days=7))
    await upkeep.run()
    assert len(await rows("SELECT 1 FROM request_log")) == 30
    clock.move(START + timedelta(days=6))
    await upkeep.run()
    assert await rows("SELECT 1 FROM request_log") == []
    with pytest.raises(config.SettingsError, match="STUDIO_LOG_DAYS: expected a whole number from 2 to 30"):
        config.load({"STUDIO_LOG_DAYS": "31", "STUDIO_SECRET_KEY": "s" * 32})
    with pytest.raises(DBAPIError, match="2 to 30 days"):
        await rows("SELECT studio_retire_day('request_log', 1)")


async def test_an_owner_that_is_no_superuser_retires_days_and_years(database: Database, settings: config.Settings):
    with psycopg.connect(database.server.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE plain_owner LOGIN CREATEROLE")
        admin.execute("GRANT studio_app, studio_sys TO plain_owner WITH ADMIN OPTION")
        admin.execute("CREATE DATABASE plainly OWNER plain_owner")
        head, _, tail = database.server.url.partition("@/")
        url = f"{head.rpartition('/')[0]}/plain_owner@/plainly?{tail.partition('?')[2]}"
        try:
            db.migrate(url)
            with psycopg.connect(url, autocommit=True) as owner:
                owner.execute(
                    "CREATE TABLE request_log_20010101 PARTITION OF request_log "
                    "FOR VALUES FROM ('2001-01-01 00:00Z') TO ('2001-01-02 00:00Z')"
                )
                owner.execute(
                    "CREATE TABLE ledger_entries_2001 PARTITION OF ledger_entries "
                    "FOR VALUES FROM ('2001-01-01') TO ('2002-01-01')"
                )
                owner.execute("SET ROLE studio_sys")
                owner.execute(
                    "INSERT INTO request_log SELECT gen_random_uuid(), '2001-01-01 10:00Z', '/', 200, 3 "
                    "FROM generate_series(1, 12)"
                )
                owner.execute(
                    "INSERT INTO ledger_entries (pseudonym, kind, generation_kind, amount_micros, month, reservation, "
                    "idempotency_key) VALUES (gen_random_uuid(), 'reserve', 'image', 5, '2001-03-01', "
                    "gen_random_uuid(), 'x')"
                )
                assert owner.execute("SELECT studio_retire_day('request_log', 30)").fetchone() == (12,)
                assert owner.execute("SELECT path, requests FROM request_totals").fetchall() == [("/", 12)]
                assert owner.execute("SELECT studio_retire_year()").fetchone() == (1,)
                totals = owner.execute("SELECT year, entries, amount_micros FROM ledger_totals").fetchall()
                assert totals == [(2001, 1, 5)]
                assert owner.execute("SELECT count(*) FROM ledger_checkpoints").fetchone() == (1,)
        finally:
            admin.execute("DROP DATABASE IF EXISTS plainly WITH (FORCE)")
            admin.execute("DROP OWNED BY plain_owner")
            admin.execute("DROP ROLE plain_owner")


# The ledger


async def month_of_money(clock: Clock, who: Person, moment: datetime, seen: Counter[tuple[int, str]]) -> None:
    """A hold that is settled and one that is given back only after the month, in this month."""
    clock.move(moment)
    async with transaction(SYSTEM) as session:
        await session.execute(text("SELECT studio_partitions(7)"))
    account = who.account_id
    ids = [uuid4(), uuid4()]
    async with transaction(SYSTEM) as session:
        month = await ledger.reserve(session, account_id=account, kind="image", amount=700, reservations=ids)
    first, second = (ledger.Reservation(each, account, month, "image", 700) for each in ids)
    clock.move(moment + timedelta(days=9))
    async with transaction(SYSTEM) as session:
        await ledger.settle(session, first, charged=400)
        await ledger.release(session, second)
    for kind, amount in (("reserve", 1400), ("settle", 400), ("release", 700)):
        seen[month.year, kind] += amount


async def verified() -> ledger.ChainReport:
    async with transaction(SYSTEM) as session:
        return await ledger.check(session)


async def test_a_year_of_the_ledger_becomes_totals_after_seven_and_every_chain_goes_on(clock: Clock):
    stays, leaves, rests = await person(), await person(), await person()
    seen: Counter[tuple[int, str]] = Counter()
    for year in range(2031, 2040):
        for month in (6, 12):  # what is held in December closes in January, of the year before
            for who in (stays, leaves, rests):
                if who is stays or year < 2033:
                    await month_of_money(clock, who, datetime(year, month, 27, tzinfo=UTC), seen)
        if year == 2034:  # the map goes, as in a purge
            async with transaction(SYSTEM) as session:
                await session.execute(
                    text("DELETE FROM ledger_pseudonyms WHERE account_id = :id"), {"id": leaves.account_id}
                )
                await session.execute(text("DELETE FROM budgets WHERE account_id = :id"), {"id": leaves.account_id})
    clock.move(datetime(2038, 12, 31, 23, 59, tzinfo=UTC))
    await upkeep.run()
    assert await rows("SELECT 1 FROM ledger_totals") == []
    clock.move(datetime(2039, 1, 1, 0, 5, tzinfo=UTC))
    await upkeep.run()
    report = await verified()
    assert report.ok, report
    clock.move(datetime(2042, 1, 1, 0, 5, tzinfo=UTC))
    await upkeep.run()
    report = await verified()
    assert (report.ok, report.entries) == (True, 5 * 2 * 4), report
    totals = {(r.year, r.kind): int(r.amount_micros) for r in await rows("SELECT * FROM ledger_totals")}
    assert totals == {key: amount for key, amount in seen.items() if key[0] < 2035}
    assert {r.c for r in await rows("SELECT extract(year FROM month)::int AS c FROM budgets")} == set(range(2035, 2040))
    maps = {r.pseudonym for r in await rows("SELECT pseudonym FROM ledger_pseudonyms")}
    marks = {r.pseudonym for r in await rows("SELECT pseudonym FROM ledger_checkpoints")}
    heads = {r.pseudonym for r in await rows("SELECT pseudonym FROM ledger_heads")}
    assert len(maps) == 2
    assert marks | heads <= maps  # of whom nobody can follow any more, nothing is left
    await month_of_money(clock, rests, datetime(2042, 2, 1, tzinfo=UTC), seen)  # its last entry went years ago
    assert (await verified()).ok


async def test_a_hold_of_december_that_ends_among_the_entries_of_january_leaves_the_chain_whole(clock: Clock):
    who = await person()

    async def hold(moment: datetime) -> ledger.Reservation:
        clock.move(moment)
        await rows("SELECT studio_partitions(7)")
        async with transaction(SYSTEM) as session:
            held, account = uuid4(), who.account_id
            month = await ledger.reserve(session, account_id=account, kind="video", amount=9, reservations=[held])
        return ledger.Reservation(held, account, month, "video", 9)

    december = await hold(datetime(2031, 12, 31, 23, 50, tzinfo=UTC))
    january = await hold(datetime(2032, 1, 1, 0, 5, tzinfo=UTC))
    for each in (december, january):
        async with transaction(SYSTEM) as session:
            await ledger.release(session, each)
    assert [r.y for r in await rows("SELECT extract(year FROM month)::int AS y FROM ledger_entries ORDER BY seq")] == [
        2031,
        2032,
        2031,
        2032,
    ]
    clock.move(datetime(2039, 1, 1, 0, 5, tzinfo=UTC))
    await upkeep.run()
    report = await verified()
    assert (report.ok, report.entries) == (True, 2), report
    assert [r.seq for r in await rows("SELECT seq FROM ledger_checkpoints ORDER BY seq")] == [1, 3]


async def test_the_check_sees_an_entry_that_went_without_a_checkpoint(clock: Clock):
    who, seen = await person(), Counter[tuple[int, str]]()
    await month_of_money(clock, who, datetime(2031, 6, 2, tzinfo=UTC), seen)
    await month_of_money(clock, who, datetime(2033, 6, 2, tzinfo=UTC), seen)
    clock.move(datetime(2039, 1, 1, 1, tzinfo=UTC))
    await upkeep.run()
    assert (await verified()).ok
    assert len(await rows("SELECT 1 FROM ledger_checkpoints")) == 1
    for role in (SYSTEM, who.actor):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(role) as session:
                await session.execute(text("UPDATE ledger_checkpoints SET seq = seq + 1"))
    with pytest.raises(DBAPIError, match="permission denied"):
        await rows("INSERT INTO ledger_checkpoints VALUES (gen_random_uuid(), 1, 'x')")
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM ledger_checkpoints"))
    assert (await verified()).broken == 1


# The table


def test_every_kind_of_data_that_ends_by_time_is_in_the_table():
    swept = {table for each in retention.TABLE for table in each.tables}
    ending = {each.table for each in registry.entities() if any(h.days is not None for h in each.columns.values())}
    assert len(ending) > 5
    assert ending - swept == set()
    names = [each.what for each in retention.TABLE]
    assert len(names) == len(set(names))


async def test_every_query_of_the_table_runs_and_nothing_is_overdue_after_a_run(clock: Clock):
    who = await person()
    await submitted(who, image())
    await upkeep.run()
    async with transaction(SYSTEM) as session:
        found = {each.entry.what: each for each in await retention.report(session)}
    assert [what for what, each in found.items() if each.overdue or each.stale] == []
    assert found["sessions"].oldest_age_days is not None
    assert found["ledger"].days == 7 * 365
    assert {r.what for r in await rows("SELECT DISTINCT what FROM retention_runs")} == {
        each.what for each in retention.TABLE if each.swept and not each.alone
    } | {"requests", "errors", "ledger"}


ENDING = {
    "signin_links (id, token_hash, email, expires_at)": "SELECT gen_random_uuid(), 'h', 'a@example.org', studio_now()",
    "invitations (id, email, expires_at)": "SELECT gen_random_uuid(), 'b@example.org', studio_now() + interval '1 day'",
    "mails (id, recipient, template, category, rank, data, message_id, state, ended_at)": (
        "SELECT gen_random_uuid(), 'c@example.org', 'welcome', 'account', 0, '{}', '<m@x>', 'sent', studio_now()"
    ),
    "address_changes (id, account_id, old_email, new_email, confirm_hash, stop_hash, expires_at)": (
        "SELECT gen_random_uuid(), id, 'd@example.org', 'e@example.org', 'a', 'b', studio_now() + interval '1 day' "
        "FROM accounts"
    ),
    "rate_counts": "SELECT 'k', 1, studio_now() + interval '1 day'",
    "retention_runs": "SELECT 'requests', studio_now(), 0",
    "provider_removals": "SELECT 'cgt-1', studio_now(), studio_now(), 0",
    "audit_entries (actor, action, subject)": "SELECT 'cli', 'signin.link', 'x'",
    "privacy_requests (id, kind, address, received_at, due_at, outcome, closed_at)": (
        "SELECT gen_random_uuid(), 'access', 'f@example.org', studio_now(), studio_now() + interval '30 days', 'done', "
        "studio_now()"
    ),
    "consents (id, session_id, text_hash, analytics, experiments, despite_signal, kept_until)": (
        "SELECT gen_random_uuid(), id, repeat('0', 64), false, false, false, studio_now() + interval '180 days' "
        "FROM sessions"
    ),
    "usage_counts (visitor, day, name, uses)": "SELECT gen_random_uuid(), studio_now()::date, 'Studio', 1",
}


async def test_each_row_that_waits_past_its_time_is_reported_and_the_run_ends_it(clock: Clock):
    who = await person()
    async with transaction(SYSTEM) as session:
        for table, statement in ENDING.items():
            await session.execute(text(f"INSERT INTO {table} {statement}"))
    picture = await upload(who)
    async with transaction(who.actor) as session:
        await selections.pick(session, actor=who.actor, asset_ids=[picture])
        await trash.put(session, actor=who.actor, asset_ids=[picture])
    traffic = Traffic()
    clock.move(START + timedelta(hours=23))
    await traffic.day(START.date(), 30)
    month = datetime(2031, 3, 5, tzinfo=UTC)
    await month_of_money(clock, who, month, Counter())
    clock.move(START + timedelta(days=365 * 9))
    async with transaction(SYSTEM) as session:
        overdue = {each.entry.what for each in await retention.report(session) if each.overdue}
    outside = {"jobs", "temporary_files", "pages", "simulator", "exports"}
    assert overdue == {each.what for each in retention.TABLE} - outside
    await upkeep.run()
    async with transaction(SYSTEM) as session:
        assert [each.entry.what for each in await retention.report(session) if each.overdue] == []


async def test_files_that_a_killed_process_left_go_and_those_in_use_stay(clock: Clock, settings: config.Settings):
    halves: list[Path] = []
    for folder in ("tmp", "states"):
        place = settings.data_dir / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, hours in (("old", 60), ("new", 1)):
            (place / name).write_text("x")
            then = time.time() - hours * 3600
            os.utime(place / name, (then, then))
    stores = [runtime.storage(), runtime.journal()]
    for store in stores:  # a put that was killed on its way leaves a file beside the objects
        for hours in (60, 1):
            token = (await store.upload(new_key("o"), part_size=8 << 20)).token
            half = next(settings.data_dir.rglob(token))
            then = time.time() - hours * 3600
            os.utime(half, (then, then))
            halves.append(half)
    async with transaction(SYSTEM) as session:
        before = {each.entry.what: each for each in await retention.report(session)}
    assert before["temporary_files"].overdue
    assert before["pages"].overdue
    await upkeep.run()
    for folder in ("tmp", "states"):
        assert not (settings.data_dir / folder / "old").exists()
        assert (settings.data_dir / folder / "new").exists()
    async with transaction(SYSTEM) as session:
        after = {each.entry.what: each for each in await retention.report(session)}
    assert [half.exists() for half in halves] == [False, True] * len(stores)
    assert not after["temporary_files"].overdue
    assert after["pages"].oldest_age_days == pytest.approx(1 / 24, abs=0.02)


# R1


async def live_rows() -> None:
    for _ in range(2):
        who = await person()
        await submitted(who, image(count=2))
        await upload(who)
        async with transaction(SYSTEM) as session:
            await session.execute(
                text(
                    "INSERT INTO identities (id, account_id, issuer, subject) "
                    "VALUES (gen_random_uuid(), :id, 'https://id.example.org', :subject)"
                ),
                {"id": who.account_id, "subject": str(uuid4())},
            )


async def test_four_hundred_days_of_sweeps_leave_every_live_row_as_it_was(clock: Clock):
    await live_rows()
    before = live_hash(url_now())
    content = {each.table for each in registry.entities() if "content" in {h.category for h in each.columns.values()}}
    assert content <= set(before)
    assert {"batches", "assets", "workspaces", "accounts", "identities"} <= set(before)
    assert not before["assets"].startswith("0 ")
    for days in (*range(1, 400, 21), 400):
        clock.move(START + timedelta(days=days))
        await upkeep.run()
    assert live_hash(url_now()) == before
    assert await rows("SELECT 1 FROM sessions") == []  # the sweeps did run
    ((runs, changed),) = await rows("SELECT count(*), sum(live_rows) FROM retention_runs")
    assert (runs > 100, changed) == (True, 0)


@pytest.mark.parametrize(
    "harm",
    ["DELETE FROM assets", "UPDATE batches SET prompt = ''", "DELETE FROM accounts", "UPDATE accounts SET name = 'x'"],
)
async def test_a_sweep_that_would_change_live_content_is_rolled_back_and_told(
    clock: Clock, harm: str, monkeypatch: pytest.MonkeyPatch
):
    await live_rows()
    before = live_hash(url_now())

    async def clumsy(session: AsyncSession) -> int:
        await session.execute(text(harm))
        return 1

    one = replace(retention.entry("jobs"), sweep=clumsy)
    monkeypatch.setattr(retention, "TABLE", (one,))
    WRITER.errors.clear()
    await upkeep.run()
    assert live_hash(url_now()) == before
    assert [(fault.source, fault.kind) for fault in WRITER.errors] == [("retention.jobs", "LiveContentError")]
    await is_told("jobs")


async def is_told(what: str) -> None:
    """The promise shows that a sweep reached for live content, and the sweep counts as one that did not run."""
    ((touched, at),) = await rows(
        f"SELECT sum(live_rows), max(at) FROM retention_runs WHERE what = '{what}' AND live_rows > 0"
    )
    async with transaction(SYSTEM) as session:
        proof = await live_untouched(Probe(session, config.settings(), no_page))
        (standing,) = [each for each in await retention.report(session) if each.entry.what == what]
    assert (proof.ok, f"{touched} rows of the" in proof.figure) == (False, True), proof.figure
    assert standing.last_run is not None
    assert standing.last_run < at


async def no_page(_: str) -> Page:
    return Page(404, "")


async def test_a_trash_that_would_be_emptied_of_what_is_not_due_is_not_and_that_is_told(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    who = await person()
    _, (due, fresh, live) = await finished(who, image(count=3))
    async with transaction(who.actor) as session:
        await trash.put(session, actor=who.actor, asset_ids=[due])
    clock.move(START + timedelta(days=31))
    async with transaction(who.actor) as session:
        await trash.put(session, actor=who.actor, asset_ids=[fresh])
    take = trash._due

    async def greedy(which: str, *, without: Sequence[UUID]) -> dict[UUID, list[UUID]]:
        return {account: [*ids, fresh, live] for account, ids in (await take(which, without=without)).items()}

    one = retention.entry("trash")
    monkeypatch.setattr(retention, "TABLE", (one,))
    with monkeypatch.context() as broken:
        broken.setattr(trash, "_due", greedy)
        await upkeep.run()
    assert len(await rows(f"SELECT 1 FROM assets WHERE account_id = '{who.account_id}'")) == 3
    await is_told("trash")
    await upkeep.run()
    left = {row.id for row in await rows(f"SELECT id FROM assets WHERE account_id = '{who.account_id}'")}
    assert left == {fresh, live}


async def test_an_account_that_goes_with_the_trash_is_noticed(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    who = await person()
    _, ids = await finished(who)
    async with transaction(who.actor) as session:
        await trash.put(session, actor=who.actor, asset_ids=ids)
    clock.move(START + timedelta(days=31))

    async def clumsy(session: AsyncSession, *, actor: Actor, asset_ids: list[UUID]) -> int:
        await session.execute(text("DELETE FROM accounts WHERE id = :id"), {"id": actor.account_id})
        return len(asset_ids)

    monkeypatch.setattr(purge, "erase_outputs", clumsy)
    monkeypatch.setattr(retention, "TABLE", (retention.entry("trash"),))
    await upkeep.run()
    assert len(await rows(f"SELECT 1 FROM accounts WHERE id = '{who.account_id}'")) == 1
    await is_told("trash")


# The alarm


async def test_an_overdue_sweep_is_an_error_event_each_time_and_one_mail_a_day(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    async def stuck(session: AsyncSession) -> int | None:
        raise TimeoutError

    late = replace(retention.entry("requests"), sweep=stuck)
    monkeypatch.setattr(retention, "TABLE", (late, *retention_table.TABLE[1:]))
    told = replace(config.settings(), operators=("op@example.org", "broken"))
    for module in (alarms, operators):
        monkeypatch.setattr(module, "settings", lambda: told)
    traffic = Traffic()
    clock.move(START + timedelta(hours=23))
    await traffic.day(START.date(), 5)
    letters = "SELECT category, data->>'what' AS what FROM mails WHERE template = 'operator_alarm'"
    await upkeep.run()
    assert await rows(letters) == []
    WRITER.errors.clear()
    for hours in (0, 1, 2):
        clock.move(START + timedelta(days=31, hours=hours))
        await upkeep.run()
    kinds = [fault.kind for fault in WRITER.errors]
    assert (kinds.count("OverdueError"), kinds.count("TimeoutError")) == (3, 3)
    ((category, what),) = await rows(letters)
    assert (category, "request log" in what) == ("security", True)
    clock.move(START + timedelta(days=32, hours=3))
    await upkeep.run()
    assert len(await rows(letters)) == 2


async def test_a_sweep_that_has_not_run_for_a_day_is_noticed_even_with_nothing_to_end(clock: Clock):
    await upkeep.run()
    async with transaction(SYSTEM) as session:
        assert await retention.watch(session) == []
    clock.move(START + timedelta(hours=30))
    async with transaction(SYSTEM) as session:
        found = await retention.watch(session)
    assert set(found) == {each.what for each in retention.TABLE if each.swept}


async def test_the_oldest_thing_of_the_simulator_is_seen_without_disturbing_it(settings: config.Settings):
    store = Store(settings.data_dir / "simulator")
    now = datetime.now(UTC).timestamp()
    for age in (9 * 86_400, 60):
        await store.add_post({"kind": "image", "prompt": "a lake", "created": now - age})
    oldest = await leftovers.oldest_simulated()
    assert oldest is not None
    assert now - oldest.timestamp() == pytest.approx(9 * 86_400, abs=5)
    await store.forget(now - KEEP_TASKS)
    assert len(await store.posts()) == 1
    await store.close()
