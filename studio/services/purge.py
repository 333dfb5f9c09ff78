"""Removing everything of an account, or of one output: each step may be repeated, and none is skipped by a kill.

Order: the journal (nothing comes back from a backup), the provider, open holds, objects with all their versions, rows.
Rows go last, because they are what names the objects.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from studio import queue
from studio.db import Actor
from studio.errors import NotFound
from studio.services import erasure, ledger, mail_events, registry
from studio.services.assets import THUMBNAILS
from studio.services.erasure import Fired
from studio.services.exports import archives
from studio.services.storage import key_for

AT_ONCE = 200


async def close_holds(session: AsyncSession, *, account_id: UUID, batch_ids: Sequence[UUID] | None = None) -> int:
    """End all that is under way, or what is of some batches: what was sent is charged at its hold, the rest released.

    From here on a late result finds no row to settle, and is refused. Returns how many.
    """
    rows = await session.execute(
        text(
            "UPDATE generations SET ended_at = studio_now(), due_at = NULL, result = NULL, "
            "charged_micros = CASE WHEN state = 'queued' THEN 0 ELSE reserved_micros END, "
            "error_code = CASE WHEN state = 'queued' THEN 'never_sent' ELSE 'sent' END, "
            "state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE 'settled' END "
            "WHERE account_id = :account AND ended_at IS NULL "
            "AND (CAST(:batches AS uuid[]) IS NULL OR batch_id = ANY(CAST(:batches AS uuid[]))) "
            "RETURNING id, account_id, month, kind, reserved_micros, error_code"
        ),
        {"account": account_id, "batches": list(batch_ids) if batch_ids is not None else None},
    )
    closed = rows.all()
    for row in closed:
        hold = ledger.Reservation(row.id, row.account_id, row.month, row.kind, row.reserved_micros)
        if row.error_code == "never_sent":
            await ledger.release(session, hold)
        else:
            await ledger.settle(session, hold, charged=row.reserved_micros)
    return len(closed)


async def provider_tasks(session: AsyncSession, *, account_id: UUID) -> Sequence[str]:
    """Tasks that the provider may still have a record of."""
    rows = await session.scalars(
        text(
            "SELECT task_id FROM generations WHERE account_id = :account AND task_id IS NOT NULL "
            "AND created_at > studio_now() - interval '8 days' ORDER BY created_at"
        ),
        {"account": account_id},
    )
    return list(rows)


async def task_forgotten(session: AsyncSession, *, task_id: str) -> None:
    """Note that the provider has no record of a task any more."""
    await session.execute(text("UPDATE generations SET task_id = NULL WHERE task_id = :task"), {"task": task_id})


def keys_of(ident: UUID) -> list[str]:
    """Every object that belongs to an output or an upload by its id, whether its row names it or not."""
    return [key_for("o", ident), *(key_for("t", ident, suffix=f"w{side}") for side in THUMBNAILS)]


async def object_keys(session: AsyncSession, *, account_id: UUID, after: UUID | None) -> tuple[list[str], UUID | None]:
    """The objects of the next outputs and uploads of an account, and the id to go on after; none at the end."""
    rows = (
        await session.execute(
            text(
                "SELECT id FROM (SELECT id FROM generations WHERE account_id = :account UNION "
                "SELECT coalesce(generation_id, id) FROM assets WHERE account_id = :account) ids "
                "WHERE CAST(:after AS uuid) IS NULL OR id > :after ORDER BY id LIMIT :limit"
            ),
            {"account": account_id, "after": after, "limit": AT_ONCE},
        )
    ).all()
    named = await session.execute(
        text(
            "SELECT object_key, thumbnails FROM assets WHERE account_id = :account "
            "AND coalesce(generation_id, id) = ANY(:ids)"
        ),
        {"account": account_id, "ids": [row.id for row in rows]},
    )
    keys = {key for row in rows for key in keys_of(row.id)}
    for asset in named:
        keys |= {asset.object_key, *asset.thumbnails.values()}
    return sorted(keys), rows[-1].id if rows else None


async def own_objects(session: AsyncSession, *, account_id: UUID) -> list[str]:
    """Objects that the account's own row names: the picture, and those that are to be removed."""
    row = (
        await session.execute(
            text("SELECT picture_key, picture_gone FROM accounts WHERE id = :account"), {"account": account_id}
        )
    ).one_or_none()
    if row is None:
        return []
    return [key for key in (row.picture_key, *(row.picture_gone or ())) if key]


