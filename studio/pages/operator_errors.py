"""Operator, Errors: what went wrong, grouped, and found by reference."""

from __future__ import annotations

import reflex as rx

from studio.components.operator import errors, frame, pager, panel
from studio.components.settings import problem
from studio.state.operator_errors import OperatorErrorsState


def _search() -> rx.Component:
    found = OperatorErrorsState.found
    return panel(
        "Find by reference",
        rx.el.form(
            rx.el.label("Reference", html_for="op-reference", class_name="sr"),
            rx.el.input(
                id="op-reference",
                name="reference",
                placeholder="The reference that a person was shown",
                default_value=OperatorErrorsState.search,
                class_name="tf mono",
                custom_attrs={
                    "autoComplete": "off",
                    "aria-invalid": rx.cond(OperatorErrorsState.search_error != "", "true", "false"),
                    "aria-describedby": "op-reference-error",
                },
            ),
            rx.el.button("Find", type="submit", class_name="btn surface"),
            on_submit=OperatorErrorsState.find,
            class_name="op-form",
        ),
        rx.el.div(problem(OperatorErrorsState.search_error, "op-reference-error"), class_name="op-said"),
        rx.cond(
            found.reference != "",
            rx.el.dl(
                rx.el.dt("Kind"),
                rx.el.dd(found.kind),
                rx.el.dt("Where"),
                rx.el.dd(found.place),
                rx.el.dt("When"),
                rx.el.dd(found.last),
                class_name="dl op-found",
                role="status",
            ),
        ),
    )


def page() -> rx.Component:
    """The search, then kinds of errors, the most recent first."""
    return frame(
        "Errors",
        _search(),
        panel("Error events", errors(OperatorErrorsState.rows), pager(OperatorErrorsState)),
        state=OperatorErrorsState,
        lead="Kept for 30 days. An event holds no text that anybody typed.",
    )
