"""Which events of the product write a mail. Each is called in the transaction of its event, with the event's facts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.errors import ValidationError
from studio.services import mail

THRESHOLDS = (50, 80, 100)
RECEIPTS_AT_ONCE = 500


async def _address(session: AsyncSession, account_id: UUID) -> str | None:
    return await session.scalar(text("SELECT email FROM accounts WHERE id = :id"), {"id": account_id})


async def _to_account(
    session: AsyncSession, account_id: UUID, template: str, data: dict[str, object], key: str | None = None
) -> UUID | None:
    address = await _address(session, account_id)
    return await _to(session, account_id, address, template, data, key) if address is not None else None


async def _to(
    session: AsyncSession,
    account_id: UUID,
    address: str,
    template: str,
    data: dict[str, object],
    key: str | None = None,
) -> UUID | None:
    try:
        return await mail.enqueue(
            session, account_id=account_id, to=address, template=template, data=data, dedupe_key=key
        )
    except ValidationError:  # an address that no mail reaches must not stop what the mail would tell of
        return None


async def on_account_created(session: AsyncSession, *, account_id: UUID) -> UUID | None:
    """Welcome, once per account."""
    return await _to_account(session, account_id, "welcome", {}, "welcome")


async def on_signed_in(session: AsyncSession, *, account_id: UUID) -> UUID | None:
    """Tell about a sign-in, once a UTC day, and not on the day the account was welcomed."""
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    new = await session.scalar(
        text(
            "SELECT EXISTS (SELECT 1 FROM mails WHERE account_id = :account AND dedupe_key = 'welcome' "
            "AND created_at > studio_now() - interval '1 day')"
        ),
        {"account": account_id},
    )
    if new:
        return None
    key = await session.scalar(text("SELECT 'signin:' || (studio_now() AT TIME ZONE 'UTC')::date"))
    return await _to_account(session, account_id, "signin", {"at": now.isoformat()}, key)


async def on_all_sessions_revoked(session: AsyncSession, *, account_id: UUID) -> UUID | None:
    """Tell that every session of the account was ended."""
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    return await _to_account(session, account_id, "sessions_revoked", {"at": now.isoformat()})


async def on_address_asked(
    session: AsyncSession, *, account_id: UUID, old_email: str, new_email: str, confirm_path: str, stop_path: str
) -> None:
    """Ask the new address to confirm; tell the old one, with the way to stop it. The paths carry the tokens."""
    await mail.enqueue(
        session, account_id=account_id, to=new_email, template="email_confirm", data={"link": confirm_path}
    )
    facts: dict[str, object] = {"new_email": new_email, "link": stop_path}
    await _to(session, account_id, old_email, "email_asked", facts)


async def on_provider_linked(session: AsyncSession, *, account_id: UUID, provider: str) -> UUID | None:
    """Tell that one more sign-in opens the account. `provider` is its name here."""
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    return await _to_account(session, account_id, "provider_linked", {"provider": provider, "at": now.isoformat()})


async def on_provider_unlinked(session: AsyncSession, *, account_id: UUID, provider: str) -> UUID | None:
    """Tell that a sign-in opens the account no more."""
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    return await _to_account(session, account_id, "provider_unlinked", {"provider": provider, "at": now.isoformat()})


async def on_address_changed(
    session: AsyncSession,
    *,
    account_id: UUID,
    old_email: str,
    new_email: str,
    undo_path: str,
    undo_until: date,
) -> None:
    """Tell the old address that it was replaced, with the way back."""
    facts: dict[str, object] = {"new_email": new_email, "link": undo_path, "until": undo_until.isoformat()}
    await _to(session, account_id, old_email, "email_changed", facts)


async def on_address_undone(session: AsyncSession, *, account_id: UUID, email: str) -> None:
    """Tell the address that the account no longer has. The one it has again hears that its sessions ended."""
    await _to(session, account_id, email, "email_undone", {})


async def on_budget_used(
    session: AsyncSession, *, account_id: UUID, month: date, resets: date, before: int, used: int, cap: int
) -> UUID | None:
    """Tell when `used` (charged and held, in micro-USD) reaches 50, 80 or 100 % of the cap, once a month each.

    `before` is what was used before this step; 0 when the cap was lowered instead. A step that crosses several tells
    the highest; a lower one that is crossed again later, after holds were released, is not told any more. Alerts
    that the account turned off are left out.
    """
    crossed = [percent for percent in THRESHOLDS if before * 100 < percent * cap <= used * 100]
    if cap <= 0 or not crossed:
        return None
    keys = {percent: f"cap:{month.isoformat()}:{percent}" for percent in THRESHOLDS}
    wanted = await session.scalar(
        text(
            "SELECT :percent = ANY(alerts) AND NOT EXISTS (SELECT 1 FROM mails WHERE account_id = :account "
            "AND dedupe_key = ANY(:keys)) FROM accounts WHERE id = :account"
        ),
        {
            "account": account_id,
            "percent": crossed[-1],
            "keys": [key for percent, key in keys.items() if percent >= crossed[-1]],
        },
    )
    if not wanted:
        return None
    facts: dict[str, object] = {"percent": crossed[-1], "used": used, "cap": cap, "resets": resets.isoformat()}
    return await _to_account(session, account_id, "cap_reached", facts, keys[crossed[-1]])


async def on_export_ready(
    session: AsyncSession, *, account_id: UUID, path: str, until: date, missing: int = 0
) -> UUID | None:
    """Tell that the archive can be downloaded until `until`, and how many files could not be put into it."""
    facts: dict[str, object] = {"link": path, "until": until.isoformat(), "missing": missing}
    return await _to_account(session, account_id, "export_ready", facts)


async def on_deletion_started(session: AsyncSession, *, account_id: UUID, due: datetime) -> UUID | None:
    """Tell when the account will be deleted, and how to keep it."""
    return await _to_account(session, account_id, "deletion_started", {"due": due.isoformat()})


async def on_deletion_cancelled(session: AsyncSession, *, account_id: UUID) -> UUID | None:
    """Tell that the account stays."""
    return await _to_account(session, account_id, "deletion_cancelled", {})


async def on_deletion_done(
    session: AsyncSession, *, email: str, receipt: str, removed: str, signature: str
) -> UUID | None:
    """The last mail, with the receipt. Its row names no account and goes with the first sweep after it was sent."""
    facts: dict[str, object] = {"receipt": receipt, "removed": removed, "signature": signature}
    try:
        return await mail.enqueue(session, account_id=None, to=email, template="deletion_done", data=facts)
    except ValidationError:  # an address that no mail reaches must not keep the account
        return None


async def on_restricted(session: AsyncSession, *, account_id: UUID, request: str) -> UUID | None:
    """Tell that nothing is done with the account's data any more, and at whose request."""
    return await _to_account(session, account_id, "restricted", {"request": request})


