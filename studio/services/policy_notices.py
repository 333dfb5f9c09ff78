"""Telling every account of a new version: one notice and one mail each, the banner for whoever no mail reached.

`look_after` is what the job runs: it can be killed at any line and run twice, because all it knows is in the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound, ValidationError
from studio.links import TITLES
from studio.services import mail, policies
from studio.services.policies import AGREED, Version

AT_ONCE = 500

_THIS = "(n.kind, n.major, n.minor) = (:kind, :major, :minor)"


@dataclass(frozen=True)
class Told:
    """How far telling is: notices by outcome, and how many accounts have none yet."""

    outcomes: dict[str, int]
    missing: int


@dataclass(frozen=True)
class Banner:
    """A version that somebody has not seen yet. `accept`: they are asked to agree."""

    kind: str
    version: str
    title: str
    summary: str
    effective_at: datetime
    in_force: bool
    accept: bool
    path: str


def _key(version: Version) -> dict[str, Any]:
    return {"kind": version.kind, "major": version.number.major, "minor": version.number.minor}


async def open_versions(session: AsyncSession) -> Sequence[Version]:
    """Versions that are published and not in force, of every document."""
    found = [await policies.upcoming(session, kind=kind) for kind in TITLES]
    return [each for each in found if each is not None]


async def tell(session: AsyncSession, *, version: Version, limit: int = AT_ONCE) -> int:
    """Write the notices and mails of accounts that have none; returns how many this call wrote, at most `limit`.

    Who came after the publication saw the text while joining. Runs as `sys`; one transaction a call.
    """
    rows = await session.execute(
        text("""
        INSERT INTO policy_notices (kind, major, minor, account_id, outcome)
        SELECT :kind, :major, :minor, a.id, 'queued' FROM accounts a
        WHERE a.created_at <= :published AND NOT EXISTS (SELECT 1 FROM policy_notices n
          WHERE (n.kind, n.major, n.minor, n.account_id) = (:kind, :major, :minor, a.id))
        ORDER BY a.id LIMIT :limit ON CONFLICT DO NOTHING RETURNING account_id
        """),
        {**_key(version), "published": version.published_at, "limit": limit},
    )
    told = list(rows.scalars())
    for account_id in told:
        await _mail(session, version, account_id)
    return len(told)


async def _mail(session: AsyncSession, version: Version, account_id: UUID) -> None:
    """The mail of one notice. An address that no mail reaches is told by the banner alone."""
    address = await session.scalar(text("SELECT email FROM accounts WHERE id = :id"), {"id": account_id})
    try:
        mail_id = await mail.enqueue(
            session,
            account_id=account_id,
            to=address or "",
            template="policy_change",
            data={
                "document": version.title,
                "summary": version.text.summary,
                "effective": version.effective_at.astimezone(UTC).date().isoformat(),
                "link": f"{version.path}/diff",
            },
            category="account",
            dedupe_key=_once(version),
        )
    except ValidationError:
        mail_id = None
    else:
        mail_id = mail_id or await _written_before(session, version, account_id)
    await session.execute(
        text(
            "UPDATE policy_notices n SET mail_id = :mail, outcome = CASE WHEN CAST(:mail AS uuid) IS NULL "  # noqa: S608
            "THEN 'unreachable' ELSE n.outcome END, noticed_at = CASE WHEN CAST(:mail AS uuid) IS NULL "
            f"THEN studio_now() END WHERE {_THIS} AND n.account_id = :account"  # a constant
        ),
        {**_key(version), "mail": mail_id, "account": account_id},
    )


async def _written_before(session: AsyncSession, version: Version, account_id: UUID) -> UUID | None:
    return await session.scalar(
        text("SELECT id FROM mails WHERE account_id = :account AND dedupe_key = :key"),
        {"account": account_id, "key": _once(version)},
    )


def _once(version: Version) -> str:
    """The key that keeps an account from getting the mail of a version twice."""
    return f"policy:{version.kind}:{version.number}"


async def record(session: AsyncSession, *, version: Version) -> None:
    """Note what became of the mails. A mail of ours that could not be written is a fault, and not an outcome."""
    await session.execute(
        text(
            "UPDATE policy_notices n SET outcome = CASE m.state WHEN 'sent' THEN 'delivered' "  # noqa: S608  # a constant
            "WHEN 'failed' THEN 'unreachable' ELSE m.state END, noticed_at = m.ended_at FROM mails m "
            f"WHERE {_THIS} AND n.outcome = 'queued' AND m.id = n.mail_id AND (m.state IN ('sent', 'bounced', 'shown') "
            "OR (m.state = 'failed' AND m.reason IS DISTINCT FROM 'not_written'))"
        ),
        _key(version),
    )


async def progress(session: AsyncSession, *, version: Version) -> Told:
    """How many were told, and how."""
    rows = await session.execute(
        text(f"SELECT n.outcome, count(*) AS number FROM policy_notices n WHERE {_THIS} GROUP BY n.outcome"),  # noqa: S608  # a constant
        _key(version),
    )
    missing = await session.scalar(
        text(
            f"SELECT count(*) FROM accounts a WHERE a.created_at <= :published AND NOT EXISTS "  # noqa: S608  # a constant
            f"(SELECT 1 FROM policy_notices n WHERE {_THIS} AND n.account_id = a.id)"
        ),
        {**_key(version), "published": version.published_at},
    )
    return Told({row.outcome: row.number for row in rows}, int(missing or 0))


async def settle(session: AsyncSession, *, kind: str) -> str:
    """Let the next version of a document take effect, or move its day: "none", "waits", "moved" or "in force".

    Its day moves as soon as it is clear that somebody will not have been told 14 days before it. The database
    refuses a version that takes effect too soon, whatever this function thinks (migration 0009). Runs as `sys`.
    """
    await policies.lock(session, kind=kind)
    version = await policies.upcoming(session, kind=kind)
    if version is None:
        return "none"
    told = await progress(session, version=version)
    all_told = not told.missing and not told.outcomes.get("queued")
    last = await session.scalar(
        text(f"SELECT max(n.noticed_at) FROM policy_notices n WHERE {_THIS} AND n.outcome <> 'joined'"),  # noqa: S608  # a constant
        _key(version),
    )
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    # Whoever is still to be told is told now at the earliest.
    needed = policies.first_day((last or version.published_at) if all_told else now)
    if version.effective_at.astimezone(UTC).date() < needed:
        how, sets = "moved", "effective_at = :at, moves = moves + 1, moved_at = studio_now(), "
    elif all_told and version.effective_at <= now:
        how, sets = "in force", "in_force_at = studio_now(), "
    else:
        how, sets = "waits", ""
    await session.execute(
        text(
            f"UPDATE policy_dates n SET {sets}last_notice_at = :last, "  # noqa: S608  # constants
            f"told_at = CASE WHEN :all_told THEN coalesce(told_at, studio_now()) END WHERE {_THIS}"
        ),
        {
            **_key(version),
            "at": datetime(needed.year, needed.month, needed.day, tzinfo=UTC),
            "last": last,
            "all_told": all_told,
        },
    )
    return how


# New people


async def joined(session: AsyncSession, *, account_id: UUID) -> None:
    """Somebody who just agreed saw what comes as well: they are told."""
    for kind in AGREED:
        version = await policies.upcoming(session, kind=kind)
        if version is not None:
            await session.execute(
                text(
                    "INSERT INTO policy_notices (kind, major, minor, account_id, outcome, noticed_at, seen_at, "
                    "accepted_at) VALUES (:kind, :major, :minor, :account, 'joined', studio_now(), studio_now(), "
                    "studio_now()) ON CONFLICT DO NOTHING"
                ),
                {**_key(version), "account": account_id},
            )


# The banner


async def banner(session: AsyncSession, *, actor: Actor) -> Banner | None:
    """The oldest notice that this account has not seen or, where it is asked to, not answered."""
    row = (
        await session.execute(
            text(
                "SELECT n.kind, n.major, n.minor, v.source, d.effective_at, d.in_force_at FROM policy_notices n "
                "JOIN policy_dates d USING (kind, major, minor) JOIN policy_versions v USING (kind, major, minor) "
                "WHERE n.account_id = :account AND n.seen_at IS NULL ORDER BY d.published_at, n.kind LIMIT 1"
            ),
            {"account": actor.account_id},
        )
    ).one_or_none()
    return _banner(row) if row is not None else None


def _banner(row: Row[Any]) -> Banner:
    said = policies.texts.parse(row.source)
    return Banner(
        kind=row.kind,
        version=str(said.number),
        title=TITLES[row.kind],
        summary=said.summary,
        effective_at=row.effective_at,
        in_force=row.in_force_at is not None,
        accept=said.accept,
        path=f"/{row.kind}/versions/{said.number}/diff",
    )


async def seen(session: AsyncSession, *, actor: Actor, kind: str, version: str, accept: bool = False) -> None:
    """Note that the banner of a version was closed; with `accept`, that the person agrees to the text.

    Raises:
        NotFound: this account was not told of such a version.
    """
    try:
        number = policies.texts.number(version)
    except policies.texts.TextError:
        raise NotFound from None
    marked = await session.scalar(
        text(
            "UPDATE policy_notices SET seen_at = coalesce(seen_at, studio_now()), accepted_at = CASE WHEN :accept "
            "THEN coalesce(accepted_at, studio_now()) ELSE accepted_at END WHERE account_id = :account "
            "AND (kind, major, minor) = (:kind, :major, :minor) RETURNING true"
        ),
        {
            "accept": accept,
            "account": actor.account_id,
            "kind": kind,
            "major": number.major,
            "minor": number.minor,
        },
    )
    if not marked:
        raise NotFound
    if accept and kind in AGREED:
        await agree(session, account_id=actor.account_id, kind=kind, version=version)


async def agree(session: AsyncSession, *, account_id: UUID, kind: str, version: str) -> None:
    """Note that an account agreed to a version of a text; twice is once."""
    await session.execute(
        text(
            "INSERT INTO agreements (id, account_id, kind, version) SELECT :id, :account, :kind, :version WHERE NOT "
            "EXISTS (SELECT 1 FROM agreements WHERE account_id = :account AND kind = :kind AND version = :version)"
        ),
        {"id": uuid4(), "account": account_id, "kind": kind, "version": version},
    )
