"""Settings, Privacy: take it with you, delete it, choices about cookies and their history."""

from __future__ import annotations

import reflex as rx
from reflex_components_core.react_router.dom import ReactRouterLink

from studio.components import consent_history, settings_archives, settings_leaving
from studio.components.settings import frame, skeleton
from studio.components.styles import icon
from studio.state.privacy import PrivacyState


def _proof() -> rx.Component:
    return rx.el.p(
        "Your data, your choices. ",
        rx.el.a(
            "See every promise checked live",
            href="/privacy/proof",
            custom_attrs={"reloadDocument": True},  # not a page of the router's
        ),
        class_name="mute under-title",
    )


def page() -> rx.Component:
    """Two columns of cards."""
    return frame(
        "Privacy",
        _proof(),
        rx.cond(
            PrivacyState.loaded,
            rx.el.div(
                rx.el.div(
                    settings_leaving.countdown(),
                    settings_archives.section(),
                    class_name="col gap",
                ),
                rx.el.div(consent_history.section(), settings_leaving.section(), class_name="col gap"),
                class_name="cols",
            ),
            skeleton(250, 420),
        ),
        messages=PrivacyState,
        aside=ReactRouterLink.create(
            icon("list-checks"),
            "What we hold, why, until when",
            to="/settings/profile#held",
            class_name="btn surface",
        ),
    )
