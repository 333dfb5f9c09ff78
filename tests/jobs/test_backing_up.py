"""The scheduled backup: made when it is due and configured, in a process of its own, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.jobs import backing_up
from studio.services.backups import crypt, shelf
from studio.services.storage import open_storage


async def runs() -> list[tuple[bool | None, str | None]]:
    async with transaction(SYSTEM) as session:
        rows = await session.execute(text("SELECT ok, reason FROM backups ORDER BY started_at"))
        return [(row.ok, row.reason) for row in rows]


async def test_the_worker_makes_a_backup_when_one_is_due_and_not_again(
    settings: config.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM backups"))
    await backing_up.run()
    assert await runs() == []  # no place is set
    broken, place = tmp_path / "file", tmp_path / "backups"
    broken.write_text("not a folder")
    monkeypatch.setenv("STUDIO_BACKUP_RECIPIENT", crypt.new_pair()[1])
    try:
        monkeypatch.setenv("STUDIO_BACKUP_URL", str(broken))
        config.settings.cache_clear()
        await backing_up.run()
        assert await runs() == [(False, "storage_unavailable")]
        async with transaction(SYSTEM) as session:
            await session.execute(text("UPDATE backups SET started_at = started_at - interval '1 hour'"))
        monkeypatch.setenv("STUDIO_BACKUP_URL", str(place))
        config.settings.cache_clear()
        await backing_up.run()
        assert [ok for ok, _ in await runs()] == [False, True]
        await backing_up.run()
        assert len(await runs()) == 2
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()
    assert config.settings() == settings
    assert len(await shelf.snapshots(open_storage(place))) == 1
