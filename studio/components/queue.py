"""The queue: its button, its list, and the question before something that was sent is given up."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser, composer_parts
from studio.components.styles import icon, length
from studio.state.studio import StudioState
from studio.state.views import QueueRow

C: Any = StudioState.cancelling


def _cancel(row: QueueRow, act: Any) -> rx.Component:
    return rx.el.button(
        icon("x"),
        type="button",
        class_name="ib",
        title="Cancel",
        on_click=act,
        custom_attrs={"aria-label": row.cancel_name},
    )


def _row(row: QueueRow) -> rx.Component:
    return rx.el.li(
        rx.cond(row.state == "waiting", icon("clock"), rx.el.span(class_name="spin")),
        rx.el.div(
            rx.el.span(row.prompt, class_name="clip"),
            rx.el.span(
                rx.el.span(row.title),
                rx.cond(row.place != "", rx.el.span(row.place)),
                rx.cond(row.since_ms > 0, browser.elapsed(since_ms=row.since_ms)),
                rx.cond(row.usually != "", rx.el.span(row.usually)),
                class_name="t1 mute num dots clip",
            ),
            class_name="col grow",
        ),
        rx.match(
            row.cancel,
            ("now", _cancel(row, StudioState.cancel(row.id))),
            ("ask", _cancel(row, StudioState.ask_cancel(row.id))),
            rx.fragment(),
        ),
        class_name="queue-row",
        key=row.id,
    )


def button(*, short: bool = False) -> rx.Component:
    """What is running and waiting in a few characters; opens the list."""
    words = rx.el.span(StudioState.queue, class_name="clip") if not short else rx.fragment()
    return rx.cond(
        StudioState.queue != "",
        rx.popover.root(
            rx.popover.trigger(
                rx.el.button(
                    rx.el.span(class_name="spin"),
                    words,
                    type="button",
                    class_name="ib touch" if short else "btn soft s1 num",
                    title=StudioState.queue_name,
                    custom_attrs={"aria-label": StudioState.queue_name},
                )
            ),
            rx.popover.content(
                rx.el.div(
                    rx.el.h2("On its way", class_name="med grow"),
                    rx.el.button(
                        "Newest work", type="button", class_name="btn ghost s1", custom_attrs={"data-to-top": ""}
                    ),
                    class_name="row",
                ),
                rx.cond(
                    length(StudioState.queue_rows) > 0,
                    rx.el.ul(
                        rx.foreach(StudioState.queue_rows, _row),
                        class_name="queue-list",
                        custom_attrs={"aria-label": "Queue"},
                    ),
                ),
                composer_parts.notify(class_name="btn ghost wide"),
                class_name="menu queue",
                align="end",
                width="360px",
                custom_attrs={"aria-label": "Queue"},
            ),
            on_open_change=StudioState.set_queue_open,
        ),
    )


def question() -> rx.Component:
    """What giving up means once something was sent: the provider bills what it makes."""
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title(C.title, class_name="t4 bold"),
            rx.alert_dialog.description(C.words, class_name="mute"),
            rx.el.div(
                rx.el.button("Let it run", type="button", class_name="btn soft", on_click=StudioState.close_cancel),
                rx.cond(
                    C.possible,
                    rx.el.button(
                        "Try to give it up", type="button", class_name="btn danger", on_click=StudioState.cancel(C.id)
                    ),
                ),
                class_name="dialog-acts",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=C.id != "",
        on_open_change=StudioState.close_cancel,
    )
