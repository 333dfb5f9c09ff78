"""GET /files/<id>.<ext>: result files behind signed links that expire, with the provider's limits."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from studio.simulator.connection import drop_connection
from studio.simulator.context import Simulator, simulator
from studio.simulator.store import KEEP_TASKS
from studio.simulator.wire import signature

MOST_DOWNLOADS = 100  # of a video
_TYPES = {".jpeg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4", ".mov": "video/quicktime"}


def _denied(code: str, message: str, status: int = 403) -> Response:
    return JSONResponse({"Code": code, "Message": message}, status)


async def download(request: Request) -> Response:
    sim = simulator(request)
    file_id = request.path_params["name"].partition(".")[0]
    expires = request.query_params.get("expires", "")
    good = expires.isdecimal() and hmac.compare_digest(
        signature(sim.secret, file_id, int(expires)), request.query_params.get("sig", "")
    )
    if not good:
        return _denied("SignatureDoesNotMatch", "The request signature does not match.")
    if int(expires) <= time.time() + sim.url_ahead:
        return _denied("AccessDenied", "Request has expired")
    if request.method == "HEAD" and not request.path_params["name"].endswith((".jpeg", ".png")):
        return _denied("SignatureDoesNotMatch", "The link is signed for GET.")
    row = await sim.store.download(file_id)
    size = await asyncio.to_thread(_size, row["path"]) if row else -1
    if row is None or size < 0:
        return _denied("NoSuchKey", "The specified key does not exist.", 404)
    path, count = Path(row["path"]), row["downloads"]
    if row["kind"] == "video" and count > MOST_DOWNLOADS:
        return _denied("AccessDenied", "The number of downloads of this file has been exceeded.")
    if count <= row["flaky"]:
        return _denied("video_not_ready", "The file is not ready yet. Please retry later.", 400)
    media_type = _TYPES.get(path.suffix, "application/octet-stream")
    if count - row["flaky"] <= row["cut"]:
        return StreamingResponse(_half(request, path), media_type=media_type, headers={"content-length": str(size)})
    return FileResponse(path, media_type=media_type)


def _size(path: str) -> int:
    """Bytes, or -1 where there is no such file."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


async def _half(request: Request, path: Path) -> AsyncIterator[bytes]:
    data = await asyncio.to_thread(path.read_bytes)
    yield data[: len(data) // 2]
    await asyncio.sleep(0.05)  # let the first half leave before the line goes dead
    drop_connection(request)


async def prune(sim: Simulator) -> None:
    """Remove files whose links have expired, and tasks that nobody can ask for any more, now and every hour."""
    while True:
        await sim.store.forget(time.time() - KEEP_TASKS)
        for path in await sim.store.old_files(time.time() - sim.url_ttl - 3600):
            with contextlib.suppress(OSError):
                path.unlink()
        await asyncio.sleep(3600)
