"""What operators see of the work: queue, workers, limits, totals. Never a prompt, a picture, a name or an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.config import settings
from studio.db import Actor
from studio.errors import NotFound
from studio.services import attempts, audit, checks, limits, mail_outbox, operators, retention
from studio.services.backups import records as backup_runs

PAGE = 50
BACKUP_GRACE_HOURS = 2  # one is made beside the work, and tried again when it fails
QUIET_SECONDS = 30  # a worker beats every ten seconds
RANGES: Mapping[str, timedelta] = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
OPEN = ("queued", "submitting", "running", "storing", "unknown")
STATES = (*OPEN, "settled")


@dataclass(frozen=True)
class StateCount:
    """The unfinished rows of one state. `oldest_at` is when the first of them was asked for."""

    state: str
    count: int
    oldest_at: datetime
    held_micros: int


@dataclass(frozen=True)
class Request:
    """One generation as its operator sees it: who by id, which model, how far, how much it holds."""

    id: UUID
    account_id: UUID
    model: str
    kind: str
    state: str
    tries: int
    created_at: datetime
    due_at: datetime | None
    reserved_micros: int
    charged_micros: int | None


@dataclass(frozen=True)
class Worker:
    """A worker process that registered itself; `doing` is how many jobs it runs now."""

    id: int
    beat_at: datetime
    alive: bool
    doing: int


@dataclass(frozen=True)
class Limit:
    """One of the provider's limits: how much of it is used up now. `per_minute` is what flows back."""

    key: str
    used: float
    capacity: float
    per_minute: float


@dataclass(frozen=True)
class Storage:
    """The object store's contents by our own rows; thumbnails are not counted."""

    files: int
    size_bytes: int


@dataclass(frozen=True)
class Spent:
    """What one model was charged today (UTC), in micro-USD."""

    model: str
    micros: int


@dataclass(frozen=True)
class Backups:
    """When the newest good backup began, and when one was last restored as a test. `late`: the next is overdue."""

    made_at: datetime | None
    verified_at: datetime | None
    late: bool


@dataclass(frozen=True)
class Overview:
    """Everything on the first page, at one moment. `wait_seconds` is the 95th percentile from asking to sending."""

    now: datetime
    states: Mapping[str, StateCount]
    wait_seconds: float | None
    ended: int
    failed: int
    workers: Sequence[Worker]
    limits: Sequence[Limit]
    mails: Mapping[str, int]
    storage: Storage
    spent: Sequence[Spent]
    ledger: checks.Result | None
    backups: Backups


async def now(session: AsyncSession) -> datetime:
    """The database's clock, by which ages are told."""
    return (await session.execute(text("SELECT studio_now()"))).scalar_one()


async def overview(session: AsyncSession, *, actor: Actor, span: str) -> Overview:
    """The figures; waits and failures are of the last `span`, a key of `RANGES`. Raises NotFound."""
    await operators.require(session, actor=actor)
    if span not in RANGES:
        raise NotFound
    since = {"span": RANGES[span]}
    ended = (
        await session.execute(
            text(
                "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM submitted_at - created_at)) "
                "FILTER (WHERE submitted_at IS NOT NULL) AS wait, "
                "count(*) FILTER (WHERE ended_at IS NOT NULL AND state <> 'cancelled') AS ended, "
                "count(*) FILTER (WHERE state IN ('failed', 'expired', 'settled')) AS failed "
                "FROM generations WHERE created_at > studio_now() - :span"
            ),
            since,
        )
    ).one()
    stored = (
        await session.execute(
            text("SELECT count(*) AS files, coalesce(sum(size_bytes), 0)::bigint AS size FROM assets")
        )
    ).one()
    spent = await session.execute(
        text(
            "SELECT model, sum(charged_micros)::bigint AS micros FROM generations "
            "WHERE created_at > studio_now() - interval '3 days' AND charged_micros > 0 "
            "AND ended_at >= date_trunc('day', studio_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' "
            "GROUP BY model ORDER BY micros DESC"
        )
    )
    return Overview(
        now=await now(session),
        states=await _states(session),
        wait_seconds=ended.wait,
        ended=ended.ended,
        failed=ended.failed,
        workers=await _workers(session),
        limits=await _limits(session),
        mails=await mail_outbox.counts(session),
        storage=Storage(files=stored.files, size_bytes=stored.size),
        spent=[Spent(**row._mapping) for row in spent],
        ledger=await checks.last(session, name=checks.LEDGER),
        backups=await _backups(session),
    )


async def _backups(session: AsyncSession) -> Backups:
    made = await backup_runs.last_backup_at(session)
    longest = timedelta(hours=settings().backup_hours + BACKUP_GRACE_HOURS)
    return Backups(
        made_at=made,
        verified_at=await backup_runs.last_verified_at(session),
        late=settings().backup is not None and made is not None and await now(session) - made > longest,
    )


