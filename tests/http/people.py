"""People of a running Studio, and what its database says about them."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.rows import namedtuple_row

from studio.db import role_options
from studio.services import consent
from tests.system import System, joined

COOKIE = "studio_session"


def rows(system: System, query: LiteralString, *parameters: Any) -> list[Any]:
    """What a query answers in the running system's database, as the role that sees every row."""
    with psycopg.connect(
        system.database_url, autocommit=True, options=role_options("sys"), row_factory=namedtuple_row
    ) as connection:
        found = connection.execute(query, parameters)
        return list(found.fetchall()) if found.description else []


def value(system: System, query: LiteralString, *parameters: Any) -> Any:
    """The first column of the first row, or None."""
    found = rows(system, query, *parameters)
    return found[0][0] if found else None


async def until(system: System, query: LiteralString, *parameters: Any, seconds: float = 20) -> Any:
    """Ask until the first column of the first row is true, and return it. Raises TimeoutError with the query."""
    return await eventually(lambda: value(system, query, *parameters), seconds=seconds, what=query)


async def eventually(look: Callable[[], Any], *, seconds: float = 20, what: str = "") -> Any:
    """Look until there is something to see."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        if found := look():
            return found
        await asyncio.sleep(0.04)
    raise TimeoutError(f"not within {seconds:.0f} s: {what}")


def make_link(system: System, email: str) -> str:
    """The token of a fresh sign-in link. `System.signin_link` does the same through the product's own command."""
    joined(system.database_url, email)
    token = secrets.token_urlsafe(32)
    rows(
        system,
        "INSERT INTO signin_links (id, token_hash, email, expires_at) "
        "VALUES (%s, %s, %s, studio_now() + interval '15 minutes')",
        uuid4(),
        hashlib.sha256(token.encode()).digest(),
        email,
    )
    return token


@dataclass(frozen=True)
class Guest:
    """Somebody who is signed in to a running Studio; `token` is the cookie's value."""

    system: System
    email: str
    token: str
    account_id: UUID
    session_id: UUID

    def client(
        self, *, origin: str | None = "own", number: int = 0, headers: Mapping[str, str] | None = None
    ) -> httpx.AsyncClient:
        """An HTTP client with the cookie; it sends our own Origin unless another, or none, is asked for."""
        return visitor(self.system, cookie=self.token, origin=origin, number=number, headers=headers)

    def cap(self, micros: int) -> None:
        """Set the monthly cap in micro-USD."""
        rows(self.system, "UPDATE accounts SET cap_micros = %s WHERE id = %s", micros, self.account_id)
        rows(self.system, "UPDATE budgets SET cap_micros = %s WHERE account_id = %s", micros, self.account_id)


def visitor(
    system: System,
    *,
    cookie: str | None = None,
    origin: str | None = "own",
    number: int = 0,
    headers: Mapping[str, str] | None = None,
) -> httpx.AsyncClient:
    """An HTTP client of a running Studio that follows no redirect."""
    sent = dict(headers or {})
    if origin is not None:
        sent["origin"] = system.url(number) if origin == "own" else origin
    if cookie is not None:
        sent["cookie"] = f"{COOKIE}={cookie}"
    return httpx.AsyncClient(base_url=system.url(number), headers=sent, timeout=30, follow_redirects=False)


def no_cookies(system: System, session_id: UUID) -> None:
    """The answer that keeps the question about cookies off the pages of whoever tests something else."""
    rows(
        system,
        "INSERT INTO consents SELECT gen_random_uuid(), id, account_id, %s, false, false, false, studio_now(), "
        "studio_now() + interval '6 months' FROM sessions s WHERE id = %s "
        "AND NOT EXISTS (SELECT 1 FROM consents WHERE session_id = s.id)",
        consent.text_hash(),
        session_id,
    )


async def sign_in(
    system: System, *, email: str | None = None, number: int = 0, headers: Mapping[str, str] | None = None
) -> Guest:
    """Open a sign-in link as a browser would."""
    email = email or f"{uuid4().hex[:12]}@example.org"
    async with visitor(system, origin=None, number=number, headers=headers) as client:
        answer = await client.get(f"/signin/{make_link(system, email)}")
    assert answer.status_code == 303, answer.text
    token = answer.cookies[COOKIE]
    found = rows(
        system, "SELECT id, account_id FROM sessions WHERE token_hash = %s", hashlib.sha256(token.encode()).digest()
    )
    return Guest(system, email, token, found[0].account_id, found[0].id)
