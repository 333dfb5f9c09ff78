"""Rating, labelling, deleting with a way back, comparing, workspaces and the command palette, as people do them."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.test_pages import overflow, violations
from tests.fixtures_browser import PHONE, Visits, ready
from tests.http.people import Guest, rows, sign_in, until, value
from tests.http.wire import STUDIO, connect, load
from tests.system import System


@pytest.fixture(scope="module")
async def keeper(system: System) -> Guest:
    """Somebody who made two pictures, and one more with other words."""
    who = await sign_in(system)
    for count, prompt in (
        ("2", "A still alpine lake at dusk, violet sky"),
        ("1", "A still alpine lake before sunrise"),
    ):
        async with connect(system, cookie=who.token) as socket:
            await load(socket)
            socket.call(f"{STUDIO}.set_count", value=count)
            socket.call(f"{STUDIO}.generate", form={"prompt": prompt})
            await socket.until(lambda s: s.known("batches"))
    await until(system, "SELECT count(*) = 3 FROM assets WHERE account_id = %s", who.account_id)
    return who


def ids(who: Guest) -> list[str]:
    """Its outputs, the newest first."""
    found = rows(who.system, "SELECT id FROM assets WHERE account_id = %s ORDER BY created_at DESC", who.account_id)
    return [str(row.id) for row in found]


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


async def test_an_open_output_is_rated_labelled_told_and_deleted_with_a_way_back(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper)
    tiles = page.get_by_role("main", name="Results").get_by_role("link", name=re.compile(r"^Image \d of"))
    await tiles.nth(1).click()
    details = page.get_by_role("complementary", name="Details")
    await details.get_by_role("button", name="Rate 4 of 5", exact=True).click()
    await expect(details.get_by_role("button", name="Rate 4 of 5")).to_have_attribute("aria-pressed", "true")
    await details.get_by_role("button", name="Add label", exact=True).click()
    field = page.get_by_role("textbox", name="New label", exact=True)
    await field.fill("hero")
    await field.press("Enter")
    await page.keyboard.press("Escape")
    await expect(details.get_by_role("button", name="Remove label hero", exact=True)).to_be_visible()
    assert await violations(page) == []
    await details.get_by_role("button", name="Download", exact=True).click()
    offered = page.get_by_role("dialog", name="Download").get_by_role("link")
    await expect(offered).to_have_count(3)
    async with page.expect_download() as told:
        await offered.filter(has_text="Clean copy").click()
    assert re.fullmatch(r"studio-a-still-alpine-lake-at-dusk-[0-9a-f]{8}\.jpg", (await told.value).suggested_filename)
    await page.keyboard.press("Escape")
    await details.get_by_role("button", name="Delete", exact=True).click()
    await expect(details).to_be_hidden()
    await expect(tiles).to_have_count(2)
    await expect(page.get_by_role("status").filter(has_text="1 output moved to the trash")).to_be_visible()
    await page.keyboard.press("Control+z")
    await expect(tiles).to_have_count(3)
    await tiles.nth(1).click()
    await expect(details.get_by_role("button", name="Remove label hero", exact=True)).to_be_visible()


async def test_outputs_are_compared_by_eye_by_slider_and_by_what_differs(visits: Visits, keeper: Guest):
    newest, second, _ = ids(keeper)
    page = await visits.enter(keeper, f"/compare?ids={second},{newest}")
    for letter in "AB":
        await expect(page.get_by_role("region", name=f"Output {letter}", exact=True)).to_be_visible()
    differs = page.get_by_role("region", name="Changed parameters", exact=True)
    await expect(differs.get_by_role("rowheader")).to_have_text(["Prompt"])
    await expect(differs.locator("[data-letter=A] mark")).to_contain_text(["at"])
    await page.get_by_role("switch", name="Show unchanged", exact=True).click()
    await expect(differs.get_by_role("rowheader", name="Model", exact=True)).to_be_visible()
    await button(page, "Zoom in A").click()
    widths = [await page.locator(".pane-view img").nth(n).evaluate("e => e.style.width") for n in (0, 1)]
    assert widths == ["200%", "200%"]
    await page.get_by_role("switch", name="Zoom together", exact=True).click()
    await expect(page.get_by_role("switch", name="Zoom together", exact=True)).not_to_be_checked()
    await button(page, "Zoom out A").click()
    widths = [await page.locator(".pane-view img").nth(n).evaluate("e => e.style.width") for n in (0, 1)]
    assert widths == ["100%", "200%"]
    assert await violations(page) == []
    await page.get_by_role("radio", name="Slider", exact=True).check()
    edge = page.get_by_role("slider", name="Edge between A and B", exact=True)
    await edge.focus()
    await edge.press("ArrowRight")
    await expect(edge).to_have_attribute("aria-valuetext", "51% of A")
    assert await violations(page) == []
    await button(page, "Keep A").click()
    await expect(page.get_by_role("heading", name="Nothing to compare")).to_be_visible()
    assert value(keeper.system, "SELECT trashed_at IS NOT NULL FROM assets WHERE id = %s", newest)
    await button(page, "Undo").click()
    await expect(page.get_by_role("region", name="Output B", exact=True)).to_be_visible()
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as the fixture gives it
    assert await overflow(page) <= 0


async def test_a_selection_is_labelled_by_key_compared_and_single_keys_can_be_off(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library")
    grid = page.get_by_role("grid")
    await expect(grid.get_by_role("gridcell")).to_have_count(3)
    await grid.focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("x")
    await page.keyboard.press("Shift+ArrowRight")
    tools = page.get_by_role("toolbar", name="Selection", exact=True)
    await expect(tools.get_by_role("status")).to_have_text("2 selected")
    await page.keyboard.press("l")
    field = page.get_by_role("textbox", name="New label", exact=True)
    await field.fill("autumn")
    await field.press("Enter")
    await until(
        keeper.system,
        "SELECT count(*) = 2 FROM asset_labels l JOIN labels n ON n.id = l.label_id "
        "WHERE n.account_id = %s AND n.name = 'autumn'",
        keeper.account_id,
    )
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await tools.get_by_role("button", name="Compare", exact=True).click()
    await expect(page.get_by_role("region", name="Output B", exact=True)).to_be_visible()
    await page.goto(f"{keeper.system.url()}/settings/keyboard")
    await page.get_by_role("switch", name="Single keys in the grid", exact=True).click()
    await until(keeper.system, "SELECT NOT single_keys FROM accounts WHERE id = %s", keeper.account_id)
    await page.goto(f"{keeper.system.url()}/library")
    await expect(grid.get_by_role("gridcell")).to_have_count(3)
    await expect(page.locator("[data-keys=off]")).to_have_count(1)
    await grid.focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("5")
    await page.keyboard.press("Enter")  # the keys that every grid has stay
    five = page.get_by_role("group", name="Rating", exact=True).get_by_role("button", name="Rate 5 of 5", exact=True)
    await expect(five).to_have_attribute("aria-pressed", "false")


async def test_a_workspace_is_made_switched_to_from_anywhere_and_deleted_after_its_name(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/settings/workspaces")
    await page.get_by_role("textbox", name="New workspace", exact=True).fill("Autumn")
    await button(page, "Create workspace").click()
    await expect(page.get_by_role("textbox", name="Workspace name, Autumn", exact=True)).to_be_visible()
    assert await violations(page) == []
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to", exact=True)
    await field.fill("autumn")
    await expect(page.get_by_role("option")).to_have_count(1)
    assert await violations(page) == []
    async with page.expect_navigation():
        await field.press("Enter")
    await page.get_by_role("link", name="Studio", exact=True).first.click()
    place = page.get_by_role("combobox", name="Workspace", exact=True).locator("visible=true")
    await expect(place.locator("option:checked")).to_have_text("Autumn")
    held = {cookie.get("name"): cookie.get("value") for cookie in await page.context.cookies()}
    assert held["workspace"] == await place.input_value()
    async with page.expect_navigation():
        await place.select_option(label="My studio")
    await ready(page)
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Go to", exact=True).fill("workspaces")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/settings/workspaces")
    await ready(page)
    await button(page, "Delete, Autumn").click()
    asked = page.get_by_role("alertdialog")
    await asked.get_by_role("textbox").fill("autumn")
    await asked.get_by_role("button", name="Move to the trash").click()
    await expect(asked.get_by_role("alert")).to_have_text("Type Autumn to confirm that this is the workspace you mean.")
    assert await violations(page) == []
    await asked.get_by_role("textbox").fill("Autumn")
    await asked.get_by_role("button", name="Move to the trash").click()
    await expect(button(page, "Restore, Autumn")).to_be_visible()
    await page.keyboard.press("Control+z")
    await expect(button(page, "Delete, Autumn")).to_be_visible()
    await button(page, "Delete, Autumn").click()
    await asked.get_by_role("textbox").fill("Autumn")
    await asked.get_by_role("button", name="Move to the trash").click()
    await button(page, "Delete for good, Autumn").click()
    await expect(asked.get_by_role("heading")).to_have_text("Delete Autumn for good?")
    assert await violations(page) == []
    await asked.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_role("status").filter(has_text="Deleted for good")).to_be_visible()
    await expect(button(page, "Restore, Autumn")).to_have_count(0)
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as the fixture gives it
    assert await overflow(page) <= 0


async def test_on_a_phone_what_goes_into_the_composer_is_seen_at_once(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library", viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("gridcell").first.tap()
    details = page.get_by_role("dialog", name="Details", exact=True)
    await details.get_by_role("button", name="As reference", exact=True).tap()
    await expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
    await expect(details).to_have_count(0)


async def test_picked_files_arrive_as_a_zip(visits: Visits, keeper: Guest, tmp_path: Path):
    made = value(
        keeper.system,
        "INSERT INTO selections (id, account_id, asset_ids) SELECT gen_random_uuid(), account_id, array_agg(id) "
        "FROM assets WHERE account_id = %s GROUP BY account_id RETURNING id",
        keeper.account_id,
    )
    async with keeper.client() as client:
        answer = await client.get(f"/zip/{made}")
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(answer.content)))
    (tmp_path / "a.zip").write_bytes(answer.content)
    archive = zipfile.ZipFile(tmp_path / "a.zip")
    assert archive.testzip() is None
    assert {each["file"] for each in json.loads(archive.read("manifest.json"))} < set(archive.namelist())
    other = await sign_in(keeper.system)
    async with other.client() as client:
        assert (await client.get(f"/zip/{made}")).status_code == 404
