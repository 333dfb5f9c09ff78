"""The migrated database is what the models say, and every table has its wall."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

import studio.models  # noqa: F401  (registers the tables)
from studio.db import SYSTEM, migrate, role_options, transaction
from tests.conftest import Database
from tests.factories import Person, image, submitted, upload

OWN_TABLES = (
    "workspaces",
    "sessions",
    "batches",
    "generations",
    "assets",
    "batch_inputs",
    "budgets",
    "accounts",
    "mails",
)


async def test_each_model_has_the_columns_of_its_table_and_none_besides(session: AsyncSession):
    rows = await session.execute(
        text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
    )
    real: dict[str, set[str]] = {}
    for table, column in rows:
        real.setdefault(table, set()).add(column)
    for table in SQLModel.metadata.sorted_tables:
        assert {c.name for c in table.columns} == real[table.name], table.name


async def test_every_table_has_row_level_security_forced_and_a_policy(session: AsyncSession):
    bare = await session.scalars(
        text(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
            "AND c.relname <> 'alembic_version' AND NOT (c.relrowsecurity AND c.relforcerowsecurity "
            "AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))"
        )
    )
    assert list(bare) == []


@pytest.mark.parametrize("table", OWN_TABLES)
async def test_a_person_sees_only_their_own_rows_even_without_a_where(someone: Person, other: Person, table: str):
    for who in (someone, other):
        await submitted(who, image())
        await upload(who)
    column = "id" if table == "accounts" else "account_id"
    async with transaction(someone.actor) as session:
        owners = set(await session.scalars(text(f"SELECT {column} FROM {table}")))
    if table == "batch_inputs":
        assert owners <= {someone.account_id}
    else:
        assert owners == {someone.account_id}


async def test_what_a_person_deletes_is_gone(someone: Person):
    """A trigger that answers a DELETE with nothing would undo it without a word."""
    async with transaction(someone.actor) as session:
        values = {"account": someone.account_id}
        await session.execute(
            text("INSERT INTO labels (id, account_id, name, color) VALUES (gen_random_uuid(), :account, 'x', 'teal')"),
            values,
        )
        await session.execute(text("DELETE FROM labels WHERE account_id = :account"), values)
        assert list(await session.scalars(text("SELECT id FROM labels"))) == []


async def test_a_search_answers_only_to_the_account_it_is_of(someone: Person, other: Person):
    await submitted(other, image("a very secret harbour"))
    asked = text("SELECT library_search(:account, 'harbour:*', '%harbour%', 'harbour')")
    for who, found in ((other, 1), (someone, 0)):
        async with transaction(who.actor) as session:
            assert len(list(await session.scalars(asked, {"account": other.account_id}))) == found


async def test_a_person_cannot_write_rows_of_another_account(someone: Person, other: Person):
    with pytest.raises(DBAPIError, match="row-level security"):
        async with transaction(someone.actor) as session:
            await session.execute(
                text("INSERT INTO workspaces (id, account_id, name) VALUES (gen_random_uuid(), :account, 'x')"),
                {"account": other.account_id},
            )
    async with transaction(someone.actor) as session:
        changed = await session.execute(
            text("UPDATE workspaces SET name = 'mine' WHERE account_id = :account"), {"account": other.account_id}
        )
        assert changed.rowcount == 0  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult


@pytest.mark.parametrize(
    "table", ["signin_links", "procrastinate_jobs", "request_log", "error_events", "ledger_heads", "provider_buckets"]
)
async def test_a_person_cannot_read_what_belongs_to_the_system(someone: Person, table: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as session:
            await session.execute(text(f"SELECT * FROM {table}"))


async def test_partitions_are_closed_to_people_as_well(someone: Person, session: AsyncSession):
    partition = await session.scalar(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ledger_entries'::regclass LIMIT 1")
    )
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(someone.actor) as own:
            await own.execute(text(f"SELECT * FROM {partition}"))


async def test_a_connection_that_served_somebody_else_before_shows_nothing_without_an_account(someone: Person):
    async with transaction(someone.actor) as session:
        await session.execute(text("SELECT set_config('studio.account', '', true)"))
        assert list(await session.scalars(text("SELECT id FROM workspaces"))) == []


async def test_only_the_owner_moves_the_clock(someone: Person):
    for actor in (someone.actor, SYSTEM):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(actor) as session:
                await session.execute(text("INSERT INTO studio_clock VALUES (true, 3600)"))


def test_migrating_twice_changes_nothing(database):
    url = database.fresh()
    migrate(url)


def test_an_older_database_loses_its_rows_of_news_among_the_agreements_although_its_owner_sees_none(database: Database):
    url = database.fresh()
    before = (
        "ALTER TABLE agreements ADD CONSTRAINT agreements_kind_check CHECK (kind IN ('privacy', 'terms', 'marketing'))"
    )
    with psycopg.connect(url) as connection:
        for statement in (
            "CREATE ROLE plain LOGIN NOINHERIT IN ROLE studio_app, studio_sys",
            "ALTER TABLE agreements OWNER TO plain",
            "ALTER TABLE alembic_version OWNER TO plain",
            "UPDATE alembic_version SET version_num = '0021'",
            "ALTER TABLE agreements DROP CONSTRAINT agreements_kind_check",
            before,
            "INSERT INTO accounts (id, email) VALUES (gen_random_uuid(), 'a@example.org')",
            (
                "INSERT INTO agreements (id, account_id, kind, version) SELECT gen_random_uuid(), a.id, kind, '1' "
                "FROM accounts a, unnest(ARRAY['privacy', 'terms', 'marketing']) kind"
            ),
        ):
            connection.execute(statement)  # type: ignore[arg-type]  # our own statements
    migrate(make_url(url).set(username="plain").render_as_string(hide_password=False))
    with psycopg.connect(url, options=role_options("sys")) as connection:
        left = connection.execute("SELECT string_agg(kind, ',' ORDER BY kind) FROM agreements").fetchone()
        assert left == ("privacy,terms",)
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE agreements SET kind = 'marketing'")
