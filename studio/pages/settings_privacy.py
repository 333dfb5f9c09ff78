"""Settings, Privacy: choices about cookies, and their history."""

from __future__ import annotations

import reflex as rx

from studio.components import consent_history
from studio.components.settings import frame, skeleton
from studio.state.privacy import PrivacyState


def page() -> rx.Component:
    """One column of cards."""
    return frame(
        "Privacy",
        rx.cond(
            PrivacyState.loaded,
            rx.el.div(consent_history.section(), class_name="cols"),
            skeleton(420),
        ),
        messages=PrivacyState,
    )
