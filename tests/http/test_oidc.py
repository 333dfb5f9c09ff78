"""Signing in with a provider, and everything that must not sign anybody in."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import text

from studio import config
from studio.config import OidcSettings, SignupSettings
from studio.db import SYSTEM, transaction
from studio.http.oidc import same_site
from studio.http.routes import application
from studio.services import accounts, sessions
from studio.services.identity import joining, oidc
from tests.oidc.issuer import (
    CLIENT,
    EC,
    ISSUER,
    PLAIN,
    RSA,
    SECRET,
    STRANGER,
    Issuer,
    Later,
    confused,
    signed,
    unsigned,
)

HERE = "http://127.0.0.1:3000"
COOKIE = "studio_session"
START = "/auth/oidc/start"
BACK = "/auth/oidc/callback"


@pytest.fixture
def issuer(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """An honest issuer, configured as this studio's provider; sign-up is open."""
    ours = OidcSettings("oidc", "Acme", ISSUER, CLIENT, SECRET)
    told = Issuer(subject=uuid4().hex, email=f"{uuid4().hex}@example.org")
    other = OidcSettings("google", "Google", ISSUER, CLIENT, SECRET)
    both = {each.key: oidc.Provider(each, transport=told.transport()) for each in (ours, other)}
    monkeypatch.setattr(oidc, "providers", lambda: both)
    monkeypatch.setattr(accounts, "settings", lambda: _with(settings, SignupSettings("open")))
    return told


def _with(settings: config.Settings, signup: SignupSettings) -> config.Settings:
    from dataclasses import replace

    return replace(settings, signup=signup)


