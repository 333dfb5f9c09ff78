"""A library of many outputs: opening it, jumping, scrolling, and what the server and the database do for it.

python bench/library.py --json          20,000 outputs, 15 s of scrolling
python bench/library.py --json --full   100,000 outputs in one account, 60 s of scrolling, then all of it once

first_ms        a new tab → the first thumbnails are complete, the slowest of five
jump_p95_ms     the slider is moved → every visible output's thumbnail is complete
dom_tiles_max   outputs and their places in the page, at any frame of the scrolling
task_p95_ms     main-thread tasks of a millisecond or more while scrolling; long_task_ms is the longest of all
window_p95_ms   a window of a known layout, or the first rows of another filter: geometry and query, in the service
text_p95_ms     the first rows of a search
bulk_s          labelling, rating and trashing 1,000 outputs, each in one transaction with its commit: the slowest
layout_ms       the whole layout of a filter, made anew (not on the way to the first rows)
rss_growth_mb   the web process after everything was scrolled by, against before
studio_js_kb    JavaScript transferred for the first load of the studio
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import _library_rows, common  # the checkout is on the path from here on
from studio.db import Actor, dispose, transaction
from studio.services import labels, ratings, trash
from studio.services.dates import UTC
from studio.services.library import filters, windows
from studio.services.storage import key_for
from tests.system import System

EMAIL = "bench@example.org"
WIDTH, TALL = 1286, 760
MARGIN = 1400
BULK = 1000
PLAIN = (
    "",
    "media=video",
    "rating=4",
    "model=seedream-4-5-251128",
    "sort=oldest",
    "sort=rating",
    "sort=cost",
    "rating=5&media=video",
)
TEXT = ("q=lake", "q=lake+snow", "q=number", "q=dahila", "q=soft+light", "q=nothing+like+this", "q=lantern&rating=3")
WATCH = """
() => {
  const box = document.querySelector('.grid-box');
  window.bench = {tiles: 0, blank: 0, frames: 0};
  window.whole = () => {
    const view = box.getBoundingClientRect();
    const seen = [...document.querySelectorAll('.cell')].filter(cell => {
      const at = cell.getBoundingClientRect();
      return at.bottom > view.top + 4 && at.top < view.bottom - 4;
    });
    return seen.length > 3 && seen.every(cell => {
      const img = cell.querySelector('img');
      return img ? img.complete && img.naturalWidth > 0 : false;
    });
  };
  const frame = () => {
    const bench = window.bench;
    bench.frames += 1;
    bench.tiles = Math.max(bench.tiles, document.querySelectorAll('.cell').length);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""
JUMP = """
async (share) => {
  const slider = document.querySelector('.scrubber input'), box = document.querySelector('.grid-box');
  const value = Math.round(share * slider.max), from = box.scrollTop;
  if (String(value) === slider.value) return null;
  const began = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(slider, value);
  slider.dispatchEvent(new Event('input', {bubbles: true}));
  while (box.scrollTop === from || !window.whole()) await new Promise(done => requestAnimationFrame(done));
  return performance.now() - began;
}
"""
FIRST = """
new Promise(done => {
  const look = () => {
    const ready = [...document.querySelectorAll('.cell img')].filter(img => img.complete && img.naturalWidth);
    if (ready.length >= 6) done(performance.now()); else requestAnimationFrame(look);
  };
  look();
})
"""


def _thumbnails(objects: Path) -> list[dict[str, Any]]:
    """A few real pictures in the object store, shared by all outputs."""
    made = []
    for number, (width, height) in enumerate(_library_rows.SIZES * 3):
        small = Image.effect_noise((32, 32), 60).resize(
            (512 * width // max(width, height), 512 * height // max(width, height))
        )
        tint = Image.new("RGB", small.size, ((number * 53) % 255, (number * 97) % 255, (number * 31) % 255))
        data = BytesIO()
        Image.blend(small.convert("RGB"), tint, 0.6).save(data, "WEBP", quality=70)
        key = key_for("t", uuid4(), suffix="w512")
        (objects / key).parent.mkdir(parents=True, exist_ok=True)
        (objects / key).write_bytes(data.getvalue())
        made.append({"width": width, "height": height, "thumbnails": {"512": key}})
    return made


def _first(context: BrowserContext, url: str) -> float:
    page = context.new_page()
    page.goto(url, wait_until="commit")
    took = page.evaluate(FIRST)
    page.close()
    return float(took)


def _scrolled(page: Page, seconds: float) -> Sequence[float]:
    """Wheel down for a while under a trace; every main-thread task in milliseconds."""
    browser: Any = page.context.browser
    box = page.locator(".grid-box").bounding_box()
    assert box
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        page.mouse.wheel(0, 240)
        page.wait_for_timeout(40)
    return _tasks(json.loads(browser.stop_tracing()))


def _tasks(trace: Mapping[str, Any]) -> Sequence[float]:
    events = trace["traceEvents"]
    mains = {
        (e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    runs = [e for e in events if e["name"].endswith("RunTask") and e.get("dur") and (e["pid"], e["tid"]) in mains]
    return [e["dur"] / 1000 for e in runs]


def _all_of_it(page: Page, step: int) -> None:
    """Everything scrolled by once, in steps that each need another window."""
    page.evaluate(
        "async (step) => { const box = document.querySelector('.grid-box');"
        " for (let y = 0; y < box.scrollHeight; y += step) {"
        " box.scrollTop = y; await new Promise(d => setTimeout(d, 130)); } }",
        step,
    )


def _javascript(chrome: Browser, system: System) -> float:
    """Kilobytes of scripts that the first load of the studio transfers, to a browser that has none of them."""
    with common.signed_in(chrome, system.signin_link("js@example.org")) as page:
        cookies: Any = page.context.cookies()
    context = chrome.new_context()
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(system.url())
    page.locator(".empty, .batch .tile:not(.skel)").first.wait_for()
    found = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => /[.]js$/.test(new URL(e.name).pathname))"
        ".map(e => e.transferSize)"
    )
    context.close()
    return sum(found) / 1024


def _browser(system: System, place: common.Place, *, amount: int, full: bool) -> dict[str, Any]:
    assert system.web[0].process is not None
    web = psutil.Process(system.web[0].process.pid)
    with common.chromium() as chrome, common.signed_in(chrome, system.signin_link(EMAIL)) as page:
        account = common.query(place.url, "SELECT id FROM accounts WHERE email = %(email)s", {"email": EMAIL})[0]["id"]
        common.say(f"{amount:,} outputs")
        _library_rows.fill(place.url, account, amount, _thumbnails(system.folder / "data" / "objects"))
        url = f"{system.url()}/library"
        first = [_first(page.context, url) for _ in range(5)]
        page.goto(url)
        page.locator(".scrubber input").wait_for()
        page.evaluate(WATCH)
        before = _rss(web)
        chance = random.Random(7)  # the same places each time
        shares = [*(chance.random() for _ in range(30)), 1.0]
        jumps = [took for share in shares if (took := page.evaluate(JUMP, share)) is not None]
        page.evaluate(JUMP, 0.2)
        tasks = _scrolled(page, 60 if full else 15)
        tiles = page.evaluate("() => window.bench.tiles")
        _all_of_it(page, 6000 if full else 12_000)
        after = _rss(web)
        scripts = _javascript(chrome, system)
    return {
        "account": account,
        "first_ms": round(max(first), 1),
        "first_all_ms": [round(each) for each in first],
        "jump_p95_ms": round(common.percentile(jumps, 0.95), 1),
        "jump_ms": common.summary(jumps),
        "dom_tiles_max": tiles,
        "task_p95_ms": round(common.percentile([each for each in tasks if each >= 1], 0.95), 1),
        "long_task_ms": round(max(tasks), 1),
        "rss_growth_mb": round(after - before, 1),
        "studio_js_kb": round(scripts, 1),
    }


def _rss(process: psutil.Process) -> float:
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True))) / 1_048_576


