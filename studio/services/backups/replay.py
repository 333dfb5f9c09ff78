"""What a restored database must not keep: erased people and outputs, withdrawn consents, lifted walls, old sign-ins.

Every step may run twice. Objects are brought after it, and only those that a row still names.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Transactions
from studio.services import accounts, erasure, journal, ledger, mail_events, purge
from studio.services.journal import Entry
from studio.services.storage import Storage

# What a stored name or a sign-in in progress may not outlive; order matters where rows name each other.
_FORGOTTEN = (
    "DELETE FROM sessions",
    "DELETE FROM signin_links",
    "DELETE FROM exports",  # their files are in no backup
    "DELETE FROM procrastinate_events",
    "DELETE FROM procrastinate_jobs",
    "DELETE FROM procrastinate_workers",
    """
    UPDATE mails SET state = 'dropped', worker_lock = NULL, ended_at = studio_now(), data = '{}', reason = 'restored'
    WHERE state IN ('queued', 'sending')
    """,
    # Whoever was to be told of a new version is told again: it takes effect only once all were.
    """
    DELETE FROM policy_notices n USING mails m WHERE n.outcome = 'queued' AND m.id = n.mail_id AND m.state = 'dropped'
    """,
    "DELETE FROM mails WHERE state = 'dropped' AND reason = 'restored' AND dedupe_key LIKE 'policy:%'",
    """
    UPDATE generations SET state = 'unknown', unknown_at = studio_now(), worker_lock = NULL, due_at = studio_now()
    WHERE state IN ('submitting', 'running', 'storing')
    """,
    "UPDATE backups SET ok = false, ended_at = studio_now(), reason = 'restored' WHERE ended_at IS NULL",
    # Who asked to leave may have thought better of it, or not have heard of it yet: the countdown begins anew.
    f"UPDATE erasures SET due_at = studio_now() + interval '{erasure.HOURS} hours' WHERE state = 'waiting'",  # noqa: S608  # a constant
)
# The trash: what was taken out of it after the backup can be taken out again. Acts stay apart, by a microsecond each.
_TRASH = """
WITH acts AS (
  SELECT at, studio_now() - (rank() OVER (ORDER BY at DESC)) * interval '1 microsecond' AS anew FROM (
    SELECT trashed_at AS at FROM assets WHERE trashed_at IS NOT NULL
    UNION SELECT trashed_at FROM workspaces WHERE trashed_at IS NOT NULL
  ) known
), files AS (UPDATE assets t SET trashed_at = anew FROM acts WHERE t.trashed_at = acts.at)
UPDATE workspaces t SET trashed_at = anew FROM acts WHERE t.trashed_at = acts.at
"""


@dataclass
class Replayed:
    """How many notes found something to undo."""

    accounts: int = 0
    workspaces: int = 0
    batches: int = 0
    outputs: int = 0
    optouts: int = 0
    restrictions: int = 0
    countdowns: int = 0


async def replay(begin: Transactions, notes: Storage) -> Replayed:
    """Do again what the journal says, to the rows. Returns what was found."""
    done = Replayed()
    latest: dict[tuple[UUID, bool], Entry] = {}
    places: list[UUID] = []
    async for entry in journal.entries(store=notes):
        if entry.kind in journal.COUNTED:
            known = (entry.id, entry.kind in journal.COUNTDOWNS)
            if known not in latest or latest[known].number < entry.number:
                latest[known] = entry
            continue
        if entry.kind == "workspace":  # after the files in them
            places.append(entry.id)
            continue
        async with begin() as session:
            if entry.kind == "account":
                done.accounts += await erase_account_rows(session, entry.id)
            elif entry.kind == "batch":
                done.batches += await erase_batch_rows(session, entry)
            elif entry.kind == "output":
                done.outputs += await erase_output_rows(session, entry.id)
            else:
                done.optouts += await _withdraw(session, entry)
    for place in places:
        async with begin() as session:
            done.workspaces += await _erase_workspace_rows(session, place, places)
    for entry in latest.values():
        async with begin() as session:
            if entry.kind in journal.COUNTDOWNS:
                done.countdowns += await _count_down(session, entry)
            else:
                done.restrictions += await _restrict(session, entry)
    async with begin() as session:
        await _tell_leaving(session)
    return done


async def forget(begin: Transactions) -> None:
    """Drop sessions, links, jobs and waiting mails; what was at the provider is unknown, what waited is cancelled.

    What counts down towards an end, a deletion or the trash, begins anew: nobody could stop it meanwhile.
    """
    async with begin() as session:
        for statement in _FORGOTTEN:
            await session.execute(text(statement))
        await session.execute(text(_TRASH))
        await _cancel_waiting(session)


async def erase_account_rows(session: AsyncSession, account_id: UUID) -> bool:
    """Remove an account as its deletion did; False when it is not there."""
    if not await session.scalar(text("SELECT true FROM accounts WHERE id = :account"), {"account": account_id}):
        return False
    await purge.erase_account_rows(session, account_id=account_id)
    return True


async def erase_batch_rows(session: AsyncSession, entry: Entry) -> bool:
    """Remove a request with all that was made by it; False when it is not there.

    One of which something began after the note stayed, and stays: a backup that has that something is younger.
    """
    account_id = await session.scalar(
        text(
            "SELECT account_id FROM batches b WHERE id = :id "
            "AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.batch_id = b.id AND g.created_at > :at)"
        ),
        {"id": entry.id, "at": entry.at},
    )
    if account_id is None:
        return False
    await purge.close_holds(session, account_id=account_id, batch_ids=[entry.id])
    await session.execute(text("DELETE FROM batches WHERE id = :id"), {"id": entry.id})
    return True


async def _erase_workspace_rows(session: AsyncSession, workspace_id: UUID, going: list[UUID]) -> bool:
    """Remove a workspace, one of those that are `going`; False when it is not there.

    A file that is still in it was moved out of it after the backup, for each that went has a note of its own.
    """
    account_id = await session.scalar(text("SELECT account_id FROM workspaces WHERE id = :id"), {"id": workspace_id})
    if account_id is None:
        return False
    known = {"id": workspace_id, "home": await _home(session, account_id, going)}
    await session.execute(text("UPDATE assets SET workspace_id = :home WHERE workspace_id = :id"), known)
    batches = await session.scalars(
        text(
            "SELECT id FROM batches b WHERE workspace_id = :id "
            "AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.batch_id = b.id)"
        ),
        known,
    )
    await purge.close_holds(session, account_id=account_id, batch_ids=batches.all())
    await purge.erase_workspaces(session, workspace_ids=[workspace_id])
    return True


async def _home(session: AsyncSession, account_id: UUID, going: list[UUID]) -> UUID:
    """A workspace to work in that stays: the oldest there is, or a new one."""
    known = {"account": account_id, "going": going, "id": uuid4(), "name": accounts.FIRST_WORKSPACE}
    found: UUID | None = await session.scalar(
        text(
            "SELECT id FROM workspaces WHERE account_id = :account AND id <> ALL(:going) AND trashed_at IS NULL "
            "AND archived_at IS NULL ORDER BY created_at, id LIMIT 1"
        ),
        known,
    )
    if found is not None:
        return found
    return (
        await session.execute(
            text("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :account, :name) RETURNING id"), known
        )
    ).scalar_one()


async def erase_output_rows(session: AsyncSession, asset_id: UUID) -> bool:
    """Remove one file's row, with its generation, and with the batch when that was its last; False if not there."""
    row = (
        await session.execute(
            text("DELETE FROM assets WHERE id = :id RETURNING generation_id, account_id"), {"id": asset_id}
        )
    ).one_or_none()
    if row is None:
        return False
    if row.generation_id is not None:
        batch = await session.scalar(
            text("DELETE FROM generations WHERE id = :id RETURNING batch_id"), {"id": row.generation_id}
        )
        await session.execute(
            text(
                "DELETE FROM batches b WHERE id = :id AND NOT EXISTS (SELECT 1 FROM generations WHERE batch_id = b.id)"
            ),
            {"id": batch},
        )
    return True


