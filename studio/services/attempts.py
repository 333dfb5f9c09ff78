"""The worker's side of a generation: each transition is one conditional update, so that a rerun changes nothing.

queued → submitting → running → storing → succeeded; failed, expired, cancelled, unknown, settled beside it
(ARCHITECTURE, *A generation*). Every function runs as `sys` and takes the session of its own transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.errors import NotFound
from studio.services import ledger, provider_records
from studio.services.byteplus import catalog
from studio.services.byteplus.params import Params, params_from_json
from studio.services.generations import RUN
from studio.services.workers import ALIVE

CLAIM_LOCK = 7305002  # serialises claims, so that fair order and the provider's concurrency are exact
LEASE_SECONDS = 60  # a claimed row that was not sent within this time may be claimed again
UNKNOWN_HOURS = 24

_RETURNING = "RETURNING id, account_id, batch_id, kind, month, reserved_micros, state"


@dataclass(frozen=True)
class Work:
    """A generation with all that is needed to send or to finish it."""

    id: UUID
    account_id: UUID
    batch_id: UUID
    workspace_id: UUID
    kind: str
    params: Params
    month: date
    reserved_micros: int
    state: str
    attempt_id: UUID | None
    task_id: str | None
    result: Mapping[str, Any]
    tries: int
    unknown_at: datetime | None
    cancel_at: datetime | None
    inputs: tuple[tuple[str, str, str], ...]  # pictures: role, object key, mime
    draft_task_id: str | None = None  # of the draft that this makes final

    @property
    def reservation(self) -> ledger.Reservation:
        return ledger.Reservation(self.id, self.account_id, self.month, self.kind, self.reserved_micros)


def tag(attempt_id: UUID) -> str:
    """What a video task is tagged with (`safety_identifier`), so that it can be found again."""
    return f"studio-{attempt_id.hex}"


async def claim(session: AsyncSession, *, worker_lock: int, concurrency: Mapping[str, int]) -> Work | None:
    """Lease the next queued row: the account served longest ago first, its oldest first. A series is leased whole.

    `concurrency` is how many requests of a model the provider runs at once; models that are full are passed over.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CLAIM_LOCK})
    busy = await session.execute(
        text(
            "SELECT model, count(*) AS n FROM generations WHERE state IN ('submitting', 'running') "
            "OR (state = 'queued' AND due_at > studio_now() AND worker_lock IS NOT NULL) GROUP BY model"
        )
    )
    counts = {row.model: row.n for row in busy}
    full = [model for model, most in concurrency.items() if counts.get(model, 0) >= most]
    row = (
        await session.execute(
            text("""
            WITH waiting AS (
              SELECT DISTINCT account_id FROM generations WHERE state = 'queued' AND model <> ALL(:full)
                AND (due_at IS NULL OR due_at <= studio_now()) AND NOT EXISTS (SELECT 1 FROM work_pauses)
            ), next AS (
              SELECT first.id FROM waiting w JOIN accounts a ON a.id = w.account_id AND a.restricted_at IS NULL
              CROSS JOIN LATERAL (
                SELECT q.id FROM generations q WHERE q.account_id = a.id AND q.state = 'queued'
                  AND q.model <> ALL(:full) AND (q.due_at IS NULL OR q.due_at <= studio_now())
                ORDER BY q.created_at, q.position, q.id LIMIT 1) first
              ORDER BY a.served_at NULLS FIRST, a.id LIMIT 1
            ), leased AS (
              UPDATE generations g SET worker_lock = :worker, due_at = studio_now() + make_interval(secs => :lease)
              WHERE g.state = 'queued' AND (g.id = (SELECT id FROM next) OR g.batch_id = (
                SELECT b.id FROM batches b JOIN generations f ON f.batch_id = b.id
                WHERE f.id = (SELECT id FROM next) AND b.params->>'series' = 'true'))
                AND (g.due_at IS NULL OR g.due_at <= studio_now())
              RETURNING g.id, g.account_id
            ), served AS (
              UPDATE accounts SET served_at = clock_timestamp() WHERE id IN (SELECT account_id FROM leased)
            )
            SELECT id FROM next
            """),
            {"full": full, "worker": worker_lock, "lease": LEASE_SECONDS},
        )
    ).one_or_none()
    return await load(session, generation_id=row.id) if row else None


