"""Settings, Privacy: cookies, what was answered about them and when."""

from __future__ import annotations

import reflex as rx

from studio.components import browser, consent
from studio.components.settings import card
from studio.components.styles import icon, length
from studio.state.privacy import PrivacyState
from studio.state.settings_views import AnswerView


def _line(answer: AnswerView) -> rx.Component:
    return rx.el.li(
        rx.cond(answer.on, icon("plus", 14), icon("minus", 14)),
        rx.el.span(answer.words, class_name="grow"),
        rx.el.span(answer.when, class_name="mute num"),
        rx.el.span(answer.text, class_name="mute mono", title="Which text you saw"),
        key=answer.id,
    )


def history() -> rx.Component:
    """Each answer with its date and the text it was given to, newest first."""
    return rx.el.div(
        rx.el.h3("History", class_name="label"),
        rx.cond(
            length(PrivacyState.answers) > 0,
            rx.el.ul(rx.foreach(PrivacyState.answers, _line), class_name="ck-history t1"),
            rx.el.p("You have not answered yet, so everything optional is off.", class_name="t1 mute"),
        ),
        class_name="ck-past",
    )


def news() -> rx.Component:
    """The switch for product news, which belong to the account and not to this browser."""
    return rx.el.div(
        rx.el.div(
            rx.el.p("Product news by email", class_name="med"),
            rx.el.p("For this account. Each mail has a link that ends them.", class_name="t1 mute"),
        ),
        browser.toggle(label="Product news by email", value=PrivacyState.news, on_pick=PrivacyState.set_news),
        class_name="row between g3 ck-news",
    )


def section() -> rx.Component:
    """The choices of this browser, product news, and the account's history."""
    return card(
        "Cookies and consent",
        consent.choices(on_changed=PrivacyState.answered),
        news(),
        history(),
        lead="For this browser. Each choice is kept for six months, then you are asked again.",
    )
