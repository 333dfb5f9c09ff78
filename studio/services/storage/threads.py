"""Blocking calls of a store in a few threads of its own, so neither the event loop nor the shared pool waits on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A bounded set of threads, started on first use."""

    def __init__(self, name: str, *, limit: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=limit, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it in a thread. When this returns or raises, a cancellation included, the call is over.

        So an upload that was cancelled cannot finish later, behind the back of the deletion that follows it.
        """
        job = self._pool.submit(function, *args, **kwargs)
        waiting = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if not job.cancel():
                await asyncio.wait([waiting])
                if not waiting.cancelled():
                    waiting.exception()  # seen here, so asyncio does not report it as lost
            raise

    async def close(self) -> None:
        """Wait for what runs and end the threads."""
        await asyncio.to_thread(self._pool.shutdown)
