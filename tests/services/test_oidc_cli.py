"""`studio invite` lets an address in, and says so."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services import accounts, sessions
from tests.system import ROOT


def invite(email: str) -> subprocess.CompletedProcess[str]:
    """The product's own command, with this test's settings."""
    command = [sys.executable, "-m", "studio", "invite", email]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


async def test_the_command_lets_an_address_in_for_thirty_days(settings):
    with pytest.raises(accounts.SignupClosed):
        async with transaction(SYSTEM) as session:
            await accounts.check_signup(session, email="vera@example.net")
    done = invite("Vera@Example.net")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"vera@example.net may sign in at {settings.public_url} within 30 days.\n"
    async with transaction(SYSTEM) as session:
        await accounts.check_signup(session, email="vera@example.net")
        await session.execute(text("UPDATE invitations SET expires_at = studio_now() - interval '1 second'"))
        with pytest.raises(accounts.SignupClosed):
            await accounts.check_signup(session, email="vera@example.net")
        await sessions.sweep(session)
        assert await session.scalar(text("SELECT count(*) FROM invitations")) == 0


def test_what_is_no_address_is_refused_with_a_sentence(settings):
    done = invite("nobody")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "studio invite: This is not an e-mail address.\n"
