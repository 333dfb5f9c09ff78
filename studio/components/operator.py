"""What the operator's pages share: their frame, tables, pages, empty states and dialogs."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex_components_core.react_router.dom import ReactRouterLink

from studio.components.nothing import nothing
from studio.components.shell import shell
from studio.components.styles import icon, length

SECTIONS = (
    ("Overview", "/operator", "gauge"),
    ("Queue", "/operator/queue", "list-ordered"),
    ("Workers", "/operator/workers", "server-cog"),
    ("Errors", "/operator/errors", "bug"),
    ("Outbox", "/operator/mail", "mail"),
    ("Invitations", "/operator/invitations", "ticket"),
    ("Accounts", "/operator/accounts", "users"),
    ("Requests", "/operator/requests", "clipboard-list"),
    ("Analytics", "/operator/analytics", "chart-column"),
    ("Audit log", "/operator/audit", "scroll-text"),
)


def _section(name: str, href: str, mark: str, here: str) -> rx.Component:
    current = {"aria-current": "page"} if name == here else {}
    return ReactRouterLink.create(icon(mark), name, to=href, custom_attrs=current)


def frame(name: str, *content: rx.Component, state: Any, lead: Any = "", aside: Any = None) -> rx.Component:
    """An operator's page. Until it is known that an operator looks, it shows nothing; to anybody else, that.

    `lead` is a sentence beside the heading, `aside` what belongs to the right of it.
    """
    page = shell(
        rx.el.div(
            rx.el.nav(
                rx.el.p("Operator", class_name="label"),
                *[_section(*section, name) for section in SECTIONS],
                class_name="snav",
                custom_attrs={"aria-label": "Operator"},
            ),
            rx.el.main(
                rx.el.div(
                    rx.el.h1(name, class_name="t6 bold"),
                    rx.el.span(lead, class_name="t1 mute grow"),
                    aside,
                    class_name="set-top op-top",
                ),
                *content,
                class_name="cont op",
                tab_index=0,  # as in Settings
            ),
            class_name="set",
        ),
        here="Operator",
        title=name if name != "Overview" else "Operator",
        messages=state,
    )
    waiting = rx.el.div(class_name="set-wait", custom_attrs={"aria-hidden": "true"})
    return rx.fragment(rx.cond(state.denied, nothing(), rx.cond(state.loaded, page, waiting)))


def panel(title: str, *content: rx.Component, beside: Any = None, more: str = "") -> rx.Component:
    """A titled card whose title names the region; `more` is the address of its whole page."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(title, class_name="bold"),
            rx.el.span(class_name="grow"),
            *([beside] if beside is not None else []),
            *(
                [
                    ReactRouterLink.create(
                        "View all", rx.el.span(f" of {title}", class_name="sr"), to=more, class_name="btn ghost s1"
                    )
                ]
                if more
                else []
            ),
            class_name="op-head",
        ),
        *content,
        class_name="card op-card",
        custom_attrs={"aria-label": title},
    )


def head(words: str, look: str = "") -> rx.Component:
    """A column's heading; `look` "r" is to the right, "m" goes on phones, "more" on tablets as well."""
    return rx.el.th(words, scope="col", class_name=look)


def table(heads: list[rx.Component], rows: Any, row: Any, *, empty: rx.Component) -> rx.Component:
    """Rows of a list, or what to say when there are none."""
    return rx.cond(
        length(rows) > 0,
        rx.el.table(rx.el.thead(rx.el.tr(*heads)), rx.el.tbody(rx.foreach(rows, row)), class_name="op-table"),
        empty,
    )


def none(mark: str, title: str, words: Any) -> rx.Component:
    """An empty list."""
    return rx.el.div(
        rx.el.span(icon(mark, 24), class_name="ring"),
        rx.el.h2(title),
        rx.el.p(words),
        class_name="empty op-empty",
    )


def pager(state: Any) -> rx.Component:
    """The way to the next page and back; nothing while there is one page."""
    return rx.cond(
        state.has_newer | state.has_older,
        rx.el.div(
            rx.el.span(class_name="grow"),
            rx.el.button(
                icon("chevron-left", 14),
                "Back",
                type="button",
                class_name="btn soft s1",
                on_click=state.turn(-1),
                disabled=rx.cond(state.has_newer, False, True),
            ),
            rx.el.button(
                "Next",
                icon("chevron-right", 14),
                type="button",
                class_name="btn soft s1",
                on_click=state.turn(1),
                disabled=rx.cond(state.has_older, False, True),
            ),
            class_name="pager",
        ),
    )


def pick(label: str, choices: Any, value: Any, on_change: Any) -> rx.Component:
    """A list of states to show."""
    return rx.select.root(
        rx.select.trigger(class_name="chip", custom_attrs={"aria-label": label}),
        rx.select.content(
            rx.foreach(choices, lambda choice: rx.select.item(choice.label, value=choice.value)), position="popper"
        ),
        value=value,
        on_change=on_change,
        size="2",
    )


def workers(rows: Any) -> rx.Component:
    """Worker processes with their last beat."""
    return table(
        [head("Worker"), head("Busy", "r"), head("Last beat", "r")],
        rows,
        lambda worker: rx.el.tr(
            rx.el.td(
                rx.el.span(
                    rx.el.span(class_name=rx.cond(worker.alive, "op-dot ok", "op-dot bad")),
                    worker.name,
                    rx.cond(worker.alive, rx.fragment(), rx.el.span("silent", class_name="badge plain")),
                    class_name="row g2",
                )
            ),
            rx.el.td(worker.doing, class_name="r"),
            rx.el.td(worker.beat, class_name="r mute"),
            key=worker.name,
        ),
        empty=none("server-off", "No worker has registered", "Start one with “studio worker”. What waits is kept."),
    )


def bars(rows: Any, nothing_said: str) -> rx.Component:
    """Named bars with their words."""
    return rx.cond(
        length(rows) > 0,
        rx.el.ul(
            rx.foreach(
                rows,
                lambda row: rx.el.li(
                    rx.el.span(row.name, class_name="t1 mute grow clip"),
                    rx.el.span(
                        rx.el.i(style={"width": row.share}), class_name="prog", custom_attrs={"aria-hidden": "true"}
                    ),
                    rx.el.span(row.words, class_name="t1 num"),
                    key=row.name,
                ),
            ),
            class_name="op-bars",
        ),
        rx.el.p(nothing_said, class_name="t1 mute op-said"),
    )


def errors(rows: Any) -> rx.Component:
    """Kinds of errors, how often and when last."""
    return table(
        [head("Kind", "wide"), head("Where", "m"), head("Times", "r"), head("Last", "r")],
        rows,
        lambda row: rx.el.tr(
            rx.el.td(rx.el.span(row.kind, class_name="med", title=row.reference), class_name="wide"),
            rx.el.td(row.place, class_name="mute m"),
            rx.el.td(rx.el.span(row.count, class_name="badge plain num"), class_name="r"),
            rx.el.td(row.last, class_name="r mute"),
            key=row.reference,
        ),
        empty=none("circle-check", "No errors", "Nothing unexpected happened in the last 30 days."),
    )