async def _services(account: UUID, rounds: int) -> dict[str, Any]:
    actor = Actor(account_id=account)
    windows_ms, text_ms, layout_ms = [], [], []
    chance = random.Random(11)  # the same places each time
    for _ in range(2):  # once to warm up
        windows_ms, text_ms, layout_ms = [], [], []
        for _ in range(rounds):
            for query in PLAIN:
                windows_ms.append(await _beginning(actor, query))
            for query in TEXT:
                text_ms.append(await _beginning(actor, query))
        for query in PLAIN:
            windows.forget(account)
            layout_ms.append(await _whole(actor, query))
            for _ in range(25):
                windows_ms.append(await _window(actor, query, chance))
    bulk = await _bulk(actor)
    await dispose()
    return {
        "bulk_s": round(max(bulk.values()), 3),
        "bulk_all_s": {name: round(took, 3) for name, took in bulk.items()},
        "window_p95_ms": round(common.percentile(windows_ms, 0.95), 1),
        "window_ms": common.summary(windows_ms),
        "text_p95_ms": round(common.percentile(text_ms, 0.95), 1),
        "text_ms": common.summary(text_ms),
        "layout_ms": common.summary(layout_ms),
    }


async def _bulk(actor: Actor) -> Mapping[str, float]:
    """Seconds of each act on many outputs at once; the last leaves them in the trash."""
    async with transaction(actor) as session:
        found = await windows.layout(session, actor=actor, wanted=filters.parse(""), zone=UTC, width=WIDTH)
        label_id = await labels.create(session, actor=actor, name="Bulk")
    chosen = {"actor": actor, "asset_ids": found.ids_between(0, BULK - 1)}
    acts = {
        "label": partial(labels.put_on, label_id=label_id, **chosen),
        "rate": partial(ratings.rate, stars=2, **chosen),
        "trash": partial(trash.put, **chosen),
    }
    took = {}
    for name, act in acts.items():
        began = time.perf_counter()
        async with transaction(actor) as session:
            await act(session)
        took[name] = time.perf_counter() - began
    return took


