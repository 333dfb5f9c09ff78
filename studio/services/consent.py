"""What a browser may be given besides the necessary: asked in one text, answered per purpose, kept six months.

An answer hangs on the session row behind the browser's cookie, signed in or not, and outlives the sign-in: it is
found by the cookie's token whether or not the session still lives. No answer, an old one, an answer to another text
and a browser that sends Global Privacy Control all mean no.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import Conflict
from studio.services import guard_counts, sessions
from studio.services.sessions import hash_token

MONTHS = 6
MOST_DAYS = 184  # the longest six months in a row
HISTORY = 50
TITLE = "Cookies, your choice"
TEXT = (
    "One cookie keeps you signed in. Optional ones count what is used and try out designs. "
    "They stay off unless you turn them on."
)


class TextChangedError(Conflict):
    """What you are asked has changed meanwhile. Read it again, then choose."""

    code = "text_changed"


@dataclass(frozen=True)
class Purpose:
    """Something optional that a person may allow. `key` is its column."""

    key: str
    name: str
    text: str


PURPOSES = (
    Purpose(
        "analytics",
        "Anonymous usage counts",
        "Which pages and features are used, under a random number. Never prompts or pictures. 90 days, then only sums.",
    ),
    Purpose(
        "experiments",
        "Design experiments",
        "Which of two versions of a page you are shown. How often each is seen is counted, without a number for you.",
    ),
)
KEYS = frozenset(purpose.key for purpose in PURPOSES)


@dataclass(frozen=True)
class Standing:
    """What holds for a browser now. `allowed` are purposes; `seconds` is how long the answer still counts."""

    allowed: frozenset[str] = frozenset()
    answered_at: datetime | None = None
    kept_until: datetime | None = None
    seconds: int = 0
    signal: bool = False

    @property
    def ask(self) -> bool:
        """Whether the person is to be asked: not once they answered, and not while the browser answers for them."""
        return self.answered_at is None and not self.signal


@dataclass(frozen=True)
class Answered:
    """The cookie's token that carries the answer, and what holds from now on."""

    token: str
    standing: Standing


@dataclass(frozen=True)
class Answer:
    """One line of a person's history."""

    id: UUID
    allowed: frozenset[str]
    answered_at: datetime
    text_hash: str
    despite_signal: bool


@cache
def text_hash() -> str:
    """SHA-256 of everything a person reads before they choose."""
    words = [TITLE, TEXT, *([p.key, p.name, p.text] for p in PURPOSES)]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


async def standing(session: AsyncSession, *, token: str, signal: bool) -> Standing:
    """What holds behind a cookie's token. `signal`: the browser sends Global Privacy Control with this request."""
    row = None
    if token and len(token) <= 200:
        row = (
            await session.execute(
                text(
                    "SELECT c.*, ceil(extract(epoch FROM c.kept_until - studio_now()))::int AS seconds FROM consents c "
                    "JOIN sessions s ON s.id = c.session_id WHERE s.token_hash = :token AND c.text_hash = :text "
                    "AND c.kept_until > studio_now() ORDER BY c.answered_at DESC LIMIT 1"
                ),
                {"token": hash_token(token), "text": text_hash()},
            )
        ).one_or_none()
    if row is None:
        return Standing(signal=signal)
    stands = row.despite_signal or not signal
    return Standing(
        allowed=frozenset(key for key in KEYS if stands and getattr(row, key)),
        answered_at=row.answered_at,
        kept_until=row.kept_until,
        seconds=row.seconds,
        signal=signal,
    )


async def seconds_left(session: AsyncSession, *, token: str) -> int:
    """How long the answer behind a token still counts; 0 without one. As long the browser keeps its cookie."""
    return (await standing(session, token=token, signal=False)).seconds


