"""Settings, Privacy: the card that deletes the account, its dialog, and the countdown with what happens next."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser, reauth, settings_archives
from studio.components.settings import card, problem
from studio.components.styles import icon
from studio.state.leaving import HOURS, LEDGER_YEARS, PART, PURGE_DAYS
from studio.state.privacy import PrivacyState
from studio.state.studio import StudioState

C: Any = PrivacyState.counting
GOES = "profile, prompts, references, outputs, workspaces, sign-ins, archives."
STAYS = f"ledger amounts without your name, for {LEDGER_YEARS} years, as tax law asks."


def _what() -> rx.Component:
    return rx.el.ul(
        rx.el.li(icon("trash-2", 14), rx.el.span(rx.el.b("Deleted: ", class_name="med"), GOES)),
        rx.el.li(icon("file-clock", 14), rx.el.span(rx.el.b("Kept: ", class_name="med"), STAYS)),
        class_name="goes t1",
    )


def _dialog() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.trigger(rx.el.button("Delete my account", type="button", class_name="btn danger")),
        rx.dialog.content(
            rx.dialog.title("Delete my account", class_name="t4 bold"),
            rx.dialog.description(
                f"{PrivacyState.holding} go in {HOURS} hours. Until then one click keeps everything; "
                "after that nothing brings it back.",
                class_name="mute",
            ),
            _what(),
            rx.el.div(
                rx.el.p("You may want a copy first.", class_name="grow"),
                rx.dialog.close(settings_archives.ask("btn soft")),
                class_name="row g2 sub",
            ),
            rx.el.form(
                rx.el.p(
                    "You are signed in as ", rx.el.b(PrivacyState.address, class_name="med"), class_name="t1 mute words"
                ),
                rx.el.label("Type your email to confirm", html_for="leave-address", class_name="label"),
                rx.el.input(
                    id="leave-address",
                    name="address",
                    class_name="tf",
                    input_mode="email",
                    custom_attrs={
                        "autoComplete": "off",
                        "spellCheck": "false",
                        "aria-invalid": rx.cond(PrivacyState.delete_error != "", "true", "false"),
                        "aria-describedby": "leave-error",
                    },
                ),
                rx.el.div(problem(PrivacyState.delete_error, "leave-error")),
                reauth.panel(PrivacyState, PART),
                rx.el.div(
                    rx.dialog.close(rx.el.button("Keep account", type="button", class_name="btn soft")),
                    rx.el.button("Schedule deletion", type="submit", class_name="btn final"),
                    class_name="dialog-acts",
                ),
                on_submit=PrivacyState.delete_account,
                class_name="dialog-form",
            ),
            class_name="dialog",
            max_width="460px",
        ),
        open=PrivacyState.delete_open,
        on_open_change=PrivacyState.set_delete_open,
    )


def _ask() -> rx.Component:
    return card(
        "Delete account",
        _what(),
        rx.el.div(
            rx.el.span(PrivacyState.holding, class_name="t1 mute num"), _dialog(), class_name="row between g3 foot"
        ),
        lead=f"Nothing is removed for {HOURS} hours, and you can cancel at any moment until then. "
        "After that it cannot be undone.",
        kind="red-card",
    )


def _next() -> rx.Component:
    rows = (
        (f"At {HOURS} h", "Files, prompts, references, workspaces and sign-ins are erased."),
        ("Then", "A signed receipt with the count of what was removed is mailed to you."),
        (
            f"Within {PURGE_DAYS} d",
            "Copies in backups are out of reach at once, and have expired by then.",
        ),
    )
    return card(
        "What happens next",
        rx.el.dl(
            *[part for term, words in rows for part in (rx.el.dt(term, class_name="mute"), rx.el.dd(words))],
            class_name="set-facts",
        ),
    )


def section() -> rx.Component:
    """The way out; during the countdown what comes next."""
    return rx.cond(C.due != "", _next(), _ask())


def _step(name: str, words: Any, past: Any) -> rx.Component:
    return rx.el.li(
        rx.el.span(rx.el.i(style={"width": past}), class_name="prog s1 red"),
        rx.el.span(name, class_name="med"),
        rx.el.span(words, class_name="mute"),
    )


def countdown() -> rx.Component:
    """The time left, which the browser counts; nothing while no deletion waits."""
    return rx.cond(
        C.due != "",
        card(
            "Account deletion is scheduled",
            browser.countdown(until_ms=C.due_ms, face="clock"),
            rx.el.ol(
                _step("Requested", C.asked, "100%"),
                _step("Waiting", f"{HOURS} hours, cancel any time", C.past),
                _step("Deleting", C.due, "0%"),
                _step("Receipt", "Sent to your email", "0%"),
                class_name="leave-steps t1 num",
            ),
            rx.el.p(C.words, class_name="lead"),
            rx.el.div(
                rx.el.button(
                    "Keep my account", type="button", class_name="btn surface", on_click=StudioState.keep_account
                ),
                settings_archives.ask("btn soft"),
                class_name="row wrap g2 foot left",
            ),
            kind="red-card",
        ),
    )
