"""The rows of the archives: asked for, built by a worker, ready for a week, gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import Actor
from studio.errors import Conflict, NotFound
from studio.services import audit, mail_events, operators, sessions
from studio.services.storage import Storage, key_for
from studio.services.workers import ALIVE

BUILD = "exports.build"
DAYS = 7  # a link lives as long
HOURS_BETWEEN = 24
MOST_TRIES = 5
_WORKING = "state IN ('queued', 'building')"
_FULL = "(state NOT IN ('queued', 'building', 'ready') AND plan IS NOT NULL)"  # over, with files still there
_LEFT = f"(worker_lock IS NULL OR worker_lock NOT IN ({ALIVE}))"  # nobody alive works on it


@dataclass(frozen=True)
class Archive:
    """One archive as its owner sees it. `parts` are (file name, bytes) of what can be downloaded."""

    id: UUID
    state: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    missing: int
    parts: tuple[tuple[str, int], ...]
    created_at: datetime
    started_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class Order:
    """An archive as its builder sees it."""

    id: UUID
    account_id: UUID
    created_at: datetime
    excluded: Mapping[str, str]
    plan: Mapping[str, Any] | None


def _archive(row: Row[Any]) -> Archive:
    parts = tuple((each["name"], each["size"]) for each in (row.plan or {}).get("parts", ()))
    known = {name: getattr(row, name) for name in Archive.__dataclass_fields__ if name != "parts"}
    return Archive(**known, parts=parts)


# For its owner


async def request(session: AsyncSession, *, actor: Actor) -> UUID:
    """Ask for an archive of everything.

    Raises:
        ReauthNeeded: the sign-in is too long ago.
        Conflict: one is being built, or the last was asked for less than a day ago.
    """
    await sessions.require_fresh(session, actor=actor)
    again = await session.scalar(
        text(
            "SELECT max(created_at) + make_interval(hours => :hours) FROM exports WHERE account_id = :account "
            "AND counted AND state IN ('queued', 'building', 'ready', 'expired', 'revoked') "
            "AND created_at > studio_now() - make_interval(hours => :hours)"
        ),
        {"account": actor.account_id, "hours": HOURS_BETWEEN},
    )
    if again is not None:
        when = f"{again:%d %B at %H:%M} UTC"
        raise Conflict(f"One archive a day. The next can be asked for on {when}; the operator can allow one sooner.")
    made = uuid4()
    try:
        async with session.begin_nested():
            await session.execute(
                text("INSERT INTO exports (id, account_id) VALUES (:id, :account)"),
                {"id": made, "account": actor.account_id},
            )
    except IntegrityError:
        raise Conflict("Your archive is being built already.") from None
    await queue.defer(session, BUILD)
    await queue.notify(session, actor.account_id, "export")
    return made


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[Archive]:
    """The archives that are being built or can be downloaded, newest first, and the last one if it failed."""
    rows = await session.execute(
        text(
            "SELECT * FROM exports e WHERE account_id = :account AND (state IN ('queued', 'building', 'ready') "
            "OR (state = 'failed' AND NOT EXISTS (SELECT 1 FROM exports n WHERE n.account_id = e.account_id "
            "AND n.created_at > e.created_at))) ORDER BY created_at DESC LIMIT 10"
        ),
        {"account": actor.account_id},
    )
    return [_archive(row) for row in rows]


async def take_back(session: AsyncSession, *, actor: Actor, export_id: UUID) -> None:
    """Stop an archive that is being built, or make a ready one unreachable. Its files go with the next sweep.

    Raises NotFound when there is none, or it is gone already.
    """
    done = await session.scalar(
        text(
            f"UPDATE exports SET state = CASE WHEN {_WORKING} THEN 'cancelled' ELSE 'revoked' END, "  # noqa: S608  # a constant
            "ended_at = studio_now() WHERE id = :id AND account_id = :account "
            "AND state IN ('queued', 'building', 'ready') RETURNING true"
        ),
        {"id": export_id, "account": actor.account_id},
    )
    if not done:
        raise NotFound("This archive is gone already.")
    await queue.defer(session, BUILD)
    await queue.notify(session, actor.account_id, "export")


async def download(session: AsyncSession, *, actor: Actor, export_id: UUID, part: int) -> tuple[str, str]:
    """Object key and file name of one part (from 1) of a ready archive. Raises NotFound, also once it expired."""
    plan = await session.scalar(
        text(
            "SELECT plan FROM exports WHERE id = :id AND account_id = :account AND state = 'ready' "
            "AND expires_at > studio_now()"
        ),
        {"id": export_id, "account": actor.account_id},
    )
    parts = (plan or {}).get("parts", ())
    if not 1 <= part <= len(parts):
        raise NotFound("This archive is gone: it was taken back, or its seven days are over.")
    return parts[part - 1]["key"], parts[part - 1]["name"]


async def revoke_all(session: AsyncSession, *, account_id: UUID) -> int:
    """Take every archive of an account back, because something that it lists was erased. Returns how many."""
    rows = await session.execute(
        text(
            "UPDATE exports SET state = 'revoked', ended_at = studio_now(), counted = false "
            "WHERE account_id = :account AND state IN ('queued', 'building', 'ready') RETURNING id"
        ),
        {"account": account_id},
    )
    count = len(rows.all())
    if count:
        await queue.defer(session, BUILD)
        await queue.notify(session, account_id, "export")
    return count


async def allow_another(session: AsyncSession, *, by: Actor | None, account_id: UUID) -> None:
    """Let an account ask again within the day. `by` None is the command line. Raises NotFound."""
    if by is not None:
        await operators.require(session, actor=by)
    await session.execute(
        text("UPDATE exports SET counted = false WHERE account_id = :account"), {"account": account_id}
    )
    await audit.write(session, by=by, action="export.allow", subject=account_id)


# For the worker


async def due(session: AsyncSession) -> bool:
    """Whether there is an archive to build or to go on with, or files of an ended one to remove."""
    return bool(
        await session.scalar(
            text(
                f"SELECT EXISTS (SELECT 1 FROM exports WHERE state = 'ready' AND expires_at <= studio_now()) "  # noqa: S608
                f"OR EXISTS (SELECT 1 FROM exports WHERE {_LEFT} "  # constants
                f"AND (({_WORKING} AND (due_at IS NULL OR due_at <= studio_now())) OR {_FULL}))"
            )
        )
    )


async def claim(session: AsyncSession, *, worker_lock: int) -> Order | None:
    """Take the oldest archive that nobody alive is building."""
    row = (
        await session.execute(
            text(
                "UPDATE exports SET state = 'building', worker_lock = :worker, tries = tries + 1, due_at = NULL, "  # noqa: S608
                "started_at = coalesce(started_at, studio_now()), plan = coalesce(plan, '{}') WHERE id = ("
                f"SELECT id FROM exports WHERE {_WORKING} AND (due_at IS NULL OR due_at <= studio_now()) "
                f"AND (worker_lock IS NULL OR worker_lock = :worker OR worker_lock NOT IN ({ALIVE})) "
                "ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) "
                "RETURNING id, account_id, created_at, excluded, plan"
            ),
            {"worker": worker_lock},
        )
    ).one_or_none()
    return Order(**row._mapping) if row else None


async def planned(
    session: AsyncSession, *, order: Order, worker_lock: int, plan: Mapping[str, Any], missing: int
) -> bool:
    """Keep the plan of an archive; False when it was taken back meanwhile."""
    return await _update(
        session,
        order,
        worker_lock,
        "plan = CAST(:plan AS jsonb), missing = :missing, files_total = :files, bytes_total = :bytes",
        plan=json.dumps(plan),
        missing=missing,
        files=sum(part["files"] for part in plan["parts"]),
        bytes=sum(part["size"] for part in plan["parts"]),
    )


async def progressed(
    session: AsyncSession, *, order: Order, worker_lock: int, plan: Mapping[str, Any], files: int, size: int
) -> bool:
    """Keep how far the building is, in files and bytes over all parts; False when it was taken back meanwhile."""
    return await _update(
        session,
        order,
        worker_lock,
        "plan = CAST(:plan AS jsonb), files_done = :files, bytes_done = :bytes",
        plan=json.dumps(plan),
        files=files,
        bytes=size,
    )


async def finished(session: AsyncSession, *, order: Order, worker_lock: int, plan: Mapping[str, Any]) -> bool:
    """building → ready, for a week; its owner gets a mail."""
    done = await _update(
        session,
        order,
        worker_lock,
        "state = 'ready', plan = CAST(:plan AS jsonb), worker_lock = NULL, files_done = files_total, "
        "bytes_done = bytes_total, ended_at = studio_now(), expires_at = studio_now() + make_interval(days => :days)",
        plan=json.dumps(plan),
        days=DAYS,
    )
    if done:
        row = (
            await session.execute(
                text("SELECT (expires_at AT TIME ZONE 'UTC')::date AS until, missing FROM exports WHERE id = :id"),
                {"id": order.id},
            )
        ).one()
        await mail_events.on_export_ready(
            session, account_id=order.account_id, path="/settings/privacy", until=row.until, missing=row.missing
        )
    return done


async def exclude(session: AsyncSession, *, order: Order, worker_lock: int, key: str, reason: str) -> bool:
    """Begin again without a file that could not be read."""
    return await _update(
        session,
        order,
        worker_lock,
        "plan = '{}', files_done = 0, bytes_done = 0, "
        "excluded = excluded || jsonb_build_object(CAST(:key AS text), CAST(:reason AS text))",
        key=key,
        reason=reason,
    )


async def put_off(session: AsyncSession, *, order: Order, worker_lock: int) -> None:
    """Try again later; after a few tries the archive has failed, and its owner may ask again at once."""
    await session.execute(
        text(
            "UPDATE exports SET worker_lock = NULL, "
            "state = CASE WHEN tries >= :most THEN 'failed' ELSE state END, "
            "counted = counted AND tries < :most, "
            "ended_at = CASE WHEN tries >= :most THEN studio_now() END, "
            "due_at = studio_now() + make_interval(secs => 30 * 2 ^ least(tries, 8)) "
            "WHERE id = :id AND worker_lock = :worker AND state = 'building'"
        ),
        {"id": order.id, "worker": worker_lock, "most": MOST_TRIES},
    )
    await queue.notify(session, order.account_id, "export")


async def _update(session: AsyncSession, order: Order, worker_lock: int, change: str, **values: Any) -> bool:
    done = await session.scalar(
        text(
            f"UPDATE exports SET {change} WHERE id = :id AND worker_lock = :worker AND state = 'building' "  # noqa: S608  # our words
            "RETURNING true"
        ),
        {"id": order.id, "worker": worker_lock, **values},
    )
    if done:
        await queue.notify(session, order.account_id, "export")
    return bool(done)


async def ended(session: AsyncSession) -> Sequence[tuple[UUID, Mapping[str, Any]]]:
    """Archives whose time is over or that were taken back, and whose files may still be there; with their plans."""
    await session.execute(
        text("UPDATE exports SET state = 'expired' WHERE state = 'ready' AND expires_at <= studio_now()")
    )
    rows = await session.execute(
        text(
            f"SELECT id, plan FROM exports WHERE {_FULL} AND {_LEFT} LIMIT 50"  # noqa: S608  # constants
        )
    )
    return [(row.id, row.plan) for row in rows]


async def emptied(session: AsyncSession, *, export_id: UUID) -> None:
    """Record that the files of an ended archive are gone."""
    await session.execute(
        text("UPDATE exports SET plan = NULL, excluded = '{}', worker_lock = NULL WHERE id = :id"), {"id": export_id}
    )


async def wanted(session: AsyncSession, *, export_id: UUID) -> bool:
    """Whether an archive is to be built or fetched. Once it is not, or is gone with its account, it never is again."""
    query = text(
        f"SELECT EXISTS (SELECT 1 FROM exports WHERE id = :id AND ({_WORKING} OR state = 'ready'))"  # noqa: S608  # a constant
    )
    return bool(await session.scalar(query, {"id": export_id}))


async def let_go(session: AsyncSession, *, order: Order, worker_lock: int) -> None:
    """Leave an archive that was taken back to the sweep."""
    await session.execute(
        text("UPDATE exports SET worker_lock = NULL WHERE id = :id AND worker_lock = :worker"),
        {"id": order.id, "worker": worker_lock},
    )


async def remove_files(storage: Storage, *, export_id: UUID, plan: Mapping[str, Any]) -> None:
    """Every object of an archive, finished or not."""
    for part in plan.get("parts", ()):
        if part.get("token"):
            await abort(storage, part)
    await storage.delete_prefix(key_for("x", export_id))


async def abort(storage: Storage, part: Mapping[str, Any]) -> None:
    """Give up the unfinished upload of a part."""
    try:
        upload = await storage.upload(part["key"], part_size=part["chunk"], token=part["token"])
    except NotFound:
        return  # completed, or swept
    await upload.abort()
