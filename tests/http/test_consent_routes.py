"""The question about cookies without a browser: who is asked, what an answer sets and takes back, who may not ask."""

from __future__ import annotations

import hashlib
import re
from http.cookies import SimpleCookie
from uuid import UUID, uuid4

import httpx
import pytest

from studio.services import consent
from tests.http.people import COOKIE, Guest, make_link, rows, sign_in, value, visitor
from tests.system import System

ANALYTICS, EXPERIMENTS = "studio_analytics", "studio_experiments"
JSON = {"accept": "application/json"}
GPC = {"sec-gpc": "1"}
DAY = 86_400
OPTIONAL_LIVES = {ANALYTICS: 90 * DAY, EXPERIMENTS: 90 * DAY}


def form(choice: str, **more: str) -> dict[str, str]:
    return {"choice": choice, "text": consent.text_hash(), **more}


def sent(answer: httpx.Response) -> dict[str, SimpleCookie]:
    """The cookies an answer sets, by name."""
    found = [SimpleCookie(line) for line in answer.headers.get_list("set-cookie")]
    return {name: each for each in found for name in each}


def lives(answer: httpx.Response) -> dict[str, int]:
    """How many seconds each cookie that is set is to live."""
    return {name: int(each[name]["max-age"]) for name, each in sent(answer).items()}


async def say(client: httpx.AsyncClient, choice: str, **more: str) -> httpx.Response:
    answer = await client.post("/cookies/choices", data=form(choice, **more), headers=JSON)
    assert answer.status_code == 200, answer.text
    return answer


async def asks(client: httpx.AsyncClient) -> bool:
    return (await client.get("/cookies/state")).json()["ask"]


async def on(client: httpx.AsyncClient) -> set[str]:
    return {p["key"] for p in (await client.get("/cookies/state")).json()["purposes"] if p["on"]}


def uses(system: System, number: str) -> int:
    return value(system, "SELECT coalesce(sum(uses), 0) FROM usage_counts WHERE visitor = %s", UUID(number))


def witnessed(system: System, guard: str = "analytics") -> int:
    """Counts behind which a yes was seen when they were made."""
    return int(value(system, "SELECT coalesce(sum(allowed), 0) FROM guard_counts WHERE guard = %s", guard))


@pytest.mark.parametrize("path", ["/privacy", "/terms", "/signin/nothing", "/mail/unsubscribe/x", "/auth/x/start"])
async def test_every_document_asks_until_it_is_answered_and_returns_to_where_it_was(system: System, path: str):
    async with visitor(system) as client:
        page = await client.get(path)
        assert 'role="region" aria-label="Cookies"' in page.text
        assert page.text.count("<h1>") == 1
        assert int(page.headers["content-length"]) == len(page.content)
        assert "<script" not in page.text
        assert sent(page) == {}
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        assert hidden == {"text": consent.text_hash(), "next": path if page.status_code == 200 else "/"}
        buttons = re.findall(r'<button class="([\w-]+)" name="choice" value="(\w+)">([^<]+)</button>', page.text)
        assert buttons[:2] == [
            ("ck-btn", "reject", "Reject optional cookies"),
            ("ck-btn", "accept", "Accept optional cookies"),
        ]
        answer = await client.post("/cookies/choices", data={**hidden, "choice": "reject"})
        assert (answer.status_code, answer.headers["location"]) == (303, hidden["next"])
        assert 'aria-label="Cookies"' not in (await client.get(path)).text


async def test_a_no_sets_the_session_cookie_for_six_months_and_nothing_else(system: System):
    async with visitor(system) as client:
        answer = await say(client, "reject")
        assert set(sent(answer)) == {COOKIE}
        morsel = sent(answer)[COOKIE][COOKIE]
        assert morsel["httponly"]
        assert 180 * DAY < int(morsel["max-age"]) <= 185 * DAY
        assert not await asks(client)
        for path in ("/welcome", "/privacy", "/cookies/choices", "/cookies/state"):
            assert not {ANALYTICS, EXPERIMENTS} & set(sent(await client.get(path)))


