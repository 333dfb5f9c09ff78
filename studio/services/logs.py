"""How request log and error events end: a day at a time into hourly totals (alembic/versions/0014_retention.py)."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings


async def retire_requests(session: AsyncSession) -> int | None:
    """Add up and drop the oldest day of requests that is over. Returns how many rows, None when no day is."""
    return await _retire(session, "request_log")


async def retire_errors(session: AsyncSession) -> int | None:
    """The same for error events."""
    return await _retire(session, "error_events")


async def _retire(session: AsyncSession, log: str) -> int | None:
    days = settings().log_days
    return await session.scalar(text("SELECT studio_retire_day(:log, :days)"), {"log": log, "days": days})
