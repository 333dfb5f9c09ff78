"""Every page and every panel: no accessibility violation, nothing wider than a phone, the names people rely on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from studio.pages.routes import ROUTES
from tests.factories import OPERATOR
from tests.fixtures_browser import DESKTOP, PHONE, Visits, add_cookie, ready
from tests.http.people import Guest, rows, sign_in, until
from tests.http.wire import STUDIO, connect, load
from tests.system import System

PATHS = [route.path if route.path.startswith("/") else "/nothing/here" for route in ROUTES]
SIZES = {"desktop": DESKTOP, "phone": PHONE}
# Colours change over a moment and messages fade in; what is measured is where they arrive.
SETTLED = """Promise.all(document.getAnimations().filter(a => a.effect.getComputedTiming().endTime < 5000)
  .map(a => a.finished.catch(() => null)))"""
Step = Callable[[Page], Awaitable[Any]]


async def violations(page: Page, inside: str | None = None) -> list[str]:
    """What axe finds on the page, or inside one part of it; one line each."""
    await page.evaluate(SETTLED)
    found = await Axe().run(page, context={"include": [[inside]]} if inside else None)
    return [
        f"{v['id']}: {v['help']} — {'; '.join(n['html'][:140] for n in v['nodes'][:4])}"
        for v in found.response["violations"]
    ]


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return await page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")


@pytest.fixture(scope="module")
async def maker(system: System) -> Guest:
    """Somebody with a batch of two, a failure, a cancelled output and an unknown one."""
    who = await sign_in(system)
    prompts = ("Two paper boats on ink-blue water", "A portrait [[sim:block_input]]", "A storm [[sim:lost]]")
    for number, prompt in enumerate(prompts, 1):
        # One tab each: the same one may not send twice within the length of a double click.
        async with connect(system, cookie=who.token) as socket:
            await load(socket)
            socket.call(f"{STUDIO}.set_count", value="2" if number == 1 else "1")
            socket.call(f"{STUDIO}.generate", form={"prompt": prompt})
            await until(system, "SELECT count(*) = %s FROM batches WHERE account_id = %s", number, who.account_id)
            await socket.until(lambda s: not s.known("submitting"))
    await until(
        system,
        "SELECT count(*) = 0 FROM generations WHERE account_id = %s AND ended_at IS NULL AND state <> 'unknown'",
        who.account_id,
    )
    return who


@pytest.fixture(scope="module")
async def boss(system: System) -> Guest:
    """Somebody who may see the operator's pages."""
    return await sign_in(system, email=OPERATOR)


async def page_at(visits: Visits, who: Guest, path: str, size: str) -> Page:
    """A page in a size, light, as whoever may see it."""
    rows(who.system, "DELETE FROM drafts WHERE account_id = %s RETURNING 1", who.account_id)  # each starts afresh
    context = await visits.context(viewport=SIZES[size], color_scheme="light", has_touch=size == "phone")
    if path != "/welcome":
        await add_cookie(context, who)
    if path.startswith("/nothing"):
        visits.expect_trouble("404")
    return await visits.open(context, who.system.url() + path)