@pytest.fixture
async def browser(issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with visitor() as client:
        yield client


def visitor() -> httpx.AsyncClient:
    """A browser of our routes that follows no redirect."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application()), base_url=HERE, headers={"sec-fetch-site": "same-origin"}
    )


async def begin(browser: httpx.AsyncClient, issuer: Issuer, query: str = "") -> dict[str, str]:
    """Start, and say yes at the provider."""
    answer = await browser.get(f"{START}{query}")
    assert answer.status_code == 303, answer.text
    return issuer.approve(answer.headers["location"])


async def come_in(browser: httpx.AsyncClient, issuer: Issuer, query: str = "") -> httpx.Response:
    """The whole way, the questions included."""
    back = await browser.get(BACK, params=await begin(browser, issuer, query))
    assert (back.status_code, back.headers["location"]) == (303, "/join"), back.text
    return await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})


async def count(query: str, **values: Any) -> int:
    async with transaction(SYSTEM) as session:
        return await session.scalar(text(query), values) or 0


async def who(browser: httpx.AsyncClient) -> sessions.Identity | None:
    async with transaction(SYSTEM) as session:
        return await sessions.identify(session, token=browser.cookies.get(COOKIE))


async def stored() -> dict[str, int]:
    """How many rows there are of everything that a sign-in may leave. The attempt itself does not count."""
    tables = ("accounts", "identities", "agreements", "workspaces")
    rows = {table: await count(f"SELECT count(*) FROM {table}") for table in tables}
    signed_in = "SELECT count(*) FROM sessions WHERE account_id IS NOT NULL"
    joins = "SELECT count(*) FROM sessions WHERE attempt ? 'join'"
    return {**rows, "sessions": await count(signed_in), "joins": await count(joins)}


async def refused(browser: httpx.AsyncClient, answer: httpx.Response, sentence: str, before: dict[str, int]) -> None:
    """A sentence, nobody signed in, nothing stored."""
    assert 400 <= answer.status_code < 600
    assert sentence in answer.text
    assert "Traceback" not in answer.text
    assert "set-cookie" not in answer.headers
    assert await who(browser) is None
    assert await stored() == before


async def test_a_new_person_answers_one_page_and_is_in(browser: httpx.AsyncClient, issuer: Issuer):
    began = await browser.get(f"{START}?next=/library%3Fkind%3Dvideo")
    query = httpx.URL(began.headers["location"]).params
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"] == f"{HERE}{BACK}"
    assert {"openid", "email"} <= set(query["scope"].split())
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    assert all(len(query[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
    assert [c.split("=")[0] for c in began.headers.get_list("set-cookie")] == [COOKIE], "no fourth cookie"
    first = browser.cookies[COOKIE]
    before = await stored()
    back = await browser.get(BACK, params=issuer.approve(began.headers["location"]))
    assert back.headers["location"] == "/join"
    assert await stored() == {**before, "joins": before["joins"] + 1}, "only the attempt knows of them"
    assert browser.cookies[COOKIE] != first
    page = await browser.get("/join")
    assert issuer.email in page.text
    assert "Mira Kessler" in page.text
    assert " checked" not in page.text
    assert "<script" not in page.text
    second = browser.cookies[COOKIE]
    done = await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    assert (done.status_code, done.headers["location"]) == (303, "/library?kind=video")
    identity = await who(browser)
    assert identity is not None
    assert (identity.email, identity.name) == (issuer.email, "Mira Kessler")
    agreed = "SELECT string_agg(kind || ' ' || version, ',' ORDER BY kind) FROM agreements WHERE account_id = :id"
    assert await count(agreed, id=identity.account_id) == "privacy 1.0,terms 1.0"
    assert not await count("SELECT count(*) FROM mail_optins WHERE account_id = :id", id=identity.account_id)
    attested = "SELECT count(*) FROM accounts WHERE id = :id AND attested_at IS NOT NULL"
    assert await count(attested, id=identity.account_id) == 1
    assert await count("SELECT count(*) FROM identities WHERE issuer = :i AND subject = :s", i=ISSUER, s=issuer.subject)
    for old in (first, second):
        assert not await count("SELECT count(*) FROM sessions WHERE token_hash = :h", h=sessions.hash_token(old))


async def test_the_same_person_comes_back_without_questions_even_with_another_address(
    browser: httpx.AsyncClient, issuer: Issuer
):
    await come_in(browser, issuer)
    mine = await who(browser)
    issuer.email = f"{uuid4().hex}@elsewhere.example"
    async with visitor() as second:
        back = await second.get(BACK, params=await begin(second, issuer))
        assert back.headers["location"] == "/"
        again = await who(second)
    assert mine is not None
    assert again is not None
    assert again.account_id == mine.account_id
    assert again.session_id != mine.session_id


async def test_product_news_are_asked_for_only_when_ticked_and_are_no_agreement(
    browser: httpx.AsyncClient, issuer: Issuer
):
    await browser.get(BACK, params=await begin(browser, issuer))
    await browser.post("/join", data={"adult": "1", "terms": "1", "marketing": "1", "go": "on"})
    identity = await who(browser)
    assert identity is not None
    asked = "SELECT count(*) FROM mail_optins WHERE account_id = :id AND withdrawn_at IS NULL"
    assert await count(asked, id=identity.account_id) == 1
    agreed = "SELECT string_agg(kind, ',' ORDER BY kind) FROM agreements WHERE account_id = :id"
    assert await count(agreed, id=identity.account_id) == "privacy,terms"


@pytest.mark.parametrize("ticked", [{}, {"adult": "1"}, {"terms": "1"}, {"adult": "no", "terms": "1"}])
async def test_without_both_answers_nothing_is_stored_and_the_question_stays(
    browser: httpx.AsyncClient, issuer: Issuer, ticked: dict[str, str]
):
    await browser.get(BACK, params=await begin(browser, issuer))
    before = await stored()
    answer = await browser.post("/join", data={**ticked, "go": "on"})
    assert answer.status_code == 422
    assert 'role="alert">Tick both to continue.' in answer.text
    assert answer.text.count(" checked") == len([v for v in ticked.values() if v == "1"])
    assert await who(browser) is None
    assert await stored() == before
    assert (await browser.get("/join")).status_code == 200


async def test_leaving_leaves_nothing(browser: httpx.AsyncClient, issuer: Issuer):
    before = await stored()
    await browser.get(BACK, params=await begin(browser, issuer))
    rows = await count("SELECT count(*) FROM sessions")
    left = await browser.post("/join", data={"go": "leave"})
    assert left.headers["location"] == "/welcome"
    assert COOKIE not in browser.cookies
    assert await stored() == before
    assert await count("SELECT count(*) FROM sessions") == rows - 1
    text_of_all = "SELECT count(*) FROM sessions WHERE attempt::text LIKE :email"
    assert not await count(text_of_all, email=f"%{issuer.email}%")


async def test_a_second_click_on_continue_is_no_error(browser: httpx.AsyncClient, issuer: Issuer):
    await come_in(browser, issuer)
    again = await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    assert (again.status_code, again.headers["location"]) == (303, "/")


UNTRUSTED = "could not be trusted, so nobody was signed in"
TOKENS: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "another"}},
    "no nonce": {"claims": {"nonce": None}},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "an issuer with a slash": {"claims": {"iss": f"{ISSUER}/"}},
    "another audience": {"claims": {"aud": "another-client"}},
    "no audience": {"claims": {"aud": None}},
    "two audiences without azp": {"claims": {"aud": [CLIENT, "another-client"]}},
    "azp of another": {"claims": {"azp": "another-client"}},
    "no subject": {"claims": {"sub": None}},
    "an empty subject": {"claims": {"sub": ""}},
    "a subject that is a number": {"claims": {"sub": 7}},
    "expired": {"claims": {"exp": Later(-120), "iat": Later(-300)}},
    "expiry as text": {"claims": {"exp": "tomorrow"}},
    "no expiry": {"claims": {"exp": None}},
    "issued in the future": {"claims": {"iat": Later(400), "exp": Later(900)}},
    "issued long ago": {"claims": {"iat": Later(-4000)}},
    "not valid yet": {"claims": {"nbf": Later(400)}},
    "alg none": {"sign": unsigned},
    "HS256 with our secret": {"sign": lambda c: confused(c, SECRET)},
    "HS256 with the public key": {"sign": lambda c: confused(c, RSA.as_pem(private=False))},
    "signed by a stranger": {"sign": lambda c: signed(c, key=STRANGER)},
    "a key nobody published": {"sign": lambda c: signed(c, key=STRANGER, kid="unknown")},
    "PS256": {"sign": lambda c: signed(c, key=PLAIN, alg="PS256")},
    "not a token": {"sign": lambda c: "nonsense"},
    "a cut signature": {"sign": lambda c: signed(c)[:-20]},
    "no token": {"sign": lambda c: None},
    "another access token's hash": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
}


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_that_is_not_right_signs_nobody_in(browser: httpx.AsyncClient, issuer: Issuer, name: str):
    for key, value in TOKENS[name].items():
        setattr(issuer, key, value)
    before = await stored()
    answer = await browser.get(BACK, params=await begin(browser, issuer))
    await refused(browser, answer, UNTRUSTED, before)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": Later(-30), "iat": Later(-200)},
        {"iat": Later(30)},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
    ],
    ids=["our clock is a little fast", "or a little slow", "a list of one", "two and azp"],
)
async def test_small_clock_differences_and_lists_are_fine(browser: httpx.AsyncClient, issuer: Issuer, claims: dict):
    issuer.claims = claims
    answer = await browser.get(BACK, params=await begin(browser, issuer))
    assert answer.headers.get("location") == "/join", answer.text


async def test_a_key_on_an_elliptic_curve_is_fine(browser: httpx.AsyncClient, issuer: Issuer):
    issuer.sign = lambda c: signed(c, key=EC, alg="ES256", kid="ec")
    assert (await browser.get(BACK, params=await begin(browser, issuer))).headers["location"] == "/join"


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_is_not_confirmed_is_refused(browser: httpx.AsyncClient, issuer: Issuer, verified: Any):
    issuer.claims = {"email_verified": verified}
    before = await stored()
    answer = await browser.get(BACK, params=await begin(browser, issuer))
    await refused(browser, answer, "has not confirmed your e-mail address", before)


async def test_the_address_may_come_from_userinfo_but_only_of_the_same_subject(
    browser: httpx.AsyncClient, issuer: Issuer
):
    issuer.claims = {"email": None, "email_verified": None}
    issuer.userinfo = {"sub": "somebody else", "email": issuer.email, "email_verified": True}
    before = await stored()
    await refused(browser, await browser.get(BACK, params=await begin(browser, issuer)), UNTRUSTED, before)
    issuer.userinfo["sub"] = issuer.subject
    assert (await browser.get(BACK, params=await begin(browser, issuer))).headers["location"] == "/join"


async def test_a_code_and_a_state_are_good_once(browser: httpx.AsyncClient, issuer: Issuer):
    answer = await begin(browser, issuer)
    assert (await browser.get(BACK, params=answer)).headers["location"] == "/join"
    before = await stored()
    await refused(browser, await browser.get(BACK, params=answer), "finished already or took too long", before)
    stale = answer["code"]
    fresh = await begin(browser, issuer)
    before = await stored()
    await refused(browser, await browser.get(BACK, params={**fresh, "code": stale}), UNTRUSTED, before)


@pytest.mark.parametrize("state", ["", "swapped", "x" * 5000, "\0", "a\nb"])
async def test_a_swapped_state_signs_nobody_in(browser: httpx.AsyncClient, issuer: Issuer, state: str):
    answer = await begin(browser, issuer)
    before = await stored()
    await refused(browser, await browser.get(BACK, params={**answer, "state": state}), "begun in another", before)


async def test_another_browsers_answer_or_none_of_ours_signs_nobody_in(browser: httpx.AsyncClient, issuer: Issuer):
    theirs = await begin(browser, issuer)
    before = await stored()
    async with visitor() as victim:
        await refused(victim, await victim.get(BACK, params=theirs), "begun in another browser", before)
        await begin(victim, issuer)
        await refused(victim, await victim.get(BACK, params=theirs), "begun in another browser", before)


@pytest.mark.parametrize("iss", ["https://evil.example", "", f"{ISSUER}/", None])
async def test_an_answer_of_another_issuer_is_refused_before_the_code_is_sent_anywhere(
    browser: httpx.AsyncClient, issuer: Issuer, iss: str | None
):
    answer = await begin(browser, issuer)
    answer = {key: value for key, value in {**answer, "iss": iss}.items() if value is not None}
    before = await stored()
    await refused(browser, await browser.get(BACK, params=answer), UNTRUSTED, before)
    assert not [line for line in issuer.asked if line.startswith("POST")]


async def test_an_answer_at_another_providers_address_is_refused(browser: httpx.AsyncClient, issuer: Issuer):
    answer = await begin(browser, issuer)
    before = await stored()
    await refused(browser, await browser.get("/auth/google/callback", params=answer), "begun in another", before)


async def test_saying_no_at_the_provider_is_a_calm_sentence(browser: httpx.AsyncClient, issuer: Issuer):
    answer = await begin(browser, issuer)
    before = await stored()
    said = {"error": "access_denied", "error_description": "<b>vendor text</b>", "state": answer["state"]}
    gone = await browser.get(BACK, params=said)
    await refused(browser, gone, "You did not go on at the provider", before)
    assert "vendor text" not in gone.text
    kept = sessions.hash_token(browser.cookies[COOKIE])
    assert not await count("SELECT count(*) FROM sessions WHERE token_hash = :kept", kept=kept), "not even the attempt"


async def test_an_attempt_ends_after_a_quarter_of_an_hour(browser: httpx.AsyncClient, issuer: Issuer):
    answer = await begin(browser, issuer)
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE sessions SET attempt_until = studio_now() WHERE attempt ->> 'state' = :state"),
            {"state": answer["state"]},
        )
    before = await stored()
    await refused(browser, await browser.get(BACK, params=answer), "took too long", before)
    async with transaction(SYSTEM) as session:
        await sessions.sweep(session)
    assert not await count("SELECT count(*) FROM sessions WHERE attempt ->> 'state' = :s", s=answer["state"])


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example.org/t"},
        {"jwks_uri": None},
        {"issuer": 3},
    ],
)
async def test_a_discovery_document_that_does_not_fit_stops_before_the_browser_leaves(
    browser: httpx.AsyncClient, issuer: Issuer, document: dict[str, Any]
):
    issuer.document = document
    answer = await browser.get(START)
    assert answer.status_code == 502
    assert "does not answer as it should" in answer.text


async def test_a_provider_that_is_down_is_a_sentence(browser: httpx.AsyncClient, issuer: Issuer):
    answer = await begin(browser, issuer)
    issuer.down = True
    before = await stored()
    await refused(browser, await browser.get(BACK, params=answer), "does not answer as it should", before)


async def test_only_the_issuers_own_addresses_are_called(browser: httpx.AsyncClient, issuer: Issuer):
    await come_in(browser, issuer)
    assert {line.split()[1].split("?")[0] for line in issuer.asked} == {
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/token",
        f"{ISSUER}/keys",
    }


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https://evil.example", "evil",
        "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "/ /evil", "javascript:alert(1)",
        "/a\r\nset-cookie: x=y", "/\0", "/é", "///evil.example", "http:///evil.example", "/auth/oidc/start",
        "/signin/x", "/" + "a" * 400, "", "?a", "//", "/_event",
    ],
)  # fmt: skip
async def test_next_leads_nowhere_but_to_a_page_of_ours(browser: httpx.AsyncClient, issuer: Issuer, path: str):
    assert same_site(path) == "/"
    began = await browser.get(START, params={"next": path})
    await browser.get(BACK, params=issuer.approve(began.headers["location"]))
    done = await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    assert done.headers["location"] == "/"


async def test_an_address_that_is_known_is_not_taken_over_by_a_provider(browser: httpx.AsyncClient, issuer: Issuer):
    async with transaction(SYSTEM) as session:
        mine = await accounts.ensure(session, email=issuer.email)
    before = await stored()
    answer = await browser.get(BACK, params=await begin(browser, issuer))
    await refused(browser, answer, "Sign in the way you did first, then link this one in Settings.", before)
    assert not await count("SELECT count(*) FROM identities WHERE account_id = :id", id=mine)


async def test_an_address_that_becomes_known_meanwhile_is_not_taken_over_either(
    browser: httpx.AsyncClient, issuer: Issuer
):
    await browser.get(BACK, params=await begin(browser, issuer))
    async with transaction(SYSTEM) as session:
        await accounts.ensure(session, email=issuer.email)
    before = await stored()
    answer = await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    await refused(browser, answer, "Sign in the way you did first", before)


@pytest.mark.parametrize(
    ("signup", "email", "invited", "let_in"),
    [
        (SignupSettings("invite"), "{}@example.org", False, False),
        (SignupSettings("invite"), "{}@example.org", True, True),
        (SignupSettings("domain", ("example.org",)), "{}@example.org", False, True),
        (SignupSettings("domain", ("example.org",)), "{}@evil-example.org", False, False),
        (SignupSettings("domain", ("example.org",)), "{}@example.org.evil.example", False, False),
        (SignupSettings("domain", ("example.org",)), "{}@sub.example.org", False, False),
        (SignupSettings("domain", ("mara@example.com",)), "Mara@Example.com", False, True),
        (SignupSettings("open"), "{}@example.org", False, True),
    ],
)
async def test_who_may_make_an_account(
    browser: httpx.AsyncClient,
    issuer: Issuer,
    settings: config.Settings,
    monkeypatch: pytest.MonkeyPatch,
    signup: SignupSettings,
    email: str,
    invited: bool,
    let_in: bool,
):
    monkeypatch.setattr(accounts, "settings", lambda: _with(settings, signup))
    issuer.email = email.format(uuid4().hex)
    if invited:
        async with transaction(SYSTEM) as session:
            await accounts.invite(session, email=issuer.email.upper())
    before = await stored()
    answer = await browser.get(BACK, params=await begin(browser, issuer))
    if not let_in:
        await refused(browser, answer, "takes new people by invitation", before)
        return
    await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    assert await who(browser) is not None
    assert not await count("SELECT count(*) FROM invitations WHERE email = :e", e=issuer.email.lower())


async def signed_in(browser: httpx.AsyncClient, *, fresh: bool) -> tuple[Any, str]:
    """Somebody who came by a link; returns their account and token."""
    async with transaction(SYSTEM) as session:
        account = await accounts.ensure(session, email=f"{uuid4().hex}@example.org")
        token = await sessions.start(session, account_id=account, fresh=fresh)
    browser.cookies.set(COOKIE, token, domain="127.0.0.1")
    return account, token


async def test_a_provider_is_linked_from_a_fresh_session_only(browser: httpx.AsyncClient, issuer: Issuer):
    await signed_in(browser, fresh=False)
    answer = await browser.get(f"{START}?link=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/reauth?next=%2Fsettings%2Fprofile%3Flink%3Doidc"
    account, token = await signed_in(browser, fresh=True)
    foreign = await browser.get(f"{START}?link=1", headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    approved = await begin(browser, issuer, "?link=1&next=/settings/profile")
    back = await browser.get(BACK, params=approved)
    assert (await browser.get(BACK, params=approved)).status_code == 410, "once"
    assert back.headers["location"] == "/settings/profile"
    assert browser.cookies[COOKIE] == token
    assert await count("SELECT count(*) FROM identities WHERE account_id = :id", id=account) == 1
    async with visitor() as second:  # and it opens the same account from now on
        entered = await second.get(BACK, params=await begin(second, issuer))
        assert entered.headers["location"] == "/join", "its questions were never answered"


PICTURE = "https://pictures.example.org/me.png"


async def waits_for_picture(address: str) -> str | None:
    """The address that a job is to fetch for an account; None when none is."""
    async with transaction(SYSTEM) as session:
        return await session.scalar(
            text(
                "SELECT a.picture_url FROM accounts a JOIN procrastinate_jobs j ON j.task_name = 'picture.fetch' "
                "AND j.args ->> 'account_id' = a.id::text WHERE a.email = :email"
            ),
            {"email": address},
        )


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        (PICTURE, PICTURE),
        (None, None),
        ("http://pictures.example.org/me.png", None),
        ("https://169.254.169.254/latest", None),
        ("file:///etc/passwd", None),
        (7, None),
        ({"url": PICTURE}, None),
    ],
)
async def test_a_providers_picture_waits_for_its_job_from_the_first_sign_in_on(
    browser: httpx.AsyncClient, issuer: Issuer, claimed: Any, kept: str | None
):
    issuer.claims = {"picture": claimed}
    await browser.get(BACK, params=await begin(browser, issuer))
    assert await waits_for_picture(issuer.email) is None, "nothing is asked for before the questions are answered"
    await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    assert await waits_for_picture(issuer.email) == kept
    assert not [line for line in issuer.asked if "pictures" in line], "the sign-in itself fetches nothing"
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE accounts SET picture_url = NULL WHERE email = :email"), {"email": issuer.email}
        )
    async with visitor() as again:  # a later sign-in brings nothing new
        await again.get(BACK, params=await begin(again, issuer))
    assert await waits_for_picture(issuer.email) is None


async def test_a_picture_that_only_userinfo_knows_is_taken_too(browser: httpx.AsyncClient, issuer: Issuer):
    issuer.claims = {"email": None, "email_verified": None}
    issuer.userinfo = {"sub": issuer.subject, "email": issuer.email, "email_verified": True, "picture": PICTURE}
    await come_in(browser, issuer)
    assert await waits_for_picture(issuer.email) == PICTURE


async def test_linking_a_provider_brings_its_picture(browser: httpx.AsyncClient, issuer: Issuer):
    issuer.claims = {"picture": PICTURE}
    account, _ = await signed_in(browser, fresh=True)
    await browser.get(BACK, params=await begin(browser, issuer, "?link=1"))
    assert await count("SELECT count(*) FROM accounts WHERE id = :id AND picture_url IS NOT NULL", id=account) == 1


async def test_another_accounts_identity_is_not_linked(browser: httpx.AsyncClient, issuer: Issuer):
    async with visitor() as owner:
        await come_in(owner, issuer)
    account, _ = await signed_in(browser, fresh=True)
    answer = await browser.get(BACK, params=await begin(browser, issuer, "?link=1"))
    assert "belongs to another account here" in answer.text
    assert not await count("SELECT count(*) FROM identities WHERE account_id = :id", id=account)
    assert await who(browser) is not None


async def test_nobody_links_or_confirms_without_a_session(browser: httpx.AsyncClient, issuer: Issuer):
    for query in ("?link=1", "?reauth=1"):
        assert (await browser.get(f"{START}{query}")).status_code == 401


async def test_confirming_asks_for_a_new_sign_in_and_changes_the_cookie(browser: httpx.AsyncClient, issuer: Issuer):
    await come_in(browser, issuer)
    identity = await who(browser)
    assert identity is not None
    async with transaction(SYSTEM) as session:
        with pytest.raises(sessions.ReauthNeeded):
            await sessions.require_fresh(session, actor=identity.actor)
    began = await browser.get(f"{START}?reauth=1&next=/settings/profile")
    sent = httpx.URL(began.headers["location"]).params
    assert (sent["prompt"], sent["max_age"]) == ("login", "0")
    before = browser.cookies[COOKIE]
    back = await browser.get(BACK, params=issuer.approve(began.headers["location"]))
    assert back.headers["location"] == "/settings/profile"
    assert browser.cookies[COOKIE] != before
    again = await who(browser)
    assert again is not None
    assert again.session_id == identity.session_id
    async with transaction(SYSTEM) as session:
        await sessions.require_fresh(session, actor=again.actor)
        assert await sessions.identify(session, token=before) is None


async def test_the_page_that_asks_for_a_sign_in_leads_over_the_linked_provider_and_back(
    browser: httpx.AsyncClient, issuer: Issuer
):
    await come_in(browser, issuer)
    question = await browser.get("/reauth", params={"next": "/settings/spend?cap=55"})
    way, _ = re.findall(r'href="(/auth/[^"]+)"', question.text)  # both have this issuer here
    assert "Continue with Acme" in question.text
    back = await browser.get(BACK, params=issuer.approve((await browser.get(unescape(way))).headers["location"]))
    assert back.headers["location"] == "/settings/spend?cap=55"
    again = await browser.get("/reauth", params={"next": "/library"})
    assert again.headers["location"] == "/library", "it is fresh now"


@pytest.mark.parametrize("when", [None, Later(-3600), "now", True])
async def test_a_provider_that_only_remembered_does_not_confirm(browser: httpx.AsyncClient, issuer: Issuer, when: Any):
    await come_in(browser, issuer)
    issuer.claims = {"auth_time": when}
    answer = await browser.get(BACK, params=await begin(browser, issuer, "?reauth=1"))
    assert answer.status_code == 403
    identity = await who(browser)
    assert identity is not None
    async with transaction(SYSTEM) as session:
        assert not await sessions.is_fresh(session, session_id=identity.session_id)


async def test_another_person_at_the_provider_does_not_confirm(browser: httpx.AsyncClient, issuer: Issuer):
    await come_in(browser, issuer)
    issuer.subject = uuid4().hex
    answer = await browser.get(BACK, params=await begin(browser, issuer, "?reauth=1"))
    assert "another sign-in than this account" in answer.text
    identity = await who(browser)
    assert identity is not None
    async with transaction(SYSTEM) as session:
        assert not await sessions.is_fresh(session, session_id=identity.session_id)


async def test_localhost_goes_to_the_public_address_first_where_the_cookie_will_be(issuer: Issuer):
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application()), base_url="http://localhost:3000"
    ) as client:
        answer = await client.get(f"{START}?next=/library")
    assert answer.headers["location"] == f"{HERE}{START}?next=/library"
    assert "set-cookie" not in answer.headers


async def test_a_one_time_link_asks_the_same_questions_the_first_time(browser: httpx.AsyncClient):
    from studio.services.identity import signin_link

    email = f"{uuid4().hex}@example.org"
    for path in ("/join", "/"):
        async with transaction(SYSTEM) as session:
            url = await signin_link.create(session, email=email)
        answer = await browser.get(url, headers={"sec-fetch-site": "none"})
        assert answer.headers["location"] == path
        if path == "/join":
            assert await who(browser) is None
            done = await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
            assert done.headers["location"] == "/"
    identity = await who(browser)
    assert identity is not None
    async with transaction(SYSTEM) as session:
        assert await sessions.is_fresh(session, session_id=identity.session_id)
        assert await joining.waiting(session, token=browser.cookies[COOKIE]) is None


@pytest.mark.parametrize("methods", [["plain"], [], None])
async def test_a_provider_cannot_talk_us_out_of_the_stronger_challenge(
    browser: httpx.AsyncClient, issuer: Issuer, methods: list[str] | None
):
    issuer.document = {"code_challenge_methods_supported": methods}
    began = await browser.get(START)
    sent = httpx.URL(began.headers["location"]).params
    verifier = await count(
        "SELECT attempt ->> 'verifier' FROM sessions WHERE attempt ->> 'state' = :s", s=sent["state"]
    )
    digest = hashlib.sha256(str(verifier).encode()).digest()
    assert sent["code_challenge_method"] == "S256"
    assert sent["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert "plain" not in began.headers["location"]


@pytest.mark.parametrize("checks_pkce", [True, False], ids=["PKCE kept", "PKCE dropped by the provider"])
async def test_a_code_of_another_sign_in_put_into_ones_own_signs_nobody_in(
    browser: httpx.AsyncClient, issuer: Issuer, checks_pkce: bool
):
    async with visitor() as victim:
        stolen = await begin(victim, issuer)
    own = await begin(browser, issuer)
    if not checks_pkce:  # then the nonce of the stolen sign-in is what gives it away
        issuer.codes[stolen["code"]]["code_challenge"] = issuer.codes[own["code"]]["code_challenge"]
    before = await stored()
    answer = await browser.get(BACK, params={**own, "code": stolen["code"]})
    await refused(browser, answer, UNTRUSTED, before)


async def test_a_key_that_the_provider_brings_in_works_and_one_that_it_took_back_does_not(
    browser: httpx.AsyncClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(oidc, "KEYS_PAUSE_SECONDS", 3600.0)
    old, new = RSA, RSAKey.generate_key(2048, {"kid": "new", "use": "sig", "alg": "RS256"})
    assert (await browser.get(BACK, params=await begin(browser, issuer))).headers["location"] == "/join"
    issuer.keys = [new]
    issuer.sign = lambda c: signed(c, key=new, kid="new")
    before = await stored()
    async with visitor() as early:  # the keys were read just now, and are not asked for again and again
        await refused(early, await early.get(BACK, params=await begin(early, issuer)), UNTRUSTED, before)
    monkeypatch.setattr(oidc, "KEYS_PAUSE_SECONDS", 0.0)
    async with visitor() as second:
        assert (await second.get(BACK, params=await begin(second, issuer))).headers["location"] == "/join"
    issuer.sign = lambda c: signed(c, key=old)
    before = await stored()
    async with visitor() as third:
        await refused(third, await third.get(BACK, params=await begin(third, issuer)), UNTRUSTED, before)


async def test_the_browser_is_given_neither_token_nor_secret_of_the_provider(
    browser: httpx.AsyncClient, issuer: Issuer
):
    tokens: list[str] = []
    issuer.sign = lambda c: tokens.append(signed(c)) or tokens[-1]
    answers = [await browser.get(START)]
    answers.append(await browser.get(BACK, params=issuer.approve(answers[0].headers["location"])))
    answers.append(await browser.get("/join"))
    answers.append(await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"}))
    told = "".join(answer.text + str(answer.headers) for answer in answers)
    assert len(tokens) == 1
    for secret in (tokens[0], "an-access-token", SECRET):
        assert secret not in told
    async with transaction(SYSTEM) as session:
        rows = await session.scalars(text("SELECT row_to_json(s)::text FROM sessions s"))
        assert not [row for row in rows if tokens[0] in row or "an-access-token" in row], "nor is it kept"


@pytest.mark.parametrize("where", ["cross-site", "same-site"])
async def test_another_page_that_starts_a_sign_in_is_answered_with_a_question(
    browser: httpx.AsyncClient, issuer: Issuer, where: str
):
    waiting = "SELECT count(*) FROM sessions WHERE account_id IS NULL"
    before = await count(waiting)
    asked = await browser.get(START, params={"next": '/library?"><b>'}, headers={"sec-fetch-site": where})
    assert asked.status_code == 200
    assert "Another page sent you here to sign in." in asked.text
    assert "<b>" not in asked.text
    assert "set-cookie" not in asked.headers
    assert issuer.asked == []
    assert await count(waiting) == before
    way = re.search(r'href="(/auth/[^"]+)"', asked.text)
    assert way is not None
    went = await browser.get(unescape(way[1]))
    assert went.headers["location"].startswith(f"{ISSUER}/authorize?")
