"""The register of people's requests: due within a month, reminded of in time, gone a year after they were answered."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config
from studio.db import transaction
from studio.errors import Conflict, NotFound, ValidationError
from studio.services import alarms, operators, requests
from tests.factories import Person
from tests.system import ROOT


@pytest.fixture
async def register(session: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> AsyncSession:
    """Empty, with one operator to remind."""
    ours = replace(config.settings(), operators=("operator@example.org",))
    for module in (alarms, operators):
        monkeypatch.setattr(module, "settings", lambda: ours)
    await session.execute(text("DELETE FROM privacy_requests"))
    return session


async def test_a_request_of_a_person_with_an_account_names_the_account(register: AsyncSession, someone: Person):
    made = await requests.add(register, kind="access", who=someone.email.upper(), note="by mail")
    assert (made.account_id, made.who, made.note) == (someone.account_id, someone.email, "by mail")
    assert not made.overdue
    stored = await register.scalar(text("SELECT address FROM privacy_requests"))
    assert stored is None, "the address is the account's"


async def test_a_request_of_somebody_without_an_account_names_the_address(register: AsyncSession):
    made = await requests.add(register, kind="objection", who="  Stranger@Example.org ")
    assert (made.account_id, made.who) == (None, "stranger@example.org")


@pytest.mark.parametrize(("came", "due"), [("2026-01-31", "2026-02-28"), ("2026-03-15", "2026-04-15")])
async def test_it_is_due_a_calendar_month_after_it_came(register: AsyncSession, came: str, due: str):
    at = datetime.fromisoformat(came).replace(tzinfo=UTC)
    await register.execute(
        text("INSERT INTO privacy_requests (id, kind, address, received_at, due_at) "
             "VALUES (:id, 'access', 'a@example.org', :at, CAST(:at AS timestamptz) + interval '1 month')"),
        {"id": uuid4(), "at": at},
    )  # fmt: skip
    (row,) = await requests.listed(register)
    assert f"{row.due_at.astimezone(UTC):%Y-%m-%d}" == due


async def test_the_service_counts_the_month_itself(register: AsyncSession):
    came = datetime.now(UTC).replace(microsecond=0) - timedelta(days=60)
    made = await requests.add(register, kind="deletion", who="a@example.org", received_at=came)
    assert 28 <= (made.due_at - came).days <= 31
    assert made.overdue


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"kind": "revenge"}, "one of"),
        ({"who": "nobody"}, "not an e-mail address"),
        ({"note": "x" * 1001}, "at most"),
        ({"note": "a\x00b"}, "plain text"),
        ({"received_at": datetime(2999, 1, 1, tzinfo=UTC)}, "in the past"),
    ],
)
async def test_nonsense_is_refused_with_a_sentence(register: AsyncSession, bad: dict[str, Any], words: str):
    with pytest.raises(ValidationError, match=words):
        await requests.add(register, **{"kind": "access", "who": "a@example.org", **bad})
    assert await requests.listed(register) == []


async def test_it_is_closed_once_and_keeps_both_notes(register: AsyncSession):
    made = await requests.add(register, kind="access", who="a@example.org", note="asked by letter")
    done = await requests.close(register, request_id=made.id, outcome="done", note="archive sent")
    assert (done.outcome, done.note) == ("done", "asked by letter\narchive sent")
    with pytest.raises(Conflict):
        await requests.close(register, request_id=made.id)
    with pytest.raises(NotFound):
        await requests.close(register, request_id=uuid4())
    with pytest.raises(ValidationError):
        await requests.close(register, request_id=made.id, outcome="lost")
    assert await requests.listed(register, open_only=True) == []


async def due_in(session: AsyncSession, days: float) -> None:
    await session.execute(
        text("UPDATE privacy_requests SET received_at = studio_now() - interval '31 days', "
             "due_at = studio_now() + make_interval(secs => :seconds)"),
        {"seconds": days * 86_400},
    )  # fmt: skip


async def test_operators_are_reminded_a_week_and_a_day_before_and_when_it_is_over(register: AsyncSession):
    await requests.add(register, kind="access", who="a@example.org")
    assert await requests.remind(register) == 0
    for days, mails in ((8, 0), (6.9, 1), (3, 0), (1.1, 0), (0.9, 1), (0.1, 0), (-0.1, 1), (-3, 0)):
        await due_in(register, days)
        assert await requests.remind(register) == mails, days
    rows = await register.execute(
        text("SELECT recipient, category, data FROM mails WHERE dedupe_key LIKE 'request:%' ORDER BY dedupe_key")
    )
    told = list(rows.all())
    assert {(row.recipient, row.category) for row in told} == {("operator@example.org", "security")}
    assert any("overdue" in row.data["title"] for row in told)
    assert "a@example.org" not in str([row.data for row in told]), "who asked stays in the register"


async def test_a_closed_request_reminds_nobody_and_is_gone_after_a_year(register: AsyncSession):
    made = await requests.add(register, kind="access", who="a@example.org")
    await due_in(register, 0.5)
    await requests.close(register, request_id=made.id)
    assert await requests.remind(register) == 0
    assert await requests.sweep(register) == 0
    await register.execute(text("UPDATE privacy_requests SET closed_at = studio_now() - interval '366 days'"))
    assert await requests.sweep(register) == 1


async def test_a_person_sees_their_own_requests_only(register: AsyncSession, someone: Person, other: Person):
    for who in (someone, other):
        await requests.add(register, kind="access", who=who.email)
    await register.commit()
    try:
        async with transaction(someone.actor) as own:
            assert list(await own.scalars(text("SELECT account_id FROM privacy_requests"))) == [someone.account_id]
    finally:
        await register.execute(text("DELETE FROM privacy_requests"))
        await register.commit()


def test_the_command_writes_lists_and_closes(settings: config.Settings):
    def studio(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "studio", "privacy", "requests", *words],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip

    address = f"{uuid4().hex}@example.org"
    added = studio("add", "restriction", address, "--note", "by letter")
    assert added.returncode == 0, added.stderr
    request_id = added.stdout.split()[0]
    assert address in studio("list").stdout
    closed = studio("close", request_id, "--outcome", "refused")
    assert (closed.returncode, "refused" in closed.stdout) == (0, True)
    wrong = studio("add", "restriction", "nobody")
    assert (wrong.returncode, wrong.stderr) == (1, "studio privacy requests: This is not an e-mail address.\n")
