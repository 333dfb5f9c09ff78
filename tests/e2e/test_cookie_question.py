"""In Chromium: what the question about cookies looks like and does, and what exists before and after each answer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Request, Route, expect

from studio.pages.routes import ROUTES
from tests.e2e.test_pages import SIZES, overflow, violations
from tests.fixtures_browser import Visits, add_cookie, ready
from tests.http.people import Guest, sign_in, until, value
from tests.system import System

OPTIONAL = {"studio_analytics", "studio_experiments"}
NECESSARY = {"studio_session", "workspace", "theme"}
DOCUMENTS = ["/privacy", "/terms", "/cookies/choices", "/signin/nothing"]
PAGES = [route.path for route in ROUTES if route.path.startswith("/")]
REJECT, ACCEPT, CHOOSE = "Reject optional cookies", "Accept optional cookies", "Choose per purpose"
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SHIFTS = """window.shifts = []; new PerformanceObserver((list) => {
  for (const e of list.getEntries()) window.shifts.push([e.value, ...e.sources.map((s) => s.node && s.node.className)]);
}).observe({ type: "layout-shift", buffered: true });"""


@dataclass
class Watch:
    """A profile and the optional requests its pages sent."""

    context: BrowserContext
    sent: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        if "/api/usage" in request.url:
            self.sent.append(request.post_data or "")

    async def cookies(self) -> set[str]:
        return {cookie.get("name", "") for cookie in await self.context.cookies()}


async def profile(visits: Visits, who: Guest | None, system: System, **options: Any) -> Watch:
    """A browser that has not been asked, signed in as somebody or not."""
    watch = Watch(await visits.context(base_url=system.url(), **options))
    watch.context.on("request", watch.note)
    if who is not None:
        await add_cookie(watch.context, who, answered=False)
    return watch


def region(page: Page) -> Locator:
    return page.get_by_role("region", name="Cookies", exact=True)


async def storage(page: Page) -> set[str]:
    """The names of what the page keeps in the browser itself."""
    return set(await page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"))


FRAMEWORK = re.compile(r"theme|last_compiled_theme|token|client_storage|react-router-scroll-positions")


async def sweep(watch: Watch, paths: list[str], *, asks: bool) -> tuple[set[str], set[str], int]:
    """Open every page; the optional cookies, foreign storage and optional requests there were."""
    kept: set[str] = set()
    before = len(watch.sent)
    page = await watch.context.new_page()
    for path in paths:
        async with page.expect_response("**/cookies/state") if path not in DOCUMENTS else _nothing():
            await page.goto(path)
        await ready(page)
        if path != "/cookies/choices":
            await expect(region(page)).to_have_count(1 if asks else 0)
        kept |= {name for name in await storage(page) if not FRAMEWORK.search(name)}
        assert (await watch.cookies()) - OPTIONAL <= NECESSARY
    await page.wait_for_load_state("networkidle")
    await page.close()
    return OPTIONAL & await watch.cookies(), kept, len(watch.sent) - before


class _nothing:  # noqa: N801  # stands where a context manager does
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "signed out"])
async def test_nothing_optional_exists_before_a_yes_or_after_it_was_taken_back(
    visits: Visits, system: System, signed_in: bool
):
    visits.expect_trouble("status of 410", "status of 404")
    who = await sign_in(system) if signed_in else None
    paths = [*[path for path in PAGES if (path == "/welcome") != signed_in], *DOCUMENTS]
    nothing: tuple[set[str], set[str], int] = (set(), set(), 0)
    watch = await profile(visits, who, system)
    assert await sweep(watch, paths, asks=True) == nothing, "before"
    page = await watch.context.new_page()
    await page.goto(paths[0])
    await region(page).get_by_role("button", name=REJECT).click()
    await expect(region(page)).to_have_count(0)
    await page.close()
    assert await sweep(watch, paths, asks=False) == nothing, "after a no"
    page = await watch.context.new_page()
    await page.goto("/cookies/choices")
    await region(page).get_by_role("button", name=ACCEPT).click()
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    await page.close()
    cookies, kept, requests = await sweep(watch, paths, asks=False)
    assert (cookies, kept) == (OPTIONAL, set())
    assert requests >= len(paths) - len(DOCUMENTS)
    page = await watch.context.new_page()
    await page.goto("/cookies/choices")
    await region(page).get_by_role("button", name=REJECT).click()  # two clicks: the footer's link, this
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    await page.close()
    assert await sweep(watch, paths, asks=False) == nothing, "after it was taken back"
    signal = await profile(visits, who and await sign_in(system), system, extra_http_headers={"Sec-GPC": "1"})
    assert await sweep(signal, paths, asks=False) == nothing, "with Global Privacy Control"


async def same(first: Locator, second: Locator) -> None:
    """Two buttons of one size, on one line or in one column, in the same colours."""
    boxes = [await each.bounding_box() for each in (first, second)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    for side in ("width", "height"):
        assert abs(boxes[0][side] - boxes[1][side]) <= 1
    assert min(boxes[0]["height"], boxes[0]["width"]) >= 44
    looks = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor, getComputedStyle(e).fontWeight]"
    assert await first.evaluate(looks) == await second.evaluate(looks)


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.parametrize("path", ["/", "/welcome", "/privacy", "/cookies/choices", "/signin/x"])
async def test_both_answers_are_equal_and_the_question_has_no_violation(
    visits: Visits, system: System, path: str, size: str, scheme: str
):
    visits.expect_trouble("status of 410")
    who = await sign_in(system) if path == "/" else None
    watch = await profile(visits, who, system, viewport=SIZES[size], color_scheme=scheme)
    page = await visits.open(watch.context, path)
    asked = region(page)
    await expect(asked).to_be_visible()
    await same(asked.get_by_role("button", name=REJECT), asked.get_by_role("button", name=ACCEPT))
    assert await violations(page) == []
    assert await overflow(page) <= 0
    if path in ("/", "/welcome"):
        await asked.get_by_role("button", name=CHOOSE).click()
        for purpose in ("Anonymous usage counts", "Design experiments"):
            await expect(asked.get_by_role("switch", name=purpose, exact=True)).not_to_be_checked()
        await expect(asked.get_by_role("switch").first).to_be_focused()
        await same(asked.get_by_role("button", name=REJECT), asked.get_by_role("button", name=ACCEPT))
        assert await violations(page) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", ["/", "/welcome"])
async def test_the_question_comes_and_goes_without_moving_anything(
    visits: Visits, system: System, path: str, size: str
):
    watch = await profile(visits, await sign_in(system) if path == "/" else None, system, viewport=SIZES[size])
    await watch.context.add_init_script(SHIFTS)
    released = asyncio.Event()

    async def held(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await watch.context.route("**/cookies/state", held)
    page = await visits.open(watch.context, path)
    await page.wait_for_timeout(400)  # what the page itself still moves, there is nothing to await
    await page.evaluate("window.shifts = []")
    released.set()
    await expect(region(page)).to_be_visible()
    await page.evaluate(PAINTED)
    await region(page).get_by_role("button", name=REJECT).click()
    await expect(region(page)).to_have_count(0)
    await page.evaluate(PAINTED)
    assert await page.evaluate("window.shifts") == []


async def test_the_landing_page_stands_still_from_its_first_paint(visits: Visits, system: System):
    for size in SIZES.values():
        watch = await profile(visits, None, system, viewport=size)
        await watch.context.add_init_script(SHIFTS)
        page = await visits.open(watch.context, "/welcome")
        await expect(region(page)).to_be_visible()
        await page.evaluate(PAINTED)
        assert await page.evaluate("window.shifts") == []


@pytest.mark.parametrize("size", SIZES)
async def test_the_studio_is_usable_with_the_question_open(visits: Visits, system: System, size: str):
    who = await sign_in(system)
    watch = await profile(visits, who, system, viewport=SIZES[size])
    page = await visits.open(watch.context, "/")
    await expect(region(page)).to_be_visible()
    await page.get_by_role("textbox", name="Prompt", exact=True).fill("A quiet harbour")
    await page.get_by_role("button", name=re.compile("^Generate")).click()
    await until(system, "SELECT 1 FROM batches WHERE account_id = %s", who.account_id)
    await expect(region(page)).to_be_visible()
    assert OPTIONAL & await watch.cookies() == set()
    asked = await region(page).bounding_box()
    bar = await page.locator(".composer").bounding_box()
    assert asked is not None
    assert bar is not None
    assert asked["y"] + asked["height"] <= bar["y"]


COVERED = """() => { const e = document.activeElement, b = document.querySelector('.cookies');
  if (!b || e === document.body || b.contains(e)) return null;
  const r = e.getBoundingClientRect(), c = b.getBoundingClientRect();
  const w = Math.min(r.right, c.right) - Math.max(r.left, c.left);
  const h = Math.min(r.bottom, c.bottom) - Math.max(r.top, c.top);
  return w > 0 && h > 0 && w * h >= 0.99 * r.width * r.height
    ? (e.getAttribute('aria-label') || e.innerText || e.tagName) : null; }"""


@pytest.mark.parametrize(
    ("path", "size"),
    [("/", "desktop"), ("/", "phone"), ("/welcome", "phone"), ("/settings/profile", "desktop"), ("/privacy", "phone")],
)
async def test_the_keyboard_meets_the_question_first_and_nothing_with_focus_is_hidden_by_it(
    visits: Visits, system: System, path: str, size: str
):
    who = await sign_in(system) if path in ("/", "/settings/profile") else None
    watch = await profile(visits, who, system, viewport=SIZES[size])
    page = await visits.open(watch.context, path)
    await expect(region(page)).to_be_visible()
    order = []
    for _ in range(3):
        await page.keyboard.press("Tab")
        order.append(await page.evaluate("document.activeElement.textContent"))
    assert order == [REJECT, ACCEPT, CHOOSE]
    for _ in range(30):
        await page.keyboard.press("Tab")
        assert await page.evaluate(COVERED) is None


async def test_escape_is_a_no_and_a_dialog_takes_it_first(visits: Visits, system: System):
    who = await sign_in(system)
    watch = await profile(visits, who, system)
    page = await visits.open(watch.context, "/")
    await expect(region(page)).to_be_visible()
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(region(page)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(region(page)).to_have_count(0)
    allowed = value(system, "SELECT analytics OR experiments FROM consents WHERE account_id = %s", who.account_id)
    assert allowed is False
    await page.reload()
    await ready(page)
    await expect(region(page)).to_have_count(0)


async def test_a_choice_per_purpose_counts_at_once_and_is_in_the_history(visits: Visits, system: System):
    who = await sign_in(system)
    watch = await profile(visits, who, system)
    page = await visits.open(watch.context, "/settings/privacy")
    await region(page).get_by_role("button", name=CHOOSE).click()
    await region(page).get_by_role("switch", name="Anonymous usage counts").check()
    await region(page).get_by_role("button", name="Save my choices").click()
    await expect(region(page)).to_have_count(0)
    assert OPTIONAL & await watch.cookies() == {"studio_analytics"}
    card = page.get_by_role("region", name="Cookies and consent")
    history = card.get_by_role("listitem")
    await expect(history).to_have_count(1)
    await expect(history.first).to_contain_text("Turned on Anonymous usage counts")
    await card.get_by_role("switch", name="Design experiments").check()
    await expect(history.first).to_contain_text("Accepted optional cookies")
    await card.get_by_role("button", name=REJECT).click()
    await expect(history.first).to_contain_text("Rejected optional cookies")
    await expect(history).to_have_count(3)
    assert OPTIONAL & await watch.cookies() == set()


async def test_the_browsers_signal_is_said_in_the_settings(visits: Visits, system: System):
    who = await sign_in(system)
    watch = await profile(visits, who, system, extra_http_headers={"Sec-GPC": "1"})
    page = await visits.open(watch.context, "/settings/privacy")
    card = page.get_by_role("region", name="Cookies and consent")
    await expect(card.get_by_text("Your browser sends Global Privacy Control.")).to_be_visible()
    await card.get_by_role("switch", name="Anonymous usage counts").check()
    await expect(card.get_by_text("you turned on yourself")).to_be_visible()
    await expect(card.get_by_role("listitem").first).to_contain_text("beside the browser's signal")
    assert OPTIONAL & await watch.cookies() == {"studio_analytics"}


async def test_documents_ask_without_a_script(visits: Visits, system: System):
    watch = await profile(visits, None, system, java_script_enabled=False)
    page = await watch.context.new_page()
    await page.goto("/privacy")
    await region(page).get_by_role("button", name=CHOOSE).click()
    await expect(page).to_have_url(re.compile("/cookies/choices"))
    await page.get_by_role("switch", name="Design experiments").check()
    await page.get_by_role("button", name="Save my choices").click()
    await expect(page).to_have_url(re.compile("/privacy$"))
    await expect(region(page)).to_have_count(0)
    assert OPTIONAL & await watch.cookies() == {"studio_experiments"}


@pytest.mark.parametrize(("arm", "words"), [("work", "Make pictures and film."), ("price", "Know the price first.")])
async def test_who_allowed_experiments_sees_their_arm(visits: Visits, system: System, arm: str, words: str):
    watch = await profile(visits, None, system)
    page = await visits.open(watch.context, "/cookies/choices")
    await region(page).get_by_role("switch", name="Design experiments").check()
    await region(page).get_by_role("button", name="Save my choices").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    cookie = {"name": "studio_experiments", "value": f"landing.{arm}.", "url": system.url(), "httpOnly": True}
    await watch.context.add_cookies([cookie])  # type: ignore[list-item]  # a cookie as playwright takes it
    await page.goto("/welcome")
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"^{words}"), use_inner_text=True)
    await expect(page.locator("h1 span:visible")).to_have_count(1)