async def _withdraw(session: AsyncSession, entry: Entry) -> bool:
    """End an opt-in to product news: the one that is named, or those of the account that is."""
    changed = await session.execute(
        text(
            "UPDATE mail_optins SET withdrawn_at = :at WHERE withdrawn_at IS NULL AND given_at <= :at "
            "AND (id = :id OR account_id = :id) RETURNING id"
        ),
        {"id": entry.id, "at": entry.at},
    )
    return bool(changed.all())


async def _restrict(session: AsyncSession, entry: Entry) -> bool:
    """Set an account's restriction to what it last was."""
    there = await session.scalar(
        text(
            "SELECT true FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'accounts' "
            "AND column_name = 'restricted_at'"
        )
    )
    if not there:
        return False
    if entry.kind == "restrict":
        change = "restricted_at = :at, restricted_for = coalesce(restricted_for, 'operator')"
    else:
        change = "restricted_at = NULL, restricted_for = NULL"
    changed = await session.execute(
        text(f"UPDATE accounts SET {change} WHERE id = :id RETURNING id"),  # noqa: S608  # constants
        {"id": entry.id, "at": entry.at} if entry.kind == "restrict" else {"id": entry.id},
    )
    return bool(changed.all())


async def _count_down(session: AsyncSession, entry: Entry) -> bool:
    """Let a deletion that was asked for after the backup stand again, and end one that was taken back."""
    if entry.kind == "staying":
        change = (
            "UPDATE erasures SET state = 'cancelled', ended_at = :at "
            "WHERE account_id = :id AND state = 'waiting' AND asked_at <= :at RETURNING id"
        )
    else:  # unless the backup knows of it, and of what became of it
        change = (
            "INSERT INTO erasures (id, account_id, asked_at, due_at) SELECT gen_random_uuid(), id, :at, "  # noqa: S608  # a constant
            f"studio_now() + interval '{erasure.HOURS} hours' FROM accounts WHERE id = :id AND NOT EXISTS (SELECT 1 "
            "FROM erasures e WHERE e.account_id = :id AND (e.asked_at >= :at OR e.state IN ('waiting', 'purging'))) "
            "RETURNING id"
        )
    return bool((await session.execute(text(change), {"id": entry.id, "at": entry.at})).all())


async def _tell_leaving(session: AsyncSession) -> None:
    """The mail of every countdown once more: it names the new end, and the way to stop it."""
    rows = await session.execute(text("SELECT account_id, due_at FROM erasures WHERE state = 'waiting'"))
    for row in rows.all():
        await mail_events.on_deletion_started(session, account_id=row.account_id, due=row.due_at)


async def _cancel_waiting(session: AsyncSession) -> None:
    """What waited to be sent may have been sent after the backup: it is not sent again unasked, and costs nothing."""
    rows = await session.execute(
        text(
            "UPDATE generations SET state = 'cancelled', ended_at = studio_now(), charged_micros = 0, "
            "worker_lock = NULL, due_at = NULL WHERE state = 'queued' "
            "RETURNING id, account_id, month, kind, reserved_micros"
        )
    )
    for row in rows.all():
        await ledger.release(
            session, ledger.Reservation(row.id, row.account_id, row.month, row.kind, row.reserved_micros)
        )
