"""Operator, Outbox: mails by state; what they say only where there is no mail server."""

from __future__ import annotations

import reflex as rx

from studio.components.operator import frame, head, none, pager, panel, pick, table
from studio.components.styles import icon
from studio.state.operator_mail import OperatorMailState
from studio.state.operator_views import MailView


def _badge(row: MailView) -> rx.Component:
    return rx.fragment(
        rx.match(
            row.state,
            ("sent", rx.el.span(icon("check", 12), row.word, class_name="badge jade")),
            ("queued", rx.el.span(icon("clock", 12), row.word, class_name="badge plain")),
            ("shown", rx.el.span(icon("inbox", 12), row.word, class_name="badge plain")),
            ("dropped", rx.el.span(icon("ban", 12), row.word, class_name="badge plain")),
            ("sending", rx.el.span(icon("send", 12), row.word, class_name="badge blue")),
            rx.el.span(icon("triangle-alert", 12), row.word, class_name="badge amber"),
        )
    )


def _acts(row: MailView) -> rx.Component:
    return rx.el.span(
        rx.cond(
            row.readable,
            rx.el.button(
                "Read",
                type="button",
                class_name="btn soft s1",
                on_click=OperatorMailState.read(row.id, True),
                custom_attrs={"aria-label": f"Read the mail to {row.recipient}", "aria-haspopup": "dialog"},
            ),
        ),
        rx.cond(
            row.failed,
            rx.el.button(
                "Send again",
                type="button",
                class_name="btn soft s1",
                on_click=OperatorMailState.resend(row.id),
                custom_attrs={"aria-label": f"Send again to {row.recipient}"},
            ),
        ),
        class_name="row g2 end",
    )


def _row(row: MailView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(row.recipient, class_name="clip block"),
            rx.el.span(row.template, " · ", row.category, class_name="t1 mute clip block"),
            class_name="wide",
        ),
        rx.el.td(_badge(row), rx.cond(row.reason != "", rx.el.span(row.reason, class_name="t1 mute block m"))),
        rx.el.td(row.tries, class_name="r mute more"),
        rx.el.td(row.when, class_name="r mute m"),
        rx.el.td(_acts(row), class_name="r act"),
        key=row.id,
    )


def _letter() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(OperatorMailState.subject, class_name="t4 bold"),
            rx.dialog.description(
                "No mail server is set up, so mails are kept here. Reading one is noted in the audit log.",
                class_name="mute",
            ),
            rx.el.pre(OperatorMailState.text, class_name="op-letter", tab_index=0, custom_attrs={"aria-label": "Text"}),
            rx.el.div(
                rx.dialog.close(rx.el.button("Close", type="button", class_name="btn soft")), class_name="dialog-acts"
            ),
            class_name="dialog",
            max_width="640px",
        ),
        open=OperatorMailState.reading != "",
        on_open_change=lambda value: OperatorMailState.read(OperatorMailState.reading, value),
    )


def page() -> rx.Component:
    """The newest first."""
    return frame(
        "Outbox",
        panel(
            "Mails",
            table(
                [
                    head("To", "wide"),
                    head("State"),
                    head("Tries", "r more"),
                    head("Written", "r m"),
                    rx.el.th(rx.el.span("Actions", class_name="sr"), scope="col"),
                ],
                OperatorMailState.rows,
                _row,
                empty=none("mail-check", "No mail here", "No mail is in this state."),
            ),
            pager(OperatorMailState),
            beside=rx.el.span(OperatorMailState.total, class_name="t1 mute num", role="status"),
        ),
        _letter(),
        state=OperatorMailState,
        lead=rx.cond(
            OperatorMailState.readable,
            "No mail server is set up: mails are kept here and can be read.",
            "What a mail says is not shown.",
        ),
        aside=pick("State", OperatorMailState.choices, OperatorMailState.show, OperatorMailState.set_show),
    )
