"""What the framework keeps of a tab goes with its session: nothing that was typed is left on disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

from tests.http.people import Guest, eventually, rows, sign_in
from tests.http.wire import STUDIO, connect, load
from tests.system import System


def kept(system: System, words: str) -> list[Path]:
    """The framework's files in which some words stand."""
    found = []
    for path in (system.folder / "data").rglob("*.pkl"):
        try:
            if words.encode() in path.read_bytes():
                found.append(path)
        except FileNotFoundError:
            continue
    return found


async def typed(system: System, who: Guest, words: str) -> str:
    """Somebody writes in a tab, which is written to disk, and closes it. Returns the tab's token."""
    token = str(uuid4())
    async with connect(system, cookie=who.token, token=token) as socket:
        await load(socket)
        socket.call(f"{STUDIO}.set_prompt", value=words)
        await socket.settled()
    await eventually(lambda: kept(system, words), what="the tab's state on disk")
    return token


async def test_what_was_typed_goes_when_its_session_ends_and_what_others_typed_stays(system: System, guest: Guest):
    other = await sign_in(system)
    mine, theirs = f"canary{uuid4().hex}", f"canary{uuid4().hex}"
    await typed(system, guest, mine)
    await typed(system, other, theirs)
    async with connect(system, cookie=guest.token) as open_tab:
        await load(open_tab)
        open_tab.call(f"{STUDIO}.set_prompt", value=mine)
        await open_tab.settled()
        async with guest.client() as client:
            assert (await client.post("/signout")).status_code == 303
        await eventually(lambda: not kept(system, mine), what="nothing of the session on disk")
    await asyncio.sleep(4)  # longer than the framework waits before it writes what it still had in memory
    assert not kept(system, mine)
    assert not kept(system, str(guest.session_id))
    assert kept(system, theirs)


async def test_what_ended_while_nobody_listened_goes_at_the_next_start(system: System):
    who = await sign_in(system)
    words = f"canary{uuid4().hex}"
    await typed(system, who, words)
    system.web[0].stop()
    rows(system, "UPDATE sessions SET revoked_at = now() WHERE id = %s::uuid", who.session_id)
    assert kept(system, words)
    system.web[0].start()
    system._ready(system.web[0], f"{system.url()}/healthz")
    await eventually(lambda: not kept(system, words), seconds=60, what="nothing of the session on disk")
