"""Every cookie and everything kept in a browser's storage: the one table that /cookies and the consent read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from studio.config import Settings
from studio.services import consent, usage

Category = Literal["necessary", "analytics", "experiments"]
THEME, WORKSPACE = "theme", "workspace"
ANALYTICS, EXPERIMENTS = "studio_analytics", "studio_experiments"
DAY = 86_400
THEME_DAYS = 365


@dataclass(frozen=True)
class Cookie:
    """A cookie by its name. `category` is what a person decides about; necessary ones need no decision.

    `days` is how long a browser is told to keep it, and `life` says so in words.
    """

    name: str
    purpose: str
    category: Category
    days: int
    life: str
    answered: bool = False  # it carries the answer about cookies, so it is kept as long as that counts

    def max_age(self, *, answer: int = 0) -> int:
        """Its Max-Age in seconds. `answer`: for how many seconds the browser's answer about cookies still counts."""
        if self.category != "necessary":
            return min(self.days * DAY, answer)
        return max(self.days * DAY, answer) if self.answered else self.days * DAY

    @property
    def most(self) -> int:
        """The longest Max-Age it can have, in seconds."""
        return self.max_age(answer=consent.MOST_DAYS * DAY)


@dataclass(frozen=True)
class Stored:
    """What the pages keep in a browser's own storage. It is read by the page alone and sent to nobody."""

    name: str
    place: str
    purpose: str
    life: str


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def cookies(ours: Settings) -> Sequence[Cookie]:
    """Every cookie this installation can set, with its life: what is said of it, and what a browser is told.

    Nothing else is set, and nothing for longer: `services/guards.py` takes it off.
    """
    days, idle = ours.session_absolute_days, ours.session_idle_days
    withdrawn = f"{_days(usage.DAYS)}, or until you withdraw or your answer no longer counts"
    return (
        Cookie(
            ours.cookie_name,
            "Keeps you signed in and knows your choice about optional cookies. A random value that no script can read.",
            "necessary",
            days,
            f"{_days(days)}; with an answer about optional cookies, also a no, until {consent.MONTHS} months after it. "
            f"You are signed in until you sign out, at most {_days(days)}, and {_days(idle)} without use",
            answered=True,
        ),
        Cookie(WORKSPACE, "Remembers which workspace is open.", "necessary", days, _days(days)),
        Cookie(THEME, "Remembers light or dark, once you choose.", "necessary", THEME_DAYS, "1 year"),
        Cookie(
            ANALYTICS,
            "Counts pages and features used, under a random id. Never prompts, pictures or your account.",
            "analytics",
            usage.DAYS,
            withdrawn,
        ),
        Cookie(
            EXPERIMENTS,
            "Shows you the same variant of a page each time while two are compared.",
            "experiments",
            usage.DAYS,
            withdrawn,
        ),
    )


def max_age(ours: Settings, name: str, *, answer: int = 0) -> int:
    """The Max-Age of a cookie of the table, in seconds."""
    return next(each for each in cookies(ours) if each.name == name).max_age(answer=answer)


# What the framework of the pages keeps. All of it is necessary, and none of it leaves the browser as a cookie would.
STORAGE = (
    Stored("token", "session storage", "Tells this tab from your other tabs.", "until the tab closes"),
    Stored(
        "react-router-scroll-positions",
        "session storage",
        "Brings you back to where you were on a page.",
        "until the tab closes",
    ),
    Stored("theme", "local storage", "The page's own copy of light or dark.", "until you clear it"),
)


def necessary(ours: Settings) -> frozenset[str]:
    """The names that need no consent."""
    return frozenset(each.name for each in cookies(ours) if each.category == "necessary")
