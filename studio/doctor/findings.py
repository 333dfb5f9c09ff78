"""What the doctor finds: a part, how it is, what was seen, and what mends it. No finding ever holds a secret."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """One line. `mend` is one sentence that names the variable or the command; '' where nothing is to be done."""

    part: str
    state: State
    found: str
    mend: str = ""


def ok(part: str, found: str) -> Finding:
    """As it should be."""
    return Finding(part, "ok", found)


def warning(part: str, found: str, mend: str) -> Finding:
    """It works, or is not needed yet, but somebody should know."""
    return Finding(part, "warning", found, mend)


def failed(part: str, found: str, mend: str) -> Finding:
    """Not as configured: the studio cannot do its work with this."""
    return Finding(part, "failed", found, mend)


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a blocking call in a thread that cannot keep the process from ending when it hangs."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)

    def call() -> None:
        try:
            value, error = function(*arguments), None
        except Exception as raised:  # noqa: BLE001 - handed to the one who waits
            value, error = None, raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=call, daemon=True).start()
    return await result
