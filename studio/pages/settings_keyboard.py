"""Settings, Keyboard: every shortcut that there is, and where it works."""

from __future__ import annotations

import reflex as rx

from studio.components.browser import toggle
from studio.components.settings import card, frame
from studio.components.shortcuts import SHORTCUTS, Shortcut, keys
from studio.state.studio import StudioState


def _row(shortcut: Shortcut) -> rx.Component:
    return rx.el.tr(
        rx.el.th(shortcut.what, scope="row", class_name="med"),
        rx.el.td(rx.el.span(*keys(shortcut), class_name="row g2")),
        rx.el.td(shortcut.where, class_name="mute"),
    )


def page() -> rx.Component:
    """What single keys may do, and one table."""
    return frame(
        "Keyboard",
        card(
            "Single keys",
            rx.el.div(
                rx.el.span("Act in the grid", class_name="grow"),
                toggle(
                    label="Single keys in the grid",
                    value=StudioState.single_keys,
                    on_pick=StudioState.set_single_keys,
                ),
                class_name="row",
            ),
            lead="They work only while the focus is in the grid. Turn them off if you speak to your computer.",
            kind="narrow",
        ),
        card(
            "Shortcuts",
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(
                        rx.el.th("What it does", scope="col"),
                        rx.el.th("Keys", scope="col"),
                        rx.el.th("Where", scope="col"),
                    )
                ),
                rx.el.tbody(*[_row(each) for each in SHORTCUTS]),
                class_name="shortcuts",
            ),
            lead="On a Mac, use ⌘ for Ctrl. Single keys are left alone while you type.",
            kind="narrow",
        ),
        messages=StudioState,
    )
