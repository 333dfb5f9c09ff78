"""What an operator does on their pages lasts: a restored backup does not undo it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.services import audit, journal, operator_work, retention
from studio.services.storage import StorageError
from studio.state import operator as operator_page
from studio.state.operator import RUNS_SHOWN, OperatorState, run_view
from studio.state.operator_accounts import OperatorAccountsState
from tests.factories import Person
from tests.state.tab import call, tab


async def noted(account_id: UUID) -> list[str]:
    """What the journal says of an account, in the order a restore takes it."""
    found = [entry async for entry in journal.entries() if entry.id == account_id]
    return [entry.kind for entry in sorted(found, key=lambda entry: entry.number)]


async def opened(boss: Person, account_id: UUID) -> Any:
    """The page of accounts with the dialog of one of them."""
    state: Any = tab(OperatorAccountsState, boss)
    await call(state, "find", {"search": str(account_id)})
    await call(state, "choose", str(account_id), True)
    return state


async def test_a_restriction_and_its_end_are_in_the_journal(boss: Person, someone: Person):
    state = await opened(boss, someone.account_id)
    await call(state, "restrict", {"reason": "nonsense"})
    assert await noted(someone.account_id) == []
    await call(state, "restrict", {"reason": "person"})
    assert await noted(someone.account_id) == ["restrict"]
    await call(state, "unrestrict")
    await call(state, "restrict", {"reason": "authority"})
    assert await noted(someone.account_id) == ["restrict", "unrestrict", "restrict"]


async def test_a_restriction_that_cannot_be_noted_is_not_made(
    boss: Person, someone: Person, monkeypatch: pytest.MonkeyPatch
):
    async def away(*_: object, **__: object) -> None:
        raise StorageError

    monkeypatch.setattr(journal, "write", away)
    state = await opened(boss, someone.account_id)
    await call(state, "restrict", {"reason": "person"})
    assert [toast.kind for toast in state.toasts] == ["error"]
    await call(state, "find", {"search": str(someone.account_id)})
    assert state.rows[0].restricted == ""


async def test_the_sweeps_are_shown_and_run_when_asked(boss: Person):
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM procrastinate_jobs"))
        await session.execute(text("DELETE FROM retention_runs"))  # of other days, as other tests move the clock
        await retention.note(session, what="mails", rows=1_204)
    state: Any = tab(OperatorState, boss)
    await call(state, "load")
    assert len(state.runs) == RUNS_SHOWN
    assert (state.runs_said, state.runs_ok) == ("0 overdue", True)
    mails = next(row for row in state.runs if row.rule == "Which mails went out")
    assert (mails.removed, mails.overdue) == ("1,204", "no")
    for said in ("The sweeps run now", "They wait for a worker already"):
        await call(state, "run_sweeps")
        assert state.toasts[-1].title == said
    async with transaction(SYSTEM) as session:
        waiting = await session.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'upkeep.tidy'"))
        acts = await audit.listed(session, actor=boss.actor, action="retention.run")
    assert (waiting, len(acts)) == (1, 2)


async def test_the_overview_says_when_the_last_backup_was_made_and_tried_and_that_the_next_is_late(
    boss: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM backups"))
    state: Any = tab(OperatorState, boss)
    await call(state, "load")
    assert (state.backup, state.restored, state.backup_ok) == ("No place for backups is set", "Never", True)
    kept = replace(settings(), backup=tmp_path, backup_hours=24)
    for module in (operator_work, operator_page):
        monkeypatch.setattr(module, "settings", lambda: kept)
    await call(state, "load")
    assert (state.backup, state.backup_ok) == ("None yet", True)
    made = (
        "INSERT INTO backups (id, kind, snapshot, started_at, ended_at, ok) VALUES (gen_random_uuid(), :kind, "
        "gen_random_uuid(), studio_now() - make_interval(hours => :hours), "
        "studio_now() - make_interval(hours => :hours), true)"
    )
    try:
        for kind, hours in (("backup", 27), ("verify", 50)):
            async with transaction(SYSTEM) as session:
                await session.execute(text(made), {"kind": kind, "hours": hours})
        await call(state, "load")
        assert (state.backup, state.restored) == ("27 h ago", "2 days ago")
        assert (state.backup_ok, state.healthy, "The backup is late" in state.verdict) == (False, False, True)
        async with transaction(SYSTEM) as session:
            await session.execute(text(made), {"kind": "backup", "hours": 25})
        await call(state, "load")
        assert (state.backup_ok, "The backup is late" in state.verdict) == (True, False)
    finally:
        async with transaction(SYSTEM) as session:
            await session.execute(text("DELETE FROM backups"))


def test_what_is_overdue_and_what_was_not_swept_are_told_apart():
    now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    rule = retention.entry("mails")

    def seen(hours: float | None, *, overdue: bool = False, stale: bool = False) -> tuple[str, str, str, str]:
        last = now - timedelta(hours=hours) if hours is not None else None
        view = run_view(retention.Standing(rule, 92, None, last, 7, overdue, stale), now)
        return view.last, view.overdue, view.due, view.tone

    assert seen(0.5) == ("30 min ago", "no", "in 30 min", "")
    assert seen(30, stale=True) == ("30 h ago", "no", "now", "warn")
    assert seen(30, overdue=True, stale=True) == ("30 h ago", "yes", "now", "bad")
    assert seen(None, stale=True) == ("never", "no", "now", "")
