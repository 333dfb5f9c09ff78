"""The story: from the sign-in link to a picture, from the picture to a clip, and all of it still there afterwards."""

from __future__ import annotations

import asyncio
import hashlib

from playwright.async_api import Page, expect

from tests.fixtures_browser import Visits, ready
from tests.http.people import rows
from tests.system import ROOT, System

ROCKET = ROOT / "tests" / "data" / "photo-rocket.jpg"
EMAIL = "story@example.org"
PICTURE = "A rocket on a quiet launch pad at dawn, soft mist, film grain"
CLIP = "The rocket lifts off slowly, the camera follows it up"


async def generate(page: Page, prompt: str, price: str) -> None:
    """Type and press the button that says what it costs."""
    await page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    button = page.get_by_role("button", name="Generate")
    await expect(button).to_have_accessible_name(f"Generate · {price}")
    await button.click()


async def stored(page: Page, system: System, kind: str) -> None:
    """The newest output of a kind is stored, charged once within the cap, and served byte for byte."""
    [made] = rows(
        system,
        "SELECT g.id, g.account_id, g.charged_micros, g.reserved_micros, a.id AS asset, a.sha256, a.size_bytes "
        "FROM generations g JOIN assets a ON a.generation_id = g.id JOIN accounts p ON p.id = g.account_id "
        "WHERE g.kind = %s AND g.state = 'succeeded' AND p.email = %s",
        kind,
        EMAIL,
    )
    assert 0 < made.charged_micros <= made.reserved_micros
    entries = rows(
        system, "SELECT kind, amount_micros FROM ledger_entries WHERE reservation = %s ORDER BY kind", made.id
    )
    assert [(e.kind, e.amount_micros) for e in entries] == [
        ("reserve", made.reserved_micros),
        ("settle", made.charged_micros),
    ]
    [budget] = rows(system, "SELECT * FROM budgets WHERE account_id = %s", made.account_id)
    charged = rows(system, "SELECT sum(charged_micros) AS all FROM generations WHERE account_id = %s", made.account_id)
    assert budget.held_micros == 0
    assert budget.spent_micros == charged[0].all <= budget.cap_micros
    served = await page.context.request.get(f"/media/{made.asset}/original")
    body = await served.body()
    assert (len(body), hashlib.sha256(body).hexdigest()) == (made.size_bytes, made.sha256)


async def test_a_person_signs_in_makes_a_picture_then_a_clip_and_finds_both_again(system: System, visits: Visits):
    context = await visits.context(base_url=system.url())
    page = await context.new_page()
    link = await asyncio.to_thread(system.signin_link, EMAIL)
    await page.goto(link)
    await ready(page)
    assert page.url == f"{system.url()}/"

    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add reference").click()
    await (await chooser.value).set_files(ROCKET)
    await expect(page.get_by_role("button", name="Remove reference 1")).to_be_visible()
    await generate(page, PICTURE, "$0.04")
    picture = page.get_by_role("link", name="Image 1 of 1", exact=True)
    await expect(picture).to_be_visible()
    await expect(picture.get_by_role("presentation")).to_have_js_property("complete", True)
    assert await picture.locator("img").evaluate("img => img.naturalWidth") >= 512
    await expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value(PICTURE)
    await stored(page, system, "image")

    await page.get_by_role("radio", name="Video", exact=True).check()
    await picture.click()
    details = page.get_by_role("complementary", name="Details")
    await details.get_by_role("button", name="First frame").click()
    await expect(page.get_by_role("button", name="First frame, replace")).to_be_visible()
    await details.get_by_role("button", name="Close details").click()
    price = await page.get_by_role("button", name="Generate").inner_text()
    await generate(page, CLIP, price.split("· ")[1].split("\n")[0].strip())
    clip = page.get_by_role("link", name="Video 1 of 1", exact=True)
    await expect(clip).to_be_visible(timeout=30_000)
    await stored(page, system, "video")
    await clip.click()
    player = details.locator("video")
    await expect(player).to_be_visible()
    length = await player.evaluate(
        "v => new Promise((done, fail) => { const go = () => v.currentTime > 0 && done(v.duration);"
        " v.muted = true; v.addEventListener('timeupdate', go); v.addEventListener('error', () => fail(v.error));"
        " v.play().catch(fail); })"
    )
    assert 4 <= length <= 6
    assert await player.evaluate("v => v.readyState") >= 2

    await page.reload()
    await ready(page)
    for name in ("Image 1 of 1", "Video 1 of 1"):
        await expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Library").click()
    await expect(page.get_by_role("gridcell", name=f"Image: {PICTURE}")).to_be_visible()
    await expect(page.get_by_role("gridcell", name=f"Video: {CLIP}")).to_be_visible()
    await expect(page.get_by_text("2 outputs").first).to_be_visible()
