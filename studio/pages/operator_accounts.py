"""Operator, Accounts: search, spend of the month, cap, restriction, signing out."""

from __future__ import annotations

import reflex as rx

from studio.components import browser
from studio.components.operator import frame, head, none, pager, panel, table
from studio.components.settings import problem
from studio.components.styles import icon
from studio.state.operator_accounts import OperatorAccountsState
from studio.state.operator_views import PersonView

CHOSEN = OperatorAccountsState.chosen


def _search() -> rx.Component:
    return rx.el.form(
        rx.el.label("Search accounts", html_for="op-search", class_name="sr"),
        rx.el.input(
            id="op-search",
            name="search",
            type="search",
            placeholder="Part of an address, or an id",
            default_value=OperatorAccountsState.search,
            class_name="tf",
            custom_attrs={"autoComplete": "off"},
        ),
        rx.el.button(icon("search"), "Search", type="submit", class_name="btn surface"),
        on_submit=OperatorAccountsState.find,
        class_name="op-form",
        role="search",
    )


def _row(row: PersonView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(row.email, class_name="clip block", title=row.id),
            rx.cond(
                row.restricted != "",
                rx.el.span(icon("lock", 12), "Restricted", title=row.restricted, class_name="badge amber"),
                rx.el.span("since ", row.since, class_name="t1 mute clip block m"),
            ),
            class_name="wide",
        ),
        rx.el.td(row.spent, class_name="r"),
        rx.el.td(row.held, class_name="r mute more"),
        rx.el.td(row.cap, class_name="r mute m"),
        rx.el.td(row.devices, class_name="r mute more"),
        rx.el.td(
            rx.el.button(
                "Manage",
                type="button",
                class_name="btn soft s1",
                on_click=OperatorAccountsState.choose(row.id, True),
                custom_attrs={"aria-label": f"Manage {row.email}", "aria-haspopup": "dialog"},
            ),
            class_name="r act",
        ),
        key=row.id,
    )


def _cap() -> rx.Component:
    return rx.el.form(
        rx.el.label("Monthly cap in US dollars", html_for="op-cap", class_name="label"),
        rx.el.div(
            rx.el.input(
                id="op-cap",
                name="cap",
                default_value=CHOSEN.cap_plain,
                class_name="tf num",
                input_mode="decimal",
                custom_attrs={
                    "autoComplete": "off",
                    "aria-invalid": rx.cond(OperatorAccountsState.cap_error != "", "true", "false"),
                    "aria-describedby": "op-cap-hint op-cap-error",
                },
            ),
            rx.el.button("Save cap", type="submit", class_name="btn soft"),
            class_name="row g2",
        ),
        rx.el.p(OperatorAccountsState.cap_hint, id="op-cap-hint", class_name="t1 mute"),
        rx.el.div(problem(OperatorAccountsState.cap_error, "op-cap-error")),
        on_submit=OperatorAccountsState.save_cap,
        class_name="dialog-form",
    )


def _restriction() -> rx.Component:
    return rx.cond(
        CHOSEN.restricted != "",
        rx.el.div(
            rx.el.p(CHOSEN.restricted, class_name="t1 mute"),
            rx.el.button(
                icon("lock-open"),
                "Lift the restriction",
                type="button",
                class_name="btn soft",
                on_click=OperatorAccountsState.unrestrict,
            ),
            class_name="dialog-form",
        ),
        rx.el.form(
            rx.el.label("Restrict this account", html_for="op-reason", class_name="label"),
            rx.el.div(
                rx.el.select(
                    rx.foreach(OperatorAccountsState.reasons, lambda each: rx.el.option(each.label, value=each.value)),
                    id="op-reason",
                    name="reason",
                    class_name="tf native",
                    custom_attrs={"aria-describedby": "op-reason-hint"},
                ),
                rx.el.button(icon("lock"), "Restrict", type="submit", class_name="btn danger"),
                class_name="row g2",
            ),
            rx.el.p(
                "Data is kept and nothing is done with it. What waits is cancelled. The person is told by mail.",
                id="op-reason-hint",
                class_name="t1 mute",
            ),
            on_submit=OperatorAccountsState.restrict,
            class_name="dialog-form",
        ),
    )


def _dialog() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(CHOSEN.email, class_name="t4 bold clip"),
            rx.dialog.description(
                f"This month {CHOSEN.spent} charged and {CHOSEN.held} held. Signed in on {CHOSEN.devices}.",
                class_name="mute",
            ),
            rx.el.p(CHOSEN.id, class_name="t1 mono mute clip"),
            _cap(),
            _restriction(),
            rx.el.div(
                rx.el.button(
                    icon("log-out"),
                    "Sign out everywhere",
                    type="button",
                    class_name="btn soft",
                    on_click=OperatorAccountsState.sign_out,
                ),
                rx.dialog.close(rx.el.button("Close", type="button", class_name="btn soft")),
                class_name="dialog-acts",
            ),
            class_name="dialog",
            max_width="480px",
        ),
        open=CHOSEN.id != "",
        on_open_change=lambda value: OperatorAccountsState.choose(CHOSEN.id, value),
    )


def page() -> rx.Component:
    """The newest first."""
    return frame(
        "Accounts",
        panel(
            "Accounts of this studio",
            _search(),
            table(
                [
                    head("Account", "wide"),
                    head("This month", "r"),
                    head("Held", "r more"),
                    head("Cap", "r m"),
                    head("Signed in", "r more"),
                    rx.el.th(rx.el.span("Actions", class_name="sr"), scope="col"),
                ],
                OperatorAccountsState.rows,
                _row,
                empty=none("users", "No account found", "Nobody here matches. Search for less of the address."),
            ),
            pager(OperatorAccountsState),
            beside=rx.el.div(
                rx.el.span("Restricted only", class_name="t1 mute", custom_attrs={"aria-hidden": "true"}),
                browser.toggle(
                    label="Restricted only",
                    value=OperatorAccountsState.only_restricted,
                    on_pick=OperatorAccountsState.set_only_restricted,
                ),
                class_name="row g2 op-toggle",
            ),
        ),
        _dialog(),
        state=OperatorAccountsState,
        lead="Addresses and totals, never what somebody made.",
    )
