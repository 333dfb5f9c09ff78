"""The composer in the browser: what only keys, a pointer and a second device can show."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.e2e.test_making import batch, write
from tests.e2e.test_pages import overflow, violations
from tests.fixtures_browser import PHONE, Visits, add_cookie
from tests.http.people import Guest, until
from tests.system import ROOT

PHOTOS = [ROOT / "tests" / "data" / name for name in ("photo-rocket.jpg", "photo-deep-field.jpg")]
SAVED = "SELECT 1 FROM drafts WHERE account_id = %s AND content->>'prompt' = %s"
# A page that nobody looks at, and the notifications it asks the system to show.
AWAY = """window.said = []; window.away = false;
Object.defineProperty(document, 'hidden', { get: () => window.away });
window.Notification = class { static permission = 'default';
  static requestPermission() { Notification.permission = 'granted'; return Promise.resolve('granted'); }
  constructor(title, options) { window.said.push([title, options.body]); } };"""


def prompt_of(page: Page) -> Any:
    """The prompt's field."""
    return page.get_by_role("textbox", name="Prompt", exact=True)


async def add_references(page: Page) -> None:
    """Two pictures as references."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add reference").click()
    await (await chooser.value).set_files(PHOTOS)
    await expect(page.get_by_role("button", name="Remove reference 2")).to_be_visible()


async def order(page: Page) -> list[str]:
    """The references by id, as they stand."""
    return await page.locator("[data-sort]").evaluate_all("all => all.map(e => e.getAttribute('data-sort'))")


async def test_references_are_named_by_at_moved_by_key_and_by_pointer_and_the_draft_follows_to_a_phone(
    visits: Visits, guest: Guest
):
    page = await visits.enter(guest)
    await add_references(page)
    first, second = await order(page)
    prompt = prompt_of(page)
    await prompt.press_sequentially("A vase like @")
    listed = page.get_by_role("listbox", name="References")
    await expect(listed.get_by_role("option")).to_have_count(2)
    await prompt.press("ArrowDown")
    await expect(listed.get_by_role("option", name="@2")).to_have_attribute("aria-selected", "true")
    await prompt.press("Enter")
    await expect(prompt).to_have_value("A vase like @2 ")
    await expect(listed).to_have_count(0)
    await prompt.press_sequentially("and @")
    await prompt.press("Escape")
    await expect(listed).to_have_count(0)
    await prompt.press_sequentially("1")
    await prompt.press("Escape")

    await page.get_by_role("button", name="Move reference 2 earlier").focus()
    await page.keyboard.press("Enter")
    await expect(prompt).to_have_value("A vase like @1 and @2")
    assert await order(page) == [second, first]
    wells = page.locator("[data-sort]")
    await wells.nth(0).drag_to(wells.nth(1))
    await expect(prompt).to_have_value("A vase like @2 and @1")
    assert await order(page) == [first, second]

    await page.get_by_role("radio", name="Exact").check()
    await page.get_by_role("textbox", name="Width").fill("300")
    await expect(page.get_by_text("Width times height must be from 3,686,400 to 16,777,216 pixels")).to_be_visible()
    await expect(page.get_by_role("button", name="Generate")).to_be_disabled()
    await page.get_by_role("textbox", name="Width").fill("2400")
    await expect(page.get_by_role("button", name="Generate · $0.04")).to_be_enabled()

    await until(guest.system, SAVED + " AND content->>'width' = '2400'", guest.account_id, "A vase like @2 and @1")
    await page.reload()
    await expect(prompt_of(page)).to_have_value("A vase like @2 and @1")
    phone = await visits.enter(guest, viewport=PHONE, has_touch=True)
    await expect(prompt_of(phone)).to_have_value("A vase like @2 and @1")
    await phone.get_by_role("button", name=re.compile("^Parameters: ")).click()
    sheet = phone.get_by_role("dialog", name="Parameters")
    await expect(sheet.get_by_role("textbox", name="Width")).to_have_value("2400")
    await sheet.get_by_role("button", name="Move reference 1 later").tap()
    await expect(sheet.get_by_role("button", name="Move reference 2 earlier")).to_be_visible()
    await phone.keyboard.press("Escape")
    await expect(prompt_of(phone)).to_have_value("A vase like @1 and @2")

    thumbs = page.locator("#composer .cthumb")
    await expect(thumbs).to_have_count(2)
    await page.get_by_role("radio", name="Video", exact=True).check()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="First frame, add", exact=True).click()
    await (await chooser.value).set_files(PHOTOS[:1])
    notes = page.locator("#composer .notes")
    await expect(notes).to_contain_text("Frames go without references: yours are kept, not sent.")
    await expect(notes).to_contain_text("@2 in the prompt names a picture that is not sent.")
    await expect(thumbs).to_have_count(1)
    await expect(page.get_by_role("button", name="Generate")).to_be_disabled()
    kept = await page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)].join()")
    assert "prompt" not in kept
    assert "draft" not in kept


async def test_a_series_arrives_in_its_places_and_earlier_prompts_come_back_by_arrow(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    await page.get_by_role("radiogroup", name="Images", exact=True).get_by_role("radio", name="2", exact=True).check()
    await page.get_by_role("switch", name="Series").click()
    await (await write(page, "Two hours of one harbour")).click()
    for number in (1, 2):
        await expect(
            batch(page, "Two hours of one harbour").get_by_role("link", name=f"Image {number} of 2", exact=True)
        ).to_be_visible()
    prompt = prompt_of(page)
    await prompt.fill("Half a thought")
    await prompt.press("Home")
    await prompt.press("ArrowUp")
    await expect(prompt).to_have_value("Two hours of one harbour")
    await prompt.press("ArrowDown")
    await expect(prompt).to_have_value("Half a thought")

    await page.get_by_role("button", name="What it would cost").click()
    await page.get_by_role("button", name=re.compile(r"^On Seedream 4\.0: \$0\.06, \$39\.86 left after$")).click()
    await expect(page.get_by_role("button", name="Generate · $0.06")).to_be_enabled()
    await expect(page.get_by_role("combobox", name="Model")).to_contain_text("Seedream 4.0")

    await page.get_by_role("button", name="Save as preset").click()
    await page.get_by_role("textbox", name="Name of the new preset").fill("Cheap pairs")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Apply Cheap pairs")).to_be_visible()
    await page.get_by_role("textbox", name="Name of preset Cheap pairs").fill("Pairs")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Apply Pairs")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.get_by_role("radio", name="Video", exact=True).check()
    await page.get_by_role("button", name="Presets", exact=True).click()
    await page.get_by_role("button", name="Apply Pairs").click()
    await expect(page.get_by_role("combobox", name="Model")).to_contain_text("Seedream 4.0")
    await expect(prompt).to_have_value("Half a thought")

    # Leaving at once, before the pause in which a draft is saved, loses nothing.
    await page.get_by_role("radio", name="16:9", exact=True).check()
    await page.get_by_role("link", name="Library", exact=True).first.click()
    await page.wait_for_url("**/library")
    await until(guest.system, SAVED + " AND content->>'ratio' = '16:9'", guest.account_id, "Half a thought")


async def test_the_title_and_an_allowed_notification_tell_and_giving_up_says_what_it_means(
    visits: Visits, guest: Guest
):
    context = await visits.context()
    await context.add_init_script(AWAY)
    await add_cookie(context, guest)
    page = await visits.open(context, guest.system.url())
    await page.get_by_role("radio", name="Video", exact=True).check()
    await (await write(page, "A ferry that stays [[sim:hold]]")).click()
    tile = batch(page, "A ferry that stays [[sim:hold]]").get_by_role("group", name="Video 1 of 1, in progress")
    await expect(tile).to_be_visible()
    await expect(page).to_have_title("(1 running) Studio")
    await page.get_by_role("button", name="Queue: 1 running").click()
    listed = page.get_by_role("list", name="Queue")
    await expect(listed).to_contain_text("A ferry that stays")
    await page.get_by_role("button", name="Notify me when work finishes").click()
    await expect(page.get_by_text("Notifications are on.")).to_be_visible()
    await listed.get_by_role("button", name=re.compile("^Cancel video 1: A ferry")).click()
    question = page.get_by_role("alertdialog", name="Give this clip up?")
    await expect(question).to_contain_text("Once it renders it runs on and is billed")
    await question.get_by_role("button", name="Try to give it up").click()
    await expect(tile).to_contain_text("It had begun, so it runs on and is billed")

    await page.get_by_role("radio", name="Image", exact=True).check()
    button = await write(page, "A kite, seen from elsewhere")
    await page.evaluate("window.away = true")
    await button.click()
    await expect(page).to_have_title("(1 done, 1 running) Studio")
    assert await page.evaluate("window.said") == [["1 result is ready", "1 of 1 finished: A kite, seen from elsewhere"]]
    await page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page).to_have_title("(1 running) Studio")


async def test_pictures_of_the_library_are_inserted_by_key_and_on_a_phone(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    await (await write(page, "A green kite")).click()
    await expect(batch(page, "A green kite").get_by_role("link", name="Image 1 of 1", exact=True)).to_be_visible()
    button = page.get_by_role("button", name="Insert from library", exact=True)
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Insert from library")
    kite = dialog.get_by_role("button", name="Image: A green kite", exact=True)
    await dialog.get_by_role("searchbox", name="Search pictures").fill("zebra")
    await expect(dialog).to_contain_text("No picture of this workspace fits these words.")
    await dialog.get_by_role("searchbox", name="Search pictures").fill("")
    await kite.focus()
    await page.keyboard.press("Space")
    await expect(kite).to_have_attribute("aria-pressed", "true")
    await expect(dialog.get_by_role("status")).to_have_text(re.compile(r"^1 of \d+ references chosen$"))
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(button).to_be_focused()
    await expect(page.get_by_role("button", name="Remove reference 1")).to_be_visible()

    phone = await visits.enter(guest, viewport=PHONE, has_touch=True, color_scheme="light")
    await phone.get_by_role("button", name="Insert from library", exact=True).tap()
    sheet = phone.get_by_role("dialog", name="Insert from library")
    await expect(sheet.get_by_role("button", name="Image: A green kite", exact=True)).to_be_visible()
    assert await violations(phone) == []
    assert await overflow(phone) <= 0
    seen = [phone.get_by_role("dialog"), phone.get_by_role("form", name="Composer", include_hidden=True)]
    for place in seen:
        for control in await place.locator("button:visible, input:visible").all():
            box = await control.bounding_box()
            assert box, await control.inner_html()
            assert min(box["width"], box["height"]) >= 44, await control.evaluate("e => e.outerHTML")
    box = await sheet.bounding_box()
    assert box, "the sheet stands at the foot of the window, as wide as it"
    assert (box["x"], box["width"], round(box["y"] + box["height"])) == (0, PHONE["width"], PHONE["height"])
