"""The route table as data; `add_pages` registers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from studio.components.consent import banner
from studio.pages import (
    compare,
    index,
    library,
    missing,
    operator,
    operator_accounts,
    operator_analytics,
    operator_errors,
    operator_mail,
    operator_people,
    operator_queue,
    operator_requests,
    settings_appearance,
    settings_keyboard,
    settings_privacy,
    settings_profile,
    settings_sessions,
    settings_spend,
    settings_workspaces,
    welcome,
)
from studio.state.compare import CompareState
from studio.state.devices import DevicesState
from studio.state.library import LibraryState
from studio.state.operator import OperatorState, OperatorWorkersState
from studio.state.operator_accounts import OperatorAccountsState
from studio.state.operator_analytics import AnalyticsState
from studio.state.operator_audit import OperatorAuditState
from studio.state.operator_errors import OperatorErrorsState
from studio.state.operator_invitations import OperatorInvitationsState
from studio.state.operator_mail import OperatorMailState
from studio.state.operator_queue import OperatorQueueState
from studio.state.operator_requests import OperatorRequestsState
from studio.state.privacy import PrivacyState
from studio.state.profile import ProfileState
from studio.state.spend import SpendState
from studio.state.studio import StudioState
from studio.state.welcome import WelcomeState
from studio.state.workspaces import WorkspacesState


@dataclass(frozen=True)
class Route:
    """One page: where it lives, what draws it, what a search engine or a tab shows, what runs when it opens."""

    path: str
    page: Callable[[], rx.Component]
    title: str
    description: str
    on_load: Any = None


# Only an operator finds these; to anybody else there is nothing here (http/guards.py, state/guard.py).
OPERATOR: tuple[Route, ...] = (
    Route("/operator", operator.page, "Operator · Studio", "How this studio does.", OperatorState.load),
    Route("/operator/queue", operator_queue.page, "Queue · Studio", "What waits.", OperatorQueueState.load),
    Route("/operator/workers", operator.workers, "Workers · Studio", "Who works.", OperatorWorkersState.load),
    Route("/operator/errors", operator_errors.page, "Errors · Studio", "What went wrong.", OperatorErrorsState.load),
    Route("/operator/mail", operator_mail.page, "Outbox · Studio", "Which mails go out.", OperatorMailState.load),
    Route(
        "/operator/invitations",
        operator_people.invitations,
        "Invitations · Studio",
        "Who may come in.",
        OperatorInvitationsState.load,
    ),
    Route(
        "/operator/accounts", operator_accounts.page, "Accounts · Studio", "Who is here.", OperatorAccountsState.load
    ),
    Route(
        "/operator/requests",
        operator_requests.page,
        "Requests · Studio",
        "Who asked about their data.",
        OperatorRequestsState.load,
    ),
    Route("/operator/audit", operator_people.audit, "Audit log · Studio", "Who did what.", OperatorAuditState.load),
)
ROUTES: tuple[Route, ...] = (
    Route("/", index.page, "Studio", "Make images and video, with the price on the button.", StudioState.load),
    Route(
        "/library",
        library.page,
        "Library · Studio",
        "Everything you made, newest first.",
        # The frame shows who is signed in, and that lives in the studio's state.
        [LibraryState.load, StudioState.identify],
    ),
    Route(
        "/compare",
        compare.page,
        "Compare · Studio",
        "Two to four outputs side by side, and what differs in how they were made.",
        [CompareState.load, StudioState.identify],
    ),
    Route(
        "/settings/workspaces",
        settings_workspaces.page,
        "Workspaces · Studio",
        "Where your work is kept, and the labels on it.",
        [WorkspacesState.load, StudioState.identify],
    ),
    Route(
        "/settings/profile",
        settings_profile.page,
        "Profile · Studio",
        "Your name, your dates, and what is held about you.",
        [ProfileState.load, StudioState.identify],
    ),
    Route(
        "/settings/privacy",
        settings_privacy.page,
        "Privacy · Studio",
        "What you allowed, and when.",
        [PrivacyState.load, StudioState.identify],
    ),
    Route(
        "/settings/spend",
        settings_spend.page,
        "Spend · Studio",
        "What this month costs, and how much it may.",
        [SpendState.load, StudioState.identify],
    ),
    Route(
        "/settings/sessions",
        settings_sessions.page,
        "Sessions · Studio",
        "Every browser that is signed in.",
        [DevicesState.load, StudioState.identify],
    ),
    Route(
        "/settings/appearance",
        settings_appearance.page,
        "Appearance · Studio",
        "Light, dark, or as your system says.",
        StudioState.identify,
    ),
    Route(
        "/settings/keyboard",
        settings_keyboard.page,
        "Keyboard · Studio",
        "Every shortcut that Studio has.",
        StudioState.identify,
    ),
    Route(
        "/operator/analytics",
        operator_analytics.page,
        "Analytics · Studio",
        "What is used, by those who allowed counting.",
        AnalyticsState.load,
    ),
    Route(
        "/welcome",
        welcome.page,
        "Sign in to Studio",
        "Seedream images and Seedance video in a studio your team runs itself.",
        WelcomeState.load,
    ),
    *OPERATOR,
    Route("404", missing.page, "Nothing here · Studio", "There is nothing at this address."),
)


def asking(page: Callable[[], rx.Component]) -> Callable[[], rx.Component]:
    """A page with the question about cookies before it, so that the keyboard meets it first."""
    return lambda: rx.fragment(banner(), page())


def add_pages(app: rx.App) -> None:
    """Register every page of the browser studio."""
    for route in ROUTES:
        app.add_page(
            asking(route.page),
            route=route.path,
            title=route.title,
            description=route.description,
            on_load=route.on_load,
        )
