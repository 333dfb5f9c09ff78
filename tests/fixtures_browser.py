"""Chromium for the browser tests: one for the run, a context for each test, and nothing may go wrong unseen.

Every page of a test is watched: a console error, an uncaught exception or a violation of the content security
policy fails the test that opened it. The policy is on, so pages run exactly as people get them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests import browser as installed
from tests.http.people import COOKIE, Guest, no_cookies, sign_in
from tests.system import System

expect.set_options(timeout=20_000)  # an upper bound: every wait ends with what it waits for
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
_VIOLATION = """document.addEventListener("securitypolicyviolation", (e) =>
  console.error(`policy violation: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));"""


@dataclass
class Visits:
    """Opens pages for a test and remembers what went wrong on them."""

    browser: Browser
    trouble: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def context(self, **options: Any) -> BrowserContext:
        """A new, empty browser profile whose pages are watched."""
        options.setdefault("viewport", DESKTOP)
        made = await self.browser.new_context(**options)
        made.set_default_timeout(20_000)
        await made.add_init_script(_VIOLATION)
        made.on("page", self._watch)
        self.contexts.append(made)
        return made

    async def enter(self, who: Guest, path: str = "/", *, number: int = 0, **options: Any) -> Page:
        """A signed-in person's page in a profile of its own, hydrated."""
        context = await self.context(**options)
        await add_cookie(context, who, number=number)
        return await self.open(context, who.system.url(number) + path)

    async def open(self, context: BrowserContext, url: str) -> Page:
        """One more tab, hydrated when it is a page of the studio."""
        page = await context.new_page()
        await page.goto(url)
        await ready(page)
        return page

    def expect_trouble(self, *words: str) -> None:
        """Console errors that contain one of these belong to what the test does."""
        self.expected += words

    def _watch(self, page: Page) -> None:
        page.on("console", lambda m: self._note(f"console: {m.text} {m.location}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self._note(f"page error: {error}"))

    def _note(self, what: str) -> None:
        self.trouble.append(what)

    @property
    def unexpected(self) -> list[str]:
        """What went wrong and was not expected to."""
        return [what for what in self.trouble if not any(words in what for words in self.expected)]


async def add_cookie(context: BrowserContext, who: Guest, *, number: int = 0, answered: bool = True) -> None:
    """Give a profile somebody's session. `answered`: they have said no to optional cookies, so nothing asks."""
    if answered:
        no_cookies(who.system, who.session_id)
    await context.add_cookies(
        [{"name": COOKIE, "value": who.token, "url": who.system.url(number), "httpOnly": True, "sameSite": "Lax"}]
    )


async def ready(page: Page) -> None:
    """Wait until the page has what belongs to the person."""
    path = urlsplit(page.url).path
    if path == "/":
        await expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_visible()
        await expect(page.locator(".skel")).to_have_count(0)
    elif path.startswith("/library"):
        await expect(page.locator(".gallery .skel")).to_have_count(0)
    elif path.startswith(("/settings", "/operator")):
        await expect(page.locator(".set-wait")).to_have_count(0)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the whole run."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=installed.ensure(), args=list(installed.ARGUMENTS), handle_sigint=False
        )
        yield running
        await running.close()


@pytest.fixture
async def visits(chromium: Browser) -> AsyncIterator[Visits]:
    """Opens pages; fails the test when any of them complained."""
    opened = Visits(chromium)
    yield opened
    for context in opened.contexts:
        await context.close()
    wrong = opened.unexpected
    assert wrong == [], wrong


@pytest.fixture
async def guest(system: System) -> Guest:
    """Somebody new who is signed in to the shared Studio."""
    return await sign_in(system)
