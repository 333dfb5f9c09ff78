"""What is shown where there is nothing, whoever asks."""

from __future__ import annotations

import reflex as rx

from studio.components import notices
from studio.components.styles import icon


def nothing() -> rx.Component:
    """There is nothing here, and two ways on."""
    return rx.el.main(
        rx.el.div(
            rx.el.span(icon("map", 24), class_name="ring"),
            rx.el.h1("There is nothing here"),
            rx.el.p("The address is wrong, or what was here was deleted or is not yours to see."),
            rx.el.div(
                rx.el.a("Open Studio", href="/", class_name="btn soft"),
                rx.el.a("Open library", href="/library", class_name="btn soft"),
                class_name="row g2",
            ),
            class_name="empty",
        ),
        notices.footer(),
        class_name="alone",
    )