async def on_unrestricted(session: AsyncSession, *, account_id: UUID) -> UUID | None:
    """Tell that the restriction was lifted."""
    return await _to_account(session, account_id, "unrestricted", {})


async def write_receipts(session: AsyncSession, *, limit: int = RECEIPTS_AT_ONCE) -> int:
    """Receipts of the last UTC month that are still to be written; returns how many this call wrote, at most `limit`.

    A month with an open hold waits for it, until the third day. Runs as `sys`.
    """
    rows = await session.execute(
        text("""
        WITH last AS (SELECT (studio_month() - interval '1 month')::date AS month), open AS (
          SELECT b.account_id, a.email, b.month, b.spent_micros FROM budgets b
          JOIN last ON last.month = b.month JOIN accounts a ON a.id = b.account_id
          WHERE b.spent_micros > 0
            AND (b.held_micros = 0 OR studio_now() >= (studio_month() + 2)::timestamp AT TIME ZONE 'UTC')
            AND NOT EXISTS (SELECT 1 FROM mails m WHERE m.account_id = b.account_id
              AND m.dedupe_key = 'receipt:' || to_char(b.month, 'YYYY-MM'))
          ORDER BY b.account_id LIMIT :limit)
        SELECT o.account_id, o.email, o.month, o.spent_micros, to_char(o.month, 'YYYY-MM') AS key,
          (SELECT count(*) FROM ledger_entries e WHERE e.pseudonym = p.pseudonym AND e.month = o.month
            AND e.kind = 'settle' AND e.amount_micros > 0 AND e.generation_kind = 'image') AS images,
          (SELECT count(*) FROM ledger_entries e WHERE e.pseudonym = p.pseudonym AND e.month = o.month
            AND e.kind = 'settle' AND e.amount_micros > 0 AND e.generation_kind = 'video') AS videos
        FROM open o JOIN ledger_pseudonyms p ON p.account_id = o.account_id
        """),
        {"limit": limit},
    )
    found = rows.all()
    for row in found:
        await mail.enqueue(
            session,
            account_id=row.account_id,
            to=row.email,
            template="receipt",
            data={
                "month": f"{row.month:%B %Y}",
                "charged": row.spent_micros,
                "images": row.images,
                "videos": row.videos,
            },
            dedupe_key=f"receipt:{row.key}",
        )
    return len(found)
