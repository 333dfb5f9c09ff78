"""Every cookie and everything kept in a browser's storage: the one table that /cookies and the consent read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from studio.config import Settings

Category = Literal["necessary", "analytics", "experiments"]
THEME, WORKSPACE = "theme", "workspace"
ANALYTICS, EXPERIMENTS = "studio_analytics", "studio_experiments"
CONSENT_MONTHS = 6


@dataclass(frozen=True)
class Cookie:
    """A cookie by its name. `category` is what a person decides about; necessary ones need no decision."""

    name: str
    purpose: str
    category: Category
    life: str


@dataclass(frozen=True)
class Stored:
    """What the pages keep in a browser's own storage. It is read by the page alone and sent to nobody."""

    name: str
    place: str
    purpose: str
    life: str


def cookies(ours: Settings) -> Sequence[Cookie]:
    """Every cookie this installation can set. Nothing else is set: tests/e2e/test_documents.py compares."""
    days = ours.session_absolute_days
    return (
        Cookie(
            ours.cookie_name,
            "Keeps you signed in and knows your choice about optional cookies. A random value that no script can read.",
            "necessary",
            f"until you sign out; after {ours.session_idle_days} days without use; at most {days} days",
        ),
        Cookie(WORKSPACE, "Remembers which workspace is open.", "necessary", "1 year"),
        Cookie(THEME, "Remembers light or dark, once you choose.", "necessary", "1 year"),
        Cookie(
            ANALYTICS,
            "Counts pages and features used, under a random id. Never prompts, pictures or your account.",
            "analytics",
            "90 days, or until you withdraw",
        ),
        Cookie(
            EXPERIMENTS,
            "Shows you the same variant of a page each time while two are compared.",
            "experiments",
            "90 days, or until you withdraw",
        ),
    )


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
