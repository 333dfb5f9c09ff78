"""The frame around every page of the studio: rail, phone bars, account, shortcuts, messages."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex_components_core.react_router.dom import ReactRouterLink

from studio.components import browser, browser_keeping, composer_parts, notices, queue
from studio.components.shortcuts import shortcut_list
from studio.components.styles import cx, icon, length, logo
from studio.components.toasts import toasts
from studio.state.studio import StudioState

PAGES = (
    ("Studio", "/", "wand-sparkles"),
    ("Library", "/library", "images"),
    ("Spend", "/settings/spend", "wallet"),
    ("Settings", "/settings/profile", "settings"),
)
SECTIONS = (
    ("Profile", "/settings/profile", "circle-user-round"),
    ("Workspaces", "/settings/workspaces", "layers"),
    ("Privacy", "/settings/privacy", "shield-check"),
    ("Spend", "/settings/spend", "wallet"),
    ("Sessions", "/settings/sessions", "monitor-smartphone"),
    ("Appearance", "/settings/appearance", "sun-moon"),
    ("Keyboard", "/settings/keyboard", "keyboard"),
)
OPERATOR = ("Operator", "/operator", "activity")  # only for operators


def _link(name: str, href: str, mark: str, here: str, *, words: bool) -> rx.Component:
    current = {"aria-current": "page"} if name == here else {}
    if words:
        return ReactRouterLink.create(icon(mark, 20), name, to=href, custom_attrs=current)
    return ReactRouterLink.create(icon(mark, 20), to=href, title=name, custom_attrs={"aria-label": name, **current})


def _shortcuts() -> rx.Component:
    """A dialog that lists what exists; opened by its button or by the ? key."""
    return rx.dialog.root(
        rx.dialog.trigger(
            rx.el.button(
                icon("keyboard", 20),
                type="button",
                title="Keyboard shortcuts (?)",
                custom_attrs={"aria-label": "Keyboard shortcuts", "data-hotkey": "?"},
            )
        ),
        rx.dialog.content(
            rx.el.div(
                rx.dialog.title("Keyboard shortcuts", class_name="t4 bold"),
                rx.dialog.close(_close_button("Close shortcuts")),
                class_name="row between",
            ),
            rx.dialog.description("On a Mac, use ⌘ for Ctrl.", class_name="mute"),
            shortcut_list(),
            class_name="dialog",
            max_width="560px",
        ),
    )


def _close_button(name: str) -> rx.Component:
    return rx.el.button(icon("x"), type="button", class_name="ib", custom_attrs={"aria-label": name})


def avatar(kind: str = "") -> rx.Component:
    """One's own picture, or initials; always beside words that say who it is. `kind` may be large."""
    size = 64 if kind == "large" else 28
    classes = f"avatar {kind}".strip()
    return rx.cond(
        StudioState.picture != "",
        rx.el.img(
            src=StudioState.picture,
            alt="",
            class_name=classes,
            custom_attrs={"width": size, "height": size, "draggable": "false", "decoding": "async"},
        ),
        rx.cond(
            StudioState.initials != "",
            rx.el.span(StudioState.initials, class_name=classes),
            rx.el.span(icon("user", size // 2), class_name=f"{classes} blank"),
        ),
    )


def _account() -> rx.Component:
    """Who is signed in, and a real POST form to leave."""
    initials = StudioState.initials
    return rx.popover.root(
        rx.popover.trigger(
            rx.el.button(
                avatar(),
                type="button",
                class_name="account",
                custom_attrs={
                    "aria-label": rx.cond(initials != "", "Account menu, " + initials, "Account menu"),
                },
            )
        ),
        rx.popover.content(
            rx.el.p(StudioState.name, class_name="med clip"),
            rx.el.p(StudioState.email, class_name="t1 mute clip"),
            rx.el.hr(class_name="sep"),
            rx.el.div(
                rx.el.span("Workspace", class_name="label"),
                browser_keeping.places(places=StudioState.places, label="Switch workspace"),
                class_name="menu-place",
            ),
            rx.el.div(
                rx.cond(
                    StudioState.operator,
                    ReactRouterLink.create(icon("activity"), "Operator", to=OPERATOR[1], class_name="btn ghost wide"),
                ),
                browser.theme_button(icon("sun-moon"), "Switch theme", class_name="btn ghost wide"),
                class_name="phone-only",
            ),
            rx.el.div(notices.links(class_name="btn ghost wide"), class_name="phone-only"),
            # A plain element: Reflex's own form would keep the browser from sending it.
            rx.el.div(
                rx.el.button(icon("log-out"), "Sign out", type="submit", form="signout", class_name="btn ghost wide"),
            ),
            class_name="menu",
            side="right",
            align="end",
            width="248px",
            custom_attrs={"aria-label": "Account"},
        ),
    )


class PlainForm(rx.el.Div):  # pyright: ignore[reportAttributeAccessIssue, reportUntypedBaseClass]
    """A form the browser sends by itself."""

    tag = "form"


def rail(here: str) -> rx.Component:
    """The desktop's navigation."""
    return rx.el.nav(
        ReactRouterLink.create(logo(), to="/", class_name="logo", custom_attrs={"aria-label": "Home"}),
        *[_link(*page, here, words=False) for page in PAGES],
        rx.cond(StudioState.operator, _link(*OPERATOR, here, words=False)),
        rx.el.span(class_name="grow"),
        _commands(),
        _shortcuts(),
        browser.theme_button(icon("sun-moon", 20)),
        _account(),
        class_name="rail",
        custom_attrs={"aria-label": "Main"},
    )


def workspace() -> rx.Component:
    """The active workspace, and the way into another."""
    return rx.el.span(
        rx.el.span(class_name="wdot"),
        rx.cond(
            length(StudioState.places) > 0,
            browser_keeping.places(places=StudioState.places, label="Workspace"),
            rx.el.span(class_name="skel", style={"width": "128px", "height": "14px"}),
        ),
        class_name="workspace med",
    )


def _commands() -> rx.Component:
    """Everything one can go to, narrowed by typing; opened by its button or by Ctrl K."""
    pages = [{"name": name, "group": "Page", "href": href} for name, href, _ in (*PAGES[:2], *SECTIONS)]
    actions = [
        {"name": "Keyboard shortcuts", "group": "Action", "key": "?"},
        {"name": "Undo the last deletion", "group": "Action", "key": "undo"},
    ]
    operator = [{"name": OPERATOR[0], "group": "Page", "href": OPERATOR[1]}]
    return rx.dialog.root(
        rx.dialog.trigger(
            rx.el.button(
                icon("command", 20),
                type="button",
                title="Go to (Ctrl K)",
                custom_attrs={"aria-label": "Go to", "data-hotkey": "palette"},
            )
        ),
        rx.dialog.content(
            rx.dialog.title("Go to", class_name="sr"),
            rx.dialog.close(rx.el.button("Close", id="palette-close", type="button", hidden=True, tab_index=-1)),
            browser_keeping.palette(
                places=StudioState.places,
                pages=rx.cond(StudioState.operator, [*pages, *operator, *actions], [*pages, *actions]),
            ),
            class_name="dialog palette-box",
            max_width="520px",
            custom_attrs={"aria-describedby": ""},
        ),
    )


def simulated() -> rx.Component:
    """Says plainly that no provider is connected."""
    return rx.cond(
        StudioState.simulated,
        rx.tooltip(
            rx.el.button(icon("flask-conical", 12), "Simulated", type="button", class_name="badge amber s2"),
            content="Pictures come from the built-in simulator. No provider is connected and no money is spent.",
        ),
    )


def _phone_top(title: str) -> rx.Component:
    left = (
        workspace()
        if title == "Studio"
        else rx.el.span(title, class_name="t4 bold", custom_attrs={"aria-hidden": "true"})
    )
    return rx.el.header(
        left, rx.el.span(class_name="grow"), simulated(), queue.button(short=True), _account(), class_name="ptop"
    )


def _tabbar(here: str) -> rx.Component:
    return rx.el.nav(
        *[_link(*page, here, words=True) for page in PAGES],
        class_name="tabbar",
        custom_attrs={"aria-label": "Main"},
    )


def _leaving() -> rx.Component:
    """Says on every page that the account is going to be deleted, with the way back in one click."""
    return rx.el.aside(
        icon("hourglass", 20),
        rx.el.p(
            rx.el.b(f"Your account will be deleted on {StudioState.leaving}."),
            " ",
            browser.countdown(until_ms=StudioState.leaving_ms, face="words"),
            " Nothing has been deleted yet.",
            class_name="grow",
        ),
        rx.el.button("Cancel deletion", type="button", class_name="btn dark", on_click=StudioState.keep_account),
        class_name="held-banner red",
        custom_attrs={"aria-label": "Account deletion"},
    )


def _held() -> rx.Component:
    """What every page says first: that the account is going to be deleted, or that it is restricted."""
    return rx.cond(
        StudioState.leaving != "",
        _leaving(),
        rx.cond(StudioState.restricted != "", _restricted(), _paused()),
    )


def _restricted() -> rx.Component:
    """Says on every page that the account is restricted, for as long as it is."""
    return rx.el.aside(
        icon("lock"),
        rx.el.p(StudioState.restricted),
        class_name="held-banner",
        custom_attrs={"aria-label": "Restricted account"},
    )


def _paused() -> rx.Component:
    """Says that nothing new is sent, while operators hold it back."""
    return rx.cond(
        StudioState.paused,
        rx.el.aside(
            icon("pause"),
            rx.el.p("New work is paused by the operator. What you send waits, and you can cancel it."),
            class_name="held-banner",
            custom_attrs={"aria-label": "Paused"},
        ),
    )


def shell(
    *content: rx.Component, here: str, title: str = "", kind: str = "", messages: Any = StudioState
) -> rx.Component:
    """One page inside its frame.

    `here` is the page's name in the navigation and `title` what a phone shows above it, where that is another;
    `kind` adds the page's own grid class, `messages` is the state that holds toasts.
    """
    return rx.el.div(
        _held(),
        rail(here),
        _phone_top(title or here),
        *content,
        _tabbar(here),
        notices.footer(),
        notices.policy_banner(),
        PlainForm.create(id="signout", custom_attrs={"method": "post", "action": "/signout"}),
        browser.hotkeys(),
        composer_parts.work_title(
            running=StudioState.running, finished=StudioState.finished, words=StudioState.announcement
        ),
        toasts(messages) if messages is StudioState else toasts(messages, StudioState),
        rx.el.div(StudioState.announcement, class_name="sr", role="status", custom_attrs={"aria-live": "polite"}),
        class_name=cx(f"app {kind}".strip()),
        custom_attrs={"data-keys": rx.cond(StudioState.single_keys, "on", "off")},
    )
