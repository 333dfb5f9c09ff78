"""Operator, Queue: unfinished requests by state and age, without prompts."""

from __future__ import annotations

import reflex as rx

from studio.components.operator import frame, head, none, pager, panel, pick, table
from studio.components.styles import icon
from studio.state.operator_queue import OperatorQueueState
from studio.state.operator_views import RequestView


def badge(row: RequestView) -> rx.Component:
    """How far a request is."""
    return rx.fragment(
        rx.match(
            row.state,
            ("queued", rx.el.span(icon("clock", 12), row.word, class_name="badge plain")),
            ("retry", rx.el.span(icon("rotate-cw", 12), row.word, class_name="badge blue")),
            ("unknown", rx.el.span(icon("circle-help", 12), row.word, class_name="badge amber")),
            ("settled", rx.el.span(icon("circle-help", 12), row.word, class_name="badge amber")),
            rx.el.span(icon("loader", 12), row.word, class_name="badge iris"),
        )
    )


def _give_back(row: RequestView) -> rx.Component:
    return rx.alert_dialog.root(
        rx.alert_dialog.trigger(
            rx.el.button(
                "Give back",
                type="button",
                class_name="btn soft s1",
                custom_attrs={"aria-label": f"Give back the charge of {row.short}"},
            )
        ),
        rx.alert_dialog.content(
            rx.alert_dialog.title("Give the charge back", class_name="t4 bold"),
            rx.alert_dialog.description(
                f"{row.held} of request {row.short} goes back to its account. The ledger keeps both entries.",
                class_name="mute",
            ),
            rx.el.div(
                rx.alert_dialog.cancel(rx.el.button("Keep it charged", type="button", class_name="btn soft")),
                rx.el.button(
                    "Give it back", type="button", class_name="btn solid", on_click=OperatorQueueState.reverse
                ),
                class_name="dialog-acts",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=OperatorQueueState.reversing == row.id,
        on_open_change=lambda value: OperatorQueueState.ask_reverse(row.id, value),
    )


def _row(row: RequestView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.el.span(row.short, title=row.id), class_name="mono"),
        rx.el.td(rx.el.span(row.account, title=row.account_id), class_name="mono mute m"),
        rx.el.td(row.model, class_name="mute more"),
        rx.el.td(badge(row)),
        rx.el.td(row.age, class_name="r"),
        rx.el.td(row.tries, class_name="r mute more"),
        rx.el.td(row.held, class_name="r"),
        rx.el.td(rx.cond(row.reversible, _give_back(row)), class_name="r act"),
        key=row.id,
    )


def page() -> rx.Component:
    """The oldest first: what is stuck is on top."""
    return frame(
        "Queue",
        panel(
            "Requests",
            table(
                [
                    head("Request"),
                    head("Account", "m"),
                    head("Model", "more"),
                    head("State"),
                    head("Age", "r"),
                    head("Tries", "r more"),
                    head("Held", "r"),
                    rx.el.th(rx.el.span("Actions", class_name="sr"), scope="col"),
                ],
                OperatorQueueState.rows,
                _row,
                empty=none("list-checks", "Nothing here", "No request is in this state."),
            ),
            pager(OperatorQueueState),
            beside=rx.el.span(OperatorQueueState.total, class_name="t1 mute num", role="status"),
        ),
        state=OperatorQueueState,
        lead="Oldest first. Accounts are served in turn.",
        aside=pick("State", OperatorQueueState.choices, OperatorQueueState.show, OperatorQueueState.set_show),
    )
