"""Objects in an S3 bucket, versioned or not. boto3 is imported at the first call: it costs tens of megabytes."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from studio.errors import StudioError
from studio.services.storage import interface as store
from studio.services.storage.interface import ObjectStream, Source, StoredObject, Upload
from studio.services.storage.threads import Threads
from studio.services.storage.uploads import SMALLEST_PART, S3Upload

_PART = 8 << 20  # bytes; larger objects go up in parts of this size, so memory stays flat
_MOST_PARTS = 9_000  # of the 10,000 S3 allows
_READ = 256 << 10  # bytes per chunk read
_PASSES = 20  # an erasure that still finds something after this many passes says so

_MISSING = {"NoSuchKey", "NoSuchVersion", "NotFound", "404"}
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_DAMAGED = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "IncompleteBody"}
_RANGE = {"InvalidRange", "416"}
_GONE_UPLOAD = {"NoSuchUpload"}


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where a bucket is. `endpoint` is a URL, empty for AWS itself; `prefix` puts all keys below a folder."""

    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str = ""
    path_style: bool = True


class S3Storage:
    """A `Storage` in one bucket."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._base = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""
        self._threads = Threads("storage-s3", limit=8)
        self._lock = threading.Lock()
        self._made: Any = None

    async def put(
        self,
        key: str,
        source: Source,
        *,
        content_type: str,
        size_hint: int | None = None,
        create_only: bool = False,
    ) -> StoredObject:
        """See `Storage.put`; every request carries a checksum, so the store refuses bytes that changed on the way."""
        name = self._name(key)
        part = max(_PART, -(-(size_hint or 0) // _MOST_PARTS))
        extra: dict[str, Any] = {"IfNoneMatch": "*"} if create_only else {}
        digest = store.Digest()
        parts = store.blocks(source, part)
        first = await anext(parts, b"")
        if len(first) < part:
            await self._threads.run(self._put_whole, name, first, digest, ContentType=content_type, **extra)
        else:
            await self._put_parts(name, first, parts, digest, content_type=content_type, extra=extra)
        return digest.stored(key)

    async def upload(self, key: str, *, part_size: int, token: str | None = None) -> Upload:
        """See `Storage.upload`."""
        assert part_size >= SMALLEST_PART
        name = self._name(key)
        if token is None:
            made = await self._call("create_multipart_upload", Key=name)
            return S3Upload(self._call, name, made["UploadId"])
        found = S3Upload(self._call, name, token)
        await found.arrived()
        return found

    async def open(self, key: str, *, start: int = 0, end: int | None = None) -> ObjectStream:
        """See `Storage.open`."""
        name = self._name(key)
        if start < 0 or (end is not None and end <= start):
            raise store.RangeNotSatisfiable
        whole = start == 0 and end is None
        wanted = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        reply = await self._call("get_object", Key=name, **wanted)
        body = reply["Body"]
        length = int(reply["ContentLength"])
        size = length if whole else int(str(reply["ContentRange"]).rpartition("/")[2])

        async def read() -> bytes:
            return await self._threads.run(self._read, body)

        async def close() -> None:
            await self._threads.run(body.close)

        return ObjectStream(
            read, close, size=size, start=start, end=start + length, content_type=reply.get("ContentType")
        )

    async def stat(self, key: str) -> StoredObject | None:
        """See `Storage.stat`."""
        try:
            reply = await self._call("head_object", Key=self._name(key))
        except store.ObjectMissing:
            return None
        return StoredObject(key, int(reply["ContentLength"]))

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        await self._purge(self._name(key), exact=True)

    async def list(self, prefix: str, *, after: str | None = None) -> AsyncGenerator[StoredObject, None]:
        """See `Storage.list`; one page of 1,000 at a time."""
        where: dict[str, Any] = {"Prefix": self._base + store.check_prefix(prefix)}
        if after is not None:
            where["StartAfter"] = self._base + after
        while True:
            page = await self._call("list_objects_v2", **where)
            for item in page.get("Contents", ()):
                key = str(item["Key"]).removeprefix(self._base)
                if store.is_key(key):
                    yield StoredObject(key, int(item["Size"]), at=item["LastModified"])
            if not page.get("IsTruncated"):
                return
            where["ContinuationToken"] = page["NextContinuationToken"]

    async def delete_prefix(self, prefix: str) -> int:
        """See `Storage.delete_prefix`."""
        full = self._base + store.check_prefix(prefix, delete=True)
        await self._abort_uploads(full, before=None)
        return await self._purge(full, exact=False)

    async def sweep(self, *, older_than: timedelta) -> int:
        """See `Storage.sweep`."""
        return await self._abort_uploads(self._base, before=datetime.now(UTC) - older_than)

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`; a bucket has none."""
        store.check_key(key)
        return None

    async def check(self) -> None:
        """Ask for the bucket: reachable, existing, ours to use."""
        await self._call("head_bucket")

    async def rules(self) -> str:
        """What the bucket keeps and removes by itself, in a few words for the operator."""
        try:
            kept = (await self._call("get_bucket_versioning")).get("Status", "off").lower()
        except StudioError:
            kept = "not told"
        try:
            listed = (await self._call("get_bucket_lifecycle_configuration")).get("Rules", ())
            rules = str(sum(rule.get("Status") == "Enabled" for rule in listed))
        except StudioError:  # a bucket without rules answers with an error, too
            rules = "none told"
        return f"versioning {kept}, lifecycle rules {rules}"

    async def close(self) -> None:
        """See `Storage.close`."""
        if self._made is not None:
            await self._threads.run(self._made.close)
        await self._threads.close()

    # ------------------------------------------------------------------ writing

    def _put_whole(self, name: str, body: bytes, digest: store.Digest, **extra: Any) -> None:
        digest.update(body)
        self._request("put_object", Key=name, Body=body, ChecksumSHA256=_base64(digest.sha256), **extra)

    async def _put_parts(
        self,
        name: str,
        first: bytes,
        rest: AsyncIterator[bytes],
        digest: store.Digest,
        *,
        content_type: str,
        extra: dict[str, Any],
    ) -> None:
        made = await self._call(
            "create_multipart_upload", Key=name, ContentType=content_type, ChecksumAlgorithm="CRC32"
        )
        upload = {"Key": name, "UploadId": made["UploadId"]}
        try:
            done = [await self._threads.run(self._put_part, upload, 1, first, digest)]
            del first
            async for block in rest:
                done.append(await self._threads.run(self._put_part, upload, len(done) + 1, block, digest))
                del block
            await self._call("complete_multipart_upload", **upload, MultipartUpload={"Parts": done}, **extra)
        except BaseException:  # a cancellation too: parts nobody completes would be kept, and paid for, for ever
            with suppress(StudioError):  # the first error is the one to tell; sweep() finds what stays
                await self._call("abort_multipart_upload", **upload)
            raise

    def _put_part(self, upload: dict[str, Any], number: int, body: bytes, digest: store.Digest) -> dict[str, Any]:
        digest.update(body)
        checksum = _base64(struct.pack(">I", zlib.crc32(body)))
        reply = self._request("upload_part", **upload, PartNumber=number, Body=body, ChecksumCRC32=checksum)
        return {"ETag": reply["ETag"], "PartNumber": number, "ChecksumCRC32": checksum}

    # ------------------------------------------------------------------ removing

    async def _purge(self, name: str, *, exact: bool) -> int:
        """Remove every version and marker under a name, again until a pass finds nothing."""
        removed = 0
        for _ in range(_PASSES):
            found = await self._purge_once(name, exact=exact)
            if not found:
                return removed
            removed += found
        reason = "Files are still arriving where everything is being deleted. What was found is gone; run it again."
        raise store.StorageUnavailable(reason)

    async def _purge_once(self, name: str, *, exact: bool) -> int:
        removed, at = 0, {}
        while True:
            page = await self._call("list_object_versions", Prefix=name, **at)
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            doomed = [
                {"Key": item["Key"], "VersionId": item["VersionId"]}
                for item in listed
                if not exact or item["Key"] == name
            ]
            if doomed:
                await self._delete_batch(doomed)
                removed += len(doomed)
            if not page.get("IsTruncated"):
                return removed
            at = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}

    async def _delete_batch(self, doomed: list[dict[str, str]]) -> None:
        for start in range(0, len(doomed), 1000):
            batch = doomed[start : start + 1000]
            reply = await self._call("delete_objects", Delete={"Objects": batch, "Quiet": True})
            left = [error for error in reply.get("Errors", ()) if error.get("Code") not in _MISSING]
            if left:
                reason = f"The file store kept {len(left)} of {len(batch)} files that were to be deleted."
                raise store.StorageRefused(reason)

    async def _abort_uploads(self, prefix: str, *, before: datetime | None) -> int:
        removed, at = 0, {}
        while True:
            page = await self._call("list_multipart_uploads", Prefix=prefix, **at)
            for upload in page.get("Uploads", ()):
                if before is None or upload["Initiated"] < before:
                    with suppress(store.ObjectMissing):  # completed or aborted since the page was read
                        await self._call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
                    removed += 1
            if not page.get("IsTruncated"):
                return removed
            at = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    # ------------------------------------------------------------------ the vendor

    def _name(self, key: str) -> str:
        return self._base + store.check_key(key)

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return await self._threads.run(self._request, operation, **arguments)

    def _request(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One request, in a thread; raises our errors only."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._client()
            return getattr(client, operation)(Bucket=self._settings.bucket, **arguments)
        except ClientError as error:
            raise self._translate(error, operation) from error
        except (BotoCoreError, OSError) as error:
            raise store.StorageUnavailable from error

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                client = _connect(self._settings)
                # Some servers create a missing bucket at the first write; a misspelt name must not become a store.
                client.head_bucket(Bucket=self._settings.bucket)
                self._made = client
            return self._made

    def _translate(self, error: Any, operation: str) -> StudioError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == "NoSuchBucket" or (error.operation_name == "HeadBucket" and status == 404):
            return store.BucketMissing(f"The bucket “{self._settings.bucket}” does not exist in the file store.")
        for codes, kind in ((_EXISTS, store.ObjectExists), (_DAMAGED, store.ObjectDamaged)):
            if code in codes:
                return kind()
        if code in _RANGE:
            return store.RangeNotSatisfiable()
        gone = error.operation_name == "ListParts" and status == 400  # how SeaweedFS says that it knows no such upload
        if code in _MISSING or code in _GONE_UPLOAD or gone:
            return store.ObjectMissing()
        if status in {401, 403}:
            return store.StorageRefused()
        if status == 429 or status >= 500 or code in {"SlowDown", "RequestTimeout"}:
            return store.StorageUnavailable()
        return store.StorageError(f"The file store could not do that ({operation}, {status}).")

    def _read(self, body: Any) -> bytes:
        from botocore.exceptions import BotoCoreError, FlexibleChecksumError, IncompleteReadError

        try:
            return body.read(_READ)
        except (FlexibleChecksumError, IncompleteReadError) as error:
            raise store.ObjectDamaged from error
        except (BotoCoreError, OSError) as error:
            raise store.StorageUnavailable from error


def _connect(settings: S3Settings) -> Any:
    """A client that sends no checksum but ours (older servers refuse the default trailer), with short time-outs."""
    from boto3.session import Session
    from botocore.config import Config

    config = Config(
        s3={"addressing_style": "path" if settings.path_style else "virtual"},
        request_checksum_calculation="when_required",
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=16,
    )
    return Session().client(
        "s3",
        endpoint_url=settings.endpoint or None,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        config=config,
    )


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
