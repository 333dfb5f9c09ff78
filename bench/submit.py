"""From the click on Generate to the picture: 2048 × 2048 pixels visible in the feed, stored and charged.

    python bench/submit.py --json          30 pictures
    python bench/submit.py --json --full   100 pictures, target p95 ≤ 500 ms

A person's tab in a real Chromium, one web process, one worker, and a simulator that answers as soon as it has painted.
`p50_ms` and `p95_ms` run from the click event to the new tile's image being complete; `painted_ms` to the frame after
it was decoded. Every run is checked in the database afterwards. The other figures say where the time goes:

    submit_ms    click → the batch is committed                (browser, socket, web, database)
    queue_ms     → the worker has begun the attempt            (wake-up, claim, limits)
    provider_ms  → the provider's answer is recorded           (`render_ms` of it paints, in the simulator)
    store_ms     → stored, succeeded and charged, committed    (download, thumbnails, object store, ledger)
    push_ms      → the tile with the picture is in the page    (NOTIFY, web, socket, React)
    fetch_ms     → its image has been fetched and is complete
    placed_ms    click → the waiting tile is in the page
    own_ms       click → complete, without `render_ms`: what the product itself takes
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import common  # the checkout is on the path from here on
from tests.system import System, wait_until

EMAIL = "bench@example.org"
WARM_UP = 5
SIDE = 2048
PAUSE_MS = 700  # a prompt is sent 150 ms after typing stops, and the button passes one click in 600 ms
STEPS = ("submit", "queue", "provider", "store")

# Runs in the page: the times of the last click on Generate and of what it led to, in milliseconds since the epoch.
WATCH = """
() => {
  const now = () => performance.timeOrigin + performance.now();
  const seen = new Set();
  window.bench = {};
  document.addEventListener('click', event => {
    if (event.target.closest('button.generate')) {
      document.querySelectorAll('a.tile img').forEach(img => seen.add(img.src));
      window.bench = {click: performance.timeOrigin + event.timeStamp};
    }
  }, true);
  const finish = async img => {
    if (seen.has(img.src) || window.bench.complete || !img.naturalWidth) return;
    seen.add(img.src);
    const run = window.bench;
    run.complete = now();
    const [fetched] = performance.getEntriesByName(img.src);
    if (fetched) run.requested = performance.timeOrigin + fetched.startTime;
    await img.decode();
    requestAnimationFrame(() => { run.painted = now(); });
  };
  const look = () => {
    if (!window.bench.click) return;
    const waiting = document.querySelector('.tile.wait, .tile.run, .tile.save');
    if (waiting && !window.bench.placed) window.bench.placed = now();
    for (const img of document.querySelectorAll('a.tile img')) {
      if (seen.has(img.src)) continue;
      if (!window.bench.shown) window.bench.shown = now();
      if (img.complete) finish(img);
    }
  };
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true, attributes: true});
  document.addEventListener('load', event => {
    if (event.target instanceof HTMLImageElement && event.target.closest('a.tile')) finish(event.target);
  }, true);
}
"""


class Commits:
    """When each notification of a batch reached a listener: one for every committed transition of its picture."""

    def __init__(self, url: str) -> None:
        self.at: dict[str, list[float]] = defaultdict(list)
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("LISTEN studio")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            for notice in self._connection.notifies(timeout=0.5):
                message = json.loads(notice.payload)
                if message["what"] == "batch":
                    self.at[message["batch"]].append(time.time() * 1000)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()


@dataclass(frozen=True)
class Run:
    """One click: what the page saw, in epoch milliseconds."""

    prompt: str
    page: Mapping[str, float]


def _click(page: Page, prompt: str) -> Run:
    """Write a prompt, let the server hear of it, click Generate, and wait for the picture."""
    page.get_by_role("textbox", name="Prompt").fill(prompt)
    page.wait_for_timeout(PAUSE_MS)
    page.locator("button.generate:enabled").click()
    page.wait_for_function("() => window.bench.painted", polling=50)
    return Run(prompt, page.evaluate("() => window.bench"))


def _rows(url: str) -> dict[str, dict[str, Any]]:
    """Every picture by its prompt, with what was stored and charged for it."""
    found = common.query(
        url,
        """
        SELECT b.prompt, b.id::text AS batch, g.state, g.reserved_micros, g.charged_micros, a.width, a.height,
          a.size_bytes, a.object_key,
          extract(epoch FROM g.created_at) * 1000 AS created, extract(epoch FROM g.submitted_at) * 1000 AS submitted,
          extract(epoch FROM g.ended_at) * 1000 AS ended,
          (SELECT array_agg(e.kind || ':' || e.amount_micros ORDER BY e.seq) FROM ledger_entries e
           WHERE e.reservation = g.id) AS entries
        FROM generations g JOIN batches b ON b.id = g.batch_id LEFT JOIN assets a ON a.generation_id = g.id
        """,
    )
    return {row["prompt"]: row for row in found}


def _check(row: Mapping[str, Any], objects: Path) -> None:
    """Succeeded, stored whole and charged once."""
    assert row["state"] == "succeeded", row
    assert (row["width"], row["height"]) == (SIDE, SIDE), row
    assert (objects / row["object_key"]).stat().st_size == row["size_bytes"] > 0, row
    held, charged = row["reserved_micros"], row["charged_micros"]
    assert 0 < charged <= held, row
    assert row["entries"] == [f"reserve:{held}", f"settle:{charged}"], row


def _painting(folder: Path) -> dict[str, float]:
    """Milliseconds the simulator took for each prompt, from taking the request to the finished file."""
    with sqlite3.connect(f"file:{folder / 'simulator' / 'simulator.sqlite'}?mode=ro", uri=True) as sim:
        posts = sim.execute("SELECT prompt, created FROM post WHERE accepted ORDER BY number").fetchall()
        files = sim.execute("SELECT created FROM file ORDER BY created").fetchall()
    return {prompt: (file - post) * 1000 for (prompt, post), (file,) in zip(posts, files, strict=True)}


def _split(run: Run, commits: Sequence[float], painting: float) -> dict[str, float]:
    """Milliseconds of each part of one click."""
    points = [run.page["click"], *commits]
    parts = {name: points[n + 1] - points[n] for n, name in enumerate(STEPS)}
    return {
        **parts,
        "push": run.page["shown"] - commits[-1],
        "fetch": run.page["complete"] - run.page["shown"],
        "placed": run.page.get("placed", run.page["shown"]) - run.page["click"],
        "render": painting,
        "own": run.page["complete"] - run.page["click"] - painting,
        "total": run.page["complete"] - run.page["click"],
        "painted": run.page["painted"] - run.page["click"],
    }


@dataclass(frozen=True)
class Clicks:
    """What came of all clicks: `commits` of each batch in epoch milliseconds, processor time for each picture."""

    runs: Sequence[Run]
    commits: Mapping[str, Sequence[float]]
    cpu: Mapping[str, float]


def _clicks(system: System, place: common.Place, amount: int) -> Clicks:
    """Click until warm, then `amount` times more."""
    commits = Commits(system.database_url)
    parts = {"web": system.web[0], "worker": system.worker[0], "simulator": system.simulator}
    pids = {name: part.process.pid for name, part in parts.items() if part and part.process}
    pids["postgres"] = place.server.pid
    try:
        with common.chromium() as chrome, common.signed_in(chrome, system.signin_link(EMAIL)) as page:
            page.evaluate(WATCH)
            for n in range(WARM_UP):
                _click(page, f"a bowl of plums, number {n}")
            before = common.cpu_ms(pids)
            runs = [_click(page, f"a glass of water on a table, number {n}") for n in range(amount)]
            after = common.cpu_ms(pids)
        wait_until(lambda: sum(map(len, commits.at.values())) >= 4 * (WARM_UP + amount), 10, "every commit was heard")
    finally:
        commits.close()
    return Clicks(runs, commits.at, {name: (after[name] - before[name]) / amount for name in pids})


def measure(full: bool) -> dict[str, Any]:
    """Run it: 30 clicks, or 100."""
    with common.place() as place, System(folder=place.folder / "system", database_url=place.url) as system:
        clicks = _clicks(system, place, 100 if full else 30)
        rows, painting = _rows(place.url), _painting(system.folder)
        for row in rows.values():
            _check(row, system.folder / "data" / "objects")
    parts = [_split(run, clicks.commits[rows[run.prompt]["batch"]], painting[run.prompt]) for run in clicks.runs]
    by_name = {name: [part[name] for part in parts] for name in parts[0]}
    total, third = by_name.pop("total"), max(1, len(parts) // 3)
    return {
        "p50_ms": round(common.percentile(total, 0.5), 1),
        "p95_ms": round(common.percentile(total, 0.95), 1),
        "n": len(total),
        "total_ms": common.summary(total),
        **{f"{name}_ms": common.summary(values) for name, values in by_name.items()},
        "cpu_ms_each": {name: round(value, 1) for name, value in clicks.cpu.items()},
        "p50_first_third_ms": round(common.percentile(total[:third], 0.5), 1),
        "p50_last_third_ms": round(common.percentile(total[-third:], 0.5), 1),
    }


if __name__ == "__main__":
    common.run("submit", measure, {"p95_ms": 500})
