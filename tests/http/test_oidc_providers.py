"""The same against two providers that we did not write: a mock, and the certified `oidc-provider` of npm."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest

from studio import config
from studio.config import OidcSettings, SignupSettings
from studio.services import accounts
from studio.services.identity import oidc
from tests.http.test_oidc import BACK, HERE, START, _with, stored, visitor, who
from tests.oidc.certified import CLIENT, SECRET, approve, running
from tests.system import free_port


@pytest.fixture
def mock(settings: config.Settings) -> Iterator[str]:
    """PyPI's oidc-provider-mock on a free port; anybody may sign in there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what authlib will drop one day
        import oidc_provider_mock

        with oidc_provider_mock.run_server_in_thread() as server:
            yield f"http://localhost:{server.server_port}"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """npm's oidc-provider with one client: this studio."""
    folder = tmp_path_factory.mktemp("oidc")
    with running(folder, free_port(), f"{HERE}{BACK}") as issuer:
        yield issuer


def use(monkeypatch: pytest.MonkeyPatch, settings: config.Settings, issuer: str) -> None:
    """Make an issuer the provider of this studio, for this test."""
    provider = oidc.Provider(OidcSettings("oidc", "Acme", issuer, CLIENT, SECRET))
    monkeypatch.setattr(oidc, "providers", lambda: {"oidc": provider})
    monkeypatch.setattr(accounts, "settings", lambda: _with(settings, SignupSettings("open")))


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with visitor() as client:
        yield client


async def test_the_mock_signs_somebody_in(
    browser: httpx.AsyncClient, mock: str, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    use(monkeypatch, settings, mock)
    subject, email = uuid4().hex, f"{uuid4().hex}@example.org"
    async with httpx.AsyncClient() as provider:
        known = {"email": email, "email_verified": True, "name": "Mira"}
        assert (await provider.put(f"{mock}/users/{subject}", json=known)).is_success
        began = await browser.get(START)
        said = await provider.post(began.headers["location"], data={"sub": subject})
    answer = dict(httpx.URL(said.headers["location"]).params)
    assert (await browser.get(BACK, params=answer)).headers["location"] == "/join"
    await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    identity = await who(browser)
    assert identity is not None
    assert (identity.email, identity.name) == (email, "Mira")
    async with visitor() as second:
        before = await stored()
        await second.get(START)
        assert (await second.get(BACK, params=answer)).status_code == 410
        assert await stored() == before


async def test_the_certified_provider_signs_somebody_in_confirms_them_and_refuses_a_code_twice(
    browser: httpx.AsyncClient, certified: str, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    use(monkeypatch, settings, certified)
    name = f"mira{uuid4().hex[:8]}"
    answer = await approve((await browser.get(START)).headers["location"], name, BACK)
    assert answer["iss"] == certified
    back = await browser.get(BACK, params=answer)
    assert back.headers.get("location") == "/join", back.text
    await browser.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
    identity = await who(browser)
    assert identity is not None
    assert (identity.email, identity.name) == (f"{name}@example.org", "Mira Kessler")

    token = browser.cookies["studio_session"]
    again = await approve((await browser.get(f"{START}?reauth=1&next=/library")).headers["location"], name, BACK)
    assert (await browser.get(BACK, params=again)).headers["location"] == "/library"
    assert browser.cookies["studio_session"] != token

    async with visitor() as second:
        fresh = await approve((await second.get(START)).headers["location"], name, BACK)
        before = await stored()
        replayed = await second.get(BACK, params={**fresh, "code": answer["code"]})
        assert (replayed.status_code, await who(second)) == (403, None)
        assert await stored() == before
