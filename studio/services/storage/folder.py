"""Objects as files of a folder: one machine, no server. Files are 0600, folders 0700, every write is atomic."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from studio.services.storage import interface as store
from studio.services.storage.interface import ObjectStream, Source, StoredObject, Upload
from studio.services.storage.threads import Threads
from studio.services.storage.uploads import FolderUpload

P = ParamSpec("P")
T = TypeVar("T")

_BLOCK = 1 << 20  # bytes per thread hop: large enough that the hop does not show, small enough to stay flat
_SMALL = 1 << 17  # bytes that are read as the file is opened, a thumbnail's: four hops would take longer than reading
_TEMP = ".tmp"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FolderStorage:
    """A `Storage` below `root`; content types are not kept, the row that names an object knows its own."""

    def __init__(self, root: Path) -> None:
        self._root = Path(root).absolute()
        self._threads = Threads("storage-folder", limit=4)

    async def put(
        self,
        key: str,
        source: Source,
        *,
        content_type: str,
        size_hint: int | None = None,
        create_only: bool = False,
    ) -> StoredObject:
        """See `Storage.put`; written beside its place, synced, then renamed into it."""
        del content_type, size_hint
        target = self._file(key)
        digest = store.Digest()
        draft = await self._do(_Draft, self._root)
        try:
            async for block in store.blocks(source, _BLOCK):
                await self._do(draft.write, block, digest)
            await self._do(draft.publish, target, create_only=create_only)
        finally:
            await self._do(draft.discard)
        return digest.stored(key)

    async def upload(self, key: str, *, part_size: int, token: str | None = None) -> Upload:
        """See `Storage.upload`."""
        target = self._file(key)
        name = FolderUpload.new_token() if token is None else FolderUpload.check(token)
        draft = self._root / _TEMP / name
        if token is None:
            await self._do(_begin, draft)
        upload = FolderUpload(self._do, draft, lambda path: _place(path, target), part_size)
        await upload.arrived()
        return upload

    async def open(self, key: str, *, start: int = 0, end: int | None = None) -> ObjectStream:
        """See `Storage.open`; an open stream survives the object's replacement or deletion."""
        window = await self._do(_Window, self._file(key), start, end)

        async def read() -> bytes:
            return window.take() if window.small else await self._do(window.read)

        async def close() -> None:
            if not window.small:
                await self._do(window.close)

        return ObjectStream(read, close, size=window.size, start=window.first, end=window.stop)

    async def stat(self, key: str) -> StoredObject | None:
        """See `Storage.stat`."""
        path = self._file(key)
        try:
            info = await self._do(os.lstat, path)
        except store.ObjectMissing:
            return None
        return StoredObject(key, info.st_size) if stat.S_ISREG(info.st_mode) else None

    async def delete(self, key: str) -> None:
        """See `Storage.delete`; the folder is synced, so a deletion outlives a power cut."""
        await self._do(_unlink, [self._file(key)])

    async def list(self, prefix: str, *, after: str | None = None) -> AsyncGenerator[StoredObject, None]:
        """See `Storage.list`; one shard folder at a time."""
        store.check_prefix(prefix)
        for shard in await self._do(_shards, self._root, prefix):
            if after is not None and f"{shard}/~" < after:
                continue
            for item in await self._do(_objects, self._root, shard, prefix):
                if after is None or item.key > after:
                    yield item

    async def delete_prefix(self, prefix: str) -> int:
        """See `Storage.delete_prefix`."""
        store.check_prefix(prefix, delete=True)
        removed = 0
        for shard in await self._do(_shards, self._root, prefix):
            while found := await self._do(_objects, self._root, shard, prefix):
                await self._do(_unlink, [self._root / item.key for item in found])
                removed += len(found)
        return removed

    async def sweep(self, *, older_than: timedelta) -> int:
        """See `Storage.sweep`."""
        return await self._do(_sweep, self._root / _TEMP, time.time() - older_than.total_seconds())

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`."""
        path = self._file(key)
        return path if path.is_file() and not path.is_symlink() else None

    async def check(self) -> None:
        """Write, sync and remove one small file."""
        try:
            await self._do(_probe, self._root)
        except store.StorageUnavailable as error:
            reason = f"The storage folder {self._root} cannot be written to."
            raise store.StorageUnavailable(reason) from error

    async def close(self) -> None:
        """See `Storage.close`."""
        await self._threads.close()

    def _file(self, key: str) -> Path:
        return self._root / store.check_key(key)

    async def _do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def call() -> T:
            with _translated():
                return function(*args, **kwargs)

        return await self._threads.run(call)


@contextmanager
def _translated() -> Iterator[None]:
    """The file system's errors as ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise store.ObjectMissing from error
    except FileExistsError as error:
        raise store.ObjectExists from error
    except OSError as error:
        raise (store.StorageFull if error.errno in _FULL else store.StorageUnavailable) from error


class _Draft:
    """A file being written beside its final place."""

    def __init__(self, root: Path) -> None:
        _make_folder(root / _TEMP)
        self._path = root / _TEMP / secrets.token_hex(16)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, block: bytes, digest: store.Digest) -> None:
        """Append a block and take its digest."""
        digest.update(block)
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]

    def publish(self, target: Path, *, create_only: bool) -> None:
        """Make the whole file appear at `target` at once, and durably."""
        os.fsync(self._file.fileno())
        self._file.close()
        _make_folder(target.parent)
        if create_only:
            os.link(self._path, target)
        else:
            os.replace(self._path, target)
        _sync_folder(target.parent)

    def discard(self) -> None:
        """Remove what was not published."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class _Window:
    """Reads bytes [first, stop) of a file, block by block; a `small` one is read and closed at once."""

    def __init__(self, path: Path, start: int, end: int | None) -> None:
        self._handle, self.size = _open(path)
        try:
            self.first, self.stop = store.resolve_range(self.size, start=start, end=end)
            self._at = self.first
            self.small = self.stop - self.first <= _SMALL
            self._ahead = list(iter(self.read, b"")) if self.small else []
        except BaseException:
            self.close()
            raise
        if self.small:
            self.close()

    def take(self) -> bytes:
        """What a small one still has; empty at the end."""
        data, self._ahead = b"".join(self._ahead), []
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._handle.close()

    def read(self) -> bytes:
        """The next block; empty at the end. A file shorter than it was at open raises `ObjectDamaged`."""
        wanted = min(_BLOCK, self.stop - self._at)
        chunk = os.pread(self._handle.fileno(), wanted, self._at) if wanted else b""
        if wanted and not chunk:
            raise store.ObjectDamaged
        self._at += len(chunk)
        return chunk


def _begin(draft: Path) -> None:
    _make_folder(draft.parent)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))


def _place(draft: Path, target: Path) -> None:
    """Move a whole file into its place, durably."""
    _make_folder(target.parent)
    os.replace(draft, target)
    _sync_folder(target.parent)


def _open(path: Path) -> tuple[BinaryIO, int]:
    handle = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)
    return handle, os.fstat(handle.fileno()).st_size


def _make_folder(path: Path) -> None:
    """Create a folder and its parents as 0700, each synced into its own parent."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unlink(paths: list[Path]) -> None:
    """Remove files; the folders they were in stay, so a concurrent put cannot lose its own."""
    touched: set[Path] = set()
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()
            touched.add(path.parent)
    for folder in touched:
        _sync_folder(folder)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _shards(root: Path, prefix: str) -> list[str]:
    """Shard folders ("o/ab") that can hold keys with this prefix, in order."""
    found: list[str] = []
    for kind in _names(root):
        if kind == _TEMP or not (prefix + "/").startswith((kind, "/")):
            continue
        found += [f"{kind}/{shard}" for shard in _names(root / kind)]
    return [shard for shard in found if f"{shard}/".startswith(prefix) or prefix.startswith(f"{shard}/")]


def _objects(root: Path, shard: str, prefix: str) -> list[StoredObject]:
    """The objects of one shard folder with this prefix, in order of key; strangers' files are passed over."""
    found: list[StoredObject] = []
    for name in _names(root / shard):
        key = f"{shard}/{name}"
        if key.startswith(prefix) and store.is_key(key):
            with suppress(FileNotFoundError):  # deleted since the folder was read
                info = (root / key).lstat()
                found.append(StoredObject(key, info.st_size, at=datetime.fromtimestamp(info.st_mtime, UTC)))
    return found


def _sweep(folder: Path, before: float) -> int:
    removed = 0
    for name in _names(folder):
        with suppress(FileNotFoundError):  # published or discarded since the folder was read
            if (folder / name).stat().st_mtime < before:
                (folder / name).unlink()
                removed += 1
    return removed


def _probe(root: Path) -> None:
    try:
        draft = _Draft(root)
    except (FileExistsError, FileNotFoundError) as error:  # a file where the folder should be
        raise store.StorageUnavailable from error
    try:
        draft.write(b"studio", store.Digest())
    finally:
        draft.discard()
