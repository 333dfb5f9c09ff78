"""Every mail reads well: as text, as HTML, in light and dark, to people and to screen readers."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from studio.config import Settings
from studio.services.mail import TEMPLATES, check_data
from studio.services.mail_render import FOLDER, letter
from tests.fixtures_browser import chromium

__all__ = ["chromium"]
ACCOUNT = UUID("00000000-0000-4000-8000-00000000000a")
SAMPLES: dict[str, Any] = {
    "text": "Privacy policy",
    "path": "/somewhere/abcdefghijklmnopqrstuvwxyz0123456789",
    "email": "somebody.with.a.long.name@mail.department.example.org",
    "micros": 32_004_500,
    "count": 80,
    "instant": "2026-11-23T18:13:00+00:00",
    "date": "2026-12-24",
}
AVOIDED = re.compile(r"\b(oops|sorry|please|invalid)\b|!", re.IGNORECASE)
NAMES = sorted(TEMPLATES)


def sample(name: str) -> Any:
    data = {field: SAMPLES[kind] for field, kind in TEMPLATES[name].fields.items()}
    check_data(name, data)
    return letter(template=name, data=data, account_id=ACCOUNT)


def test_each_mail_has_a_file_and_each_file_a_mail():
    shared = {"html", "text"}
    assert {path.stem for path in FOLDER.glob("*.jinja")} - shared == set(TEMPLATES)


@pytest.mark.parametrize("name", NAMES)
def test_both_parts_say_the_same_in_calm_words_and_load_nothing(settings: Settings, name: str):
    said = sample(name)
    for text in (
        said.subject,
        said.text,
        re.sub(r"<!doctype html>|!important|<style>.*?</style>", "", said.html, flags=re.DOTALL),
    ):
        assert not AVOIDED.search(text), text
    assert not re.search(r"<img|<link|<script|url\(|@import|@font-face", said.html)
    links = set(re.findall(r'href="(http[^"]+)"', said.html))
    assert links
    for link in links:
        assert link in said.text
        assert link.startswith("http://127.0.0.1:3000")
    assert "<" not in said.text
    assert "&#" not in said.text
    assert max(map(len, said.text.splitlines())) <= 110
    assert (said.unsubscribe is not None) == (TEMPLATES[name].category == "marketing")
    assert 5 < len(said.subject) <= 150


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
async def test_axe_finds_nothing(settings: Settings, chromium: Browser, name: str, scheme: Any, width: int):
    context = await chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    try:
        page = await context.new_page()
        await page.set_content(sample(name).html)
        found = (await Axe().run(page)).response["violations"]
        assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found] == []
        assert await page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth") <= 0
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(17, 17, 17)" if scheme == "dark" else "rgb(249, 249, 249)")
    finally:
        await context.close()


def test_a_full_cap_and_a_half_one_are_told_differently(settings: Settings):
    facts = {"used": 40_000_000, "cap": 40_000_000, "resets": "2026-12-01"}
    full = letter(template="cap_reached", data={**facts, "percent": 100}, account_id=ACCOUNT)
    half = letter(template="cap_reached", data={**facts, "percent": 50}, account_id=ACCOUNT)
    assert "New work waits until your cap resets" in full.text
    assert "Nothing stops yet" in half.text
