"""Asks a person to sign in again, in the place where that is needed, and offers the act once more afterwards."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.styles import icon


def panel(state: Any, part: str = "") -> rx.Component:
    """Why, and the way there and back; `state` has ReauthMixin. Nothing while nobody has to.

    A page with a second panel names that one: `part`, as its acts pass it to `_sign_in_again`.
    """
    return rx.cond(
        (state.reauth_href != "") & (state.reauth_part == part),
        rx.el.div(
            icon("shield-check"),
            rx.el.div(
                rx.el.p("Confirm that it is you first", class_name="med"),
                rx.el.p("Sign in once more. You come back here with what you typed.", class_name="t1"),
                class_name="grow",
            ),
            rx.el.a(
                "Sign in again",
                href=state.reauth_href,
                custom_attrs={"reloadDocument": True},  # not a page of the router's
                class_name="btn soft",
            ),
            class_name="callout amber reauth",
            role="alert",
        ),
    )


def again(state: Any, control: rx.Component) -> rx.Component:
    """What was asked for before signing in again; `control` does it, and its text is `state.asked`."""
    return rx.cond(
        state.asked != "",
        rx.el.div(
            icon("shield-check"),
            rx.el.p("You have confirmed that it is you. Go on?", class_name="med grow"),
            control,
            class_name="callout amber reauth",
            role="status",
        ),
    )
