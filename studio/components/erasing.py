"""The question before outputs, a batch or a workspace are deleted for good."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.state.studio import StudioState


def question(state: Any = StudioState) -> rx.Component:
    """Opened from a batch's menu, and for what is in the trash: by the library, and by a workspace."""
    asked = state.erasing
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title(asked.title, class_name="t4 bold"),
            rx.alert_dialog.description(asked.words, class_name="mute"),
            rx.el.div(
                rx.el.button("Keep it", type="button", class_name="btn soft", on_click=state.keep),
                rx.el.button("Delete for good", type="button", class_name="btn final", on_click=state.erase),
                class_name="dialog-acts",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=asked.id != "",
        on_open_change=state.keep,
    )
