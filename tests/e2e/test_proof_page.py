"""The page of the proofs in a browser without scripts: light, dark, wide, on a phone and on paper."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from studio.services.proofs import PROOFS
from tests.e2e.test_pages import overflow, violations
from tests.fixtures_browser import DESKTOP, PHONE, Visits
from tests.system import System


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_the_page_has_no_violation_and_fits_its_window(visits: Visits, system: System, size: dict, scheme: str):
    context = await visits.context(viewport=size, color_scheme=scheme)
    page = await visits.open(context, f"{system.url()}/privacy/proof")
    await expect(page.locator("h1")).to_have_text("Privacy, proven")
    assert await violations(page) == []
    assert await overflow(page) <= 0
    assert await context.cookies() == []
    if size is PHONE:
        for link in await page.locator("a, button").all():
            box = await link.bounding_box()
            assert box
            assert box["height"] >= 44 or await link.evaluate("a => a.closest('p') !== null"), await link.inner_text()


async def test_it_is_whole_without_scripts_and_on_paper(visits: Visits, system: System):
    context = await visits.context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{system.url()}/privacy/proof")
    await expect(page.locator("tbody tr")).to_have_count(len(PROOFS))
    for name in ("Download as JSON", "Follow"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    for proof in PROOFS:
        await expect(page.get_by_role("rowheader", name=proof.promise)).to_be_visible()
    await expect(page.get_by_role("img", name=re.compile("measured days kept|no day measured yet"))).to_have_count(
        len(PROOFS)
    )
    printed = await page.pdf(format="A4")
    assert len(printed) > 20_000
    assert printed.startswith(b"%PDF")
    await page.emulate_media(media="print")
    await expect(page.locator("header")).to_be_hidden()
    for proof in PROOFS:
        await expect(page.locator(f"#{proof.id} .badge")).to_be_visible()