async def in_each_scheme(page: Page) -> AsyncIterator[str]:
    """The page in light, then in dark, as the system's setting changes under it."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await expect(page.locator("html")).to_have_class(re.compile(rf"\b{scheme}\b"))
        yield scheme


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PATHS)
async def test_a_page_has_no_violation_and_fits_its_window(
    visits: Visits, maker: Guest, boss: Guest, path: str, size: str
):
    page = await page_at(visits, boss if path.startswith("/operator") else maker, path, size)
    await expect(page.locator("main")).to_have_count(1)
    await expect(page.locator("h1")).to_have_count(1)
    async for scheme in in_each_scheme(page):
        assert await violations(page) == [], scheme
        assert await overflow(page) <= 0


async def shortcuts(page: Page) -> None:
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def account(page: Page) -> None:
    await page.get_by_role("button", name=re.compile(r"^Account menu, \S")).locator("visible=true").click()
    await expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


async def details(page: Page) -> None:
    await page.get_by_role("link", name="Image 2 of 2", exact=True).click()
    await expect(page.get_by_role("button", name="Close details").locator("visible=true")).to_be_visible()


async def models(page: Page) -> None:
    await page.get_by_role("combobox", name="Model").click()
    await expect(page.get_by_role("option").first).to_be_visible()


async def menu(page: Page) -> None:
    await page.get_by_role("button", name="More for this batch").first.click()
    await expect(page.get_by_role("menuitem", name="Reuse")).to_be_visible()


async def video(page: Page) -> None:
    await page.get_by_role("radio", name="Video", exact=True).check()
    await expect(page.get_by_role("slider", name="Duration")).to_be_visible()


async def sheet(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("^Parameters: ")).click()
    await expect(page.get_by_role("dialog", name="Parameters")).to_be_visible()


async def costs(page: Page) -> None:
    await page.get_by_role("button", name="What it would cost").click()
    await expect(page.get_by_role("button", name=re.compile("^On Seedream 4.0: "))).to_be_visible()


async def presets(page: Page) -> None:
    await page.get_by_role("button", name="Save as preset").click()
    await page.get_by_role("textbox", name="Name of the new preset").fill("Usual")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Apply Usual")).to_be_visible()


async def queue(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("^Queue: ")).locator("visible=true").click()
    await expect(page.get_by_role("list", name="Queue")).to_be_visible()


LISTS: dict[Step, str] = {models: "[role=listbox]", menu: "[role=menu]"}
PANELS: list[tuple[str, Step]] = [
    ("desktop", shortcuts),
    ("desktop", account),
    ("desktop", details),
    ("desktop", models),
    ("desktop", menu),
    ("desktop", video),
    ("desktop", presets),
    ("desktop", queue),
    ("phone", account),
    ("phone", costs),
    ("phone", details),
    ("phone", sheet),
]


@pytest.mark.parametrize(("size", "step"), PANELS, ids=[f"{size} {step.__name__}" for size, step in PANELS])
async def test_a_panel_has_no_violation_and_escape_closes_it(visits: Visits, maker: Guest, size: str, step: Step):
    page = await page_at(visits, maker, "/", size)
    await step(page)
    async for scheme in in_each_scheme(page):
        # Below an open list Radix hides the page from screen readers and keeps focus in the list; axe knows only the
        # first.
        assert await violations(page, LISTS.get(step)) == [], scheme
        assert await overflow(page) <= 0
    if step is not video:
        await page.keyboard.press("Escape")
        await expect(page.locator("[role=dialog],[role=menu],[role=listbox],aside.details")).to_have_count(0)


async def test_the_studio_has_the_names_that_people_and_screen_readers_rely_on(visits: Visits, maker: Guest):
    page = await page_at(visits, maker, "/", "desktop")
    main = page.get_by_role("navigation", name="Main").locator("visible=true")
    names: dict[str, list[str]] = {
        "link": ["Studio", "Library"],
        "button": ["Keyboard shortcuts", "Switch theme", "Add reference", "Reset to defaults", "Attach image"],
        "radio": ["Image", "Video", "1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16", "21:9", "2K", "4K", "Exact"],
        "textbox": ["Prompt", "Number of images"],
        "combobox": ["Model"],
        "switch": ["Visible watermark", "Series"],
        "meter": ["Monthly cap used"],
        "form": ["Composer"],
        "main": ["Results"],
    }
    names["button"] += ["Presets", "Save as preset", "What it would cost"]
    for role, wanted in names.items():
        for name in wanted:
            place: Any = main if role == "link" else page
            await expect(place.get_by_role(role, name=name, exact=True).first).to_be_attached()
    for number in ("1", "2", "4", "6", "8"):
        group = page.get_by_role("radiogroup", name="Images", exact=True)
        await expect(group.get_by_role("radio", name=number, exact=True)).to_be_attached()
    for name in ("All", "Images", "Videos"):
        group = page.get_by_role("radiogroup", name="Show", exact=True)
        await expect(group.get_by_role("radio", name=name, exact=True)).to_be_attached()
    batch = page.get_by_role("region", name="Batch: Two paper boats on ink-blue water", exact=True)
    for name in ("Reuse", "Remix", "More for this batch"):
        await expect(batch.get_by_role("button", name=name, exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Generate")).to_have_count(1)
    await batch.get_by_role("link", name="Image 1 of 2", exact=True).click()
    panel = page.get_by_role("complementary", name="Details", exact=True)
    actions = ["Reuse", "Remix", "As reference", "First frame", "Last frame", "Edit with a prompt", "Download"]
    for name in [*actions, "Previous output", "Next output", "Close details"]:
        await expect(panel.get_by_role("button", name=name, exact=True)).to_be_visible()
    await panel.get_by_role("button", name="Close details").click()
    await page.get_by_role("radio", name="Video", exact=True).check()
    for name in ("480p", "720p", "1080p"):
        await expect(page.get_by_role("radio", name=name, exact=True)).to_be_attached()
    for name in ("First frame, add", "Last frame, add", "Swap first and last frame"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    await expect(page.get_by_role("slider", name="Duration", exact=True)).to_be_visible()
    await expect(page.get_by_role("switch", name="Sound", exact=True)).to_be_visible()


async def test_everything_can_be_reached_with_the_tab_key(visits: Visits, maker: Guest):
    page = await page_at(visits, maker, "/", "desktop")
    await page.get_by_role("textbox", name="Prompt").fill("A lake")
    await page.locator("body").click(position={"x": 1, "y": 1})
    seen: set[str] = set()
    for _ in range(80):
        await page.keyboard.press("Tab")
        seen.add(
            await page.evaluate(
                "(document.activeElement.getAttribute('aria-label') || "
                "document.activeElement.innerText || '').split('\\n')[0].trim()"
            )
        )
    assert {"Keyboard shortcuts", "Switch theme", "Prompt", "Attach image", "Reuse", "Image 1 of 2"} <= seen
    assert any(name.startswith("Generate") for name in seen)


async def test_targets_on_a_phone_are_as_large_as_a_thumb(visits: Visits, maker: Guest):
    page = await page_at(visits, maker, "/", "phone")
    small = await page.evaluate(
        """() => [...document.querySelectorAll('button, a[href], input:not([type=file]), textarea, [role=switch]')]
        .filter(e => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden')
        .filter(e => !e.closest('.tiles'))
        .map(e => [e.getAttribute('aria-label') || e.innerText, e.getBoundingClientRect()])
        .filter(([, r]) => r.width > 0 && (r.height < 43.5 || r.width < 43.5))
        .map(([n, r]) => `${n} ${Math.round(r.width)}x${Math.round(r.height)}`)"""
    )
    assert small == [], small


async def test_a_chosen_theme_stays_and_reduced_motion_stills_the_page(visits: Visits, maker: Guest):
    context = await visits.context(color_scheme="light", reduced_motion="reduce")
    await add_cookie(context, maker)
    page = await visits.open(context, maker.system.url())
    await page.get_by_role("button", name="Switch theme").locator("visible=true").first.click()
    await expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    await page.reload()
    await ready(page)
    await expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    cookies = {cookie.get("name"): cookie.get("value") for cookie in await context.cookies()}
    assert cookies["theme"] == "dark"
    moving = await page.evaluate(
        "document.getAnimations().filter(a => a.playState === 'running' && a.effect.getTiming().duration > 1).length"
    )
    assert moving == 0


@pytest.mark.parametrize("path", [p for p in PATHS if p != "/welcome" and "nothing" not in p])
async def test_every_page_of_a_person_has_the_way_out(visits: Visits, maker: Guest, boss: Guest, path: str):
    await account(await page_at(visits, boss if path.startswith("/operator") else maker, path, "desktop"))
