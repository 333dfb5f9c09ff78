"""Counts of pages and features, for those who allowed them: by day, under a random number that only a cookie knows.

Names come from a fixed list, so nothing a person typed can be counted. Rows with a number live 90 days; after that
only sums per day are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

DAYS = 90
MOST_A_DAY = 10_000
PAGES = {
    "/": "Studio",
    "/library": "Library",
    "/welcome": "Landing page",
    "/settings/profile": "Settings, Profile",
    "/settings/privacy": "Settings, Privacy",
    "/settings/spend": "Settings, Spend",
    "/settings/sessions": "Settings, Sessions",
}
OTHER = "Other pages"
FEATURES = {
    "generate": "Generate",
    "picture": "Add a picture",
    "download": "Download",
    "theme": "Switch theme",
}


@dataclass(frozen=True)
class Day:
    """One day's page views and visitors, where a visitor is one analytics cookie."""

    day: date
    views: int
    visitors: int


@dataclass(frozen=True)
class Used:
    """One page or feature in the time of the report."""

    name: str
    uses: int
    visitors: int


@dataclass(frozen=True)
class Report:
    """What the operator sees. `days` has every day, also those without a view."""

    days: Sequence[Day]
    pages: Sequence[Used]
    features: Sequence[Used]


def new_visitor() -> str:
    """A cookie's value: a random number, made only after a yes."""
    return str(uuid4())


def visitor(value: str | None) -> UUID | None:
    """A cookie's value as a number, or None when it is none of ours."""
    try:
        return UUID(value or "")
    except ValueError:
        return None


def page_name(path: str) -> str:
    """The name a page is counted under; what is not in the list is one of the others."""
    return f"page:{PAGES.get(path.rstrip('/') or '/', OTHER)}"


async def count(session: AsyncSession, *, number: UUID, name: str) -> None:
    """One more use today. The caller has seen the answer that allows it."""
    await session.execute(
        text(
            "INSERT INTO usage_counts AS u VALUES (:visitor, (studio_now() AT TIME ZONE 'UTC')::date, :name, 1) "
            "ON CONFLICT (visitor, day, name) DO UPDATE SET uses = least(u.uses + 1, :most)"
        ),
        {"visitor": number, "name": name, "most": MOST_A_DAY},
    )


async def forget(session: AsyncSession, *, number: UUID) -> None:
    """Delete everything counted under a number: its bearer took the yes back. The notes of the yes go too."""
    await session.execute(
        text(
            "WITH gone AS (DELETE FROM usage_counts WHERE visitor = :visitor RETURNING day, uses) "
            "UPDATE guard_counts g SET allowed = greatest(0, g.allowed - d.uses) "
            "FROM (SELECT day, sum(uses) AS uses FROM gone GROUP BY day) d "
            "WHERE g.guard = 'analytics' AND g.process = 'web' AND g.day = d.day"
        ),
        {"visitor": number},
    )


async def aggregate(session: AsyncSession) -> int:
    """Turn rows older than 90 days into sums per day and name, without numbers. Returns how many sums it touched."""
    summed = await session.execute(
        text(
            "WITH old AS (DELETE FROM usage_counts WHERE day < (studio_now() AT TIME ZONE 'UTC')::date - :days "
            "RETURNING visitor, day, name, uses) "
            "INSERT INTO usage_totals AS t (day, name, visitors, uses) "
            "SELECT day, name, count(DISTINCT visitor), sum(uses) FROM old GROUP BY day, name "
            "ON CONFLICT (day, name) DO UPDATE SET visitors = t.visitors + excluded.visitors, "
            "uses = t.uses + excluded.uses RETURNING 1"
        ),
        {"days": DAYS},
    )
    return len(summed.all())


async def report(session: AsyncSession, *, days: int = 30) -> Report:
    """The last `days` days up to today, for the operator."""
    rows = await session.execute(
        text(
            "SELECT d::date AS day, coalesce(sum(u.uses), 0) AS views, count(DISTINCT u.visitor) AS visitors "
            "FROM generate_series((studio_now() AT TIME ZONE 'UTC')::date - :days + 1, "
            "(studio_now() AT TIME ZONE 'UTC')::date, interval '1 day') d "
            "LEFT JOIN usage_counts u ON u.day = d::date AND u.name LIKE 'page:%' GROUP BY d ORDER BY d"
        ),
        {"days": days},
    )
    return Report(
        days=[Day(row.day, int(row.views), row.visitors) for row in rows],
        pages=await _used(session, "page", days),
        features=await _used(session, "feature", days),
    )


async def _used(session: AsyncSession, kind: str, days: int) -> Sequence[Used]:
    rows = await session.execute(
        text(
            "SELECT name, sum(uses) AS uses, count(DISTINCT visitor) AS visitors FROM usage_counts "
            "WHERE name LIKE :kind AND day > (studio_now() AT TIME ZONE 'UTC')::date - :days "
            "GROUP BY name ORDER BY uses DESC, name"
        ),
        {"kind": f"{kind}:%", "days": days},
    )
    return [Used(row.name.partition(":")[2], int(row.uses), row.visitors) for row in rows]