async def answer(session: AsyncSession, *, token: str, allowed: frozenset[str], shown: str, signal: bool) -> Answered:
    """Keep an answer for six months, behind the cookie the browser has or a new anonymous session.

    `shown` is the hash of the text it was given to.

    Raises:
        TextChangedError: that is not the text any more.
    """
    if shown != text_hash():
        raise TextChangedError
    browser = await sessions.browser(session, token=token)
    if browser is None:
        token = await sessions.open_anonymous(session)
        browser = await sessions.browser(session, token=token)
        assert browser is not None, "it was made above"
    await session.execute(
        text(
            "INSERT INTO consents (id, session_id, account_id, text_hash, analytics, experiments, despite_signal, "
            "answered_at, kept_until) VALUES (:id, :session, :account, :text, :analytics, :experiments, :signal, "
            # The statement's own time: two answers within one transaction still have an order.
            "studio_now() + (clock_timestamp() - now()), studio_now() + make_interval(months => :months))"
        ),
        {
            "id": uuid4(),
            "session": browser.session_id,
            "account": browser.account_id,
            "text": shown,
            **{key: key in allowed for key in KEYS},
            "signal": signal,
            "months": MONTHS,
        },
    )
    return Answered(token, await standing(session, token=token, signal=signal))


async def witness(session: AsyncSession, *, token: str, signal: bool, purpose: str) -> bool:
    """Whether something optional may be counted now. A yes is noted, so that nothing more is counted unnoticed (C2).

    To be asked once for each count, in the transaction that writes it.
    """
    if purpose not in (await standing(session, token=token, signal=signal)).allowed:
        return False
    await guard_counts.write(session, guard=purpose, process="web", allowed=1, refused=0)
    return True


async def carry(session: AsyncSession, *, old_token: str, token: str) -> None:
    """Take the answer along when a browser's session is replaced: at sign-in, at sign-out.

    Answers of nobody become the account's. Of somebody else's, the newest is copied without their name on it.
    """
    if not old_token or len(old_token) > 200:
        return
    row = (
        await session.execute(
            text(
                "SELECT o.id AS old, n.id AS new, n.account_id AS account FROM sessions o, sessions n "
                "WHERE o.token_hash = :old AND n.token_hash = :new"
            ),
            {"old": hash_token(old_token), "new": hash_token(token)},
        )
    ).one_or_none()
    if row is None:
        return
    ids = dict(row._mapping)
    await session.execute(
        text(
            "UPDATE consents SET session_id = :new, account_id = :account WHERE session_id = :old "
            "AND (account_id IS NULL OR account_id = cast(:account AS uuid))"
        ),
        ids,
    )
    await session.execute(
        text(
            "INSERT INTO consents SELECT gen_random_uuid(), :new, :account, text_hash, analytics, experiments, "
            "despite_signal, answered_at, kept_until FROM consents WHERE session_id = :old "
            "ORDER BY answered_at DESC LIMIT 1"
        ),
        ids,
    )


async def carry_out(session: AsyncSession, *, token: str) -> str | None:
    """At sign-out: a new anonymous session with the answer, so that nobody is asked twice. None: nothing to carry."""
    if not await seconds_left(session, token=token):
        return None
    fresh = await sessions.open_anonymous(session)
    await carry(session, old_token=token, token=fresh)
    return fresh


async def history(session: AsyncSession, *, actor: Actor) -> Sequence[Answer]:
    """What a person answered, newest first, at most fifty."""
    rows = await session.execute(
        text("SELECT * FROM consents WHERE account_id = :id ORDER BY answered_at DESC, id LIMIT :most"),
        {"id": actor.account_id, "most": HISTORY},
    )
    return [
        Answer(
            id=row.id,
            allowed=frozenset(key for key in KEYS if getattr(row, key)),
            answered_at=row.answered_at,
            text_hash=row.text_hash,
            despite_signal=row.despite_signal,
        )
        for row in rows
    ]


async def sweep(session: AsyncSession) -> int:
    """Delete answers that belong to nobody's history and count no longer. Returns how many."""
    gone = await session.execute(
        text(
            "DELETE FROM consents WHERE account_id IS NULL "
            "AND (session_id IS NULL OR kept_until <= studio_now()) RETURNING 1"
        )
    )
    return len(gone.all())
