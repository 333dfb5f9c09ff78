"""The operator's register of requests: one is written down, seen, closed, and stays in the audit log."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.e2e.test_pages import SIZES, overflow, violations
from tests.factories import OPERATOR
from tests.fixtures_browser import Visits
from tests.http.people import rows, sign_in
from tests.system import System


@pytest.mark.parametrize("size", SIZES)
async def test_a_request_is_written_down_and_closed(visits: Visits, system: System, size: str):
    boss = await sign_in(system, email=OPERATOR)
    page = await visits.enter(boss, "/operator/requests", viewport=SIZES[size], has_touch=size == "phone")
    await expect(page.get_by_role("heading", level=1, name="Requests")).to_be_visible()
    address = f"{uuid4().hex[:10]}@example.net"
    await page.get_by_role("combobox", name="What it is about").select_option("objection")
    await page.get_by_role("textbox", name="E-mail address it came from").fill("nobody")
    await page.get_by_role("textbox", name="Note").fill("by letter")
    await page.get_by_role("button", name="Write down").click()
    await expect(page.get_by_role("alert")).to_contain_text("not an e-mail address")
    await expect(page.get_by_role("textbox", name="Note")).to_have_value("by letter")
    await page.get_by_role("textbox", name="E-mail address it came from").fill(address)
    await page.get_by_role("button", name="Write down").click()
    row = page.get_by_role("region", name="Register").get_by_role("row").filter(has_text=address)
    await expect(row).to_contain_text("Open")
    await expect(row).to_contain_text("by letter")
    assert await violations(page) == []
    assert await overflow(page) <= 0
    await row.get_by_role("button", name="Done").click()
    await expect(row).to_contain_text("Done")
    await expect(row.get_by_role("button")).to_have_count(0)
    kept = rows(system, "SELECT kind, outcome FROM privacy_requests WHERE address = %s", address)
    assert [(each.kind, each.outcome) for each in kept] == [("objection", "done")]
    acts = rows(system, "SELECT action FROM audit_entries WHERE action LIKE 'request.%%' ORDER BY id DESC LIMIT 2")
    assert [each.action for each in acts] == ["request.close", "request.add"]