async def test_a_yes_sets_each_optional_cookie_and_a_withdrawal_takes_both_back_with_what_was_counted(system: System):
    async with visitor(system) as client:
        answer = await say(client, "accept")
        assert set(sent(answer)) == {COOKIE, ANALYTICS, EXPERIMENTS}
        assert {name: life for name, life in lives(answer).items() if name != COOKIE} == OPTIONAL_LIVES
        assert all(each[name]["httponly"] for name, each in sent(answer).items())
        number, seen = client.cookies[ANALYTICS], witnessed(system)
        for _ in range(2):
            assert (await client.post("/api/usage", json={"page": "/welcome"})).status_code == 204
        assert (await client.post("/api/usage", json={"feature": "generate"})).status_code == 204
        assert uses(system, number) == 3
        assert witnessed(system) == seen + 3
        page = await client.get("/cookies/choices")
        assert page.text.count(" checked") == 2
        back = await client.post("/cookies/choices", data=form("reject"))
        assert (back.status_code, back.headers["location"]) == (303, "/cookies/choices?saved=1")
        assert {n: life for n, life in lives(back).items() if n != COOKIE} == {ANALYTICS: 0, EXPERIMENTS: 0}
        assert {ANALYTICS, EXPERIMENTS} & set(client.cookies) == set()
        assert uses(system, number) == 0
        assert witnessed(system) == seen
        assert (await client.get("/cookies/choices?saved=1")).text.count(" checked") == 0


async def test_every_cookie_is_sent_with_the_life_that_the_page_about_cookies_states(system: System):
    """The words of /cookies as a person reads them, against each Max-Age that an answer really sent."""
    who = await sign_in(system)
    stated = {
        COOKIE: "30 days; with an answer about optional cookies, also a no, until 6 months after it",
        "workspace": "30 days",
        "theme": "1 year",
        ANALYTICS: "90 days, or until you withdraw",
        EXPERIMENTS: "90 days, or until you withdraw",
    }
    async with visitor(system) as client:
        document = (await client.get("/cookies")).text
        for name, words in stated.items():
            assert re.search(rf"<code>{name}</code></td>(<td[^>]*>[^<]*</td>)*<td[^>]*>{words}", document), name
        link = make_link(system, f"{uuid4().hex}@example.org")
        entered = await client.get(f"/signin/{link}", headers={"sec-fetch-site": "none"})
        assert lives(entered)[COOKIE] == 30 * DAY
        assert lives(await say(client, "reject"))[COOKIE] in (181 * DAY, 182 * DAY, 183 * DAY, 184 * DAY)
        agreed = lives(await say(client, "accept"))
        assert {name: agreed[name] for name in OPTIONAL_LIVES} == OPTIONAL_LIVES
        theme = await client.post("/api/theme", json={"theme": "dark"})
        assert lives(theme) == {"theme": 365 * DAY}
    async with who.client() as client:
        workspace = value(system, "SELECT id FROM workspaces WHERE account_id = %s", who.account_id)
        chosen = await client.post("/api/workspace", data={"workspace": str(workspace)})
        assert lives(chosen) == {"workspace": 30 * DAY}


async def test_an_optional_cookie_ends_with_the_answer_behind_it(system: System):
    async with visitor(system) as client:
        await say(client, "accept")
        rows(
            system,
            "UPDATE consents SET answered_at = answered_at - interval '5 months', "
            "kept_until = studio_now() + interval '10 days' WHERE session_id = "
            "(SELECT id FROM sessions WHERE token_hash = %s)",
            hashlib.sha256(client.cookies[COOKIE].encode()).digest(),
        )
        client.cookies.set(EXPERIMENTS, "landing.work.", domain="127.0.0.1", path="/")
        assert 9 * DAY < lives(await client.get("/welcome"))[EXPERIMENTS] <= 10 * DAY


@pytest.mark.parametrize("key", ["analytics", "experiments"])
async def test_one_purpose_alone_gets_its_own_cookie_only(system: System, key: str):
    async with visitor(system) as client:
        answer = await say(client, "save", **{key: "on"})
        assert set(sent(answer)) == {COOKIE, {"analytics": ANALYTICS, "experiments": EXPERIMENTS}[key]}
        assert await on(client) == {key}


