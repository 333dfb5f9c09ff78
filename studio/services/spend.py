"""What a month cost: totals by day and model, the ledger as people read it, the cap and its alerts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import MICROS, settings
from studio.db import Actor
from studio.errors import NotFound, ValidationError
from studio.services import ledger, mail_events, sessions
from studio.services.ledger import Budget, dollars

ALERTS = (50, 80, 100)
KINDS = ("reserve", "settle", "release", "reverse")
PAGE = 25
MOST_ROWS = 1000

_OWN = "e.month = :month AND e.pseudonym = (SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account)"
# The ledger knows amounts, kinds and times; what was made is joined while it still exists.
_JOINED = (
    "FROM ledger_entries e LEFT JOIN generations g ON g.id = e.reservation AND g.account_id = :account "
    "LEFT JOIN batches b ON b.id = g.batch_id LEFT JOIN assets a ON a.generation_id = g.id "
    f"WHERE {_OWN} AND (CAST(:kind AS text) IS NULL OR e.kind = :kind) "
    "AND (CAST(:model AS text) IS NULL OR g.model = :model)"
)


class CapTooHigh(ValidationError):
    """That is above the operator's ceiling."""

    code = "cap_too_high"


@dataclass(frozen=True)
class DayModel:
    """What one model cost on one UTC day; `model` is None once the output was deleted."""

    day: date
    model: str | None
    kind: str
    micros: int
    outputs: int


@dataclass(frozen=True)
class Month:
    """One UTC month of an account. `released`: what failed or was cancelled and therefore not charged."""

    budget: Budget
    days: Sequence[DayModel]
    released_micros: int
    failed: int
    cancelled: int
    models: Sequence[str]
    today: date


@dataclass(frozen=True)
class Entry:
    """A ledger entry with what it was for; without it when that is gone.

    `held_micros` is how the entry changed what is held: plus for a reservation, minus when it closes.
    """

    seq: int
    at: datetime
    kind: str
    generation_kind: str
    amount_micros: int
    held_micros: int
    reservation: UUID
    model: str | None
    prompt: str | None
    position: int | None
    total: int | None
    state: str | None
    asset_id: UUID | None


def parse_month(value: str) -> date:
    """ "2026-11" as the first of that month. Raises NotFound for anything else."""
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", value)
    if not found:
        raise NotFound
    return date(int(found[1]), int(found[2]), 1)


def parse_usd(value: str) -> int:
    """An amount as a person types it, in micro-USD. Raises ValidationError with what is expected."""
    plain = value.strip().removeprefix("$").strip()
    if not plain:
        raise ValidationError("Write the cap in US dollars, such as 40 or 12.50.")
    if not re.fullmatch(r"(\d{1,9}|\d{1,3}(,\d{3}){1,2})(\.\d{1,2})?", plain, re.ASCII):
        raise ValidationError("A cap is an amount in US dollars with at most two decimals, such as 40 or 12.50.")
    return int(Decimal(plain.replace(",", "")) * MICROS)


async def months(session: AsyncSession, *, actor: Actor) -> Sequence[date]:
    """The months there is something to say about, the current one first."""
    now = await ledger.budget(session, account_id=actor.account_id)
    found = await session.scalars(
        text("SELECT month FROM budgets WHERE account_id = :account AND month < :now ORDER BY month DESC LIMIT 120"),
        {"account": actor.account_id, "now": now.month},
    )
    return [now.month, *found]


