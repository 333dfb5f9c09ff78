"""The daily run: a process of its own measures and stores, once a day however often the job is woken."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.jobs import proving
from studio.services.proofs import PROOFS


async def runs() -> dict[str, int]:
    async with transaction(SYSTEM) as session:
        return {row.id: row.runs for row in await session.execute(text("SELECT id, runs FROM proof_results"))}


async def test_the_daily_run_stores_every_promise_and_runs_once(settings: config.Settings):
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM proof_results"))
    await proving.run()
    first = await runs()
    assert first == {proof.id: 1 for proof in PROOFS}
    await proving.run()
    assert await runs() == first


async def test_a_run_that_breaks_down_is_an_error_and_the_watch_goes_on(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM proof_results WHERE id <> 'D1'"))
        await session.execute(text("DELETE FROM mails"))
    monkeypatch.setenv("STUDIO_OPERATORS", "operator@example.org")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    config.settings.cache_clear()
    try:
        with pytest.raises(proving.ProofsDidNotRunError):
            await proving.run()
        async with transaction(SYSTEM) as session:
            told = list(await session.scalars(text("SELECT recipient FROM mails WHERE dedupe_key LIKE 'proof:late:%'")))
        assert told == ["operator@example.org"]
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()