async def test_without_a_yes_nothing_is_counted_whatever_cookie_is_brought(system: System):
    number = str(uuid4())
    async with visitor(system, headers={"cookie": f"{ANALYTICS}={number}; {EXPERIMENTS}=landing.price."}) as client:
        before = rows(system, "SELECT * FROM experiment_counts")
        answer = await client.post("/api/usage", json={"page": "/"})
        assert (answer.status_code, lives(answer)) == (204, {ANALYTICS: 0, EXPERIMENTS: 0})
        page = await client.get("/welcome")
        assert lives(page) == {ANALYTICS: 0, EXPERIMENTS: 0}
        assert "data-landing" not in page.text
        await client.post("/cookies/choices", data=form("reject"))
        await client.post("/api/usage", json={"page": "/"})
        assert uses(system, number) == 0
        assert rows(system, "SELECT * FROM experiment_counts") == before


async def test_the_browsers_signal_is_honoured_shown_and_can_be_overruled_by_an_explicit_yes(system: System):
    async with visitor(system, headers=GPC) as client:
        assert not await asks(client)
        assert 'aria-label="Cookies"' not in (await client.get("/privacy")).text
        page = await client.get("/cookies/choices")
        assert "Your browser sends Global Privacy Control. We take it as a no" in page.text
        assert sent(page) == {}
        answer = await say(client, "save", analytics="on")
        assert set(sent(answer)) == {COOKIE, ANALYTICS}
        assert await on(client) == {"analytics"}
        assert "you turned on yourself" in (await client.get("/cookies/choices")).text


async def test_a_signal_that_comes_after_a_yes_takes_it_back(system: System):
    async with visitor(system) as client:
        await say(client, "accept")
        number = client.cookies[ANALYTICS]
        await client.post("/api/usage", json={"page": "/"})
        assert uses(system, number) == 1
        assert await on(client) == {"analytics", "experiments"}
        page = await client.get("/privacy", headers=GPC)
        assert lives(page) == {ANALYTICS: 0, EXPERIMENTS: 0}
        assert uses(system, number) == 0
        state = (await client.get("/cookies/state", headers=GPC)).json()
        assert (state["signal"], state["ask"], [p["on"] for p in state["purposes"]]) == (True, False, [False, False])


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE consents SET answered_at = answered_at - interval '7 months', kept_until = studio_now() WHERE id = %s",
        "UPDATE consents SET text_hash = repeat('0', 64) WHERE id = %s",
    ],
    ids=["six months are over", "the text changed"],
)
async def test_an_answer_that_no_longer_counts_is_asked_for_again_and_its_cookies_go(system: System, ended):
    async with visitor(system) as client:
        await say(client, "accept")
        digest = hashlib.sha256(client.cookies[COOKIE].encode()).digest()
        row = value(
            system,
            "SELECT c.id FROM consents c JOIN sessions s ON s.id = c.session_id WHERE s.token_hash = %s",
            digest,
        )
        rows(system, ended, row)
        assert await asks(client)
        page = await client.get("/terms")
        assert lives(page) == {ANALYTICS: 0, EXPERIMENTS: 0}
        assert 'aria-label="Cookies"' in page.text


