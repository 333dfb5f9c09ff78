"""Operator, Requests: what people asked about their data, and by when it is answered."""

from __future__ import annotations

import reflex as rx

from studio.components.operator import frame, head, none, panel, table
from studio.components.settings import problem
from studio.components.styles import icon
from studio.state.operator_requests import KINDS, OperatorRequestsState
from studio.state.operator_views import AskedView


def _add() -> rx.Component:
    return panel(
        "Write a request down",
        rx.el.form(
            rx.el.label("What it is about", html_for="op-kind", class_name="sr"),
            rx.el.select(
                *[rx.el.option(words, value=kind) for kind, words in KINDS],
                id="op-kind",
                name="kind",
                class_name="tf native",
            ),
            rx.el.label("E-mail address it came from", html_for="op-who", class_name="sr"),
            rx.el.input(
                id="op-who",
                key=OperatorRequestsState.rows.to_string(),  # pyright: ignore[reportAttributeAccessIssue]  # a Var at run time
                name="who",
                placeholder="mara@example.org",
                default_value=OperatorRequestsState.who,
                class_name="tf",
                input_mode="email",
                custom_attrs={
                    "autoComplete": "off",
                    "aria-invalid": rx.cond(OperatorRequestsState.error != "", "true", "false"),
                    "aria-describedby": "op-who-error",
                },
            ),
            rx.el.label("Note", html_for="op-note", class_name="sr"),
            rx.el.input(
                id="op-note",
                key=f"note {OperatorRequestsState.rows.to_string()}",  # pyright: ignore[reportAttributeAccessIssue]  # as above
                name="note",
                placeholder="A note for yourself",
                default_value=OperatorRequestsState.note,
                class_name="tf",
                custom_attrs={"autoComplete": "off", "maxLength": 1000},
            ),
            rx.el.button(icon("plus"), "Write down", type="submit", class_name="btn surface"),
            on_submit=OperatorRequestsState.add,
            class_name="op-form op-asked",
        ),
        rx.el.div(problem(OperatorRequestsState.error, "op-who-error"), class_name="op-said"),
    )


def _closing(row: AskedView, words: str, outcome: str) -> rx.Component:
    return rx.el.button(
        words,
        type="button",
        class_name="btn soft s1",
        on_click=OperatorRequestsState.close(row.id, outcome),
        custom_attrs={"aria-label": f"{words}: {row.kind} for {row.who}"},
    )


def _row(row: AskedView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(row.who, class_name="clip block"),
            rx.cond(row.note != "", rx.el.span(row.note, class_name="clip block t1 mute")),
            class_name="wide",
        ),
        rx.el.td(row.kind, class_name="m"),
        rx.el.td(row.came, class_name="mute more"),
        rx.el.td(row.due, class_name="mute m num"),
        rx.el.td(rx.el.span(row.word, class_name=f"badge {row.tone}")),
        rx.el.td(
            rx.cond(
                row.open,
                rx.el.div(_closing(row, "Done", "done"), _closing(row, "Refused", "refused"), class_name="row g2 end"),
            ),
            class_name="r act",
        ),
        key=row.id,
    )


def page() -> rx.Component:
    """A form for one more, then the register: open ones first, the most urgent on top."""
    return frame(
        "Requests",
        _add(),
        panel(
            "Register",
            table(
                [
                    head("Who", "wide"),
                    head("About", "m"),
                    head("Came", "more"),
                    head("Due", "m"),
                    head("State"),
                    rx.el.th(rx.el.span("Actions", class_name="sr"), scope="col"),
                ],
                OperatorRequestsState.rows,
                _row,
                empty=none(
                    "clipboard-list",
                    "Nobody asked yet",
                    "Requests come by mail to the privacy contact. Each is to be answered within a month.",
                ),
            ),
        ),
        state=OperatorRequestsState,
        lead=OperatorRequestsState.said,
    )
