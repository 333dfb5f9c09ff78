"""Every store keeps the same promises: a folder, an S3 bucket and a versioned one below a prefix."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import stat
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from studio.errors import StudioError
from studio.services.storage import (
    BucketMissing,
    KeyRefused,
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    RangeNotSatisfiable,
    S3Settings,
    Storage,
    StorageFull,
    StorageRefused,
    StorageUnavailable,
    key_for,
    new_key,
    open_storage,
)
from studio.services.storage.s3 import S3Storage
from studio.services.storage.threads import Threads
from tests.fixtures_s3 import S3Server

MB = 1 << 20
PNG = "image/png"
WRONG_NAMES = [
    "",
    "o",
    "/etc/passwd",
    "../../etc/passwd",
    "o/../../etc/passwd",
    "o/ab/..",
    "o/ab/" + "a" * 31,
    "o/ab/" + "a" * 33,
    "o/ab/" + "A" * 32,
    "o/ab/" + "a" * 32 + "/x",
    "o/ab/" + "a" * 32 + "\n",
    "o/ab/" + "a" * 32 + "\0",
    "o/ab/" + "a" * 32 + "..",
    "o\\ab\\" + "a" * 32,
    "o/ab/" + "\u0660" * 32,
    "%2e%2e/ab/" + "a" * 32,
]


async def chunks(data: bytes, *, size: int = 300_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def broken(data: bytes) -> AsyncIterator[bytes]:
    async for chunk in chunks(data):
        yield chunk
    raise ConnectionResetError("the sender went away")


async def read(store: Storage, key: str, *, start: int = 0, end: int | None = None) -> bytes:
    async with await store.open(key, start=start, end=end) as stream:
        return b"".join([chunk async for chunk in stream])


async def keys(store: Storage, prefix: str = "", *, after: str | None = None) -> list[str]:
    return [item.key async for item in store.list(prefix, after=after)]


async def put_many(store: Storage, names: list[str]) -> None:
    gate = asyncio.Semaphore(8)

    async def one(name: str) -> None:
        async with gate:
            await store.put(name, b"x", content_type=PNG)

    await asyncio.gather(*(one(name) for name in names))


@pytest.fixture(scope="module", params=["folder", "s3", "s3-versioned"])
async def shared_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Storage]:
    """One store of each sort for all tests: making an S3 client costs more than most of them."""
    if request.param == "folder":
        made = open_storage(tmp_path_factory.mktemp("objects") / "root")
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        versioned = request.param == "s3-versioned"
        made = open_storage(server.bucket(versioned=versioned, prefix="studio/test" if versioned else ""))
    yield made
    await made.close()


@pytest.fixture
async def store(shared_store: Storage) -> AsyncIterator[Storage]:
    yield shared_store
    for kind in {key[:2] for key in await keys(shared_store)}:
        await shared_store.delete_prefix(kind)


class TestEveryStore:
    async def test_gives_back_what_was_put_with_its_size_and_digests(self, store: Storage) -> None:
        key, data = new_key("o"), os.urandom(700_001)
        put = await store.put(key, chunks(data), content_type=PNG)
        assert (put.key, put.size) == (key, len(data))
        assert put.sha256 == hashlib.sha256(data).hexdigest()
        assert put.crc32 == zlib.crc32(data)
        assert await read(store, key) == data
        found = await store.stat(key)
        assert found is not None
        assert found.size == len(data)

    async def test_keeps_an_empty_object(self, store: Storage) -> None:
        key = new_key("o")
        put = await store.put(key, chunks(b""), content_type=PNG)
        assert (put.size, put.sha256) == (0, hashlib.sha256(b"").hexdigest())
        assert await read(store, key) == b""

    async def test_takes_twelve_megabytes_in_odd_chunks(self, store: Storage) -> None:
        key, data = new_key("o"), random.Random(1).randbytes(12 * MB + 7)
        put = await store.put(key, chunks(data, size=777_777), content_type="video/mp4", size_hint=len(data))
        assert put.sha256 == hashlib.sha256(data).hexdigest()
        assert put.crc32 == zlib.crc32(data)
        assert hashlib.sha256(await read(store, key)).hexdigest() == put.sha256

    async def test_takes_bytes_as_well_as_a_stream(self, store: Storage) -> None:
        key, data = new_key("o"), os.urandom(9 * MB)
        assert (await store.put(key, data, content_type=PNG)).size == 9 * MB
        assert await read(store, key) == data

    async def test_reads_any_part(self, store: Storage) -> None:
        key, data = new_key("o"), os.urandom(1000)
        await store.put(key, data, content_type=PNG)
        for start, end in [(0, 1), (0, 1000), (5, 17), (999, 1000), (500, None), (990, 5000), (0, None)]:
            async with await store.open(key, start=start, end=end) as stream:
                assert (stream.size, stream.start, stream.end) == (1000, start, min(end or 1000, 1000))
                assert stream.length == len(data[start:end])
                assert b"".join([chunk async for chunk in stream]) == data[start:end]

    async def test_refuses_a_part_that_does_not_exist(self, store: Storage) -> None:
        key = new_key("o")
        await store.put(key, os.urandom(1000), content_type=PNG)
        for start, end in [(1000, None), (1000, 1001), (7, 7), (9, 3), (-5, None), (5000, 6000)]:
            with pytest.raises(RangeNotSatisfiable):
                await store.open(key, start=start, end=end)

    async def test_says_so_when_nothing_is_there(self, store: Storage) -> None:
        key = new_key("o")
        assert await store.stat(key) is None
        assert store.local_path(key) is None
        with pytest.raises(ObjectMissing):
            await store.open(key)
        await store.delete(key)

    async def test_replaces_an_object_whole(self, store: Storage) -> None:
        key = new_key("o")
        await store.put(key, b"long " * 100, content_type=PNG)
        await store.put(key, b"short", content_type=PNG)
        assert await read(store, key) == b"short"

    @pytest.mark.parametrize("size", [10, 9 * MB], ids=["one request", "parts"])
    async def test_writes_a_create_only_object_once(self, store: Storage, size: int) -> None:
        key, data = new_key("j"), os.urandom(size)
        await store.put(key, chunks(data), create_only=True, content_type=PNG)
        with pytest.raises(ObjectExists):
            await store.put(key, chunks(b"z" * size), create_only=True, content_type=PNG)
        assert await read(store, key) == data

    @pytest.mark.parametrize("size", [10, 400_000, 12 * MB])
    async def test_keeps_nothing_of_a_source_that_breaks(self, store: Storage, size: int) -> None:
        key = new_key("o")
        with pytest.raises(ConnectionResetError):
            await store.put(key, broken(os.urandom(size)), content_type=PNG)
        assert await store.stat(key) is None
        assert await keys(store) == []
        assert await store.sweep(older_than=timedelta(seconds=-60)) == 0

    async def test_keeps_the_old_object_when_its_replacement_breaks(self, store: Storage) -> None:
        key = new_key("o")
        await store.put(key, b"first", content_type=PNG)
        with pytest.raises(ConnectionResetError):
            await store.put(key, broken(os.urandom(9 * MB)), content_type=PNG)
        assert await read(store, key) == b"first"

    async def test_leaves_nothing_when_an_upload_is_cancelled(self, store: Storage) -> None:
        key, started = new_key("o"), asyncio.Event()

        async def stuck() -> AsyncIterator[bytes]:
            yield os.urandom(9 * MB)
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(store.put(key, stuck(), content_type=PNG))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await store.stat(key) is None
        assert await store.sweep(older_than=timedelta(seconds=-60)) == 0

    async def test_lets_one_of_many_concurrent_puts_win_whole(self, store: Storage) -> None:
        key = new_key("o")
        versions = [bytes([i]) * 300_000 for i in range(8)]
        await asyncio.gather(*(store.put(key, chunks(data, size=50_000), content_type=PNG) for data in versions))
        assert await read(store, key) in versions

    async def test_lists_and_deletes_more_than_one_page(self, store: Storage) -> None:
        count = 1050 if isinstance(store, S3Storage) and not store._base else 2100  # two pages, and three
        names = sorted(f"t/{i % 2:02x}/{i:032x}" for i in range(count))
        other = new_key("u")
        await put_many(store, [*names, other])
        assert await keys(store, "t/") == names
        assert await keys(store, "t/", after=names[count // 3]) == names[count // 3 + 1 :]
        assert await keys(store, "t/01") == [name for name in names if name.startswith("t/01")]
        assert await store.delete_prefix("t/") == count
        assert await keys(store) == [other]

    async def test_lists_derived_objects_beside_their_original(self, store: Storage) -> None:
        ident = uuid4()
        base = key_for("o", ident)
        names = [base, key_for("o", ident, suffix="w1024"), key_for("o", ident, suffix="w256")]
        await put_many(store, [*names, new_key("o")])
        assert await keys(store, base) == names
        await store.delete(base)
        assert await keys(store, base) == names[1:]
        assert await store.delete_prefix(base) == 2
        assert len(await keys(store)) == 1

    async def test_deletes_for_good_and_twice_without_complaint(self, store: Storage) -> None:
        key = new_key("o")
        await store.put(key, b"1", content_type=PNG)
        await store.put(key, b"2", content_type=PNG)
        await store.delete(key)
        await store.delete(key)
        assert await store.stat(key) is None
        assert await keys(store) == []

    async def test_refuses_any_other_name(self, store: Storage) -> None:
        for key in WRONG_NAMES:
            attempts = store.put(key, b"x", content_type=PNG), store.open(key), store.stat(key), store.delete(key)
            for attempt in attempts:
                with pytest.raises(KeyRefused):
                    await attempt
            with pytest.raises(KeyRefused):
                store.local_path(key)

    async def test_deletes_no_prefix_wider_than_a_kind(self, store: Storage) -> None:
        for prefix in ("", "o", "..", "../", "/", "o/../", "%", "o//"):
            with pytest.raises(KeyRefused):
                await store.delete_prefix(prefix)

    async def test_is_healthy(self, store: Storage) -> None:
        await store.check()

    async def test_never_blocks_the_loop(self, store: Storage) -> None:
        key, data = new_key("o"), os.urandom(24 * MB)
        worst = await _worst_stall(store.put(key, chunks(data, size=MB), content_type=PNG))
        assert worst < 0.25
        assert await _worst_stall(read(store, key)) < 0.25

    async def test_memory_stays_flat_for_a_big_stream(self, store: Storage) -> None:
        key, piece = new_key("x"), os.urandom(MB)

        async def big() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield piece

        await store.stat(key)  # the client's own libraries are not what is measured
        tracemalloc.start()
        try:
            await store.put(key, big(), content_type="application/zip")
            size = 0
            async with await store.open(key) as stream:
                async for chunk in stream:
                    size += len(chunk)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert size == 64 * MB
        assert peak < 40 * MB

    async def test_an_upload_goes_on_after_its_process_is_gone(self, store: Storage) -> None:
        key, part = new_key("x"), 5 * MB
        data = os.urandom(2 * part + 1234)
        begun = await store.upload(key, part_size=part)
        await begun.add(1, data[:part])
        again = await store.upload(key, part_size=part, token=begun.token)
        assert await again.arrived() == 1
        assert await store.stat(key) is None
        await again.add(2, data[part : 2 * part])
        await again.add(3, data[2 * part :])
        await again.complete()
        assert await read(store, key) == data

    async def test_an_upload_that_was_given_up_is_gone(self, store: Storage) -> None:
        key = new_key("x")
        begun = await store.upload(key, part_size=5 * MB)
        await begun.add(1, b"x")
        await begun.abort()
        await begun.abort()
        with pytest.raises(ObjectMissing):
            await store.upload(key, part_size=5 * MB, token=begun.token)
        with pytest.raises(ObjectMissing):
            await store.upload(key, part_size=5 * MB, token="../../etc/passwd")
        assert await store.stat(key) is None

    async def test_an_abandoned_stream_lets_go(self, store: Storage) -> None:
        key = new_key("o")
        await store.put(key, os.urandom(3 * MB), content_type=PNG)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            stream = await store.open(key)
            await anext(stream)
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        assert len(os.listdir("/proc/self/fd")) <= before + 2


async def _worst_stall(work: Awaitable[object]) -> float:
    """Seconds the loop was held at most while `work` ran, beyond a tick of 5 ms."""
    loop, worst, done = asyncio.get_running_loop(), 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not done:
            before = loop.time()
            await asyncio.sleep(0.005)
            worst = max(worst, loop.time() - before - 0.005)

    ticker = asyncio.create_task(tick())
    await work
    done = True
    await ticker
    return worst


async def test_a_cancelled_call_is_over_when_the_cancellation_is_felt() -> None:
    """Or a cancelled upload would finish behind the back of the deletion that follows it."""
    threads, started, go_on, steps = Threads("test", limit=1), threading.Event(), threading.Event(), []

    def work() -> None:
        started.set()
        go_on.wait(5)
        steps.append("work over")

    task = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(started.wait, 5)
    waiting = asyncio.create_task(threads.run(steps.append, "never started"))
    await asyncio.sleep(0)
    waiting.cancel()
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["work over"]
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await threads.close()
    assert steps == ["work over"]


class TestFolder:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "objects"

    async def test_is_readable_by_its_owner_only(self, root: Path) -> None:
        old = os.umask(0)
        try:
            store, key = open_storage(root), new_key("o")
            await store.put(key, b"x", content_type=PNG)
        finally:
            os.umask(old)
        paths = [root, *root.rglob("*")]  # noqa: ASYNC240  a test may wait
        assert {stat.S_IMODE(p.stat().st_mode) for p in paths if p.is_dir()} == {0o700}
        assert {stat.S_IMODE(p.stat().st_mode) for p in paths if p.is_file()} == {0o600}
        await store.close()

    async def test_offers_its_file_for_sendfile(self, root: Path) -> None:
        store, key = open_storage(root), new_key("o")
        await store.put(key, b"pixels", content_type=PNG)
        path = store.local_path(key)
        assert path is not None
        assert path.read_bytes() == b"pixels"
        await store.close()

    async def test_follows_no_link_out_of_the_folder(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        store, key = open_storage(root), new_key("o")
        (root / key).parent.mkdir(parents=True)
        (root / key).symlink_to(tmp_path / "secret")
        assert store.local_path(key) is None
        assert await store.stat(key) is None
        with pytest.raises(StudioError):
            await store.open(key)
        await store.close()

    async def test_sweeps_what_a_killed_process_left(self, root: Path) -> None:
        store = open_storage(root)
        await store.check()
        (root / ".tmp" / "half").write_bytes(b"half a picture")
        assert await keys(store) == []
        assert await store.sweep(older_than=timedelta(hours=1)) == 0
        assert await store.sweep(older_than=timedelta(seconds=-1)) == 1
        assert list((root / ".tmp").iterdir()) == []
        await store.close()

    async def test_says_that_the_disk_is_full(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        store, key = open_storage(root), new_key("o")
        await store.check()
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageFull) as refused:
            await store.put(key, b"x", content_type=PNG)
        assert "full" in refused.value.message
        assert await store.stat(key) is None
        assert list((root / ".tmp").iterdir()) == []
        await store.close()

    async def test_health_names_a_folder_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        store = open_storage(tmp_path / "file")
        with pytest.raises(StorageUnavailable) as refused:
            await store.check()
        assert str(tmp_path / "file") in refused.value.message
        await store.close()

    async def test_a_stream_survives_the_deletion_of_its_object(self, root: Path) -> None:
        store, key, data = open_storage(root), new_key("o"), os.urandom(3 * MB)
        await store.put(key, data, content_type=PNG)
        stream = await store.open(key)
        await store.delete(key)
        assert b"".join([chunk async for chunk in stream]) == data
        await store.close()


class TestS3:
    @pytest.fixture
    def versioned(self, s3_server: S3Server) -> S3Settings:
        return s3_server.bucket(versioned=True, prefix="studio")

    async def test_delete_leaves_no_version_and_no_marker(
        self,
        s3_server: S3Server,
        versioned: S3Settings,
    ) -> None:
        store, key, other = open_storage(versioned), new_key("o"), new_key("o")
        for body in (b"1", b"2", b"3"):
            await store.put(key, body, content_type=PNG)
        await store.put(other, b"stays", content_type=PNG)
        s3_server.admin.delete_object(Bucket=versioned.bucket, Key=f"studio/{key}")  # someone else's plain DELETE
        await store.put(key, b"4", content_type=PNG)
        listed = s3_server.admin.list_object_versions(Bucket=versioned.bucket)
        assert len(listed["Versions"]) == 5
        assert len(listed["DeleteMarkers"]) == 1
        await store.delete(key)
        listed = s3_server.admin.list_object_versions(Bucket=versioned.bucket)
        assert [item["Key"] for item in listed["Versions"]] == [f"studio/{other}"]
        assert "DeleteMarkers" not in listed
        await store.close()

    async def test_a_prefix_goes_with_its_markers_and_unfinished_uploads(
        self,
        s3_server: S3Server,
        versioned: S3Settings,
    ) -> None:
        store, admin, bucket = open_storage(versioned), s3_server.admin, versioned.bucket
        names = [new_key("o") for _ in range(5)]
        for _ in range(3):
            await put_many(store, names)
        admin.delete_object(Bucket=bucket, Key=f"studio/{names[0]}")
        admin.create_multipart_upload(Bucket=bucket, Key=f"studio/{names[1]}")
        admin.put_object(Bucket=bucket, Key="elsewhere/o/x", Body=b"not ours")
        assert await store.delete_prefix("o/") == 16
        left = admin.list_object_versions(Bucket=bucket)
        assert [item["Key"] for item in left["Versions"]] == ["elsewhere/o/x"]
        assert "DeleteMarkers" not in left
        assert admin.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
        await store.close()

    async def test_sweeps_what_a_killed_process_left(
        self,
        s3_server: S3Server,
        versioned: S3Settings,
    ) -> None:
        store = open_storage(versioned)
        s3_server.admin.create_multipart_upload(Bucket=versioned.bucket, Key=f"studio/{new_key('o')}")
        assert await store.sweep(older_than=timedelta(hours=1)) == 0
        assert await store.sweep(older_than=timedelta(seconds=-60)) == 1
        assert await store.sweep(older_than=timedelta(seconds=-60)) == 0
        await store.close()

    @pytest.mark.parametrize("size", [1000, 9 * MB], ids=["one request", "parts"])
    async def test_bytes_changed_on_the_way_are_refused(
        self,
        s3_server: S3Server,
        size: int,
    ) -> None:
        store, key = S3Storage(s3_server.bucket()), new_key("o")
        await store.check()

        def flip(params: dict[str, object], **_: object) -> None:
            body = params.get("Body")
            if isinstance(body, bytes):
                params["Body"] = body[:-1] + bytes([body[-1] ^ 1])

        store._made.meta.events.register("provide-client-params.s3.*", flip)
        with pytest.raises(ObjectDamaged):
            await store.put(key, os.urandom(size), content_type=PNG)
        assert await store.stat(key) is None
        await store.close()

    async def test_a_misspelt_bucket_is_named_and_not_created(self, s3_server: S3Server) -> None:
        store = open_storage(s3_server.settings("studio-mispelt"))
        for attempt in (store.check(), store.put(new_key("o"), b"x", content_type=PNG)):
            with pytest.raises(BucketMissing) as refused:
                await attempt
            assert "studio-mispelt" in refused.value.message
        await store.close()

    async def test_wrong_credentials_are_refused_with_a_sentence(self, s3_server: S3Server) -> None:
        good = s3_server.bucket()
        store = open_storage(S3Settings(good.endpoint, good.region, good.bucket, good.access_key, "wrong"))
        with pytest.raises(StorageRefused) as refused:
            await store.check()
        assert "wrong" not in refused.value.message
        await store.close()

    async def test_a_store_that_is_down_is_told_apart_from_a_missing_object(self) -> None:
        store = open_storage(S3Settings("http://127.0.0.1:9", "us-east-1", "studio", "k", "s"))
        for attempt in (store.check(), store.stat(new_key("o")), store.put(new_key("o"), b"x", content_type=PNG)):
            with pytest.raises(StorageUnavailable):
                await attempt
        await store.close()

    async def test_keeps_the_content_type(self, s3_server: S3Server) -> None:
        store = open_storage(s3_server.bucket())
        for size in (10, 9 * MB):
            key = new_key("o")
            await store.put(key, os.urandom(size), content_type="video/mp4")
            async with await store.open(key) as stream:
                assert stream.content_type == "video/mp4"
        await store.close()

    def test_the_secret_is_not_printed(self) -> None:
        assert "hush" not in repr(S3Settings("", "us-east-1", "b", "k", "hush"))
