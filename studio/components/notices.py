"""What every page carries about the public texts: the banner of a change, and the footer that leads to all of them."""

from __future__ import annotations

import reflex as rx

from studio.components.styles import icon
from studio.links import FOOTER
from studio.state.policies import PolicyState


def links(class_name: str = "") -> rx.Component:
    """Links to every document and to the cookie settings. They leave the studio's own pages: each is a page load."""
    return rx.el.nav(
        *[
            rx.el.a(name, href=path, class_name=class_name, custom_attrs={"reloadDocument": True})
            for name, path in FOOTER
        ],
        custom_attrs={"aria-label": "Legal"},
    )


def footer() -> rx.Component:
    """A line at the end of every page. On a phone, where it would take room from the work, the account menu has it."""
    return rx.el.footer(links(), class_name="legal-links")


def _answers() -> rx.Component:
    return rx.cond(
        PolicyState.accept,
        rx.fragment(
            rx.el.button("Accept", type="button", class_name="btn soft", on_click=PolicyState.close(True)),
            rx.el.button("Later", type="button", class_name="btn ghost", on_click=PolicyState.close(False)),
        ),
        rx.el.button("Got it", type="button", class_name="btn soft", on_click=PolicyState.close(False)),
    )


def policy_banner() -> rx.Component:
    """A change of the policies, until it was seen. Asks for it when the page opens."""
    return rx.fragment(
        rx.el.span(hidden=True, on_mount=PolicyState.load),
        rx.cond(
            PolicyState.title != "",
            rx.el.section(
                icon("scroll-text", 18),
                rx.el.div(
                    rx.el.p(PolicyState.title, class_name="med"),
                    rx.el.p(PolicyState.summary, class_name="t1 mute"),
                    class_name="grow",
                ),
                rx.el.div(
                    rx.el.a(
                        "See what changes",
                        href=PolicyState.path,
                        target="_blank",
                        rel="noopener",
                        class_name="btn ghost",
                    ),
                    _answers(),
                    class_name="row g2 acts",
                ),
                class_name="policy-note",
                custom_attrs={"aria-label": "Policy change"},
            ),
        ),
    )
