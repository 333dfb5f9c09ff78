"""Settings, Privacy: the card that makes an archive of everything."""

from __future__ import annotations

import reflex as rx

from studio.components import reauth
from studio.components.settings import card, problem
from studio.components.styles import icon, length
from studio.state.archives import ASK
from studio.state.privacy import PrivacyState
from studio.state.settings_views import ArchiveView, PartView

BUILDING = PrivacyState.building


def _building() -> rx.Component:
    """How far it is, live."""
    return rx.cond(
        BUILDING.id != "",
        rx.el.div(
            rx.el.div(
                rx.el.span(rx.el.span(class_name="spin"), "Preparing your archive", class_name="row g2 med"),
                rx.el.span(f"{BUILDING.percent}%", class_name="num t1 med"),
                class_name="row between",
            ),
            rx.el.div(
                rx.el.i(style={"width": f"{BUILDING.percent}%"}),
                class_name="prog",
                role="progressbar",
                custom_attrs={
                    "aria-label": "Preparing your archive",
                    "aria-valuenow": BUILDING.percent,
                    "aria-valuemin": 0,
                    "aria-valuemax": 100,
                    "aria-valuetext": BUILDING.words,
                },
            ),
            rx.el.div(
                rx.el.span(BUILDING.words),
                rx.el.button(
                    "Cancel archive",
                    type="button",
                    class_name="btn ghost s1",
                    on_click=PrivacyState.take_back(BUILDING.id),
                ),
                class_name="row between t1 mute num",
            ),
            class_name="sub",
        ),
    )


def _part(part: PartView) -> rx.Component:
    return rx.el.a(icon("download"), part.name, href=part.href, download="", class_name="btn surface")


def _ready(archive: ArchiveView) -> rx.Component:
    return rx.el.li(
        icon("file-archive", 20),
        rx.el.div(
            rx.el.p(archive.title, class_name="med num"),
            rx.el.p(archive.note, class_name="t1 mute num"),
            rx.cond(archive.missing != "", rx.el.p(archive.missing, class_name="t1 warn")),
            class_name="grow",
        ),
        rx.el.div(
            rx.foreach(archive.parts, _part),
            rx.el.button(
                "Take back",
                type="button",
                class_name="btn ghost",
                title="The link stops working at once",
                on_click=PrivacyState.take_back(archive.id),
                custom_attrs={"aria-label": f"Take back the archive of {archive.title}"},
            ),
            class_name="row wrap g2",
        ),
        class_name="sub",
        key=archive.id,
    )


def ask(look: str) -> rx.Component:
    """The button that asks for one."""
    return rx.el.button(
        icon("download"),
        ASK,
        type="button",
        class_name=look,
        on_click=PrivacyState.ask_archive,
        disabled=BUILDING.id != "",
    )


def section() -> rx.Component:
    """What is in it, what is on its way, what can be fetched, and the button."""
    return card(
        "Download my data",
        _building(),
        rx.cond(
            length(PrivacyState.ready) > 0,
            rx.el.ul(rx.foreach(PrivacyState.ready, _ready), class_name="archives"),
        ),
        problem(PrivacyState.archive_error, "archive-error"),
        reauth.panel(PrivacyState),
        reauth.again(
            PrivacyState,
            rx.el.button(PrivacyState.asked, type="button", class_name="btn soft", on_click=PrivacyState.ask_archive),
        ),
        rx.el.div(
            rx.el.span("We email you when it is ready. You can close this page.", class_name="t1 mute"),
            ask("btn soft"),
            class_name="row between g3 foot",
        ),
        lead="One ZIP of everything we hold about you: prompts, references, outputs, ledger, consent history. "
        "It opens offline. One a day; a link lives seven days.",
    )
