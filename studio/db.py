"""The database: engines by role, `transaction(actor)` and migrations. The only place that commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from studio.config import settings
from studio.errors import Restricted
from studio.legal import registry

Role = Literal["app", "sys"]
RESTRICTED = "ST001"  # SQLSTATE of the trigger that refuses what a restricted account may not do
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Actor:
    """Who acts: the account, the session it acts through, and its workspace."""

    account_id: UUID
    session_id: UUID | None = None
    workspace_id: UUID | None = None


class System:
    """The product itself: sign-in, sweeps, jobs. Sees every row."""


SYSTEM = System()


def sqlalchemy_url(url: str) -> str:
    """The same database for SQLAlchemy's psycopg 3 dialect."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def role_options(role: Role) -> str:
    """libpq options that take the role on before the first statement. jit off: every statement here is small."""
    return f"-c role=studio_{role} -c jit=off -c idle_in_transaction_session_timeout=60s -c lock_timeout=15s"


@cache
def engine(role: Role) -> AsyncEngine:
    """This process's engine for a role."""
    url = settings().database_url
    assert url, "the supervisor or the operator sets DATABASE_URL"
    return create_async_engine(
        sqlalchemy_url(url),
        connect_args={"options": role_options(role), "application_name": f"studio-{role}"},
        pool_size=8,
        max_overflow=8,
        pool_timeout=30,
        pool_pre_ping=False,
        pool_recycle=600,
    )


async def dispose() -> None:
    """Close every connection of this process."""
    for role in ("app", "sys"):
        await engine(role).dispose()
    engine.cache_clear()


@asynccontextmanager
async def transaction(actor: Actor | System) -> AsyncIterator[AsyncSession]:
    """The unit of work: commits at the end, rolls back on any exception.

    For a person, the role is `app` and every policy sees that account only.

    Raises:
        Restricted: the account is, and this would have been more than reading.
    """
    person = isinstance(actor, Actor)
    try:
        async with AsyncSession(engine("app" if person else "sys"), expire_on_commit=False) as session, session.begin():
            if person:
                await session.execute(
                    text("SELECT set_config('studio.account', :account, true)"), {"account": str(actor.account_id)}
                )
            yield session
    except DBAPIError as error:
        diagnosis = getattr(error.orig, "diag", None)
        if diagnosis is None or diagnosis.sqlstate != RESTRICTED:
            raise
        raise Restricted(diagnosis.message_primary or "") from None


Transactions = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@asynccontextmanager
async def elsewhere(database_url: str) -> AsyncIterator[Transactions]:
    """Transactions of the system's role in another database than this process's: one that is restored or checked."""
    other = create_async_engine(
        sqlalchemy_url(database_url), connect_args={"options": role_options("sys")}, pool_size=2, pool_recycle=600
    )

    @asynccontextmanager
    async def begin() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(other, expire_on_commit=False) as session, session.begin():
            yield session

    try:
        yield begin
    finally:
        await other.dispose()


def migrate(database_url: str, *, to: str = "head") -> None:
    """Bring the database to the newest version, or to a named one, as its owner. Safe twice and by two at once.

    Raises:
        TextChangedError: a policy text of this release is not the one that was registered under its version.
    """
    from alembic.config import Config
    from sqlalchemy import create_engine

    from alembic import command

    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    owner = create_engine(sqlalchemy_url(database_url))
    try:
        with owner.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(7305000)"))
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, to)
            connection.commit()
            registry.register(connection)
    finally:
        owner.dispose()  # the lock goes with its connection, after an error as well
