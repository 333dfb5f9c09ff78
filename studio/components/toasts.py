"""Messages: our own list, because the framework's toasts need eval, which the page's policy forbids."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.event import no_args_event_spec

from studio.components import browser
from studio.components.styles import icon


@rx.memo
def toast_item(
    kind: rx.Var[str],
    title: rx.Var[str],
    text: rx.Var[str],
    undo: rx.Var[bool],
    on_undo: rx.EventHandler[no_args_event_spec],
    on_close: rx.EventHandler[no_args_event_spec],
    rest: rx.RestProp,
) -> rx.Component:
    """One message. Failures stay longer and interrupt; everything else is polite."""
    return rx.el.div(
        rest,
        rx.match(
            kind,
            ("success", rx.el.span(icon("circle-check", 18), class_name="ok")),
            ("error", rx.el.span(icon("circle-alert", 18), class_name="bad")),
            rx.el.span(icon("bell", 18), class_name="warn"),
        ),
        rx.el.div(
            rx.el.p(title, class_name="med"),
            rx.cond(text != "", rx.el.p(text, class_name="t1 mute")),
            class_name="grow",
        ),
        rx.cond(
            undo,
            rx.el.button(
                "Undo",
                type="button",
                class_name="btn soft s1",
                on_click=on_undo,
                title="Undo (Ctrl Z)",
                custom_attrs={"data-hotkey": "undo"},
            ),
        ),
        rx.el.button(
            icon("x", 14),
            type="button",
            class_name="ib s1",
            on_click=on_close,
            custom_attrs={"aria-label": "Dismiss"},
        ),
        browser.dismiss(after=rx.cond(kind == "error", 15000, rx.cond(undo, 10000, 6000)), on_late=on_close),
        class_name="toast",
        custom_attrs={"role": rx.cond(kind == "error", "alert", "status")},
    )


def _items(state: Any) -> rx.Component:
    """A page without deletions has nothing to undo; its messages never offer it."""
    undo = getattr(state, "undo", None)
    return rx.foreach(
        state.toasts,
        lambda t: toast_item(
            key=t.id,
            kind=t.kind,
            title=t.title,
            text=t.text,
            undo=t.undo,
            on_undo=undo if undo is not None else state.dismiss_toast(t.id),
            on_close=state.dismiss_toast(t.id),
        ),
    )


def toasts(*states: Any) -> rx.Component:
    """All current messages of these states, newest last, above everything but dialogs."""
    return rx.el.div(*[_items(state) for state in states], class_name="toasts")
