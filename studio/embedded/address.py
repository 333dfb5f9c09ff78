"""Where the database is: as configured, or in the Studio that runs on the same data folder."""

from __future__ import annotations

import os

from studio.config import Settings, SettingsError, settings


def database_url(ours: Settings) -> str:
    """The configured database, or the embedded one of a Studio that runs on this data folder."""
    if ours.database_url is not None:
        return ours.database_url
    from studio.embedded.postgres import running_url

    url = running_url(ours.data_dir)
    if url is None:
        raise SettingsError("DATABASE_URL: expected, because no Studio is running on this data folder (make run)")
    os.environ["DATABASE_URL"] = url
    settings.cache_clear()
    return url
