"""The rows of runs: what the schedule goes by, and what the page of proofs shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

TRY_AGAIN_MINUTES = 15


@dataclass(frozen=True)
class Run:
    """One run that ended, or `ok` None while it goes on."""

    kind: str
    snapshot: UUID
    started_at: datetime
    ended_at: datetime | None
    ok: bool | None
    objects: int
    copied: int
    bytes: int
    expires_at: datetime | None
    reason: str | None


async def begin(session: AsyncSession, *, kind: str, snapshot: UUID) -> UUID:
    """Note that a run begins. Runs that never said they ended were killed: they are closed first."""
    await session.execute(
        text("UPDATE backups SET ok = false, ended_at = studio_now(), reason = 'killed' WHERE ended_at IS NULL")
    )
    ident = uuid4()
    await session.execute(
        text("INSERT INTO backups (id, kind, snapshot) VALUES (:id, :kind, :snapshot)"),
        {"id": ident, "kind": kind, "snapshot": snapshot},
    )
    return ident


async def end(
    session: AsyncSession,
    ident: UUID,
    *,
    ok: bool,
    reason: str | None = None,
    objects: int = 0,
    copied: int = 0,
    size: int = 0,
    expires_at: datetime | None = None,
) -> None:
    """Note how it ended. `size` in bytes."""
    await session.execute(
        text(
            "UPDATE backups SET ended_at = studio_now(), ok = :ok, reason = :reason, objects = :objects, "
            "copied = :copied, bytes = :size, expires_at = :expires WHERE id = :id"
        ),
        {
            "id": ident,
            "ok": ok,
            "reason": reason,
            "objects": objects,
            "copied": copied,
            "size": size,
            "expires": expires_at,
        },
    )


async def due(session: AsyncSession, *, hours: int) -> bool:
    """Whether a backup should be made now: the last good one began that long ago, and none was tried just now."""
    return bool(
        await session.scalar(
            text(
                "SELECT NOT EXISTS (SELECT 1 FROM backups WHERE kind = 'backup' AND "
                "((ok AND started_at > studio_now() - make_interval(hours => :hours)) "
                "OR started_at > studio_now() - make_interval(mins => :pause)))"
            ),
            {"hours": hours, "pause": TRY_AGAIN_MINUTES},
        )
    )


async def expired(session: AsyncSession) -> bool:
    """Whether a snapshot's time is over and nobody noted its removal."""
    return bool(
        await session.scalar(
            text("SELECT EXISTS (SELECT 1 FROM backups WHERE kind = 'backup' AND ok AND expires_at <= studio_now())")
        )
    )


async def removed(session: AsyncSession, *, now: datetime) -> None:
    """What expired until then is gone; rows of runs older than a year go as well."""
    await session.execute(
        text("UPDATE backups SET expires_at = NULL WHERE kind = 'backup' AND expires_at <= :now"), {"now": now}
    )
    await session.execute(text("DELETE FROM backups WHERE ended_at < studio_now() - interval '400 days'"))


async def last(session: AsyncSession, *, kind: str = "backup") -> Run | None:
    """The newest good run of a kind."""
    row = (
        await session.execute(
            text(
                "SELECT kind, snapshot, started_at, ended_at, ok, objects, copied, bytes, expires_at, reason "
                "FROM backups WHERE kind = :kind AND ok ORDER BY started_at DESC LIMIT 1"
            ),
            {"kind": kind},
        )
    ).one_or_none()
    return Run(**row._mapping) if row else None


async def last_backup_at(session: AsyncSession) -> datetime | None:
    """When the newest good backup began."""
    run = await last(session)
    return run.started_at if run else None


async def last_verified_at(session: AsyncSession) -> datetime | None:
    """When a backup was last restored beside the running service, whole and right."""
    run = await last(session, kind="verify")
    return run.ended_at if run else None


async def now(session: AsyncSession) -> datetime:
    """The database's clock, which decides what has expired."""
    return await session.scalar(text("SELECT studio_now()"))
