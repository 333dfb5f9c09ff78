"""Asks a person to sign in again, in the place where that is needed."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.styles import icon


def panel(state: Any) -> rx.Component:
    """Why, and the way there and back; `state` has ReauthMixin. Nothing while nobody has to."""
    return rx.cond(
        state.reauth_href != "",
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