async def test_an_answer_to_a_text_that_is_no_longer_asked_is_not_kept(system: System):
    async with visitor(system) as client:
        for text in ("", "0" * 64):
            answer = await client.post("/cookies/choices", data={"choice": "accept", "text": text}, headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (409, "text_changed")
            assert sent(answer) == {}


@pytest.mark.parametrize(
    "body", [b"", b"choice=", b"choice=maybe", b"choice=accept&choice=reject&text=x", b"\xff\xfe", b"x" * 3000]
)
async def test_what_is_no_answer_is_refused_and_nothing_is_set(system: System, body: bytes):
    async with visitor(system) as client:
        answer = await client.post(
            "/cookies/choices", content=body, headers={"content-type": "application/x-www-form-urlencoded"}
        )
    assert answer.status_code in (409, 422)
    assert sent(answer) == {}
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/cookies/choices", "/api/usage"])
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
async def test_another_site_can_neither_say_yes_nor_count(system: System, path: str, origin: str | None):
    before = rows(system, "SELECT count(*) FROM consents")
    async with visitor(system, origin=origin) as client:
        answer = await client.post(path, data=form("accept"))
    assert answer.status_code == 403
    assert sent(answer) == {}
    assert rows(system, "SELECT count(*) FROM consents") == before


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/_x"])
async def test_an_answer_leads_back_to_our_own_pages_only(system: System, away: str):
    async with visitor(system) as client:
        answer = await client.post("/cookies/choices", data=form("reject", next=away))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        asked = await client.post("/cookies/choices", data=form("choose", next=away))
        assert asked.headers["location"] == "/cookies/choices?next=/"


async def test_a_sign_in_link_that_was_questioned_is_not_opened_by_an_answer_about_cookies(system: System):
    link = f"/signin/{make_link(system, f'{uuid4().hex}@example.org')}"
    async with visitor(system) as client:
        question = await client.get(link, headers={"sec-fetch-site": "cross-site"})
        assert 'name="next" value="/"' in question.text


async def test_the_answer_goes_along_into_a_sign_in_and_out_of_it(system: System):
    email = f"{uuid4().hex}@example.org"
    async with visitor(system) as client:
        await say(client, "save", analytics="on")
        number = client.cookies[ANALYTICS]
        entered = await client.get(f"/signin/{make_link(system, email)}", headers={"sec-fetch-site": "none"})
        assert entered.status_code == 303
        assert lives(entered)[COOKIE] > 180 * DAY, "the browser keeps the answer, whenever the session ends"
        assert await on(client) == {"analytics"}
        assert (await client.get("/")).status_code == 200
        assert client.cookies[ANALYTICS] == number
        signed = client.cookies[COOKIE]
        assert (await client.post("/signout")).status_code == 303
        assert client.cookies[COOKIE] != signed
        assert await on(client) == {"analytics"}
        assert (await client.get("/")).headers["location"] == "/welcome"
    [kept] = rows(
        system,
        "SELECT analytics FROM consents c JOIN accounts a ON a.id = c.account_id WHERE a.email = %s",
        email,
    )
    assert kept.analytics


async def test_signing_out_without_an_answer_leaves_no_cookie(system: System):
    who = await sign_in(system)
    async with who.client() as client:
        answer = await client.post("/signout")
    assert lives(answer) == {COOKIE: 0, "workspace": 0}


def arms(system: System) -> dict[str, tuple[int, int]]:
    found = rows(system, "SELECT arm, sum(views) AS v, sum(starts) AS s FROM experiment_counts GROUP BY arm")
    return {row.arm: (int(row.v), int(row.s)) for row in found}


@pytest.mark.parametrize("arm", ["work", "price"])
async def test_an_arm_is_shown_and_counted_once_after_a_yes_and_to_nobody_else(system: System, arm: str):
    plain = await visitor(system).get("/welcome")
    assert "data-landing" not in plain.text
    before, seen = arms(system).get(arm, (0, 0)), witnessed(system, "experiments")
    async with visitor(system) as client:
        await say(client, "save", experiments="on")
        client.cookies.set(EXPERIMENTS, f"landing.{arm}.", domain="127.0.0.1", path="/")
        page = await client.get("/welcome")
        assert ('data-landing="price"' in page.text) == (arm == "price")
        assert page.headers["content-security-policy"] == plain.headers["content-security-policy"]
        assert int(page.headers["content-length"]) == len(page.content)
        assert sent(page)[EXPERIMENTS][EXPERIMENTS].value == f"landing.{arm}.v"
        assert lives(page)[EXPERIMENTS] == OPTIONAL_LIVES[EXPERIMENTS]
        assert sent(await client.get("/welcome")) == {}
    assert arms(system)[arm] == (before[0] + 1, before[1])
    assert witnessed(system, "experiments") == seen + 1


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"null", b'{"feature": "secret words"}', b'{"page": 7}', b"\xff", b'{"a":' * 9000]
)
async def test_what_is_not_counted_here_is_refused(guest: Guest, said: bytes):
    async with guest.client() as client:
        answer = await client.post("/api/usage", content=said)
    assert answer.status_code == 422


async def test_what_a_page_is_called_never_holds_what_was_typed(system: System):
    async with visitor(system) as client:
        await say(client, "accept")
        await client.post("/api/usage", json={"page": "/library?q=a-secret-word"})
        number = UUID(client.cookies[ANALYTICS])
    assert [row.name for row in rows(system, "SELECT name FROM usage_counts WHERE visitor = %s", number)] == [
        "page:Other pages"
    ]
