"""A person's own picture and workspace over HTTP: theirs alone, and cookies that only mirror what the rows say."""

from __future__ import annotations

import io
from http.cookies import SimpleCookie
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image

from tests.http.people import COOKIE, Guest, rows, sign_in, until, value, visitor
from tests.system import ROOT, System

ROCKET = (ROOT / "tests" / "data" / "photo-rocket.jpg").read_bytes()


async def send(client: httpx.AsyncClient, data: bytes = ROCKET) -> httpx.Response:
    return await client.post("/api/picture", files={"file": ("me.jpg", data)})


def cookies(answer: httpx.Response) -> dict[str, str]:
    """Every cookie an answer sets, with what else its line says."""
    found: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        found.load(line)
    return {name: morsel.OutputString() for name, morsel in found.items()}


async def test_ones_own_picture_comes_back_square_private_and_fresh(guest: Guest):
    async with guest.client() as client:
        assert (await client.get("/account/picture")).status_code == 404
        assert (await send(client)).status_code == 204
        first = await client.get("/account/picture")
        assert (first.status_code, first.headers["content-type"]) == (200, "image/webp")
        assert first.headers["cache-control"] == "private, no-cache"
        picture = Image.open(io.BytesIO(first.content))
        assert (picture.size, picture.info.get("exif")) == ((256, 256), None)
        same = await client.get("/account/picture", headers={"if-none-match": first.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        key = value(guest.system, "SELECT picture_key FROM accounts WHERE id = %s", guest.account_id)
        assert (await send(client)).status_code == 204
        changed = await client.get("/account/picture", headers={"if-none-match": first.headers["etag"]})
        assert changed.status_code == 200
    await until(guest.system, "SELECT picture_gone = '{}' FROM accounts WHERE id = %s", guest.account_id)
    place = guest.system.folder / "data" / "objects"
    assert not [path for path in place.rglob("*") if path.name.startswith(key.rpartition("/")[2])]


async def test_nobody_else_sees_it(guest: Guest, system: System):
    async with guest.client() as client:
        await send(client)
    other = await sign_in(system)
    async with other.client() as client:
        assert (await client.get("/account/picture")).status_code == 404
    async with visitor(system) as client:
        assert (await client.get("/account/picture")).status_code == 401


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"GIF89a" + bytes(50), ROCKET[:2000]])
async def test_what_is_no_whole_picture_is_a_sentence_and_the_old_one_stays(guest: Guest, data: bytes):
    async with guest.client() as client:
        await send(client)
        before = (await client.get("/account/picture")).headers["etag"]
        answer = await send(client, data)
        assert 400 <= answer.status_code < 500
        assert "Nothing was kept" in answer.json()["error"]
        assert (await client.get("/account/picture")).headers["etag"] == before


def another(guest: Guest, name: str) -> UUID:
    made = uuid4()
    rows(
        guest.system,
        "INSERT INTO workspaces (id, account_id, name) VALUES (%s, %s, %s)",
        made,
        guest.account_id,
        name,
    )
    return made


async def test_switching_the_workspace_sets_the_row_and_its_mirror(guest: Guest):
    autumn = another(guest, "Autumn")
    async with guest.client() as client:
        answer = await client.post("/api/workspace", data={"workspace": str(autumn)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings/workspaces")
    set_to = cookies(answer)
    assert list(set_to) == ["workspace"]
    for part in (f"workspace={autumn}", "HttpOnly", "SameSite=lax", "Path=/"):
        assert part in set_to["workspace"]
    assert value(guest.system, "SELECT workspace_id FROM sessions WHERE id = %s", guest.session_id) == autumn


@pytest.mark.parametrize(
    ("to", "lands"),
    [
        ("/library?model=a&rating=4", "/library?model=a&rating=4"),
        ("/", "/"),
        ("//evil.example", "/settings/workspaces"),
        ("https://evil.example", "/settings/workspaces"),
        ("/library?a\r\nset-cookie: x=1", "/settings/workspaces"),
        ("", "/settings/workspaces"),
    ],
)
async def test_whoever_switches_stays_on_their_page_and_on_this_site(guest: Guest, to: str, lands: str):
    mine = value(guest.system, "SELECT workspace_id FROM sessions WHERE id = %s", guest.session_id)
    async with guest.client() as client:
        answer = await client.post("/api/workspace", data={"workspace": str(mine), "to": to})
    assert (answer.status_code, answer.headers["location"]) == (303, lands)


@pytest.mark.parametrize("asked", ["theirs", "", "x", "' OR 1=1 --", "a" * 400, "a" * 4000])
async def test_a_workspace_that_is_not_ones_own_changes_nothing(guest: Guest, system: System, asked: str):
    other = await sign_in(system)
    theirs = value(system, "SELECT workspace_id FROM sessions WHERE id = %s", other.session_id)
    before = value(system, "SELECT workspace_id FROM sessions WHERE id = %s", guest.session_id)
    async with guest.client() as client:
        answer = await client.post("/api/workspace", data={"workspace": str(theirs) if asked == "theirs" else asked})
    assert answer.status_code in (404, 422)
    assert "set-cookie" not in answer.headers
    assert value(system, "SELECT workspace_id FROM sessions WHERE id = %s", guest.session_id) == before


async def test_a_page_puts_the_mirror_right_and_never_believes_it(guest: Guest, system: System):
    mine = value(system, "SELECT workspace_id FROM sessions WHERE id = %s", guest.session_id)
    other = await sign_in(system)
    theirs = value(system, "SELECT workspace_id FROM sessions WHERE id = %s", other.session_id)
    for told in ("", f"; workspace={theirs}", "; workspace=nonsense"):
        async with visitor(system, headers={"cookie": f"{COOKIE}={guest.token}{told}"}) as client:
            answer = await client.get("/settings/profile")
        assert f"workspace={mine}" in cookies(answer)["workspace"]
    async with visitor(system, headers={"cookie": f"{COOKIE}={guest.token}; workspace={mine}"}) as client:
        assert cookies(await client.get("/settings/profile")) == {}
    assert value(system, "SELECT workspace_id FROM sessions WHERE id = %s", guest.session_id) == mine
    async with visitor(system, headers={"cookie": f"workspace={mine}"}) as client:
        assert "Max-Age=0" in cookies(await client.get("/welcome"))["workspace"]


async def test_signing_out_takes_both_cookies_back(guest: Guest):
    async with guest.client() as client:
        gone = cookies(await client.post("/signout"))
    assert set(gone) == {COOKIE, "workspace"}
    assert all("Max-Age=0" in line for line in gone.values())
