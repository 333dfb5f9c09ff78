"""The last result of each scheduled check, for the operator's overview."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LEDGER, ORPHANS, MARK = "ledger", "orphans", "store mark"


@dataclass(frozen=True)
class Result:
    """How a check ended, and what it counted."""

    name: str
    checked_at: datetime
    ok: bool
    figures: Mapping[str, int]


async def record(
    session: AsyncSession, *, name: str, checked_at: datetime, ok: bool, figures: Mapping[str, int]
) -> None:
    """Keep a result in place of the one before. Runs as `sys`."""
    await session.execute(
        text(
            "INSERT INTO check_results (name, checked_at, ok, figures) VALUES (:name, :at, :ok, "
            "CAST(:figures AS jsonb)) ON CONFLICT (name) DO UPDATE SET checked_at = excluded.checked_at, "
            "ok = excluded.ok, figures = excluded.figures WHERE check_results.checked_at <= excluded.checked_at"
        ),
        {"name": name, "at": checked_at, "ok": ok, "figures": json.dumps(dict(figures))},
    )


async def last(session: AsyncSession, *, name: str) -> Result | None:
    """The newest result of a check; None before its first run. Runs as `sys`."""
    row = (
        await session.execute(
            text("SELECT name, checked_at, ok, figures FROM check_results WHERE name = :name"), {"name": name}
        )
    ).one_or_none()
    return Result(**row._mapping) if row is not None else None
