"""Settings, Appearance: light, dark, or as the system says; and word of finished work."""

from __future__ import annotations

import reflex as rx

from studio.components import composer_parts
from studio.components.settings import card, frame, theme_choice
from studio.state.studio import StudioState


def page() -> rx.Component:
    """Choices of this browser: the theme is in a cookie, notifications are the browser's own permission."""
    return frame(
        "Appearance",
        card(
            "Theme",
            rx.el.div(theme_choice(label="Theme"), class_name="set-field"),
            lead="For this browser. System follows the setting of your computer or phone.",
            kind="narrow",
        ),
        card(
            "Notifications",
            rx.el.div(composer_parts.notify(class_name="btn soft"), class_name="set-field"),
            lead="For this browser, when work finishes while Studio's tab is out of sight.",
            kind="narrow",
        ),
        messages=StudioState,
    )