async def exports_of(session: AsyncSession, *, account_id: UUID) -> Sequence[tuple[UUID, Mapping[str, object]]]:
    """The account's archives, with their plans; a worker that builds one finds that it was taken back."""
    rows = await session.execute(
        text(
            "UPDATE exports SET state = CASE WHEN state IN ('queued', 'building') THEN 'cancelled' ELSE state END, "
            "ended_at = coalesce(ended_at, studio_now()) WHERE account_id = :account RETURNING id, plan"
        ),
        {"account": account_id},
    )
    return [(row.id, row.plan or {}) for row in rows]


async def erase_account_rows(session: AsyncSession, *, account_id: UUID) -> dict[str, int]:
    """Delete every row of an account that is not kept without its name. Returns rows by the words for their table.

    What the registry says is anonymised stays, and the one row that led to it goes (`ledger_pseudonyms`).
    """
    counts: dict[str, int] = {}
    await session.execute(
        text("DELETE FROM procrastinate_jobs WHERE status <> 'doing' AND args::text LIKE '%' || :account || '%'"),
        {"account": str(account_id)},
    )
    doomed = [entity for entity in _leaving() if entity.table not in ("accounts", "erasures")]
    for entity in [*doomed, next(each for each in registry.entities() if each.table == "accounts")]:
        gone = await session.execute(
            text(f"WITH d AS (DELETE FROM {entity.table} WHERE {entity.owned_by} RETURNING 1) SELECT count(*) FROM d"),  # noqa: S608  # the registry's words
            {"account": account_id},
        )
        counts[registry.said(entity.table)] = int(gone.scalar_one())
    await session.execute(
        text("DELETE FROM erasures WHERE account_id = :account AND state = 'cancelled'"), {"account": account_id}
    )
    return counts


def _leaving() -> list[registry.Entity]:
    """Tables whose rows are erased with an account, those that refer to others first."""
    order = {table.name: place for place, table in enumerate(SQLModel.metadata.sorted_tables)}
    found = [
        entity
        for entity in registry.entities()
        if entity.owned_by
        and any(held.fate == "erase" and held.category != "technical" for held in entity.columns.values())
    ]
    return sorted(found, key=lambda entity: -order[entity.table])


async def finish(session: AsyncSession, *, fired: Fired, worker_lock: int, objects: int) -> bool:
    """The last transaction: rows, the receipt, done. False when another worker finished it."""
    row = (
        await session.execute(
            text(
                "SELECT email FROM erasures WHERE id = :id AND state = 'purging' AND worker_lock = :worker FOR UPDATE"
            ),
            {"id": fired.id, "worker": worker_lock},
        )
    ).one_or_none()
    if row is None:
        return False
    counts = await erase_account_rows(session, account_id=fired.account_id)
    counts["stored objects"] = objects
    removed = erasure.removed_words(counts)
    if row.email:
        await mail_events.on_deletion_done(
            session,
            email=row.email,
            receipt=str(fired.id),
            removed=removed,
            signature=erasure.sign(fired.id, removed),
        )
    await session.execute(
        text(
            "UPDATE erasures SET state = 'done', account_id = NULL, email = NULL, worker_lock = NULL, retry_at = NULL, "
            "ended_at = studio_now(), counts = CAST(:counts AS jsonb) WHERE id = :id"
        ),
        {"id": fired.id, "counts": json.dumps(counts)},
    )
    return True


# One output, a batch or a workspace at once


async def chosen(
    session: AsyncSession,
    *,
    actor: Actor,
    asset_ids: Sequence[UUID] = (),
    batch_id: UUID | None = None,
    workspace_id: UUID | None = None,
) -> Sequence[UUID]:
    """The ids of one's own outputs and uploads that are meant: named, of a batch, or of a workspace."""
    rows = await session.scalars(
        text(
            "SELECT a.id FROM assets a LEFT JOIN generations g ON g.id = a.generation_id WHERE a.account_id = :account "
            "AND (a.id = ANY(:ids) OR g.batch_id = CAST(:batch AS uuid) OR a.workspace_id = CAST(:workspace AS uuid)) "
            "ORDER BY a.id"
        ),
        {"account": actor.account_id, "ids": list(asset_ids), "batch": batch_id, "workspace": workspace_id},
    )
    return list(rows)


