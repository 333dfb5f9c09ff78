"""Pictures and clips: what may come in, and what is made of it. Pillow and PyAV load at first use, in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from studio.errors import StudioError

P = ParamSpec("P")
T = TypeVar("T")

# Two at a time: one decode may hold 300 MB, and more threads than cores only take turns.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="media")


class MediaUnreadable(StudioError):
    """This file cannot be opened as a picture or a clip. It is kept as it came."""

    code = "media_unreadable"
    status = 422


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one piece of media work off the event loop, at most two at a time in this process."""
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(function, *args, **kwargs))


def as_bytes(source: bytes | Path) -> bytes:
    """The bytes themselves; call it in the thread that uses them."""
    return source.read_bytes() if isinstance(source, Path) else source
