"""The one render process: started when there is something to paint, let go when it has been idle."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]
IDLE_SECONDS = 20.0
_ROOT = str(Path(__file__).resolve().parents[2])


class RenderError(Exception):
    """The render process could not do it."""


class RenderPool:
    """Runs jobs one after another; see `render/worker.py` for what a job is."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._idle_seconds = idle_seconds

    async def run(self, job: Json, blobs: list[bytes] | None = None) -> Json:
        """The worker's answer. Raises RenderError."""
        async with self._lock:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            process = self._process
            if process is None or process.returncode is not None:
                process = self._process = await self._start()
            try:
                answer = await self._exchange(process, job, blobs or [])
            except BaseException:
                # Cancelled or broken half-way: the pipe holds half a message, so this process is of no more use.
                self._kill()
                raise
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire)
        if "error" in answer:
            raise RenderError(answer["error"])
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "studio.simulator.render.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
        )

    async def _exchange(self, process: asyncio.subprocess.Process, job: Json, blobs: list[bytes]) -> Json:
        assert process.stdin is not None
        assert process.stdout is not None
        body = json.dumps({**job, "blobs": [len(blob) for blob in blobs]}).encode()
        try:
            process.stdin.writelines([struct.pack(">I", len(body)), body, *blobs])
            await process.stdin.drain()
            size = struct.unpack(">I", await process.stdout.readexactly(4))[0]
            return json.loads(await process.stdout.readexactly(size))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise RenderError("the render process ended") from error

    def _retire(self) -> None:
        self._idle = None
        if not self._lock.locked() and self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # the end of its input is its signal to leave
            self._process = None

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process = None

    async def close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        process = self._process
        self._kill()
        if process is not None:
            await process.wait()