async def _shown(actor: Actor, query: str, *, beginning: bool, share: float) -> None:
    async with transaction(actor) as session:
        found = await windows.layout(
            session, actor=actor, wanted=filters.parse(query), zone=UTC, width=WIDTH, beginning=beginning
        )
        top = int(share * max(0, found.height - TALL))
        lines = found.between(top - MARGIN, top + TALL + MARGIN)
        found.bones(top - 9000, top + 9000)
        await windows.tiles(session, actor=actor, asset_ids=[each for line in lines for each in line.ids])


async def _beginning(actor: Actor, query: str) -> float:
    windows.forget(actor.account_id)
    began = time.perf_counter()
    await _shown(actor, query, beginning=True, share=0)
    return (time.perf_counter() - began) * 1000


async def _whole(actor: Actor, query: str) -> float:
    began = time.perf_counter()
    await _shown(actor, query, beginning=False, share=0)
    return (time.perf_counter() - began) * 1000


async def _window(actor: Actor, query: str, chance: random.Random) -> float:
    began = time.perf_counter()
    await _shown(actor, query, beginning=False, share=chance.random())
    return (time.perf_counter() - began) * 1000


def measure(full: bool) -> dict[str, Any]:
    """Run it: 20,000 outputs, or 100,000."""
    amount = 100_000 if full else 20_000
    with common.place() as place:
        with System(folder=place.folder / "system", database_url=place.url, workers=0) as system:
            found = _browser(system, place, amount=amount, full=full)
        common.become(place)
        served = asyncio.run(_services(found.pop("account"), 10 if full else 4))
    return {"n": amount, **found, **served}


if __name__ == "__main__":
    common.run(
        "library",
        measure,
        {
            "first_ms": 1000,
            "jump_p95_ms": 300,
            "dom_tiles_max": 200,
            "task_p95_ms": 50,
            "long_task_ms": 150,
            "window_p95_ms": 15,
            "text_p95_ms": 60,
            "bulk_s": 1,
            "rss_growth_mb": 50,
            "studio_js_kb": 400,
        },
    )
