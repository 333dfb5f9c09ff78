"""The Library page: everything that was made, in rows at true ratios, with filters above and details beside."""

from __future__ import annotations

import reflex as rx

from studio.components import details, erasing, library_filters
from studio.components.grid import grid
from studio.components.selection import toolbar
from studio.components.shell import shell, simulated
from studio.components.styles import icon
from studio.state.library import LibraryState


def _empty() -> rx.Component:
    return rx.el.div(
        rx.el.span(icon("images", 24), class_name="ring"),
        rx.el.h2("Nothing here yet"),
        rx.el.p("Everything you make is kept here, newest first."),
        rx.el.a("Open Studio", href="/", class_name="btn soft"),
        class_name="empty",
    )


def _empty_trash() -> rx.Component:
    return rx.el.div(
        rx.el.span(icon("trash-2", 24), class_name="ring"),
        rx.el.h2("The trash is empty"),
        rx.el.p("What you delete waits here before it goes for good."),
        class_name="empty",
    )


def _no_match() -> rx.Component:
    return rx.el.div(
        rx.el.span(icon("search-x", 24), class_name="ring"),
        rx.el.h2("Nothing matches"),
        rx.el.p(LibraryState.hidden, role="status"),
        rx.el.button("Show everything", type="button", class_name="btn soft", on_click=LibraryState.clear_filters),
        class_name="empty",
    )


def _nothing() -> rx.Component:
    return rx.cond(
        LibraryState.active > 0,
        _no_match(),
        rx.cond(LibraryState.trash, _empty_trash(), _empty()),
    )


def _grid() -> rx.Component:
    return grid(
        rows=LibraryState.rows,
        days=LibraryState.days,
        bones=LibraryState.bones,
        low=LibraryState.low,
        high=LibraryState.high,
        height=LibraryState.height,
        count=LibraryState.count,
        lines=LibraryState.lines,
        stops=LibraryState.stops,
        chosen=LibraryState.selected,
        place=LibraryState.place,
        move=LibraryState.move,
        label="Outputs",
        on_view=LibraryState.view,
        on_open=LibraryState.open_output,
        on_choose=LibraryState.choose,
        on_press=LibraryState.press,
    )


def page() -> rx.Component:
    """A window over all outputs."""
    return shell(
        rx.el.main(
            rx.el.div(
                rx.el.h1("Library", class_name="t3 bold"),
                library_filters.search(),
                rx.el.span(class_name="grow"),
                rx.el.span(simulated(), class_name="wide-only"),
                rx.el.span(LibraryState.total, class_name="t1 mute num wide-only", role="status"),
                library_filters.sort(),
                class_name="bar",
            ),
            library_filters.bar(),
            rx.el.div(
                rx.cond(LibraryState.loaded & (LibraryState.count == 0), _nothing(), _grid()),
                toolbar(),
                class_name="library-body",
            ),
            class_name="library",
        ),
        details.panel(LibraryState),
        details.full_screen(LibraryState),
        details.final_question(),
        erasing.question(),
        erasing.question(LibraryState),
        here="Library",
        kind="with-details",
        messages=LibraryState,
    )