async def month(session: AsyncSession, *, actor: Actor, month: date) -> Month:
    """Totals of a month. A charge belongs to the UTC day it was made on, one given back no longer counts.

    Raises:
        NotFound: the account did nothing in that month.
    """
    own = {"account": actor.account_id, "month": month}
    await ledger.budget(session, account_id=actor.account_id)
    row = (
        await session.execute(
            text(
                "SELECT month, cap_micros, held_micros, spent_micros, (studio_now() AT TIME ZONE 'UTC')::date AS today "
                "FROM budgets WHERE account_id = :account AND month = :month"
            ),
            own,
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    days = await session.execute(
        text(
            "SELECT least((e.at AT TIME ZONE 'UTC')::date, (e.month + interval '1 month - 1 day')::date) AS day, "  # noqa: S608  # a constant
            "g.model, e.generation_kind AS kind, count(*) AS outputs, "
            "sum(e.amount_micros - coalesce(r.amount_micros, 0))::bigint AS micros "
            "FROM ledger_entries e LEFT JOIN ledger_entries r ON r.month = e.month "
            "AND r.pseudonym = e.pseudonym AND r.reservation = e.reservation AND r.kind = 'reverse' "
            "LEFT JOIN generations g ON g.id = e.reservation AND g.account_id = :account "
            f"WHERE {_OWN} AND e.kind = 'settle' GROUP BY 1, 2, 3 ORDER BY 1, 2"
        ),
        own,
    )
    free = (
        await session.execute(
            text(
                "SELECT coalesce(sum(e.amount_micros), 0)::bigint AS micros, "  # noqa: S608  # a constant
                "count(*) FILTER (WHERE g.state = 'cancelled') AS cancelled, "
                "count(*) FILTER (WHERE g.state IS DISTINCT FROM 'cancelled') AS failed FROM ledger_entries e "
                f"LEFT JOIN generations g ON g.id = e.reservation AND g.account_id = :account "
                f"WHERE {_OWN} AND e.kind = 'release'"
            ),
            own,
        )
    ).one()
    models = await session.scalars(
        text(
            f"SELECT DISTINCT g.model FROM ledger_entries e JOIN generations g ON g.id = e.reservation "  # noqa: S608  # a constant
            f"AND g.account_id = :account WHERE {_OWN} AND e.kind = 'reserve' ORDER BY 1"
        ),
        own,
    )
    return Month(
        budget=Budget(month=row.month, cap=row.cap_micros, held=row.held_micros, spent=row.spent_micros),
        days=[DayModel(**each._mapping) for each in days],
        released_micros=free.micros,
        failed=free.failed,
        cancelled=free.cancelled,
        models=list(models),
        today=row.today,
    )


async def count(
    session: AsyncSession, *, actor: Actor, month: date, kind: str | None = None, model: str | None = None
) -> int:
    """How many entries a filter finds."""
    found = await session.scalar(
        text(f"SELECT count(*) {_JOINED}"),
        {"account": actor.account_id, "month": month, "kind": kind, "model": model},
    )
    return int(found or 0)


async def entries(
    session: AsyncSession,
    *,
    actor: Actor,
    month: date,
    kind: str | None = None,
    model: str | None = None,
    offset: int = 0,
    before: int | None = None,
    limit: int = PAGE,
) -> Sequence[Entry]:
    """Entries of a month, newest first; `before` is the number of the last one seen, which no new entry moves."""
    rows = await session.execute(
        text(
            "SELECT e.seq, e.at, e.kind, e.generation_kind, e.amount_micros, e.reservation, "  # noqa: S608  # constants
            "CASE e.kind WHEN 'reserve' THEN e.amount_micros WHEN 'release' THEN -e.amount_micros WHEN 'settle' THEN "
            "-(SELECT r.amount_micros FROM ledger_entries r WHERE r.reservation = e.reservation AND r.month = e.month "
            "AND r.pseudonym = e.pseudonym AND r.kind = 'reserve') ELSE 0 END AS held_micros, "
            "g.model, b.prompt, g.position, g.state, a.id AS asset_id, "
            "(SELECT count(*) FROM generations p WHERE p.batch_id = g.batch_id) AS total "
            f"{_JOINED} AND (CAST(:before AS bigint) IS NULL OR e.seq < :before) "
            "ORDER BY e.seq DESC OFFSET :offset LIMIT :limit"
        ),
        {
            "account": actor.account_id,
            "month": month,
            "kind": kind,
            "model": model,
            "before": before,
            "offset": max(0, min(offset, 1_000_000)),
            "limit": max(1, min(limit, MOST_ROWS)),
        },
    )
    return [Entry(**row._mapping) for row in rows]


async def set_cap(session: AsyncSession, *, actor: Actor, cap_micros: int) -> Budget:
    """Set one's own cap, for this month and those to come; returns this month's budget.

    Lowering is always allowed, below what is used as well: then nothing more can be submitted. Raising needs a
    recent sign-in and ends at the operator's ceiling.

    Raises:
        ReauthNeeded: raised by a session whose person has not just proved who they are.
        ValidationError: below zero.
        CapTooHigh: raised above the ceiling.
    """
    if cap_micros < 0:
        raise ValidationError("A cap is $0.00 or more.")
    now = await ledger.budget(session, account_id=actor.account_id)
    if cap_micros > now.cap:
        ceiling = settings().max_cap_micros
        if cap_micros > ceiling:
            raise CapTooHigh(f"{dollars(ceiling)} is the highest cap here. The operator sets that ceiling.")
        await sessions.require_fresh(session, actor=actor)
    own = {"account": actor.account_id, "cap": cap_micros, "month": now.month}
    await session.execute(text("UPDATE accounts SET cap_micros = :cap WHERE id = :account"), own)
    await session.execute(
        text("UPDATE budgets SET cap_micros = :cap WHERE account_id = :account AND month = :month"), own
    )
    after = await ledger.budget(session, account_id=actor.account_id)
    used = after.held + after.spent
    await mail_events.on_budget_used(
        session,
        account_id=actor.account_id,
        month=after.month,
        resets=after.resets,
        before=0 if cap_micros < now.cap else used,
        used=used,
        cap=after.cap,
    )
    return after


async def alerts(session: AsyncSession, *, actor: Actor) -> Sequence[int]:
    """At which percentages of the cap the person wants to hear."""
    found = await session.scalar(text("SELECT alerts FROM accounts WHERE id = :id"), {"id": actor.account_id})
    return sorted(found or ())


async def set_alert(session: AsyncSession, *, actor: Actor, percent: int, on: bool) -> None:
    """Turn one alert on or off. Raises ValidationError for a percentage that is not offered."""
    if percent not in ALERTS:
        raise ValidationError("An alert is at 50, 80 or 100%.")
    await session.execute(
        text(
            "UPDATE accounts SET alerts = array_remove(alerts, CAST(:percent AS smallint)) "
            "|| CASE WHEN :on THEN ARRAY[CAST(:percent AS smallint)] ELSE '{}' END WHERE id = :id"
        ),
        {"id": actor.account_id, "percent": percent, "on": on},
    )
