"""Browser sessions: an opaque token in an HttpOnly cookie, its SHA-256 here. No address and no agent is kept."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.config import settings
from studio.db import Actor
from studio.errors import StudioError
from studio.services import operators
from studio.services.dates import Dates

ATTEMPT_MINUTES = 15
FRESH_MINUTES = 10
MOST_SESSIONS = 100  # of one account; the next sign-in ends the one that was not used for longest

_LIVE = (
    "s.revoked_at IS NULL AND s.seen_at > studio_now() - make_interval(days => :idle) "
    "AND s.created_at > studio_now() - make_interval(days => :absolute)"
)
_STALE = "s.seen_at < studio_now() - interval '1 minute'"  # that it is used is to be noted again
# The browser's answer about cookies counts for six months, longer than anybody stays signed in.
_ANSWERED = "EXISTS (SELECT 1 FROM consents c WHERE c.session_id = s.id AND c.kept_until > studio_now())"


class ReauthNeeded(StudioError):
    """Confirm that it is you first: sign in once more, then try again."""

    code = "reauth_needed"
    status = 403


@dataclass(frozen=True)
class Attempt:
    """A sign-in's own state, taken from the session it was kept in. No account: nobody is signed in there yet."""

    session_id: UUID
    account_id: UUID | None
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Browser:
    """The session row a cookie leads to; no account while nobody is signed in there."""

    session_id: UUID
    account_id: UUID | None


@dataclass(frozen=True)
class Identity:
    """Who a cookie belongs to."""

    session_id: UUID
    account_id: UUID
    workspace_id: UUID
    email: str
    name: str
    workspace: str
    picture: str  # changes with the picture; empty without one
    dates: Dates
    restricted: str = ""  # at whose request, a key of `Restricted.REASONS`; empty when it is not
    operator: bool = False
    leaving: datetime | None = None  # when the account is going to be deleted; None while nobody asked for that
    single_keys: bool = True  # whether single keys act in the grid

    @property
    def actor(self) -> Actor:
        return Actor(account_id=self.account_id, session_id=self.session_id, workspace_id=self.workspace_id)


def hash_token(token: str) -> bytes:
    """SHA-256 of a 256-bit random token: nothing to guess, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).digest()


def _lives() -> dict[str, int]:
    return {"idle": settings().session_idle_days, "absolute": settings().session_absolute_days}


async def start(session: AsyncSession, *, account_id: UUID, fresh: bool = False) -> str:
    """Sign an account in: a new session with the account's first workspace active. Returns the cookie's token.

    `fresh`: the person has just proved who they are, so what needs re-authentication is open for a while.
    """
    token = secrets.token_urlsafe(32)
    await session.execute(
        text(
            "INSERT INTO sessions (id, token_hash, account_id, workspace_id, reauth_at) VALUES (:id, :hash, :account, "
            "(SELECT id FROM workspaces WHERE account_id = :account AND archived_at IS NULL AND trashed_at IS NULL "
            "ORDER BY created_at LIMIT 1), CASE WHEN :fresh THEN studio_now() END)"
        ),
        {"id": uuid4(), "hash": hash_token(token), "account": account_id, "fresh": fresh},
    )
    too_many = await session.scalars(
        text(
            f"SELECT id FROM sessions s WHERE account_id = :account AND {_LIVE} "  # noqa: S608  # a constant
            "ORDER BY seen_at DESC, created_at DESC OFFSET :most"
        ),
        {"account": account_id, "most": MOST_SESSIONS, **_lives()},
    )
    for each in too_many.all():
        await revoke(session, account_id=account_id, session_id=each)
    return token


async def identify(session: AsyncSession, *, token: str | None) -> Identity | None:
    """The live session of a cookie's token, or None. Notes that it was used, at most once a minute."""
    if not token or len(token) > 200:
        return None
    return await _live(session, "s.token_hash = :key", hash_token(token))


async def still_live(session: AsyncSession, *, session_id: UUID) -> Identity | None:
    """The same by a session's id, for each event of a socket whose cookie was checked when it connected."""
    return await _live(session, "s.id = :key", session_id)


async def _live(session: AsyncSession, where: str, key: bytes | UUID) -> Identity | None:
    row = (
        await session.execute(
            text(
                "SELECT s.id, s.account_id, w.id AS workspace_id, a.email, a.name, w.name AS workspace, "  # noqa: S608
                "coalesce(left(encode(sha256(convert_to(a.picture_key, 'UTF8')), 'hex'), 12), '') AS picture, "
                "a.time_zone, a.date_locale, a.single_keys, "
                "coalesce(a.restricted_for, '') AS restricted, "
                f"{operators.IS_OPERATOR} AS operator, "
                "(SELECT e.due_at FROM erasures e WHERE e.account_id = a.id AND e.state = 'waiting') AS leaving, "
                f"{_STALE} AS stale "
                "FROM sessions s JOIN accounts a ON a.id = s.account_id JOIN workspaces w ON w.id = s.workspace_id "
                f"WHERE {where} AND {_LIVE}"
            ),
            {"key": key, **_lives(), **operators.parameters()},
        )
    ).one_or_none()
    if row is None:
        return None
    if row.stale:
        await session.execute(text("UPDATE sessions SET seen_at = studio_now() WHERE id = :id"), {"id": row.id})
    return Identity(
        session_id=row.id,
        account_id=row.account_id,
        workspace_id=row.workspace_id,
        email=row.email,
        name=row.name,
        workspace=row.workspace,
        picture=row.picture,
        dates=Dates.of(row.date_locale, row.time_zone),
        restricted=row.restricted,
        operator=row.operator,
        leaving=row.leaving,
        single_keys=row.single_keys,
    )