async def load(session: AsyncSession, *, generation_id: UUID) -> Work | None:
    """One generation with its batch and its pictures."""
    row = (
        await session.execute(
            text(
                "SELECT g.*, b.params, b.workspace_id FROM generations g JOIN batches b ON b.id = g.batch_id "
                "WHERE g.id = :id"
            ),
            {"id": generation_id},
        )
    ).one_or_none()
    if row is None:
        return None
    inputs = await session.execute(
        text(
            "SELECT i.role, a.object_key, a.mime, g.task_id FROM batch_inputs i JOIN assets a ON a.id = i.asset_id "
            "LEFT JOIN generations g ON g.id = a.generation_id "
            "WHERE i.batch_id = :batch AND a.erase_asked_at IS NULL ORDER BY i.position"
        ),
        {"batch": row.batch_id},
    )
    given = inputs.all()
    return Work(
        id=row.id,
        account_id=row.account_id,
        batch_id=row.batch_id,
        workspace_id=row.workspace_id,
        kind=row.kind,
        params=params_from_json(row.params),
        month=row.month,
        reserved_micros=row.reserved_micros,
        state=row.state,
        attempt_id=row.attempt_id,
        task_id=row.task_id,
        result=row.result or {},
        tries=row.tries,
        unknown_at=row.unknown_at,
        cancel_at=row.cancel_at,
        inputs=tuple((i.role, i.object_key, i.mime) for i in given if i.role != "draft"),
        draft_task_id=next((i.task_id for i in given if i.role == "draft"), None),
    )


async def begin(session: AsyncSession, *, work: Work, worker_lock: int) -> UUID | None:
    """queued → submitting. Whoever gets an attempt id posts, at most once; None: cancelled or taken meanwhile."""
    attempt_id = uuid4()
    row = await move(
        session,
        "SET state = 'submitting', attempt_id = :attempt, submitted_at = studio_now(), due_at = NULL "
        "WHERE id = :id AND state = 'queued' AND worker_lock = :worker",
        {"id": work.id, "attempt": attempt_id, "worker": worker_lock},
    )
    return attempt_id if row else None


async def accepted_task(session: AsyncSession, *, attempt_id: UUID, task_id: str) -> bool:
    """submitting or unknown → running: the provider gave the task an id."""
    row = await move(
        session,
        "SET state = 'running', task_id = :task, unknown_at = NULL, due_at = studio_now() + interval '1 second' "
        "WHERE attempt_id = :attempt AND state IN ('submitting', 'unknown')",
        {"attempt": attempt_id, "task": task_id},
    )
    if row is None:
        await provider_records.came_too_late(session, attempt_id=attempt_id, task_id=task_id)
    return row is not None


async def made(session: AsyncSession, *, attempt_id: UUID, result: Mapping[str, Any]) -> UUID | None:
    """→ storing: the provider made it. `result` keeps its links and its usage until the bytes are ours."""
    row = await move(
        session,
        "SET state = 'storing', result = CAST(:result AS jsonb), unknown_at = NULL, tries = 0, due_at = NULL "
        "WHERE attempt_id = :attempt AND state IN ('submitting', 'running', 'unknown')",
        {"attempt": attempt_id, "result": json.dumps(dict(result))},
    )
    return row.id if row else None


async def stored(session: AsyncSession, *, work: Work, asset: Mapping[str, Any], charged: int) -> bool:
    """storing → succeeded, with the asset's row and the charge, in one transaction."""
    row = await move(
        session,
        "SET state = 'succeeded', ended_at = studio_now(), charged_micros = :charged, due_at = NULL, result = NULL "
        "WHERE id = :id AND state = 'storing'",
        {"id": work.id, "charged": min(charged, work.reserved_micros)},
    )
    if row is None:
        return False
    await session.execute(
        text(
            "INSERT INTO assets (id, account_id, workspace_id, generation_id, kind, mime, object_key, size_bytes, "
            "sha256, crc32, width, height, duration_ms, thumbnails, batch_id, model, cost_micros) SELECT :id, "
            ":account, :workspace, g.id, :kind, :mime, :key, :size, :sha256, :crc32, :width, :height, "
            "CAST(:duration AS integer), CAST(:thumbnails AS jsonb), g.batch_id, g.model, g.charged_micros "
            "FROM generations g WHERE g.id = :generation"
        ),
        {
            **asset,
            "id": uuid4(),
            "account": work.account_id,
            "workspace": work.workspace_id,
            "generation": work.id,
            "kind": work.kind,
            "thumbnails": json.dumps(asset["thumbnails"]),
        },
    )
    await queue.notify(session, work.account_id, "outputs")
    await ledger.settle(session, work.reservation, charged=charged)
    await wake(session)
    return True


async def wants_result(session: AsyncSession, *, generation_id: UUID) -> bool:
    """Whether the objects of a generation belong to somebody: it is being saved, or was saved by another worker."""
    return bool(
        await session.scalar(
            text("SELECT state IN ('storing', 'succeeded') FROM generations WHERE id = :id"), {"id": generation_id}
        )
    )


