"""A worker that is killed where it stands loses nothing, sends nothing twice, and holds nothing without a reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.kill_worker import STATES, kill_loop
from studio.config import Settings
from tests.conftest import Database
from tests.system import System

KILLS = 20 if os.environ.get("STUDIO_TORTURE") else 2


@pytest.fixture
def alone(database: Database, scratch: Path) -> Iterator[System]:
    """One worker, with a simulator and a database that nobody else uses."""
    with System(folder=scratch / "kill-worker", database_url=database.fresh(), webs=0) as system:
        yield system


async def test_kills_in_every_state_lose_nothing_and_send_nothing_twice(settings: Settings, alone: System):
    outcome = await kill_loop(alone, times=KILLS)
    assert all(outcome.kills[state] >= KILLS for state in STATES)
    assert (outcome.lost, outcome.sent_twice, outcome.orphan_holds) == (0, 0, 0)
    assert outcome.held_micros == 0
    assert outcome.ledger is not None
    assert outcome.ledger.ok
    assert outcome.ledger.entries == 2 * outcome.generations
    assert set(outcome.ends) <= {"succeeded", "settled", "failed"}
    assert outcome.ends["succeeded"] >= KILLS * 5  # all but the pictures whose answer nobody read
