"""Making things in the browser: the ways to send, the pictures that go in, and every way an output can end."""

from __future__ import annotations

import base64
import re
import signal

import pytest
from playwright.async_api import Locator, Page, expect

from tests.fixtures_browser import Visits, add_cookie, ready
from tests.http.people import Guest, make_link, rows, until
from tests.system import ROOT, System

ROCKET = ROOT / "tests" / "data" / "photo-rocket.jpg"
GIVE = """(place, [type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], "given.jpg", { type: "image/jpeg" }));
  const init = { bubbles: true, cancelable: true };
  if (type === "paste") place.dispatchEvent(new ClipboardEvent("paste", { ...init, clipboardData: files }));
  else for (const name of ["dragenter", "dragover", "drop"])
    place.dispatchEvent(new DragEvent(name, { ...init, dataTransfer: files }));
}"""


async def write(page: Page, prompt: str) -> Locator:
    """Type a prompt and wait until it may be sent; returns the button that sends it."""
    await page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    button = page.get_by_role("button", name="Generate")
    await expect(button).to_be_enabled()
    return button


def batch(page: Page, prompt: str) -> Locator:
    """The row of a prompt."""
    return page.get_by_role("region", name=f"Batch: {prompt[:60]}", exact=True)


def sent(guest: Guest) -> int:
    """How many requests an account has made."""
    return rows(guest.system, "SELECT count(*) AS n FROM generations WHERE account_id = %s", guest.account_id)[0].n