def in_use(token_hash: bytes) -> tuple[str, dict[str, Any]]:
    """A condition, and its values: the token's live session is one of `:account` and was used within the minute.

    For a query that would otherwise need `identify` before it. Where it does not hold, `identify` says why.
    """
    condition = (
        "EXISTS (SELECT 1 FROM sessions s JOIN workspaces w ON w.id = s.workspace_id "  # noqa: S608  # constants
        f"WHERE s.token_hash = :hash AND s.account_id = :account AND {_LIVE} AND NOT ({_STALE}))"
    )
    return condition, {"hash": token_hash, **_lives()}


async def not_live(session: AsyncSession, *, session_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Those of some sessions that have ended or are gone."""
    rows = await session.scalars(
        text(f"SELECT s.id FROM sessions s WHERE s.id = ANY(:ids) AND {_LIVE}"),  # noqa: S608  # a constant
        {"ids": list(session_ids), **_lives()},
    )
    living = set(rows)
    return [each for each in session_ids if each not in living]


async def revoke(session: AsyncSession, *, account_id: UUID, session_id: UUID) -> bool:
    """End one session; its open pages close. False: it was not this account's, or had ended."""
    ended = await session.scalar(
        text(
            "UPDATE sessions SET revoked_at = studio_now() "
            "WHERE id = :id AND account_id = :account AND revoked_at IS NULL RETURNING true"
        ),
        {"id": session_id, "account": account_id},
    )
    if ended:
        await queue.notify(session, account_id, "revoked", session_id=session_id)
    return bool(ended)


async def revoke_everywhere(session: AsyncSession, *, account_id: UUID) -> int:
    """End every session of an account, without a word to it. Returns how many."""
    ended = await session.scalars(
        text(
            "UPDATE sessions SET revoked_at = studio_now() WHERE revoked_at IS NULL AND account_id = :id RETURNING id"
        ),
        {"id": account_id},
    )
    rows = ended.all()
    for each in rows:
        await queue.notify(session, account_id, "revoked", session_id=each)
    return len(rows)


async def signed_in(session: AsyncSession) -> Sequence[UUID]:
    """Every account with a session that was not ended."""
    found = await session.scalars(
        text("SELECT DISTINCT account_id FROM sessions WHERE account_id IS NOT NULL AND revoked_at IS NULL")
    )
    return found.all()


async def browser(session: AsyncSession, *, token: str) -> Browser | None:
    """The row behind a cookie: a live session, or an anonymous one however old. None: there is none, or it ended."""
    if not token or len(token) > 200:
        return None
    row = (
        await session.execute(
            text(
                "SELECT id, account_id FROM sessions s WHERE token_hash = :hash "  # noqa: S608  # a constant
                f"AND (account_id IS NULL OR {_LIVE})"
            ),
            {"hash": hash_token(token), **_lives()},
        )
    ).one_or_none()
    return Browser(session_id=row.id, account_id=row.account_id) if row is not None else None


async def open_anonymous(session: AsyncSession) -> str:
    """A session of nobody, to hang an answer about cookies on. Returns the cookie's token."""
    token = secrets.token_urlsafe(32)
    await session.execute(
        text("INSERT INTO sessions (id, token_hash) VALUES (:id, :hash)"), {"id": uuid4(), "hash": hash_token(token)}
    )
    return token


async def keep_anonymous(session: AsyncSession, *, old_token: str, state: Mapping[str, Any]) -> str:
    """Keep a sign-in's own state behind an anonymous session with a new token. Returns the cookie's token.

    The row that was anonymous before stays, with the answer about cookies that may hang on it.
    """
    token = secrets.token_urlsafe(32)
    kept = {"hash": hash_token(token), "state": json.dumps(state), "minutes": ATTEMPT_MINUTES}
    until = "studio_now() + make_interval(mins => :minutes)"
    rotated = await session.scalar(
        text(
            "UPDATE sessions SET token_hash = :hash, attempt = cast(:state AS jsonb), "  # noqa: S608  # a constant
            f"attempt_until = {until}, created_at = studio_now(), seen_at = studio_now() "
            "WHERE token_hash = :old AND account_id IS NULL RETURNING true"
        ),
        {**kept, "old": hash_token(old_token[:200])},
    )
    if not rotated:
        await session.execute(
            text(
                "INSERT INTO sessions (id, token_hash, attempt, attempt_until) "  # noqa: S608  # a constant
                f"VALUES (:id, :hash, cast(:state AS jsonb), {until})"
            ),
            {**kept, "id": uuid4()},
        )
    return token


async def keep_attempt(session: AsyncSession, *, session_id: UUID, state: Mapping[str, Any]) -> None:
    """The same in the session of somebody who is signed in: to link a provider or to re-authenticate."""
    await session.execute(
        text(
            "UPDATE sessions SET attempt = cast(:state AS jsonb), "
            "attempt_until = studio_now() + make_interval(mins => :minutes) WHERE id = :id"
        ),
        {"id": session_id, "state": json.dumps(state), "minutes": ATTEMPT_MINUTES},
    )


async def take_attempt(session: AsyncSession, *, token: str, **expected: str) -> Attempt | None:
    """The state kept behind a cookie, once, if its entries are as `expected`. None: there is no such, or too late."""
    if not token or len(token) > 200:
        return None
    row = (
        await session.execute(
            text(
                "UPDATE sessions new SET attempt = NULL FROM (SELECT * FROM sessions s WHERE token_hash = :hash "  # noqa: S608  # a constant
                "AND attempt @> cast(:expected AS jsonb) AND attempt_until > studio_now() "
                f"AND {_LIVE} FOR UPDATE) old WHERE new.id = old.id RETURNING old.id, old.account_id, old.attempt"
            ),
            {"hash": hash_token(token), "expected": json.dumps(expected), **_lives()},
        )
    ).one_or_none()
    return Attempt(session_id=row.id, account_id=row.account_id, state=row.attempt) if row is not None else None


async def peek_attempt(session: AsyncSession, *, token: str) -> Mapping[str, Any] | None:
    """What is kept behind the cookie of somebody who is not signed in, without taking it."""
    if not token or len(token) > 200:
        return None
    return await session.scalar(
        text(
            "SELECT attempt FROM sessions s WHERE token_hash = :hash AND account_id IS NULL "  # noqa: S608  # a constant
            f"AND attempt_until > studio_now() AND {_LIVE}"
        ),
        {"hash": hash_token(token), **_lives()},
    )


async def forget_anonymous(session: AsyncSession, *, token: str) -> None:
    """Delete an anonymous session with all that it holds. A signed-in one is left alone.

    Where an answer about cookies hangs on it, the row stays with nothing else in it.
    """
    if token and len(token) <= 200:
        for statement in (
            f"DELETE FROM sessions s WHERE token_hash = :hash AND account_id IS NULL AND NOT {_ANSWERED}",  # noqa: S608
            "UPDATE sessions SET attempt = NULL, attempt_until = NULL WHERE token_hash = :hash AND account_id IS NULL",
        ):
            await session.execute(text(statement), {"hash": hash_token(token)})


async def confirm(session: AsyncSession, *, session_id: UUID) -> str:
    """Note that the person has just proved who they are. Returns the cookie's new token; the old one is void."""
    token = secrets.token_urlsafe(32)
    await session.execute(
        text("UPDATE sessions SET token_hash = :hash, reauth_at = studio_now() WHERE id = :id"),
        {"id": session_id, "hash": hash_token(token)},
    )
    return token


async def is_fresh(session: AsyncSession, *, session_id: UUID) -> bool:
    """Whether the person behind a session proved who they are within the last ten minutes."""
    return bool(
        await session.scalar(
            text(
                "SELECT reauth_at > studio_now() - make_interval(mins => :minutes) FROM sessions "
                "WHERE id = :id AND revoked_at IS NULL"
            ),
            {"id": session_id, "minutes": FRESH_MINUTES},
        )
    )


async def require_fresh(session: AsyncSession, *, actor: Actor) -> None:
    """The gate before export, deletion, a new address, linking and a higher cap. Raises ReauthNeeded."""
    if actor.session_id is None or not await is_fresh(session, session_id=actor.session_id):
        raise ReauthNeeded


async def sweep(session: AsyncSession) -> int:
    """Delete sessions, attempts, sign-in links and invitations that can no longer be used. Returns how many."""
    gone = await session.execute(
        text(
            f"WITH d AS (DELETE FROM sessions s WHERE (NOT ({_LIVE}) "  # noqa: S608  # constants
            f"OR (account_id IS NULL AND attempt_until < studio_now())) AND NOT {_ANSWERED} RETURNING 1), "
            "a AS (UPDATE sessions s SET attempt = NULL, attempt_until = NULL "
            f"WHERE attempt_until < studio_now() AND (account_id IS NOT NULL AND {_LIVE} OR {_ANSWERED})), "
            "l AS (DELETE FROM signin_links WHERE expires_at < studio_now() RETURNING 1), "
            "i AS (DELETE FROM invitations WHERE expires_at < studio_now() RETURNING 1) "
            "SELECT (SELECT count(*) FROM d) + (SELECT count(*) FROM l) + (SELECT count(*) FROM i)"
        ),
        _lives(),
    )
    return int(gone.scalar_one())
