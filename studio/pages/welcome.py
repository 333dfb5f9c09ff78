"""The signed-out page: what Studio is and how a person gets in. Prerendered; it knows nobody."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import notices
from studio.components.styles import icon, length, logo, picture
from studio.state.welcome import WelcomeState

# The arms of the experiment "landing" (services/experiments.py), in its order.
HEADLINES = (
    ("work", "Make pictures and film. Know the price first."),
    ("price", "Know the price first. Then make pictures and film."),
)
COLUMNS = (
    (("lake-6", 400, 600), ("city-1", 400, 225), ("dahlia-1", 400, 400), ("ocean-2", 400, 300)),
    (("vases-2", 400, 533), ("ink-2", 400, 533), ("aurora-3", 400, 711), ("pebbles-1", 400, 533)),
    (("planet-1", 400, 400), ("dunes-2", 400, 400), ("blob-1", 400, 400), ("paper-1", 400, 400)),
)


def _promise(mark: str, title: str, text: str, *more: rx.Component) -> rx.Component:
    words = rx.el.span(rx.el.b(title, class_name="med"), " ", text, *more)
    return rx.el.li(icon(mark, 18), words, class_name="row start g3")


def _document(words: str, href: str) -> rx.Component:
    """A link to a page that the server draws."""
    return rx.el.a(words, href=href, custom_attrs={"reloadDocument": True})


def _headline() -> rx.Component:
    """Both orders of the experiment; the second shows only where the server named that arm on the root element."""
    first, second = (words for _, words in HEADLINES)
    return rx.el.h1(rx.el.span(first, class_name="arm-work"), rx.el.span(second, class_name="arm-price"))


def _step(number: str, *words: rx.Component | str) -> rx.Component:
    return rx.el.li(rx.el.span(number, class_name="step num"), rx.el.span(*words))


def _google() -> rx.Component:
    return rx.el.svg(
        rx.el.svg.path(d="M20.5 12.2h-8.2M20.5 12.2a8.5 8.5 0 1 1-2.6-6.1"),
        custom_attrs={"viewBox": "0 0 24 24", "aria-hidden": "true"},
        width="18",
        height="18",
        fill="none",
        stroke="currentColor",
        stroke_width="2.4",
    )


def _way_in(provider: Any) -> rx.Component:
    """A plain link: the way to a provider is a page load."""
    return rx.el.a(
        rx.cond(provider.mark == "google", _google(), icon("building-2", 18)),
        "Continue with " + provider.name,
        href=provider.href,
        custom_attrs={"reloadDocument": True},  # not a page of the router's
        class_name="btn s4 soft sso",
    )


def page() -> rx.Component:
    """Words on the left, pictures on the right."""
    return rx.el.div(
        rx.el.main(
            rx.el.div(logo(), rx.el.span("Studio", class_name="t3 bold"), class_name="row g3 brand"),
            _headline(),
            rx.el.p("Seedream images and Seedance video in a studio your team runs itself.", class_name="lead"),
            rx.cond(
                length(WelcomeState.providers) > 0,
                rx.el.div(
                    rx.foreach(WelcomeState.providers, _way_in),
                    rx.el.p(
                        "We receive your name and e-mail address, nothing else. Read the ",
                        _document("Privacy policy", "/privacy"),
                        " and the ",
                        _document("Terms", "/terms"),
                        ".",
                        class_name="t1 mute",
                    ),
                    class_name="ways",
                ),
            ),
            rx.el.section(
                rx.el.h2("Sign in with a one-time link", class_name="t3 bold"),
                rx.el.ol(
                    _step("1", "The server printed a link when it started. Open it in this browser."),
                    _step(
                        "2",
                        "For a new link, run ",
                        rx.el.code("studio signin-link EMAIL", class_name="mono"),
                        " on the server.",
                    ),
                ),
                rx.el.p("A link works once and for a short time. No password is stored.", class_name="t1 mute"),
                class_name=rx.cond(WelcomeState.loaded, "signin", "signin waits"),
                custom_attrs={"aria-label": "Sign in"},
            ),
            rx.el.ul(
                _promise(
                    "circle-dollar-sign",
                    "A cap that holds.",
                    "The price is on the button, and failures are not charged.",
                ),
                _promise(
                    "badge-check",
                    "Privacy, in writing.",
                    "Nothing optional runs before you say yes, and your work trains no model. ",
                    _document("What is promised", "/privacy"),
                ),
                _promise("hard-drive", "Yours to run.", "Your library is kept on your own server."),
                class_name=rx.cond(WelcomeState.loaded, "promises", "promises waits"),
            ),
            notices.footer(),
            class_name="left",
        ),
        rx.el.div(
            *[
                rx.el.div(*[picture(f"/art/{name}.webp", width, height) for name, width, height in column])
                for column in COLUMNS
            ],
            class_name="mosaic",
            custom_attrs={"aria-hidden": "true"},
        ),
        class_name="landing",
    )