async def failed(
    session: AsyncSession, *, work: Work, code: str, title: str, message: str, state: str = "failed"
) -> bool:
    """→ failed or expired: nothing was made, so nothing is charged."""
    row = await move(
        session,
        "SET state = :state, ended_at = studio_now(), charged_micros = 0, due_at = NULL, result = NULL, "
        "error_code = :code, error_title = :title, error_message = :message "
        "WHERE id = :id AND ended_at IS NULL AND attempt_id IS NOT DISTINCT FROM :attempt",
        {
            "id": work.id,
            "attempt": work.attempt_id,
            "state": state,
            "code": code,
            "title": title,
            "message": message,
        },
    )
    if row is None:
        return False
    await ledger.release(session, work.reservation)
    await wake(session)
    return True


async def refused_for_now(session: AsyncSession, *, work: Work, wait_seconds: float) -> bool:
    """submitting → queued: the provider is busy and took nothing, so the same row is sent again later."""
    row = await move(
        session,
        "SET state = 'queued', attempt_id = NULL, submitted_at = NULL, worker_lock = NULL, tries = tries + 1, "
        "due_at = studio_now() + make_interval(secs => :wait) "
        "WHERE id = :id AND state = 'submitting' AND attempt_id = :attempt",
        {"id": work.id, "attempt": work.attempt_id, "wait": wait_seconds},
    )
    return row is not None


async def lost_touch(session: AsyncSession, *, attempt_id: UUID) -> bool:
    """submitting → unknown: it may have been accepted. It is looked up and never sent twice."""
    row = await move(
        session,
        "SET state = 'unknown', unknown_at = studio_now(), due_at = studio_now() "
        "WHERE attempt_id = :attempt AND state = 'submitting'",
        {"attempt": attempt_id},
    )
    return row is not None


async def lost_task(session: AsyncSession, *, work: Work) -> None:
    """running → unknown: the provider has no record of a task it accepted."""
    await move(
        session,
        "SET state = 'unknown', unknown_at = studio_now(), due_at = studio_now() "
        "WHERE id = :id AND state = 'running' AND attempt_id = :attempt",
        {"id": work.id, "attempt": work.attempt_id},
    )


async def waited_long_enough(session: AsyncSession, *, work: Work) -> bool:
    """Whether an outcome has been unknown for 24 hours of the database's clock."""
    return bool(
        await session.scalar(
            text("SELECT unknown_at <= studio_now() - make_interval(hours => :hours) FROM generations WHERE id = :id"),
            {"id": work.id, "hours": UNKNOWN_HOURS},
        )
    )


async def written_off(session: AsyncSession, *, work: Work) -> bool:
    """unknown → settled: an image that cannot be looked up, 24 hours on. Charged at its worst case; an operator
    may reverse it."""
    row = await move(
        session,
        "SET state = 'settled', ended_at = studio_now(), charged_micros = reserved_micros, due_at = NULL, "
        "error_code = 'outcome_unknown', error_title = 'The outcome stayed unknown', "
        "error_message = 'The connection dropped after sending and the provider cannot tell us more. It was charged; "
        "the operator may give it back.' "
        "WHERE id = :id AND state IN ('unknown', 'storing') AND attempt_id = :attempt",
        {"id": work.id, "attempt": work.attempt_id},
    )
    if row is None:
        return False
    await ledger.settle(session, work.reservation, charged=work.reserved_micros)
    await wake(session)
    return True


async def reverse(session: AsyncSession, *, generation_id: UUID) -> int:
    """Give the charge of a written-off generation back; returns micro-USD. For the operator.

    Raises:
        NotFound: there is no such generation, or nothing was written off for it.
    """
    row = await move(
        session,
        "SET charged_micros = 0, error_message = 'The outcome stayed unknown. The operator gave the charge back.' "
        "WHERE id = :id AND state = 'settled' AND charged_micros > 0",
        {"id": generation_id},
    )
    if row is None:
        raise NotFound("There is no written-off generation with this id, or its charge was given back already.")
    reservation = ledger.Reservation(row.id, row.account_id, row.month, row.kind, row.reserved_micros)
    await ledger.reverse(session, reservation, charged=row.reserved_micros)
    return row.reserved_micros


async def look_again(session: AsyncSession, *, work: Work, seconds: float) -> None:
    """Set when the next look at an unfinished row is due, and count the try."""
    await session.execute(
        text(
            "UPDATE generations SET due_at = studio_now() + make_interval(secs => :seconds), tries = tries + 1 "
            "WHERE id = :id AND ended_at IS NULL"
        ),
        {"id": work.id, "seconds": seconds},
    )


