"""Sessions end with their account, at the operator's word, and when there are too many; each is new."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.services import sessions
from studio.services.identity import signin_link
from tests.factories import Person
from tests.system import ROOT


async def again(who: Person) -> str:
    """One more sign-in; returns the cookie's token."""
    async with transaction(SYSTEM) as session:
        return await sessions.start(session, account_id=who.account_id)


async def known(token: str) -> bool:
    async with transaction(SYSTEM) as session:
        return await sessions.identify(session, token=token) is not None


async def test_every_token_is_new_random_and_kept_only_as_a_hash(someone: Person):
    tokens = [await again(someone) for _ in range(20)]
    assert len(set(tokens)) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens), "256 bits"
    async with transaction(SYSTEM) as session:
        rows = await session.scalars(text("SELECT row_to_json(s)::text FROM sessions s"))
        assert not [row for row in rows if any(token in row for token in tokens)]


async def test_an_account_that_is_gone_has_no_session_left(someone: Person):
    token = await again(someone)
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM accounts WHERE id = :id"), {"id": someone.account_id})
    assert not await known(token)
    assert not await known(someone.token)


async def test_every_session_of_an_account_ends_and_it_is_known_who_is_left(someone: Person, other: Person):
    token = await again(someone)
    async with transaction(SYSTEM) as session:
        assert await sessions.revoke_everywhere(session, account_id=someone.account_id) == 2
    assert [await known(each) for each in (token, someone.token, other.token)] == [False, False, True]
    async with transaction(SYSTEM) as session:
        signed_in = await sessions.signed_in(session)
    assert other.account_id in signed_in
    assert someone.account_id not in signed_in


def sign_out(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The product's own command, with this test's settings."""
    command = [sys.executable, "-m", "studio", "sign-out", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


async def test_the_command_for_that_says_what_it_did(someone: Person, other: Person):
    done = sign_out(someone.email.upper())
    assert (done.returncode, done.stdout) == (0, "1 session ended.\n"), done.stderr
    assert [await known(someone.token), await known(other.token)] == [False, True]
    unknown = sign_out("nobody@example.org")
    assert (unknown.returncode, unknown.stderr) == (1, "studio sign-out: nobody has the address nobody@example.org\n")
    assert sign_out(other.email, "--all").returncode == 2
    assert await known(other.token)


async def test_the_sign_in_after_the_last_that_fits_ends_the_one_unused_for_longest(
    someone: Person, other: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 3)
    second, third = await again(someone), await again(someone)
    async with transaction(SYSTEM) as session:  # the first was used last
        await session.execute(
            text("UPDATE sessions SET seen_at = seen_at - interval '1 hour' WHERE account_id = :account AND id <> :id"),
            {"account": someone.account_id, "id": someone.identity.session_id},
        )
        await session.execute(
            text("UPDATE sessions SET seen_at = seen_at - interval '1 hour' WHERE token_hash = :hash"),
            {"hash": sessions.hash_token(second)},
        )
    fourth = await again(someone)
    assert [await known(each) for each in (someone.token, second, third, fourth)] == [True, False, True, True]
    assert await known(other.token)


async def test_a_link_is_random_kept_as_a_hash_good_for_ten_minutes_and_signs_in_once(settings: config.Settings):
    email = f"{uuid4().hex}@example.org"
    async with transaction(SYSTEM) as session:
        urls = [await signin_link.create(session, email=email) for _ in range(5)]
        tokens = [url.removeprefix(f"{settings.public_url}/signin/") for url in urls]
        assert len(set(tokens)) == 5
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens), "256 bits"
        rows = (
            await session.execute(
                text(
                    "SELECT row_to_json(l)::text AS said, expires_at - studio_now() AS life FROM signin_links l "
                    "WHERE email = :email"
                ),
                {"email": email},
            )
        ).all()
        assert not [row for row in rows if any(token in row.said for token in tokens)]
        assert {row.life for row in rows} == {timedelta(minutes=10)}
        assert await signin_link.use(session, token=tokens[0]) == email
        with pytest.raises(signin_link.LinkUsed):
            await signin_link.use(session, token=tokens[0])
        await session.execute(text("UPDATE signin_links SET expires_at = studio_now() WHERE email = :e"), {"e": email})
        with pytest.raises(signin_link.LinkUsed):
            await signin_link.use(session, token=tokens[1])


def test_a_new_database_has_nobody_in_it(database):
    with psycopg.connect(database.fresh()) as owner:
        for table in ("accounts", "sessions", "identities", "signin_links", "invitations"):
            assert owner.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
