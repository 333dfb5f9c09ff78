"""Operator, Overview: how the whole studio does, and the page of the workers."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser
from studio.components.operator import bars, errors, frame, head, none, panel, table
from studio.components.operator import workers as worker_table
from studio.components.params import radio
from studio.components.styles import icon, length
from studio.pages.operator_queue import badge
from studio.state.operator import OperatorState, OperatorWorkersState
from studio.state.operator_views import FigureView, RequestView, RunView


def _figure(figure: FigureView) -> rx.Component:
    return rx.el.section(
        rx.el.p(figure.label, class_name="label"),
        rx.el.p(figure.value, class_name=rx.match(figure.tone, ("warn", "big warn"), ("bad", "big bad"), "big")),
        rx.el.p(figure.note, class_name="t1 mute num"),
        class_name="card",
        key=figure.label,
        custom_attrs={"aria-label": f"{figure.label}, figure"},
    )


def _request(row: RequestView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.el.span(row.short, title=row.id), class_name="mono"),
        rx.el.td(row.model, class_name="mute more"),
        rx.el.td(badge(row)),
        rx.el.td(row.age, class_name="r"),
        rx.el.td(row.held, class_name="r"),
        key=row.id,
    )


def _queue() -> rx.Component:
    return panel(
        "Queue",
        table(
            [head("Request"), head("Model", "more"), head("State"), head("Age", "r"), head("Held", "r")],
            OperatorState.requests,
            _request,
            empty=none("list-checks", "Nothing waits", "Requests appear here while they are unfinished."),
        ),
        beside=rx.el.span("fair share between accounts", class_name="badge plain wide-only"),
        more="/operator/queue",
    )


def _run(row: RunView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.rule, class_name="wide"),
        rx.el.td(row.last, class_name=rx.cond(row.tone == "warn", "r warn", "r mute")),
        rx.el.td(row.removed, class_name="r"),
        rx.el.td(row.overdue, class_name=rx.cond(row.tone == "bad", "r bad", "r")),
        rx.el.td(row.due, class_name="r mute m"),
        key=row.rule,
    )


def _retention() -> rx.Component:
    return panel(
        "Retention runs",
        table(
            [
                head("Rule", "wide"),
                head("Last run", "r"),
                head("Removed", "r"),
                head("Overdue", "r"),
                head("Next", "r m"),
            ],
            OperatorState.runs,
            _run,
            empty=none("timer", "Nothing ends by time", "Rules of retention appear here."),
        ),
        beside=rx.el.div(
            rx.el.span(OperatorState.runs_said, class_name=rx.cond(OperatorState.runs_ok, "badge jade", "badge red")),
            rx.el.button("Run now", type="button", class_name="btn ghost s1", on_click=OperatorState.run_sweeps),
            rx.el.a(
                "View all",
                rx.el.span(" of Retention runs", class_name="sr"),
                href="/security",
                class_name="btn ghost s1",
                custom_attrs={"reloadDocument": True},  # not a page of the router's
            ),
            class_name="row g2",
        ),
    )


def _verdict() -> rx.Component:
    return rx.cond(
        OperatorState.healthy,
        rx.el.span(icon("circle-check", 12), OperatorState.verdict, class_name="badge jade s2"),
        rx.el.span(icon("triangle-alert", 12), OperatorState.verdict, class_name="badge amber s2"),
    )


def _fact(label: str, value: Any) -> rx.Component:
    return rx.el.li(rx.el.span(label, class_name="t1 mute grow"), rx.el.span(value, class_name="t1 num"))


def _checks() -> rx.Component:
    return panel(
        "Checks and storage",
        rx.el.ul(
            _fact(
                "Ledger",
                rx.el.span(OperatorState.ledger, class_name=rx.cond(OperatorState.ledger_ok, "", "bad")),
            ),
            _fact("Storage", OperatorState.storage),
            _fact(
                "Last backup",
                rx.el.span(OperatorState.backup, class_name=rx.cond(OperatorState.backup_ok, "", "bad")),
            ),
            _fact("Last restored as a test", OperatorState.restored),
            class_name="op-bars",
        ),
    )


def _outbox() -> rx.Component:
    return panel(
        "Outbox",
        rx.cond(
            length(OperatorState.mails) > 0,
            rx.el.ul(
                rx.foreach(
                    OperatorState.mails,
                    lambda row: rx.el.li(
                        rx.el.span(row.label, class_name="t1 mute grow"),
                        rx.el.span(row.value, class_name="t1 num"),
                        key=row.label,
                    ),
                ),
                class_name="op-bars",
            ),
            rx.el.p("No mail was written yet.", class_name="t1 mute op-said"),
        ),
        more="/operator/mail",
    )


def page() -> rx.Component:
    """Figures on top, then workers, errors, spend, mail and checks."""
    return frame(
        "Overview",
        rx.el.div(rx.foreach(OperatorState.figures, _figure), class_name="op-figures"),
        rx.el.div(
            rx.el.div(
                _queue(),
                _retention(),
                panel("Error events", errors(OperatorState.errors), more="/operator/errors"),
                class_name="col op-side",
            ),
            rx.el.div(
                panel(
                    "Workers",
                    worker_table(OperatorState.workers),
                    bars(OperatorState.limits, "No call to the provider was counted yet."),
                    beside=rx.el.span(OperatorState.workers_said, class_name="t1 mute num"),
                ),
                panel(
                    "Spend today",
                    bars(OperatorState.models, "Nothing was charged today."),
                    beside=rx.el.span(
                        rx.el.b(OperatorState.spent, class_name="med"),
                        rx.el.span(" charged, ", OperatorState.held, " held", class_name="t1 mute"),
                        class_name="num",
                    ),
                ),
                _outbox(),
                _checks(),
                class_name="col op-side",
            ),
            class_name="op-two",
        ),
        state=OperatorState,
        lead="This page never shows prompts, pictures or names.",
        aside=rx.el.div(
            _verdict(),
            rx.cond(
                OperatorState.paused,
                rx.el.button(
                    icon("play"),
                    "Resume new work",
                    type="button",
                    class_name="btn soft",
                    on_click=OperatorState.set_paused(False),
                ),
                rx.el.button(
                    icon("pause"),
                    "Pause new work",
                    type="button",
                    class_name="btn soft",
                    on_click=OperatorState.set_paused(True),
                ),
            ),
            browser.choices(
                radio("1h", "1 h"),
                radio("24h", "24 h"),
                radio("7d", "7 d"),
                label="Range",
                value=OperatorState.span,
                on_pick=OperatorState.set_span,
                class_name="seg s1",
            ),
            class_name="row g2 op-acts",
        ),
    )


def workers() -> rx.Component:
    """Every worker process, and what the provider allows."""
    return frame(
        "Workers",
        panel(
            "Worker processes",
            worker_table(OperatorWorkersState.workers),
            beside=rx.el.span(OperatorWorkersState.said, class_name="t1 mute num"),
        ),
        panel("Provider limits", bars(OperatorWorkersState.limits, "No call to the provider was counted yet.")),
        state=OperatorWorkersState,
        lead="A worker that is silent for 30 seconds is taken for dead; its work is given to the others.",
    )
