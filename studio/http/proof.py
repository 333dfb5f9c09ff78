"""/privacy/proof: every promise with its figure, its date and thirty days, for anybody, without a script.

What is cheap to measure is measured while the page is asked for, once a minute at most; what is not, and the history,
come from the daily runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.http.legal import draw
from studio.looking import inside, look
from studio.services.proofs import PROOFS, Proof, Result, measure, record

FOLDER = Path(__file__).resolve().parent.parent / "legal"
FRESH_SECONDS = 60.0


@dataclass(frozen=True)
class Bar:
    """One day of the strip: `kind` is kept, partly, broken or none."""

    kind: str
    words: str


@dataclass(frozen=True)
class Broken:
    """A promise on a day on which it was not always kept."""

    proof: Proof
    words: str


@dataclass(frozen=True)
class Row:
    """One promise on the page. `state` is passing, late or failing."""

    proof: Proof
    state: str
    figure: str
    checked: str
    checked_at: str
    bars: Sequence[Bar]
    strip: str


class Fresh:
    """The newest measurements of this process. Whoever asks while they are made waits for the same ones."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._at = float("-inf")
        self._results: dict[str, Result] = {}

    async def results(self) -> dict[str, Result]:
        """Results at most a minute old, by id, of the checks that are cheap."""
        if inside():
            return self._results
        async with self._lock:
            if time.monotonic() - self._at > FRESH_SECONDS:
                async with transaction(SYSTEM) as session:
                    cheap = [proof for proof in PROOFS if not proof.heavy]
                    found = await measure(session, ours=settings(), look=look, proofs=cheap)
                self._results, self._at = {each.id: each for each in found}, time.monotonic()
        return self._results


FRESH = Fresh()


def _ago(at: datetime, now: datetime) -> str:
    minutes = max(0, int((now - at).total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"


def _bar(day: record.Day) -> Bar:
    said = f"{day.day.day} {day.day:%B}"
    if day.runs == 0:
        return Bar("none", f"{said}: not measured")
    if day.failures == 0:
        return Bar("kept", f"{said}: kept")
    return Bar("broken" if day.failures == day.runs else "partly", f"{said}: {day.failures} of {day.runs} not kept")


def _row(proof: Proof, standing: record.Standing, fresh: Result | None, now: datetime) -> Row:
    """The newest measurement there is, of now or of the last run."""
    known = [each for each in (fresh, standing.last) if each is not None]
    last = max(known, key=lambda each: each.checked_at) if known else None
    bars = [_bar(day) for day in standing.days]
    measured = [day for day in standing.days if day.runs]
    kept = sum(1 for day in measured if not day.failures)
    strip = f"{kept} of {len(measured)} measured days kept" if measured else "no day measured yet"
    if last is None:
        return Row(proof, "late", "not measured yet", "never", "", bars, strip)
    late = last.checked_at < now - timedelta(hours=record.LATE_HOURS)
    state = "late" if late else "passing" if last.ok else "failing"
    return Row(proof, state, last.figure, _ago(last.checked_at, now), last.checked_at.isoformat(), bars, strip)


async def _rows() -> tuple[list[Row], datetime]:
    fresh = await FRESH.results()
    async with transaction(SYSTEM) as session:
        now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
        standing = await record.standing(session)
    return [_row(proof, standing[proof.id], fresh.get(proof.id), now) for proof in PROOFS], now


async def page(request: Request) -> Response:
    """GET /privacy/proof."""
    rows, now = await _rows()
    counts = {state: sum(1 for row in rows if row.state == state) for state in ("passing", "late", "failing")}
    runs = [row.checked_at for row in rows if row.checked_at]
    oldest = min((datetime.fromisoformat(at) for at in runs), default=None)
    return await draw(
        request,
        "proof.html",
        rows=rows,
        counts=counts,
        total=len(rows),
        oldest=_ago(oldest, now) if oldest else "never",
        at=f"{now.day} {now:%B %Y}, {now:%H:%M} UTC",
    )


async def figures(_: Request) -> Response:
    """GET /privacy/proof.json: the same as a list of id, promise, ok, figure and checked_at."""
    rows, _now = await _rows()
    return JSONResponse(
        [
            {
                "id": row.proof.id,
                "promise": row.proof.promise,
                "ok": row.state == "passing",
                "figure": row.figure,
                "checked_at": row.checked_at or None,
            }
            for row in rows
        ]
    )


async def feed(_: Request) -> Response:
    """GET /privacy/proof.atom: an entry for each of the last thirty days on which a promise was not kept."""
    async with transaction(SYSTEM) as session:
        now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
        standing = await record.standing(session)
    days: dict[date, list[Broken]] = {}
    for proof in PROOFS:
        for day in standing[proof.id].days:
            if day.failures:
                words = f"{day.failures} of {day.runs} measurements failed"
                days.setdefault(day.day, []).append(Broken(proof, words))
    told = _feeds().get_template("proof.atom")
    body = told.render(
        page=f"{settings().public_url}/privacy/proof",
        operator=settings().operator_name,
        at=now,
        days=sorted(days.items(), reverse=True),
    )
    return Response(body, media_type="application/atom+xml")


@cache
def _feeds() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
