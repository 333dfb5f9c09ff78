"""Settings, Appearance: light, dark, or as the system says."""

from __future__ import annotations

import reflex as rx

from studio.components.settings import card, frame, theme_choice
from studio.state.studio import StudioState


def page() -> rx.Component:
    """One choice, kept in a cookie of this browser."""
    return frame(
        "Appearance",
        card(
            "Theme",
            rx.el.div(theme_choice(label="Theme"), class_name="set-field"),
            lead="For this browser. System follows the setting of your computer or phone.",
            kind="narrow",
        ),
        messages=StudioState,
    )
