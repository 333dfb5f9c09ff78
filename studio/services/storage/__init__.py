"""Object storage: bytes under keys that say nothing, in a folder or in any S3 store."""

from __future__ import annotations

from pathlib import Path

from studio.services.storage.folder import FolderStorage
from studio.services.storage.interface import (
    BucketMissing,
    KeyRefused,
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    ObjectStream,
    RangeNotSatisfiable,
    Storage,
    StorageError,
    StorageFull,
    StorageRefused,
    StorageUnavailable,
    StoredObject,
    Upload,
    check_key,
    key_for,
    new_key,
)
from studio.services.storage.s3 import S3Settings, S3Storage

__all__ = [
    "BucketMissing",
    "KeyRefused",
    "ObjectDamaged",
    "ObjectExists",
    "ObjectMissing",
    "ObjectStream",
    "RangeNotSatisfiable",
    "S3Settings",
    "Storage",
    "StorageError",
    "StorageFull",
    "StorageRefused",
    "StorageUnavailable",
    "StoredObject",
    "Upload",
    "check_key",
    "key_for",
    "new_key",
    "open_storage",
]


def open_storage(where: Path | S3Settings) -> Storage:
    """The store at a folder or a bucket; nothing is touched before the first call."""
    return S3Storage(where) if isinstance(where, S3Settings) else FolderStorage(where)
