"""Lighthouse's scores of the studio and the library, as a signed-in person on a desktop.

    python bench/lighthouse.py --json          one run a page
    python bench/lighthouse.py --json --full   the median of three, targets: 90 / 100 / 100

Chromium is started by this file, so that it has the person's session before Lighthouse opens a page; the pages have a
few finished pictures. Lighthouse is npm's, in its desktop preset.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import sync_playwright

from bench import common  # the checkout is on the path from here on
from tests import browser, npm
from tests.system import System, free_port, wait_until

VERSION = "12.8.2"
CATEGORIES = ("performance", "accessibility", "best-practices")
PAGES = {"studio": "/", "library": "/library"}
EMAIL = "bench@example.org"


@contextmanager
def _listening(folder: Path) -> Iterator[int]:
    """A Chromium that is told what to do on a port."""
    port = free_port()
    command = [
        str(browser.ensure()), *browser.ARGUMENTS, "--headless=new", "--disable-quic", "--no-first-run",
        f"--remote-debugging-port={port}", f"--user-data-dir={folder / 'profile'}", "about:blank",
    ]  # fmt: skip
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: "DevTools listening" in (folder / "chromium.log").read_text(), 30, "Chromium listens")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _sign_in(port: int, link: str) -> None:
    """Sign in, answer about cookies, and make some pictures to look at."""
    with sync_playwright() as playwright:
        chrome = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        page = chrome.contexts[0].new_page()
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(link)
        page.get_by_role("button", name="Reject optional cookies").click()
        page.get_by_role("radio", name="4", exact=True).check()
        page.get_by_role("textbox", name="Prompt", exact=True).fill("A lake before sunrise")
        page.get_by_role("button", name="Generate").click()
        page.locator(".batch .tile img").nth(3).wait_for(timeout=60_000)
        page.close()
        chrome.close()


def _scores(port: int, url: str) -> dict[str, Any]:
    """One run: the score of each category in percent, and what did not pass."""
    place = npm.installed("lighthouse", VERSION)
    command = [
        "node", str(place / "node_modules" / "lighthouse" / "cli" / "index.js"), url, f"--port={port}",
        "--preset=desktop", "--disable-storage-reset", "--output=json", "--output-path=stdout", "--quiet",
        f"--only-categories={','.join(CATEGORIES)}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"Lighthouse ended with {done.returncode}: {done.stderr[-1500:]}")
    report = json.loads(done.stdout)
    scored = {name: round(100 * report["categories"][name]["score"]) for name in CATEGORIES}
    weighty = {ref["id"] for name in CATEGORIES for ref in report["categories"][name]["auditRefs"] if ref["weight"]}
    failed = [key for key in sorted(weighty) if (report["audits"][key]["score"] or 0) < 0.9
              and report["audits"][key]["scoreDisplayMode"] in ("binary", "numeric", "metricSavings")]  # fmt: skip
    return {**scored, "below": failed}


def measure(full: bool) -> dict[str, Any]:
    """Run it: each page once, or the median of three."""
    found: dict[str, Any] = {}
    with (
        common.place() as place,
        System(folder=place.folder / "system", database_url=place.url) as system,
        _listening(place.folder) as port,
    ):
        _sign_in(port, system.signin_link(EMAIL))
        for name, path in PAGES.items():
            runs = [_scores(port, system.url() + path) for _ in range(3 if full else 1)]
            for category in CATEGORIES:
                found[f"{name}_{category.replace('-', '_')}"] = statistics.median(run[category] for run in runs)
            found[f"{name}_below"] = sorted({each for run in runs for each in run["below"]})
    return found


if __name__ == "__main__":
    targets = {"performance": 90, "accessibility": 100, "best-practices": 100}
    common.run(
        "lighthouse",
        measure,
        {f"{page}_{key.replace('-', '_')}": least for page in PAGES for key, least in targets.items()},
    )
