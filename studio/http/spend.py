"""A month of one's own ledger as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from studio.db import Actor, transaction
from studio.errors import NotFound
from studio.http.access import actor_of, limit, page_errors
from studio.services import spend
from studio.services.cells import plain, usd

COLUMNS = ("when_utc", "entry", "media", "model", "amount_usd", "held_change_usd", "month", "reservation", "prompt")
ROWS = 1000


def _lines(rows: Sequence[tuple[object, ...]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _row(entry: spend.Entry, month: date) -> tuple[object, ...]:
    return (
        entry.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        entry.kind,
        entry.generation_kind,
        entry.model or "",
        usd(entry.amount_micros),
        usd(entry.held_micros),
        f"{month:%Y-%m}",
        entry.reservation,
        plain(entry.prompt or ""),
    )


async def _file(actor: Actor, month: date) -> AsyncIterator[bytes]:
    """The whole month, newest first, a thousand rows at a time: a slow reader holds no transaction open."""
    yield _lines([COLUMNS])
    last: int | None = None
    while True:
        async with transaction(actor) as session:
            rows = await spend.entries(session, actor=actor, month=month, before=last, limit=ROWS)
        if rows:
            yield _lines([_row(entry, month) for entry in rows])
            last = rows[-1].seq
        if len(rows) < ROWS:
            return


@page_errors
async def download(request: Request) -> Response:
    """GET /spend.csv?month=2026-11: every entry of that month, exact to the micro-dollar."""
    actor = await actor_of(request)
    await limit(request, "csv", actor=actor)
    month = spend.parse_month(request.query_params.get("month", ""))
    async with transaction(actor) as session:
        if month not in await spend.months(session, actor=actor):
            raise NotFound
    headers = {
        "content-disposition": f'attachment; filename="studio-spend-{month:%Y-%m}.csv"',
        "cache-control": "no-store",
    }
    return StreamingResponse(_file(actor, month), headers=headers, media_type="text/csv; charset=utf-8")
