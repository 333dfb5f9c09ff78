"""The other pages of a session follow its change of workspace."""

from __future__ import annotations

from uuid import uuid4

from tests.http.people import Guest, rows, until
from tests.http.wire import STUDIO, connect, load
from tests.system import System


async def test_an_open_studio_follows_a_change_of_workspace_and_keeps_what_was_written(system: System, guest: Guest):
    autumn = uuid4()
    rows(
        system,
        "INSERT INTO workspaces (id, account_id, name) VALUES (%s, %s, 'Autumn')",
        autumn,
        guest.account_id,
    )
    async with connect(system, cookie=guest.token) as socket:
        await load(socket)
        socket.call(f"{STUDIO}.set_prompt", value="half a sentence")
        await socket.until(lambda s: s.known("prompt") == "half a sentence")
        async with guest.client() as client:
            await client.post("/api/workspace", data={"workspace": str(autumn)})
        await socket.until(lambda s: s.known("workspace") == "Autumn")
        saved = "SELECT content ->> 'prompt' FROM drafts WHERE account_id = %s AND workspace_id <> %s"
        assert await until(system, saved, guest.account_id, autumn) == "half a sentence"
