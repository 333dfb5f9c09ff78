"""Registers the shipped texts in the database, and compares them with what is registered. Runs with each migration."""

from __future__ import annotations

from sqlalchemy import Connection, text

from studio.legal import texts

_REGISTERED = text("SELECT kind, major, minor, sha256 FROM policy_versions")
_ADD = text(
    "INSERT INTO policy_versions (kind, major, minor, source, sha256) "
    "VALUES (:kind, :major, :minor, :source, :sha256) ON CONFLICT DO NOTHING"
)
# Where a document has never had a date, nobody was promised another text: its newest one is in force at once.
_FIRST = text(
    "INSERT INTO policy_dates (kind, major, minor, first, announced_for, effective_at, in_force_at) "
    "SELECT DISTINCT ON (kind) kind, major, minor, true, studio_now(), studio_now(), studio_now() "
    "FROM policy_versions v WHERE NOT EXISTS (SELECT 1 FROM policy_dates d WHERE d.kind = v.kind) "
    "ORDER BY kind, major DESC, minor DESC"
)


def _hashes(connection: Connection) -> dict[tuple[str, int, int], str]:
    return {(row.kind, row.major, row.minor): row.sha256 for row in connection.execute(_REGISTERED)}


def check(connection: Connection) -> None:
    """Compare the shipped texts with the registered ones.

    Raises:
        TextChangedError: one of them was changed after it was registered.
    """
    texts.compare(_hashes(connection), texts.shipped())


def register(connection: Connection) -> None:
    """Register what is new, in a transaction of its own, as the system's role.

    Raises:
        TextChangedError: as `check`; nothing is registered then.
    """
    with connection.begin():
        connection.execute(text("SET LOCAL ROLE studio_sys"))
        for each in texts.compare(_hashes(connection), texts.shipped()):
            connection.execute(
                _ADD,
                {
                    "kind": each.kind,
                    "major": each.number.major,
                    "minor": each.number.minor,
                    "source": each.source,
                    "sha256": each.sha256,
                },
            )
        connection.execute(_FIRST)
