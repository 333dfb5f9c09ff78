"""Experiments for those who allowed them: which version of a page is shown, and what came of it.

The cookie holds the version and whether this browser was counted already, as "landing.price.vs": experiment, arm,
v for seen, s for a sign-in begun. So the database needs no number for anybody: it holds sums by arm and day. Without
a yes everybody gets the first arm, and nothing is counted.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

Event = Literal["view", "start"]
MARKS: dict[Event, str] = {"view": "v", "start": "s"}
COLUMNS: dict[Event, str] = {"view": "views", "start": "starts"}


@dataclass(frozen=True)
class Experiment:
    """A question and its versions. The first arm is what everybody else sees."""

    key: str
    question: str
    arms: tuple[tuple[str, str], ...]


LANDING = Experiment(
    "landing",
    "Which order of the headline leads to more sign-ins?",
    (
        ("work", "Make pictures and film. Know the price first."),
        ("price", "Know the price first. Then make pictures and film."),
    ),
)
ALL = (LANDING,)


@dataclass(frozen=True)
class Assignment:
    """What the cookie says. `counted` are the marks of what was counted for this browser."""

    experiment: str
    arm: str
    counted: str = ""

    @property
    def value(self) -> str:
        """The cookie's value."""
        return f"{self.experiment}.{self.arm}.{self.counted}"


@dataclass(frozen=True)
class ArmResult:
    """One arm: how many browsers saw it, and in how many a sign-in was begun."""

    experiment: str
    arm: str
    words: str
    views: int
    starts: int


def assign(experiment: Experiment = LANDING) -> Assignment:
    """A version by lot."""
    return Assignment(experiment.key, secrets.choice(experiment.arms)[0])


def read(value: str | None) -> Assignment | None:
    """A cookie's value, or None when it is none of ours."""
    parts = (value or "").split(".")
    known = {(each.key, arm) for each in ALL for arm, _ in each.arms}
    if len(parts) != 3 or (parts[0], parts[1]) not in known or parts[2] not in ("", "v", "s", "vs"):
        return None
    return Assignment(*parts)


def countable(assignment: Assignment, event: Event) -> bool:
    """Whether an event is new for a browser. A sign-in counts only where the page was seen."""
    return MARKS[event] not in assignment.counted and (event != "start" or "v" in assignment.counted)


async def note(session: AsyncSession, *, assignment: Assignment, event: Event) -> Assignment | None:
    """Count an event once for a browser; returns what its cookie says now, None when it is not to be counted.

    The caller has asked for the answer that allows it (`consent.witness`).
    """
    mark, column = MARKS[event], COLUMNS[event]
    if not countable(assignment, event):
        return None
    await session.execute(
        text(
            f"INSERT INTO experiment_counts AS e (experiment, arm, day, {column}) "  # noqa: S608  # one of two words
            "VALUES (:experiment, :arm, (studio_now() AT TIME ZONE 'UTC')::date, 1) "
            f"ON CONFLICT (experiment, arm, day) DO UPDATE SET {column} = e.{column} + 1"
        ),
        {"experiment": assignment.experiment, "arm": assignment.arm},
    )
    return replace(assignment, counted=assignment.counted + mark)


async def report(session: AsyncSession) -> Sequence[ArmResult]:
    """Every arm of every experiment since it began, also those nobody saw."""
    rows = await session.execute(
        text("SELECT experiment, arm, sum(views) AS views, sum(starts) AS starts FROM experiment_counts GROUP BY 1, 2")
    )
    found = {(row.experiment, row.arm): row for row in rows}
    return [
        ArmResult(each.key, arm, words, int(row.views) if row else 0, int(row.starts) if row else 0)
        for each in ALL
        for arm, words in each.arms
        for row in [found.get((each.key, arm))]
    ]
