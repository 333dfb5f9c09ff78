"""Which schema a database has, and whether this release may serve on it. Needs no alembic: importing it takes long."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from pathlib import Path

import psycopg

from studio.legal import texts

VERSIONS = Path(__file__).resolve().parent.parent / "alembic" / "versions"
LOOK_SECONDS = 0.05


class BehindError(Exception):
    """The database does not have this release's schema yet. Run studio migrate, then start again."""


class RestoringError(Exception):
    """A restore of this database has not come to its end, so erased data could show. Run studio restore again."""


@cache
def revisions(versions: Path = VERSIONS) -> tuple[frozenset[str], frozenset[str]]:
    """Every revision this release knows, and the newest among them; read from the files."""
    own: set[str] = set()
    replaced: set[str] = set()
    for path in versions.glob("*.py"):
        text = path.read_text()
        if name := re.search(r"^revision\b[^=\n]*=\s*[\"'](\w+)[\"']", text, re.MULTILINE):
            own.add(name[1])
        if before := re.search(r"^down_revision\b[^=\n]*=(.*)$", text, re.MULTILINE):
            replaced.update(re.findall(r"[\"'](\w+)[\"']", before[1]))
    return frozenset(own), frozenset(own - replaced)


def current(url: str) -> set[str]:
    """The revisions a database is at; none when it was never migrated.

    Raises:
        psycopg.OperationalError: it cannot be reached.
        RestoringError: a restore did not come to its end; nothing may open the database.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        found = connection.execute("SELECT to_regclass('studio_restore.state') IS NOT NULL").fetchone()
        if found is not None and found[0]:
            raise RestoringError
        try:
            return {row[0] for row in connection.execute("SELECT version_num FROM alembic_version").fetchall()}
        except psycopg.errors.UndefinedTable:
            return set()


def unregistered(url: str) -> list[texts.Text]:
    """This release's public texts that the database does not know yet.

    Raises:
        TextChangedError: one of them was changed after it was registered.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("SET ROLE studio_sys")
        known = connection.execute("SELECT kind, major, minor, sha256 FROM policy_versions").fetchall()
    return texts.compare({row[:3]: row[3] for row in known}, texts.shipped())


def at_head(url: str) -> bool:
    """Whether the database has exactly this release's newest schema and public texts; any doubt is a no."""
    try:
        return current(url) == revisions()[1] and not unregistered(url)
    except (psycopg.Error, texts.TextChangedError):
        return False


def serves(found: set[str]) -> bool:
    """Whether this release can serve on a schema: its own newest, or a later one, which only adds."""
    known, heads = revisions()
    return bool(found) and (found == heads or not found <= known)


async def require(url: str, *, wait: bool = False) -> None:
    """Return when this release can serve on the database. With `wait`, for as long as that takes.

    Raises:
        BehindError: it cannot, and nobody is expected to migrate it now.
        RestoringError: a restore did not come to its end.
        psycopg.OperationalError: the database cannot be reached, and nobody is expected to start it now.
    """
    while True:
        try:
            if serves(await asyncio.to_thread(current, url)) and not await asyncio.to_thread(unregistered, url):
                return
            if not wait:
                raise BehindError
        except psycopg.OperationalError:
            if not wait:
                raise
        await asyncio.sleep(LOOK_SECONDS)
