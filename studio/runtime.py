"""The parts a process holds one of: the object store. Made on first use from the settings."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

from studio.config import settings
from studio.services.storage import S3Settings, Storage, open_storage


@cache
def storage() -> Storage:
    """This process's object store."""
    s3 = settings().s3
    if s3 is None:
        return open_storage(settings().data_dir / "objects")
    return open_storage(S3Settings(**asdict(s3)))