async def _states(session: AsyncSession) -> Mapping[str, StateCount]:
    rows = await session.execute(
        text(
            "SELECT state, count(*) AS count, min(created_at) AS oldest_at, "
            "sum(reserved_micros)::bigint AS held_micros FROM generations WHERE ended_at IS NULL GROUP BY state"
        )
    )
    return {row.state: StateCount(**row._mapping) for row in rows}


async def workers(session: AsyncSession, *, actor: Actor) -> Sequence[Worker]:
    """Worker processes, the one that was heard of last first. Raises NotFound."""
    await operators.require(session, actor=actor)
    return await _workers(session)


async def _workers(session: AsyncSession) -> Sequence[Worker]:
    rows = await session.execute(
        text(
            "SELECT w.id, w.last_heartbeat AS beat_at, "
            "w.last_heartbeat > now() - make_interval(secs => :quiet) AS alive, count(j.id) AS doing "
            "FROM procrastinate_workers w LEFT JOIN procrastinate_jobs j ON j.worker_id = w.id AND j.status = 'doing' "
            "GROUP BY w.id ORDER BY w.last_heartbeat DESC LIMIT 50"
        ),
        {"quiet": QUIET_SECONDS},
    )
    return [Worker(**row._mapping) for row in rows]


async def provider_limits(session: AsyncSession, *, actor: Actor) -> Sequence[Limit]:
    """The provider's limits that were used so far. Raises NotFound."""
    await operators.require(session, actor=actor)
    return await _limits(session)


async def _limits(session: AsyncSession) -> Sequence[Limit]:
    rows = await session.execute(
        text(
            "SELECT key, tokens, extract(epoch FROM clock_timestamp() - refilled_at)::float AS seconds "
            "FROM provider_buckets ORDER BY key"
        )
    )
    found = []
    for row in rows:
        try:
            _, bucket, _ = limits.bucket_of(row.key, settings().ark_tier)
        except KeyError:  # a model that left the catalogue
            continue
        except NotFound:
            continue
        if bucket is not None:
            left = min(bucket.capacity, row.tokens + max(0.0, row.seconds) * bucket.rate)
            found.append(Limit(row.key, bucket.capacity - left, bucket.capacity, bucket.rate * 60))
    return found


async def queue_counts(session: AsyncSession, *, actor: Actor) -> Mapping[str, StateCount]:
    """The unfinished work by state. Raises NotFound."""
    await operators.require(session, actor=actor)
    return await _states(session)


async def requests(
    session: AsyncSession, *, actor: Actor, state: str | None = None, after: UUID | None = None, limit: int = PAGE
) -> Sequence[Request]:
    """Unfinished requests, or those of one state, oldest first; `after` is the last one seen.

    Raises:
        NotFound: no operator, or no such state.
    """
    await operators.require(session, actor=actor)
    if state is not None and state not in STATES:
        raise NotFound
    which = "state = 'settled' AND charged_micros > 0" if state == "settled" else "ended_at IS NULL"
    rows = await session.execute(
        text(
            "SELECT id, account_id, model, kind, state, tries, created_at, due_at, reserved_micros, charged_micros "  # noqa: S608  # constants
            f"FROM generations WHERE {which} AND (CAST(:state AS text) IS NULL OR state = :state) "
            "AND (CAST(:after AS uuid) IS NULL OR (created_at, id) > "
            "(SELECT p.created_at, p.id FROM generations p WHERE p.id = :after)) "
            "ORDER BY created_at, id LIMIT :limit"
        ),
        {"state": state, "after": after, "limit": max(1, min(limit, 200))},
    )
    return [Request(**row._mapping) for row in rows]


async def retention_runs(session: AsyncSession, *, actor: Actor) -> Sequence[retention.Standing]:
    """What is kept how long and how its last sweep went, what is late first. Raises NotFound."""
    await operators.require(session, actor=actor)
    found = [each for each in await retention.report(session) if each.entry.swept]
    return sorted(found, key=lambda each: (not each.overdue, not (each.stale and each.last_run), -each.last_rows))


async def run_sweeps(session: AsyncSession, *, by: Actor) -> bool:
    """Let a worker run every sweep now; False: they wait for one already. Raises NotFound."""
    await operators.require(session, actor=by)
    await audit.write(session, by=by, action="retention.run", subject="sweeps")
    return await queue.defer_once(session, retention.TIDY)


async def reverse(session: AsyncSession, *, by: Actor | None, generation_id: UUID) -> int:
    """Give the charge of a written-off generation back; returns micro-USD. `by` None is the command line.

    Raises:
        NotFound: no operator, or nothing was written off under this id.
    """
    if by is not None:
        await operators.require(session, actor=by)
    micros = await attempts.reverse(session, generation_id=generation_id)
    await audit.write(session, by=by, action="generation.reverse", subject=generation_id, details={"micros": micros})
    return micros
