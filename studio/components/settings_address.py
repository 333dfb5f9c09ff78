"""The card that changes the e-mail address."""

from __future__ import annotations

import reflex as rx

from studio.components import reauth
from studio.components.settings import card, field
from studio.components.styles import icon
from studio.state.profile import ProfileState


def _waiting() -> rx.Component:
    return rx.cond(
        ProfileState.waiting_for != "",
        rx.el.div(
            icon("mail"),
            rx.el.div(
                rx.el.p("Waiting for you to confirm at ", rx.el.b(ProfileState.waiting_for), class_name="med words"),
                rx.el.p(
                    "Open the link in the mail sent there, until ",
                    ProfileState.waiting_until,
                    ". Until then nothing changes.",
                    class_name="t1 num",
                ),
                class_name="grow",
            ),
            rx.el.button(
                "Cancel the change", type="button", class_name="btn soft", on_click=ProfileState.cancel_address
            ),
            class_name="callout amber reauth",
            role="status",
        ),
    )


def address() -> rx.Component:
    """The address in use, the one that waits, and the form for another."""
    return card(
        "Email",
        rx.el.p(ProfileState.email, class_name="clip"),
        _waiting(),
        rx.el.form(
            field(
                "New email address",
                "email",
                ProfileState.new_email,
                ProfileState.new_email_error,
                input_mode="email",
                key=ProfileState.waiting_for,  # asked for: an empty field again
            ),
            rx.el.button("Change email", type="submit", class_name="btn soft"),
            on_submit=ProfileState.ask_address,
            class_name="set-form",
        ),
        reauth.panel(ProfileState),
        rx.el.p(
            "It changes when you confirm it there. The address of today is told, and can undo it for 7 days.",
            class_name="t1 mute",
        ),
    )