async def erase_outputs(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> int:
    """Delete outputs and uploads for good: their rows now, their objects with all versions right after.

    The journal was written before. A request that used one of them loses the picture; one that made nothing else goes
    with its prompt. Every archive that lists one is taken back. Runs as `sys`, for the actor. Returns how many.
    """
    rows = (
        await session.execute(
            text(
                "DELETE FROM assets WHERE account_id = :account AND id = ANY(:ids) "
                "RETURNING id, generation_id, object_key, thumbnails"
            ),
            {"account": actor.account_id, "ids": list(asset_ids)},
        )
    ).all()
    if not rows:
        return 0
    made = [row.generation_id for row in rows if row.generation_id]
    await session.execute(
        text("DELETE FROM batch_inputs WHERE account_id = :account AND asset_id = ANY(:ids)"),
        {"account": actor.account_id, "ids": [row.id for row in rows]},
    )
    batches = set(
        await session.scalars(
            text("DELETE FROM generations WHERE id = ANY(:ids) AND account_id = :account RETURNING batch_id"),
            {"ids": made, "account": actor.account_id},
        )
    )
    await session.execute(
        text(
            "DELETE FROM batches b WHERE b.id = ANY(:ids) AND b.account_id = :account "
            "AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.batch_id = b.id)"
        ),
        {"ids": list(batches), "account": actor.account_id},
    )
    keys = {key for row in rows for key in (row.object_key, *row.thumbnails.values())}
    keys |= {key for row in rows for key in keys_of(row.generation_id or row.id)}
    await note_removals(session, keys=sorted(keys))
    await archives.revoke_all(session, account_id=actor.account_id)
    await queue.defer(session, erasure.PURGE)
    for batch_id in batches:
        await queue.notify(session, actor.account_id, "batch", batch=batch_id)
    await queue.notify(session, actor.account_id, "outputs")
    return len(rows)


async def under_way(session: AsyncSession, *, actor: Actor, batch_id: UUID) -> bool:
    """Whether something of a batch has not ended. Raises NotFound when it is not the actor's, or gone."""
    row = (
        await session.execute(
            text(
                "SELECT EXISTS (SELECT 1 FROM generations g WHERE g.batch_id = b.id AND g.ended_at IS NULL) AS waits "
                "FROM batches b WHERE b.id = :id AND b.account_id = :account"
            ),
            {"id": batch_id, "account": actor.account_id},
        )
    ).one_or_none()
    if row is None:
        raise NotFound("This is gone already.")
    return bool(row.waits)


async def erase_rest(session: AsyncSession, *, actor: Actor, batch_id: UUID) -> None:
    """What a batch leaves when its outputs are gone: what failed or was cancelled, and the request itself.

    Something that began meanwhile stays, and its request with it. Every archive that lists the prompt is taken back.
    Runs as `sys`, for the actor.
    """
    known = {"id": batch_id, "account": actor.account_id}
    failed = await session.execute(
        text(
            "DELETE FROM generations g WHERE g.batch_id = :id AND g.account_id = :account AND g.ended_at IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.generation_id = g.id) RETURNING 1"
        ),
        known,
    )
    asked = await session.execute(
        text(
            "DELETE FROM batches b WHERE b.id = :id AND b.account_id = :account "
            "AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.batch_id = b.id) RETURNING 1"
        ),
        known,
    )
    if failed.all() or asked.all():
        await archives.revoke_all(session, account_id=actor.account_id)
    await queue.notify(session, actor.account_id, "batch", batch=batch_id)


async def erase_workspaces(session: AsyncSession, *, workspace_ids: Sequence[UUID]) -> int:
    """Delete workspaces with what is in them and has no file; what was moved out of one takes its request along.

    The journal was written before. Every archive that lists one is taken back. Runs as `sys`. Returns how many.
    """
    known = {"ids": list(workspace_ids)}
    await session.execute(
        text(
            "UPDATE batches b SET workspace_id = a.workspace_id FROM assets a WHERE a.batch_id = b.id "
            "AND b.workspace_id = ANY(:ids) AND a.workspace_id <> ALL(:ids)"
        ),
        known,
    )
    rows = await session.scalars(text("DELETE FROM workspaces WHERE id = ANY(:ids) RETURNING account_id"), known)
    owners = rows.all()
    for account_id in set(owners):
        await archives.revoke_all(session, account_id=account_id)
    return len(owners)


# Objects whose rows are gone


async def note_removals(session: AsyncSession, *, keys: Sequence[str]) -> None:
    """In the transaction that deletes their row: these objects are to be deleted. Runs as `sys`."""
    if keys:
        await session.execute(
            text("INSERT INTO object_removals (key) VALUES (:key) ON CONFLICT DO NOTHING"),
            [{"key": key} for key in keys],
        )


async def removals(session: AsyncSession) -> AsyncIterator[str]:
    """Objects that are to be deleted, oldest first."""
    for key in (await session.scalars(text("SELECT key FROM object_removals ORDER BY asked_at, key LIMIT 500"))).all():
        yield key


async def removed(session: AsyncSession, *, keys: Sequence[str]) -> None:
    """Record that the store has let go of them."""
    await session.execute(text("DELETE FROM object_removals WHERE key = ANY(:keys)"), {"keys": list(keys)})
