"""Uploads that outlive the process which began them: a draft file of a folder, a multipart upload of a bucket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.services.storage import interface as store

SMALLEST_PART = 5 << 20  # bytes; what S3 asks of every part but the last
_TOKEN = re.compile(r"upload-[0-9a-f]{32}", re.ASCII)


class FolderUpload:
    """Parts at their places in one draft file. A part that a kill cut short is written again."""

    def __init__(self, run: Callable[..., Awaitable[Any]], draft: Path, publish: Callable[[Path], None], part: int):
        """`run` calls a function in a thread and translates its errors; `publish` moves the draft into place."""
        self._run, self._draft, self._publish, self._part = run, draft, publish, part

    @staticmethod
    def new_token() -> str:
        """A name for a draft."""
        return f"upload-{secrets.token_hex(16)}"

    @staticmethod
    def check(token: str) -> str:
        """The token itself, if it is one; it names a file. Raises `ObjectMissing`."""
        if not _TOKEN.fullmatch(token):
            raise store.ObjectMissing
        return token

    @property
    def token(self) -> str:
        return self._draft.name

    async def arrived(self) -> int:
        size = await self._run(lambda: self._draft.stat().st_size)
        return size // self._part

    async def add(self, number: int, data: bytes) -> None:
        await self._run(self._write, (number - 1) * self._part, data)

    async def complete(self) -> None:
        await self._run(self._publish, self._draft)

    async def abort(self) -> None:
        await self._run(lambda: self._draft.unlink(missing_ok=True))

    def _write(self, at: int, data: bytes) -> None:
        descriptor = os.open(self._draft, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            os.ftruncate(descriptor, at)
            rest = memoryview(data)
            while rest:
                written = os.pwrite(descriptor, rest, at)
                rest, at = rest[written:], at + written
            os.fdatasync(descriptor)  # so that what counts as arrived survives a power cut
        finally:
            os.close(descriptor)


class S3Upload:
    """A multipart upload. `call` makes one request of the store and raises our errors."""

    def __init__(self, call: Callable[..., Awaitable[dict[str, Any]]], name: str, upload_id: str) -> None:
        self._call, self._where = call, {"Key": name, "UploadId": upload_id}
        self._parts: dict[int, dict[str, Any]] | None = None

    @property
    def token(self) -> str:
        return self._where["UploadId"]

    async def arrived(self) -> int:
        if self._parts is None:
            self._parts = await self._listed()
        count = 0
        while count + 1 in self._parts:
            count += 1
        return count

    async def add(self, number: int, data: bytes) -> None:
        if self._parts is None:
            self._parts = await self._listed()
        # Not a CRC32 as elsewhere: those must be named again at the end, and not every store lists them.
        digest = await asyncio.to_thread(lambda: hashlib.md5(data, usedforsecurity=False).digest())
        checksum = base64.b64encode(digest).decode()
        reply = await self._call("upload_part", **self._where, PartNumber=number, Body=data, ContentMD5=checksum)
        self._parts[number] = {"ETag": reply["ETag"], "PartNumber": number}

    async def complete(self) -> None:
        if self._parts is None:
            self._parts = await self._listed()
        parts = [self._parts[number] for number in sorted(self._parts)]
        await self._call("complete_multipart_upload", **self._where, MultipartUpload={"Parts": parts})

    async def abort(self) -> None:
        with suppress(store.ObjectMissing):
            await self._call("abort_multipart_upload", **self._where)

    async def _listed(self) -> dict[int, dict[str, Any]]:
        found: dict[int, dict[str, Any]] = {}
        at: dict[str, Any] = {}
        while True:
            page = await self._call("list_parts", **self._where, **at)
            for part in page.get("Parts", ()):
                found[part["PartNumber"]] = {"ETag": part["ETag"], "PartNumber": part["PartNumber"]}
            if not page.get("IsTruncated"):
                return found
            at = {"PartNumberMarker": page["NextPartNumberMarker"]}
