"""One embedded Postgres for the whole run, migrated once; settings point at it before anything reads them.

Service tests use this process's own engines. Tests that need running processes take `tests.system.System`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from xdist.scheduler import LoadScopeScheduling

from studio import config, db
from studio.embedded import postgres
from tests.factories import OPERATOR, Person, operator, person
from tests.system import PLENTY, System

pytest_plugins = ["tests.fixtures_s3"]


class Halves(LoadScopeScheduling):
    """Two processes, each with its own Postgres and in the order of a single one: browsers and kills, and the rest."""

    def _split_scope(self, nodeid: str) -> str:
        return "running" if nodeid.startswith(("tests/e2e/", "tests/faults/")) else "rest"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Halves:
    """How `-n 2` shares the tests."""
    return Halves(config, log)


class Database:
    """The run's server; each `fresh` database of it is migrated and empty."""

    def __init__(self, server: postgres.Running) -> None:
        self.server = server
        self.made = 0

    def fresh(self) -> str:
        """A new migrated database; returns its address."""
        self.made += 1
        name = f"test_{self.made}"
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]  # our own name
        head, _, tail = self.server.url.partition("@/")
        url = f"{head}@/{name}?{tail.partition('?')[2]}"
        db.migrate(url)
        return url


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder that goes when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix="studio-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database(scratch: Path) -> Iterator[Database]:
    """The real Postgres of this run."""
    server = postgres.ensure(scratch / "postgres-data")
    yield Database(server)
    server.stop()
    shutil.rmtree(server.home.root, ignore_errors=True)  # as root it lies outside the scratch folder


@pytest.fixture(scope="session")
async def settings(database: Database, scratch: Path) -> AsyncIterator[config.Settings]:
    """This process's settings: a database, a data folder, the simulator's place taken by nobody."""
    os.environ.update(
        {
            "DATABASE_URL": database.fresh(),
            "STUDIO_DATA": str(scratch / "data"),
            "STUDIO_SIMULATOR_URL": "http://127.0.0.1:9",
            "STUDIO_SECRET_KEY": "test-secret-" + "0" * 32,
            "STUDIO_LIMITS": PLENTY,
            "STUDIO_OPERATORS": OPERATOR,
        }
    )
    for name in ("ARK_API_KEY", "REDIS_URL", "STUDIO_PUBLIC_URL", "STUDIO_PRICES_FILE"):
        os.environ.pop(name, None)
    config.settings.cache_clear()
    yield config.settings()
    await db.dispose()


@pytest.fixture
async def session(settings: config.Settings) -> AsyncIterator[AsyncSession]:
    """A transaction of the system's role that is rolled back."""
    async with AsyncSession(db.engine("sys"), expire_on_commit=False) as session:
        yield session
        await session.rollback()


@pytest.fixture
async def someone(settings: config.Settings) -> Person:
    """A new account with a workspace, a session and the default cap."""
    return await person()


@pytest.fixture
async def other(settings: config.Settings) -> Person:
    """Somebody else."""
    return await person()


@pytest.fixture
async def boss(settings: config.Settings) -> Person:
    """The operator, in a session of their own."""
    return await operator()


@pytest.fixture(scope="session")
def system(database: Database, scratch: Path) -> Iterator[System]:
    """One web, one worker and an instant simulator, shared by every test that only needs a running Studio."""
    with System(folder=scratch / "system", database_url=database.fresh()) as running:
        yield running
