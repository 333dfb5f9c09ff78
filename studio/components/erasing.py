"""The question before an output or a batch is deleted for good."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.state.studio import StudioState

E: Any = StudioState.erasing


def question() -> rx.Component:
    """Opened from the details and from a batch's menu."""
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title(E.title, class_name="t4 bold"),
            rx.alert_dialog.description(E.words, class_name="mute"),
            rx.el.div(
                rx.el.button("Keep it", type="button", class_name="btn soft", on_click=StudioState.keep),
                rx.el.button("Delete for good", type="button", class_name="btn danger", on_click=StudioState.erase),
                class_name="dialog-acts",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=E.id != "",
        on_open_change=StudioState.keep,
    )