async def test_ctrl_enter_generates_and_the_prompt_stays(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    await write(page, "A red kite over dunes")
    await page.keyboard.press("Control+Enter")
    await expect(batch(page, "A red kite over dunes").get_by_role("link", name="Image 1 of 1")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("A red kite over dunes")
    assert sent(guest) == 1


async def test_a_double_click_sends_once(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    button = await write(page, "A paper crane")
    await button.dblclick()
    await expect(batch(page, "A paper crane").get_by_role("link", name="Image 1 of 1")).to_be_visible()
    assert sent(guest) == 1


async def test_what_was_typed_last_is_what_is_sent(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    prompt = page.get_by_role("textbox", name="Prompt", exact=True)
    await prompt.fill("A")
    await expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    await prompt.press_sequentially(" lighthouse at dusk, typed quickly to the very end")
    await page.keyboard.press("Control+Enter")
    await until(guest.system, "SELECT 1 FROM batches WHERE account_id = %s", guest.account_id)
    found = rows(guest.system, "SELECT prompt FROM batches WHERE account_id = %s", guest.account_id)
    assert [row.prompt for row in found] == ["A lighthouse at dusk, typed quickly to the very end"]


@pytest.mark.parametrize("way", ["drop", "paste"])
async def test_a_picture_can_be_dropped_or_pasted(visits: Visits, guest: Guest, way: str):
    page = await visits.enter(guest)
    data = base64.b64encode(ROCKET.read_bytes()).decode()
    await page.get_by_role("main", name="Results").locator(".drop").first.evaluate(GIVE, [way, data])
    await expect(page.get_by_role("button", name="Remove reference 1")).to_be_visible()
    await page.get_by_role("button", name="Remove reference 1").click()
    await expect(page.get_by_role("button", name="Remove reference 1")).to_have_count(0)


async def test_a_file_that_is_no_picture_is_refused_with_a_sentence(visits: Visits, guest: Guest):
    visits.expect_trouble("/api/uploads")
    page = await visits.enter(guest)
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add reference").click()
    await (await chooser.value).set_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"GIF89a nothing"})
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was kept.")


async def test_a_first_frame_keeps_its_shape_until_another_is_chosen(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    await page.get_by_role("radio", name="Video", exact=True).check()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="First frame, add").click()
    await (await chooser.value).set_files(ROCKET)
    await expect(page.get_by_role("button", name="First frame, replace")).to_be_visible()
    await expect(page.get_by_role("radio", name="Auto", exact=True)).to_be_checked()


async def test_what_still_waits_can_be_cancelled_and_is_not_charged(visits: Visits, guest: Guest, system: System):
    page = await visits.enter(guest)
    worker = system.worker[0].process
    assert worker is not None
    worker.send_signal(signal.SIGSTOP)
    try:
        await (await write(page, "Never to be sent")).click()
        tile = batch(page, "Never to be sent").get_by_role("group", name="Image 1 of 1, waiting")
        await expect(tile).to_contain_text("1st in line")
        await expect(page.get_by_role("button", name="Queue: 1 waiting")).to_be_visible()
        await tile.get_by_role("button", name="Cancel image 1").click()
        done = batch(page, "Never to be sent").get_by_role("group", name="Image 1 of 1, cancelled")
        await expect(done).to_contain_text("Before it started. Not charged")
    finally:
        worker.send_signal(signal.SIGCONT)
    await done.get_by_role("button", name="Run again · $0.04").click()
    await expect(batch(page, "Never to be sent").get_by_role("link", name="Image 1 of 1")).to_be_visible()
    assert system.ask_simulator("/_sim/stats")["by_prompt"].get("Never to be sent", 0) <= 1


async def test_a_declined_prompt_is_not_charged_and_can_be_tried_again(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    prompt = "A scene [[sim:refuse=InputTextSensitiveContentDetected*1]]"
    await (await write(page, prompt)).click()
    tile = batch(page, prompt).get_by_role("group", name="Image 1 of 1, failed")
    await expect(tile).to_contain_text("Declined by the content filter")
    await expect(tile).to_contain_text("Not charged")
    await expect(batch(page, prompt)).to_contain_text("not charged")
    await tile.get_by_role("button", name=re.compile("^Retry")).click()
    await expect(batch(page, prompt).get_by_role("link", name="Image 1 of 1")).to_be_visible()
    await expect(batch(page, prompt)).to_contain_text("$0.04")


async def test_an_unknown_outcome_says_what_is_held_and_offers_no_retry(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    prompt = "A storm over the bay [[sim:lost]]"
    await (await write(page, prompt)).click()
    tile = batch(page, prompt).get_by_role("group", name="Image 1 of 1, outcome unknown")
    await expect(tile).to_contain_text("Reconciling with the provider")
    await expect(tile).to_contain_text(
        "The connection dropped after sending. We are looking it up and will not send it twice. $0.04 held."
    )
    await expect(tile.get_by_role("button")).to_have_count(0)
    stats = guest.system.ask_simulator("/_sim/stats")
    assert sum(count for said, count in stats["by_prompt"].items() if "storm over the bay" in said) == 1


async def test_a_busy_provider_is_asked_three_times_and_then_nothing_is_charged(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    prompt = "Too popular [[sim:429]]"
    await (await write(page, prompt)).click()
    for tries in (1, 2):
        await until(
            guest.system,
            "UPDATE generations SET due_at = studio_now() WHERE account_id = %s AND tries = %s AND state = 'queued' "
            "RETURNING true",
            guest.account_id,
            tries,
        )
    tile = batch(page, prompt).get_by_role("group", name="Image 1 of 1, failed")
    await expect(tile).to_contain_text("The provider is busy")
    await expect(tile).to_contain_text("Tried 3 times. Not charged")
    await expect(tile.get_by_role("button", name=re.compile("^Retry"))).to_be_visible()


async def test_above_the_cap_the_button_says_why(visits: Visits, guest: Guest):
    page = await visits.enter(guest)
    guest.cap(60_000)
    await page.reload()
    await ready(page)
    button = await write(page, "A small thing")
    await page.get_by_role("radiogroup", name="Images").get_by_role("radio", name="4", exact=True).check()
    await expect(button).to_be_disabled()
    await expect(button).to_have_accessible_description(
        re.compile(r"^This needs \$0\.16, you have \$0\.06\. Your cap resets on 1 [A-Z][a-z]+ at 00:00 UTC\.$")
    )


async def test_a_second_tab_sees_the_work_of_the_first_as_it_happens(visits: Visits, guest: Guest):
    first = await visits.enter(guest)
    second = await visits.open(first.context, guest.system.url())
    library = await visits.open(first.context, f"{guest.system.url()}/library")
    await (await write(first, "Seen from both tabs")).click()
    for page in (first, second):
        await expect(batch(page, "Seen from both tabs").get_by_role("link", name="Image 1 of 1")).to_be_visible()
    await expect(library.get_by_role("gridcell", name="Image: Seen from both tabs")).to_be_visible()


async def test_a_worker_that_is_killed_comes_back_and_the_page_goes_on(visits: Visits, guest: Guest, system: System):
    page = await visits.enter(guest)
    system.worker[0].kill()
    await (await write(page, "After the restart")).click()
    await expect(batch(page, "After the restart").get_by_role("group", name="Image 1 of 1, waiting")).to_be_visible()
    system.worker[0].start()
    await expect(batch(page, "After the restart").get_by_role("link", name="Image 1 of 1")).to_be_visible()


async def test_signing_out_closes_the_other_tab_too(visits: Visits, guest: Guest):
    first = await visits.enter(guest)
    second = await visits.open(first.context, guest.system.url())
    await first.get_by_role("button", name=re.compile("^Account menu")).locator("visible=true").click()
    await first.get_by_role("button", name="Sign out").click()
    for page in (first, second):
        await page.wait_for_url("**/welcome", timeout=10_000)
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Make pictures")
    await add_cookie(first.context, guest)
    await first.goto(guest.system.url())
    assert first.url.endswith("/welcome"), "the old cookie opens nothing any more"


async def test_a_link_on_another_site_asks_first_and_the_answer_signs_in(visits: Visits, system: System):
    context = await visits.context()
    page = await context.new_page()
    link = f"{system.url()}/signin/{make_link(system, 'asked.first@example.org')}"
    await page.goto(f"data:text/html,<a href='{link}'>Open</a>")
    await page.get_by_role("link", name="Open").click()
    await expect(page.get_by_text("Another page sent you here with a sign-in link.")).to_be_visible()
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{system.url()}/")
    await ready(page)
