"""Thirty days of the proofs: one row a promise and day, and a word to the operators when one turns red or is late."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import alarms
from studio.services.proofs import PROOFS, Result

DAYS = 30
DUE_HOURS, LATE_HOURS = 23, 26
log = logging.getLogger("studio")


@dataclass(frozen=True)
class Day:
    """A day of one promise: measured at all, how often, and how often it was not kept."""

    day: date
    runs: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Standing:
    """What is known of one promise. `last` is None before its first measurement; `late` after 26 hours without one."""

    last: Result | None
    late: bool
    days: Sequence[Day]


async def store(session: AsyncSession, *, results: Sequence[Result]) -> list[str]:
    """Keep measurements and tell the operators of what turned red; returns the ids that did. Runs as `sys`.

    Two processes that measure at once are put in order, so that one of them sees the turn.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(7305011)"))
    before = {row.id: row.ok for row in await session.execute(_LAST)}
    for each in results:
        await session.execute(
            text(
                "INSERT INTO proof_results AS p (id, day, ok, figure, checked_at, failures) "
                "VALUES (:id, (CAST(:at AS timestamptz) AT TIME ZONE 'UTC')::date, :ok, :figure, :at, :failed) "
                "ON CONFLICT (id, day) DO UPDATE SET ok = excluded.ok, figure = excluded.figure, "
                "checked_at = excluded.checked_at, runs = p.runs + 1, failures = p.failures + excluded.failures "
            ),
            {"id": each.id, "ok": each.ok, "figure": each.figure, "at": each.checked_at, "failed": int(not each.ok)},
        )
    turned = [each.id for each in results if not each.ok and before.get(each.id, True)]
    for name in turned:
        figure = next(each.figure for each in results if each.id == name)
        log.error("Promise %s is not kept: %s", name, figure)
        await _tell(session, key=f"proof:{name}", title=f"Promise {name} is not kept", what=_sentence(name, figure))
    await session.execute(
        text("DELETE FROM proof_results WHERE day <= (studio_now() AT TIME ZONE 'UTC')::date - CAST(:days AS integer)"),
        {"days": DAYS},
    )
    return turned


_LAST = text("SELECT DISTINCT ON (id) id, ok, figure, checked_at FROM proof_results ORDER BY id, day DESC")


def _sentence(name: str, figure: str) -> str:
    promise = next(each.promise for each in PROOFS if each.id == name)
    return f"{promise}. The check of a moment ago says: {figure}."


async def _tell(session: AsyncSession, *, key: str, title: str, what: str) -> None:
    """One mail a day and operator."""
    day = await session.scalar(text("SELECT (studio_now() AT TIME ZONE 'UTC')::date"))
    await alarms.tell(session, key=f"{key}:{day}", title=title, what=what, link="/privacy/proof")


async def due(session: AsyncSession) -> bool:
    """Whether a full run is due: some promise was not measured for 23 hours."""
    return bool(await _older_than(session, DUE_HOURS))


async def watch(session: AsyncSession) -> list[str]:
    """Tell the operators of promises that were not measured for 26 hours; returns their ids. Runs as `sys`.

    A studio that is new has an hour for its first run.
    """
    if not await session.scalar(text("SELECT EXISTS (SELECT 1 FROM proof_results)")):
        return []
    late = await _older_than(session, LATE_HOURS)
    if late:
        log.error("Not measured for %s hours: %s", LATE_HOURS, ", ".join(late))
        await _tell(
            session,
            key="proof:late",
            title="The proofs did not run",
            what=f"These promises were not measured for {LATE_HOURS} hours: {', '.join(late)}.",
        )
    return late


async def _older_than(session: AsyncSession, hours: int) -> list[str]:
    rows = await session.scalars(
        text(
            "SELECT id FROM unnest(CAST(:ids AS text[])) AS id WHERE NOT EXISTS (SELECT 1 FROM proof_results p "
            "WHERE p.id = id.id AND p.checked_at > studio_now() - make_interval(hours => :hours))"
        ),
        {"ids": [each.id for each in PROOFS], "hours": hours},
    )
    return list(rows)


async def standing(session: AsyncSession) -> Mapping[str, Standing]:
    """Every promise by its id, with its last measurement and its thirty days, the oldest first."""
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    last = {row.id: Result(**row._mapping) for row in await session.execute(_LAST)}
    seen = {
        (row.id, row.day): Day(row.day, row.runs, row.failures)
        for row in await session.execute(text("SELECT id, day, runs, failures FROM proof_results"))
    }
    today = now.date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return {
        proof.id: Standing(
            last=last.get(proof.id),
            late=proof.id not in last or last[proof.id].checked_at < now - timedelta(hours=LATE_HOURS),
            days=[seen.get((proof.id, day), Day(day)) for day in days],
        )
        for proof in PROOFS
    }
