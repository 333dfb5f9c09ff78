"""What a proof is: a promise in plain words and a live check of it, with a figure and never a person's data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import Settings


class CouldNotRunError(Exception):
    """A check has nothing to measure: the message says what is missing. What could not be checked is not proved."""


@dataclass(frozen=True)
class Page:
    """A public document as anybody sees it."""

    status: int
    text: str


Look = Callable[[str], Awaitable[Page]]


@dataclass(frozen=True)
class Probe:
    """What a check may use: a session that sees every row, the settings in force, and the public documents."""

    session: AsyncSession
    ours: Settings
    look: Look

    async def value(self, query: str, **parameters: Any) -> Any:
        """The first column of the first row."""
        return await self.session.scalar(text(query), parameters)

    async def count(self, query: str, **parameters: Any) -> int:
        """A number of rows."""
        return int(await self.value(query, **parameters) or 0)

    async def needs(self, *tables: str) -> None:
        """Raises CouldNotRunError when one of the tables that a promise is kept in is not there."""
        for table in tables:
            if await self.value("SELECT to_regclass(:name) IS NULL", name=table):
                raise CouldNotRunError(f"the table {table} is missing")

    async def needs_trigger(self, table: str, trigger: str) -> bool:
        """Whether the database itself still watches: the trigger is there and switched on."""
        return bool(
            await self.value(
                "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass(:table) AND tgname = :trigger "
                "AND tgenabled IN ('O', 'A'))",
                table=table,
                trigger=trigger,
            )
        )


@dataclass(frozen=True)
class Finding:
    """What a check found. `figure` holds numbers, ages and names of ours only."""

    ok: bool
    figure: str


@dataclass(frozen=True)
class Proof:
    """A promise of the policy's `section`. A `heavy` check runs once a day and not while a page waits for it."""

    id: str
    section: int
    promise: str
    how: str
    check: Callable[[Probe], Awaitable[Finding]]
    heavy: bool = False


@dataclass(frozen=True)
class Result:
    """One measurement."""

    id: str
    ok: bool
    figure: str
    checked_at: datetime


def number(count: int, one: str, many: str | None = None) -> str:
    """ "1 row", "1,204 rows"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
