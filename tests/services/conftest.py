"""What several tests of services stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio import config
from studio.services.backups import crypt
from studio.services.storage import open_storage
from tests.backups import Studio
from tests.conftest import Database
from tests.fixtures_s3 import S3Server


@pytest.fixture(params=["folder"])
async def studio(
    request: pytest.FixtureRequest, tmp_path: Path, database: Database, settings: config.Settings
) -> AsyncIterator[Studio]:
    """A studio with two people and three pictures. `indirect` "s3" keeps objects, journal and backups in buckets."""
    del settings
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        stores = [open_storage(server.bucket(versioned=True, prefix=each)) for each in ("", "notes", "far/away")]
    else:
        stores = [open_storage(tmp_path / each) for each in ("objects", "journal", "backups")]
    private, public = crypt.new_pair()
    made = Studio(database.fresh(), stores[0], stores[1], stores[2], private, public)
    for _ in range(2):
        await made.picture(made.person())
    await made.picture(made.accounts[0], size=3_000_000)
    yield made
    for store in stores:
        await store.close()
