"""Caps and the ledger: reserve the worst case, then settle or release exactly once (ARCHITECTURE, *Money*)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.errors import StudioError
from studio.services import mail_events


class CapReached(StudioError):
    """This needs more than is left of your cap this month."""

    code = "cap_reached"
    status = 402

    def __init__(self, *, needed: int, left: int, resets: date) -> None:
        """`needed` and `left` in micro-USD; `resets` is the first day of the next UTC month."""
        self.needed, self.left, self.resets = needed, left, resets
        super().__init__(
            f"This needs {dollars(needed)}, you have {dollars(max(left, 0), down=True)}. "
            f"Your cap resets on {resets.day} {resets:%B} at 00:00 UTC."
        )


@dataclass(frozen=True)
class Budget:
    """One account's month, in micro-USD."""

    month: date
    cap: int
    held: int
    spent: int

    @property
    def left(self) -> int:
        return self.cap - self.held - self.spent

    @property
    def resets(self) -> date:
        return date(self.month.year + self.month.month // 12, self.month.month % 12 + 1, 1)


@dataclass(frozen=True)
class Reservation:
    """What a generation holds: its own id names the reservation."""

    id: UUID
    account_id: UUID
    month: date
    kind: str
    amount: int


@dataclass(frozen=True)
class ChainReport:
    """Result of a check: broken links, and budgets that differ from their entries."""

    entries: int
    broken: int
    mismatched: int
    checked_at: datetime

    @property
    def ok(self) -> bool:
        return self.broken == 0 and self.mismatched == 0


def dollars(micros: int, *, down: bool = False) -> str:
    """ "$0.16": whole cents, tenths of a cent below ten cents where the amount has them ("$0.045").

    Rounded up, so that a price never costs more than it said; `down` for what is left.
    """
    step = 1_000 if micros < 100_000 and micros % 10_000 else 10_000
    steps = micros // step if down else -(-micros // step)
    cents, tenths = divmod(steps * step // 1_000, 10)
    return f"${cents // 100:,}.{cents % 100:02d}{tenths or ''}"


async def budget(session: AsyncSession, *, account_id: UUID) -> Budget:
    """This month's budget, made when it does not exist yet."""
    await session.execute(
        text(
            "INSERT INTO budgets (account_id, month, cap_micros) "
            "SELECT id, studio_month(), coalesce(cap_micros, :default) FROM accounts WHERE id = :account "
            "ON CONFLICT DO NOTHING"
        ),
        {"account": account_id, "default": settings().default_cap_micros},
    )
    row = (
        await session.execute(
            text(
                "SELECT month, cap_micros, held_micros, spent_micros FROM budgets "
                "WHERE account_id = :account AND month = studio_month()"
            ),
            {"account": account_id},
        )
    ).one()
    return Budget(month=row.month, cap=row.cap_micros, held=row.held_micros, spent=row.spent_micros)


async def reserve(
    session: AsyncSession, *, account_id: UUID, kind: str, amount: int, reservations: Sequence[UUID]
) -> date:
    """Hold `amount` micro-USD for each of `reservations`, all or none, and return the month they belong to.

    One conditional update decides: whoever would cross the cap updates no row.

    Raises:
        CapReached: with the shortfall and the day the cap resets.
    """
    now = await budget(session, account_id=account_id)
    total = amount * len(reservations)
    taken = (
        await session.execute(
            text(
                "UPDATE budgets SET held_micros = held_micros + :total WHERE account_id = :account AND month = :month "
                "AND held_micros + spent_micros + :total <= cap_micros "
                "RETURNING held_micros + spent_micros AS used, cap_micros"
            ),
            {"total": total, "account": account_id, "month": now.month},
        )
    ).one_or_none()
    if taken is None:
        fresh = await budget(session, account_id=account_id)
        raise CapReached(needed=total, left=fresh.left, resets=fresh.resets)
    rows = [Reservation(each, account_id, now.month, kind, amount) for each in reservations]
    await _append(session, "reserve", [(row, amount) for row in rows])
    # Only a reservation raises what is used: a charge is at most its hold.
    await mail_events.on_budget_used(
        session,
        account_id=account_id,
        month=now.month,
        resets=now.resets,
        before=taken.used - total,
        used=taken.used,
        cap=taken.cap_micros,
    )
    return now.month


async def settle(session: AsyncSession, reservation: Reservation, *, charged: int) -> int:
    """Turn a hold into a charge of at most the hold; returns what was charged in micro-USD."""
    charged = max(0, min(charged, reservation.amount))
    await _unhold(session, reservation, spent=charged)
    await _append(session, "settle", [(reservation, charged)])
    return charged


async def release(session: AsyncSession, reservation: Reservation) -> None:
    """Give a hold back."""
    await _unhold(session, reservation, spent=0)
    await _append(session, "release", [(reservation, reservation.amount)])


async def reverse(session: AsyncSession, reservation: Reservation, *, charged: int) -> None:
    """Give a charge back, once: the operator's answer to one that should not have been."""
    await session.execute(
        text(
            "UPDATE budgets SET spent_micros = spent_micros - :charged WHERE account_id = :account AND month = :month"
        ),
        {"charged": charged, "account": reservation.account_id, "month": reservation.month},
    )
    await _append(session, "reverse", [(reservation, charged)])


async def _unhold(session: AsyncSession, reservation: Reservation, *, spent: int) -> None:
    await session.execute(
        text(
            "UPDATE budgets SET held_micros = held_micros - :amount, spent_micros = spent_micros + :spent "
            "WHERE account_id = :account AND month = :month"
        ),
        {
            "amount": reservation.amount,
            "spent": spent,
            "account": reservation.account_id,
            "month": reservation.month,
        },
    )


async def _append(session: AsyncSession, kind: str, entries: Sequence[tuple[Reservation, int]]) -> None:
    """Write entries; the trigger links them. A reservation has at most one of each closing kind by its key."""
    account_id = entries[0][0].account_id
    await session.execute(
        text(
            "INSERT INTO ledger_pseudonyms (account_id, pseudonym) VALUES (:account, :pseudonym) ON CONFLICT DO NOTHING"
        ),
        {"account": account_id, "pseudonym": uuid4()},
    )
    pseudonym = await session.scalar(
        text("SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account"), {"account": account_id}
    )
    closing = "close" if kind in ("settle", "release") else kind
    await session.execute(
        text(
            "INSERT INTO ledger_entries (pseudonym, kind, generation_kind, amount_micros, month, reservation, "
            "idempotency_key) VALUES (:pseudonym, :kind, :generation_kind, :amount, :month, :reservation, :key)"
        ),
        [
            {
                "pseudonym": pseudonym,
                "kind": kind,
                "generation_kind": row.kind,
                "amount": amount,
                "month": row.month,
                "reservation": row.id,
                "key": f"{closing}:{row.id}",
            }
            for row, amount in entries
        ],
    )


async def check(session: AsyncSession) -> ChainReport:
    """Recompute every chain and every budget from the entries. Runs as `sys`, on a schedule.

    Where a year was dropped, a chain goes on from the checkpoint that was noted then.
    """
    row = (
        await session.execute(
            text("""
            WITH chain AS (
              SELECT e.hash = ledger_hash(e) AS intact,
                     CASE WHEN e.seq = lag(e.seq) OVER w + 1 THEN e.prev_hash = lag(e.hash) OVER w
                          WHEN e.seq = 1 THEN lag(e.seq) OVER w IS NULL
                            AND e.prev_hash = sha256(convert_to(e.pseudonym::text, 'UTF8'))
                          ELSE EXISTS (SELECT 1 FROM ledger_checkpoints c
                            WHERE c.pseudonym = e.pseudonym AND c.seq = e.seq - 1 AND c.hash = e.prev_hash)
                     END AS linked
              FROM ledger_entries e WINDOW w AS (PARTITION BY e.pseudonym ORDER BY e.seq)
            ), heads AS (
              SELECT count(*) AS wrong FROM ledger_heads h WHERE NOT EXISTS (
                SELECT 1 FROM ledger_entries e WHERE e.pseudonym = h.pseudonym AND e.seq = h.seq AND e.hash = h.hash)
                AND NOT EXISTS (SELECT 1 FROM ledger_checkpoints c
                  WHERE c.pseudonym = h.pseudonym AND c.seq = h.seq AND c.hash = h.hash)
            ), sums AS (
              SELECT pseudonym, month,
                sum(CASE kind WHEN 'reserve' THEN amount_micros WHEN 'release' THEN -amount_micros ELSE 0 END)
                  AS unreleased,
                sum(CASE kind WHEN 'settle' THEN amount_micros WHEN 'reverse' THEN -amount_micros ELSE 0 END) AS spent,
                sum(CASE WHEN kind = 'settle' THEN (SELECT r.amount_micros FROM ledger_entries r
                  WHERE r.reservation = e.reservation AND r.kind = 'reserve') ELSE 0 END) AS settled_holds
              FROM ledger_entries e GROUP BY pseudonym, month
            )
            SELECT (SELECT count(*) FROM chain) AS entries,
                   (SELECT count(*) FROM chain WHERE NOT (intact AND linked))
                     + (SELECT wrong FROM heads) AS broken,
                   (SELECT count(*) FROM budgets b
                    LEFT JOIN ledger_pseudonyms p ON p.account_id = b.account_id
                    LEFT JOIN sums s ON s.pseudonym = p.pseudonym AND s.month = b.month
                    WHERE b.held_micros <> coalesce(s.unreleased - s.settled_holds, 0)
                       OR b.spent_micros <> coalesce(s.spent, 0)) AS mismatched,
                   studio_now() AS checked_at
            """)
        )
    ).one()
    return ChainReport(entries=row.entries, broken=row.broken, mismatched=row.mismatched, checked_at=row.checked_at)


async def retire(session: AsyncSession) -> int | None:
    """End the oldest year that is past its seven years: its entries become totals, its budgets go with it.

    Returns how many entries went, or None when no year is that old. A chain that nobody can add to any more, because
    the account is gone and its last entry too, leaves nothing behind.
    """
    gone = await session.scalar(text("SELECT studio_retire_year()"))
    if gone is None:
        return None
    past = "month < make_date(extract(year FROM studio_now() AT TIME ZONE 'UTC')::integer - 7, 1, 1)"
    await session.execute(text(f"DELETE FROM budgets WHERE {past}"))  # noqa: S608  # a constant
    await session.execute(
        text(
            "DELETE FROM ledger_heads h WHERE NOT EXISTS (SELECT 1 FROM ledger_entries e "
            "WHERE e.pseudonym = h.pseudonym) AND NOT EXISTS (SELECT 1 FROM ledger_pseudonyms p "
            "WHERE p.pseudonym = h.pseudonym)"
        )
    )
    await session.execute(
        text(
            "DELETE FROM ledger_checkpoints c WHERE NOT EXISTS (SELECT 1 FROM ledger_entries e "
            "WHERE e.pseudonym = c.pseudonym AND e.seq = c.seq + 1) AND NOT EXISTS (SELECT 1 FROM ledger_heads h "
            "WHERE h.pseudonym = c.pseudonym AND h.seq = c.seq)"
        )
    )
    return int(gone)