async def due(
    session: AsyncSession, *, state: str, worker_lock: int, lease_seconds: float, limit: int = 20
) -> Sequence[Work]:
    """Rows in `state` that are due, leased to this worker: others see them after the lease, or when it dies."""
    rows = await session.execute(
        text(
            "UPDATE generations SET worker_lock = :worker, due_at = studio_now() + make_interval(secs => :lease) "
            "WHERE id IN ("
            "SELECT id FROM generations WHERE state = :state AND (due_at IS NULL OR due_at <= studio_now()) "
            "ORDER BY due_at NULLS FIRST LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING id"
        ),
        {"state": state, "worker": worker_lock, "lease": lease_seconds, "limit": limit},
    )
    works = [await load(session, generation_id=row.id) for row in rows.all()]
    return [work for work in works if work]


async def lease(
    session: AsyncSession, *, generation_id: UUID, state: str, worker_lock: int, lease_seconds: float
) -> Work | None:
    """The same for one row, for the job that was woken for it."""
    row = await session.scalar(
        text(
            "UPDATE generations SET worker_lock = :worker, due_at = studio_now() + make_interval(secs => :lease) "
            "WHERE id = :id AND state = :state AND (due_at IS NULL OR due_at <= studio_now()) RETURNING id"
        ),
        {"id": generation_id, "state": state, "worker": worker_lock, "lease": lease_seconds},
    )
    return await load(session, generation_id=generation_id) if row else None


_HELD = "g.worker_lock IS NOT NULL AND g.state IN ('queued', 'submitting', 'storing', 'running')"


async def sweep_due(session: AsyncSession) -> bool:
    """Whether a sweep would find work: a row whose time has come, or one that a dead worker holds.

    The second counts whatever its lease says, or a row claimed a moment before a kill would wait the lease out.
    """
    return bool(
        await session.scalar(
            text(f"""
            SELECT EXISTS (
              SELECT 1 FROM generations g WHERE g.ended_at IS NULL AND (
                (g.state IN ('running', 'unknown', 'storing') AND (g.due_at IS NULL OR g.due_at <= studio_now()))
                OR (g.state = 'queued' AND coalesce(g.due_at, g.created_at + interval '2 seconds') <= studio_now())
                OR ({_HELD} AND g.worker_lock NOT IN ({ALIVE}))))
            """)  # noqa: S608  # constants of this module
        )
    )


async def abandon_dead_workers(session: AsyncSession) -> int:
    """What workers that are gone left behind: leased rows go back, sent rows become unknown, saves start over.

    A worker holds an advisory lock under its number for as long as it lives; the database drops it with the
    connection, so a dead worker is told from a slow one at once. Returns the number of rows moved.
    """
    rows = await session.execute(
        text(f"""
        UPDATE generations g SET
          state = CASE g.state WHEN 'submitting' THEN 'unknown' ELSE g.state END,
          unknown_at = CASE g.state WHEN 'submitting' THEN studio_now() ELSE g.unknown_at END,
          worker_lock = NULL, due_at = NULL
        WHERE {_HELD} AND g.worker_lock NOT IN ({ALIVE})
        RETURNING g.account_id, g.batch_id, g.state
        """)  # noqa: S608  # constants of this module
    )
    moved = rows.all()
    for account_id, batch_id in {(row.account_id, row.batch_id) for row in moved}:
        await queue.notify(session, account_id, "batch", batch=batch_id)
    if any(row.state == "queued" for row in moved):
        await queue.defer(session, RUN, times=min(len(moved), 50))
    return len(moved)


async def wake(session: AsyncSession, *, times: int = 1) -> None:
    """A place at the provider may be free: let a worker look for the next row, if any waits."""
    waiting = await session.scalar(text("SELECT EXISTS (SELECT 1 FROM generations WHERE state = 'queued')"))
    if waiting:
        await queue.defer(session, RUN, times=times)


def provider_concurrency(tier: str) -> dict[str, int]:
    """How many requests of each model run at once, from the catalogue's limits for this account tier."""
    return {
        model.id: most
        for model in catalog.models("video")
        if (most := getattr(model.limits, f"concurrency_{tier}")) is not None
    }


async def move(session: AsyncSession, change: str, values: Mapping[str, Any]) -> Row[Any] | None:
    """One conditional transition; tells the account's open pages about it."""
    row = (
        await session.execute(text(f"UPDATE generations {change} {_RETURNING}"), dict(values))  # constants
    ).one_or_none()
    if row is not None:
        await queue.notify(session, row.account_id, "batch", batch=row.batch_id)
    return row
