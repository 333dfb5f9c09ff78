"""Every HTTP route against everybody who should not get through: nobody, somebody else, nonsense, an ended session.

The table below is compared with the route registry, so a route that is added fails here until it is covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from studio.http.routes import ROUTES
from studio.pages.routes import OPERATOR as OPERATOR_PAGES
from tests.factories import OPERATOR
from tests.http.people import COOKIE, Guest, rows, sign_in, until, visitor
from tests.http.wire import STUDIO, connect, load
from tests.system import ROOT, System

SECRET = "the owner's unseen lighthouse"
ROCKET = (ROOT / "tests" / "data" / "photo-rocket.jpg").read_bytes()
NOWHERE = "00000000-0000-4000-8000-000000000000"
MALFORMED = ("x", "%00", NOWHERE[:-1], NOWHERE + "0", "' OR 1=1 --", "%F0%9F%98%80", "a" * 3000, "-1", "null")


@dataclass(frozen=True)
class Known:
    """How a route is asked, and what it answers whom. `own` is what its owner gets."""

    own: int
    anonymous: int
    url: str
    body: Any = None
    takes_id: bool = False
    restricted: int | None = None  # where that is not what the owner of an unrestricted account gets


COVERED: dict[tuple[str, str], Known] = {
    ("GET", "/healthz"): Known(200, 200, "/healthz"),
    ("GET", "/signin/{token}"): Known(410, 410, "/signin/{id}", takes_id=True),
    ("POST", "/signin/{token}"): Known(410, 410, "/signin/{id}", takes_id=True),
    ("GET", "/auth/{provider}/start"): Known(404, 404, "/auth/{id}/start", takes_id=True),
    ("GET", "/auth/{provider}/callback"): Known(404, 404, "/auth/{id}/callback", takes_id=True),
    ("GET", "/reauth"): Known(303, 303, "/reauth"),
    ("GET", "/join"): Known(303, 303, "/join"),
    ("POST", "/join"): Known(303, 303, "/join", body={"data": {"adult": "1", "terms": "1"}}),
    ("GET", "/privacy"): Known(200, 200, "/privacy"),
    ("GET", "/privacy/proof"): Known(200, 200, "/privacy/proof"),
    ("GET", "/privacy/proof.json"): Known(200, 200, "/privacy/proof.json"),
    ("GET", "/privacy/proof.atom"): Known(200, 200, "/privacy/proof.atom"),
    ("GET", "/terms"): Known(200, 200, "/terms"),
    ("GET", "/cookies"): Known(200, 200, "/cookies"),
    ("GET", "/security"): Known(200, 200, "/security"),
    ("GET", "/dpa"): Known(200, 200, "/dpa"),
    ("GET", "/subprocessors"): Known(200, 200, "/subprocessors"),
    ("GET", "/{kind}/versions"): Known(200, 200, "/privacy/versions"),
    ("GET", "/{kind}/versions/{version}"): Known(200, 200, "/privacy/versions/1.0"),
    ("GET", "/{kind}/versions/{version}/diff"): Known(303, 303, "/privacy/versions/1.0/diff"),
    ("GET", "/cookies/choices"): Known(200, 200, "/cookies/choices"),
    ("POST", "/cookies/choices"): Known(422, 422, "/cookies/choices", body={"data": {"choice": "nonsense"}}),
    ("GET", "/cookies/state"): Known(200, 200, "/cookies/state"),
    ("POST", "/api/usage"): Known(204, 204, "/api/usage", body={"json": {"page": "/"}}),
    ("POST", "/signout"): Known(303, 401, "/signout"),
    ("POST", "/api/theme"): Known(204, 204, "/api/theme", body={"json": {"theme": "dark"}}),
    ("POST", "/api/workspace"): Known(404, 401, "/api/workspace", body={"data": {"workspace": NOWHERE}}),
    ("POST", "/api/picture"): Known(
        204, 401, "/api/picture", body={"files": {"file": ("a.jpg", ROCKET)}}, restricted=403
    ),
    ("GET", "/account/picture"): Known(404, 401, "/account/picture"),
    ("POST", "/api/uploads"): Known(
        200, 401, "/api/uploads", body={"files": {"file": ("a.jpg", ROCKET)}}, restricted=403
    ),
    ("GET", "/media/{asset}/{variant}"): Known(200, 401, "/media/{id}/original", takes_id=True),
    ("GET", "/spend.csv"): Known(200, 401, f"/spend.csv?month={datetime.now(UTC):%Y-%m}"),
    ("GET", "/download/{asset}"): Known(200, 401, "/download/{id}", takes_id=True),
    ("GET", "/zip/{selection}"): Known(404, 401, "/zip/{id}", takes_id=True),
    ("GET", "/address/confirm/{token}"): Known(404, 404, "/address/confirm/{id}", takes_id=True),
    ("POST", "/address/confirm/{token}"): Known(404, 404, "/address/confirm/{id}", takes_id=True),
    ("GET", "/address/undo/{token}"): Known(404, 404, "/address/undo/{id}", takes_id=True),
    ("POST", "/address/undo/{token}"): Known(404, 404, "/address/undo/{id}", takes_id=True),
    ("GET", "/exports/{export}/{part}"): Known(404, 401, "/exports/{id}/1", takes_id=True),
    ("GET", "/mail/unsubscribe/{token}"): Known(404, 404, "/mail/unsubscribe/{id}", takes_id=True),
    ("POST", "/mail/unsubscribe/{token}"): Known(404, 404, "/mail/unsubscribe/{id}", takes_id=True),
}
ALL = sorted(COVERED)


def methods(route: Any) -> set[str]:
    return {method for method in route.methods or {"GET"} if method != "HEAD"}


def test_every_route_is_in_the_table():
    assert {(method, route.path) for route in ROUTES for method in methods(route)} == set(COVERED)


@pytest.fixture(scope="module")
async def owner(system: System) -> Guest:
    """Somebody with a picture whose prompt is a secret."""
    who = await sign_in(system)
    async with connect(system, cookie=who.token) as socket:
        await load(socket)
        socket.call(f"{STUDIO}.generate", form={"prompt": SECRET})
        await until(system, "SELECT 1 FROM assets WHERE account_id = %s", who.account_id)
    return who


@pytest.fixture(scope="module")
async def asset(owner: Guest) -> UUID:
    return rows(owner.system, "SELECT id FROM assets WHERE account_id = %s", owner.account_id)[0].id


@pytest.fixture
async def ended(system: System) -> Guest:
    """Somebody whose session was revoked."""
    who = await sign_in(system)
    rows(system, "UPDATE sessions SET revoked_at = studio_now() WHERE id = %s", who.session_id)
    return who


@pytest.fixture(scope="module")
async def restricted(system: System) -> Guest:
    """Somebody with an uploaded picture whose account is restricted."""
    who = await sign_in(system)
    async with who.client() as client:
        assert (await client.post("/api/uploads", files={"file": ("a.jpg", ROCKET)})).status_code == 200
    rows(
        system,
        "UPDATE accounts SET restricted_at = studio_now(), restricted_for = 'person' WHERE id = %s",
        who.account_id,
    )
    return who


async def ask(client: httpx.AsyncClient, key: tuple[str, str], an_id: object) -> httpx.Response:
    """One request to a route, with an id where it takes one."""
    known = COVERED[key]
    return await client.request(key[0], known.url.replace("{id}", str(an_id)), **(known.body or {}))


def shows_nothing(answer: httpx.Response, owner: Guest) -> None:
    """An answer without a trace of the owner, of the database or of our code."""
    told = answer.text + str(answer.headers)
    for trace in (SECRET, owner.email, str(owner.account_id), "lighthouse", "Traceback", "psycopg", "SELECT "):
        assert trace not in told
    assert not answer.headers.get("content-type", "").startswith(("image/", "video/"))


def state(owner: Guest) -> list[Any]:
    """What could have changed."""
    return rows(
        owner.system,
        "SELECT (SELECT count(*) FROM assets WHERE account_id = %s) AS files, "
        "(SELECT count(*) FROM sessions WHERE account_id = %s AND revoked_at IS NULL) AS sessions",
        owner.account_id,
        owner.account_id,
    )


@pytest.mark.parametrize("key", ALL, ids=" ".join)
async def test_nobody_gets_nothing(system: System, owner: Guest, asset: UUID, key: tuple[str, str]):
    before = state(owner)
    async with visitor(system) as client:
        answer = await ask(client, key, asset)
    assert answer.status_code == COVERED[key].anonymous
    shows_nothing(answer, owner)
    assert COOKIE not in answer.cookies
    assert state(owner) == before


@pytest.mark.parametrize("key", ALL, ids=" ".join)
async def test_an_ended_session_gets_nothing(owner: Guest, asset: UUID, ended: Guest, key: tuple[str, str]):
    async with ended.client() as client:
        answer = await ask(client, key, asset)
    assert answer.status_code == COVERED[key].anonymous
    shows_nothing(answer, owner)


@pytest.mark.parametrize("key", [key for key in ALL if COVERED[key].takes_id], ids=" ".join)
async def test_somebody_elses_id_is_the_same_as_one_that_does_not_exist(
    owner: Guest, guest: Guest, asset: UUID, key: tuple[str, str]
):
    before = state(owner)
    async with guest.client() as client:
        theirs, nobodys = await ask(client, key, asset), await ask(client, key, uuid4())
    assert theirs.status_code == nobodys.status_code == (410 if "signin" in key[1] else 404)
    shows_nothing(theirs, owner)
    assert theirs.text == nobodys.text
    assert state(owner) == before


@pytest.mark.parametrize("key", [key for key in ALL if COVERED[key].takes_id], ids=" ".join)
async def test_an_id_that_is_none_is_refused_like_any_other(owner: Guest, guest: Guest, key: tuple[str, str]):
    async with guest.client() as client:
        for nonsense in MALFORMED:
            answer = await ask(client, key, nonsense)
            assert answer.status_code in (303, 404, 405, 410), nonsense
            shows_nothing(answer, owner)


@pytest.mark.parametrize("key", ALL, ids=" ".join)
async def test_the_owner_gets_what_the_table_says(system: System, owner: Guest, asset: UUID, key: tuple[str, str]):
    who = await sign_in(system, email=owner.email)  # a session that signing out may end
    async with who.client() as client:
        answer = await ask(client, key, asset)
    assert answer.status_code == COVERED[key].own


@pytest.mark.parametrize("key", ALL, ids=" ".join)
async def test_a_restricted_account_reads_and_leaves_but_sends_nothing_in(
    system: System, restricted: Guest, key: tuple[str, str]
):
    """The same as the owner of any other account gets, but for work: that is refused with the sentence."""
    who = await sign_in(system, email=restricted.email)
    asset = rows(system, "SELECT id FROM assets WHERE account_id = %s", who.account_id)[0].id
    count = "SELECT count(*) AS n FROM assets WHERE account_id = %s"
    before = rows(system, count, who.account_id)
    async with who.client() as client:
        answer = await ask(client, key, asset)
    known = COVERED[key]
    assert answer.status_code == (known.restricted or known.own)
    if known.restricted:
        assert answer.json()["error"].startswith("This account is restricted at your own request; your data is kept.")
    assert rows(system, count, who.account_id) == before


PAGES = sorted(route.path for route in OPERATOR_PAGES)


@pytest.mark.parametrize("path", PAGES)
async def test_to_whoever_is_no_operator_its_pages_answer_like_an_address_that_does_not_exist(
    system: System, guest: Guest, ended: Guest, restricted: Guest, path: str
):
    def told(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
        varying = ("x-request-id", "date")
        return answer.status_code, answer.text, {k: v for k, v in answer.headers.items() if k not in varying}

    async with visitor(system) as client:
        nowhere = told(await client.get("/nowhere/at/all"))
        assert nowhere[0] == 404
        for spelling in (path, f"{path}/", f"{path}/index.html", f"{path}?x=1"):
            assert told(await client.get(spelling)) == nowhere, spelling
    for who in (guest, ended, restricted):
        async with who.client() as client:
            assert told(await client.get(path)) == nowhere
    boss = await sign_in(system, email=OPERATOR)
    async with boss.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.text != nowhere[1]


# A mail program ends a subscription from anywhere: its signed path is the permission (test_mail_news.py).
POSTS = [key for key in ALL if key[0] == "POST" and key[1] != "/mail/unsubscribe/{token}"]


@pytest.mark.parametrize("key", POSTS, ids=" ".join)
@pytest.mark.parametrize("origin", [None, "null", "", "https://evil.example", "http://127.0.0.1", "file://"])
async def test_a_form_on_another_site_can_do_nothing(guest: Guest, key: tuple[str, str], origin: str | None):
    before = state(guest)
    async with guest.client(origin=origin) as client:
        answer = await client.request(key[0], COVERED[key].url.replace("{id}", "x"))
    assert (answer.status_code, answer.text) == (403, "This request came from another site. Open Studio and try there.")
    assert state(guest) == before


@pytest.mark.parametrize("key", POSTS, ids=" ".join)
async def test_both_spellings_of_this_computer_may_post(system: System, guest: Guest, key: tuple[str, str]):
    for host in ("localhost", "127.0.0.1"):
        async with visitor(system, origin=f"http://{host}:{system.ports[0]}") as client:
            answer = await client.request(key[0], COVERED[key].url.replace("{id}", "x"))
        assert answer.status_code != 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
async def test_no_other_method_does_anything(guest: Guest, method: str):
    before = state(guest)
    async with guest.client() as client:
        for known in COVERED.values():
            answer = await client.request(method, known.url.replace("{id}", "x"))
            assert 400 <= answer.status_code < 500, known.url
    assert state(guest) == before


@pytest.mark.parametrize(
    "theme", [b"", b"dark", b'{"theme": "pink"}', b'{"theme": ["dark"]}', b"[]", b"\xff\xfe", b'{"a":' * 50_000]
)
async def test_a_theme_is_one_of_three_words(guest: Guest, theme: bytes):
    async with guest.client() as client:
        answer = await client.post("/api/theme", content=theme)
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
