"""The parts a process holds one of: the object stores. Made on first use from the settings."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path

from studio import config
from studio.config import settings
from studio.services.storage import S3Settings, Storage, open_storage


@cache
def storage() -> Storage:
    """This process's object store."""
    return open_place(settings().s3 or settings().data_dir / "objects")


@cache
def journal() -> Storage:
    """This process's store of the erasure journal."""
    return open_place(settings().journal)


def open_place(place: Path | config.S3Settings) -> Storage:
    """The store at a place that a setting names."""
    return open_storage(place if isinstance(place, Path) else S3Settings(**asdict(place)))
