"""Operator, Invitations and Audit log."""

from __future__ import annotations

import reflex as rx

from studio.components.operator import frame, head, none, pager, panel, pick, table
from studio.components.settings import problem
from studio.components.styles import icon
from studio.state.operator_audit import OperatorAuditState
from studio.state.operator_invitations import OperatorInvitationsState
from studio.state.operator_views import AuditView, InvitationView


def _invite() -> rx.Component:
    return panel(
        "Invite somebody",
        rx.el.form(
            rx.el.label("E-mail address", html_for="op-invite", class_name="sr"),
            rx.el.input(
                id="op-invite",
                key=OperatorInvitationsState.rows.to_string(),  # pyright: ignore[reportAttributeAccessIssue]  # a Var at run time
                name="email",
                placeholder="mara@example.org",
                default_value=OperatorInvitationsState.email,
                class_name="tf",
                input_mode="email",
                custom_attrs={
                    "autoComplete": "off",
                    "aria-invalid": rx.cond(OperatorInvitationsState.email_error != "", "true", "false"),
                    "aria-describedby": "op-invite-error",
                },
            ),
            rx.el.button(icon("user-plus"), "Invite", type="submit", class_name="btn surface"),
            on_submit=OperatorInvitationsState.invite,
            class_name="op-form",
        ),
        rx.el.div(problem(OperatorInvitationsState.email_error, "op-invite-error"), class_name="op-said"),
    )


def _invitation(row: InvitationView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.el.span(row.email, class_name="clip block"), class_name="wide"),
        rx.el.td(row.when, class_name="mute m"),
        rx.el.td(row.until, class_name="mute more"),
        rx.el.td(
            rx.el.button(
                "Take back",
                type="button",
                class_name="btn soft s1",
                on_click=OperatorInvitationsState.revoke(row.id),
                custom_attrs={"aria-label": f"Take back the invitation of {row.email}"},
            ),
            class_name="r act",
        ),
        key=row.id,
    )


def invitations() -> rx.Component:
    """A field for one more, then those that are open."""
    return frame(
        "Invitations",
        _invite(),
        panel(
            "Open invitations",
            table(
                [
                    head("Address", "wide"),
                    head("Invited", "m"),
                    head("Until", "more"),
                    rx.el.th(rx.el.span("Actions", class_name="sr"), scope="col"),
                ],
                OperatorInvitationsState.rows,
                _invitation,
                empty=none("ticket", "Nobody is invited", "An invitation lasts 30 days and goes when it is used."),
            ),
            pager(OperatorInvitationsState),
        ),
        state=OperatorInvitationsState,
        lead=OperatorInvitationsState.policy,
    )


def _act(row: AuditView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.when, class_name="num mute"),
        rx.el.td(
            rx.el.span(row.act, class_name="block clip"),
            rx.el.span(row.details, class_name="t1 mute block clip"),
            class_name="wide",
        ),
        rx.el.td(row.subject, class_name="mono mute more"),
        rx.el.td(row.who, class_name="m"),
        key=row.id,
    )


def audit() -> rx.Component:
    """The newest act first."""
    return frame(
        "Audit log",
        panel(
            "Acts",
            table(
                [head("When"), head("Act", "wide"), head("On", "more"), head("Who", "m")],
                OperatorAuditState.rows,
                _act,
                empty=none("scroll-text", "Nothing here", "Every act of an operator is noted here."),
            ),
            pager(OperatorAuditState),
        ),
        state=OperatorAuditState,
        lead="Nothing here can be changed or deleted. Kept for two years.",
        aside=pick("Act", OperatorAuditState.choices, OperatorAuditState.show, OperatorAuditState.set_show),
    )
