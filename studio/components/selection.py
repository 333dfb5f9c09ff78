"""The toolbar over what is selected."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import keeping
from studio.components.styles import icon
from studio.state.library import LibraryState
from studio.state.studio import StudioState


def _act(mark: str, name: str, act: Any, look: str = "btn ghost") -> rx.Component:
    return rx.el.button(icon(mark), name, type="button", class_name=look, on_click=act)


def _star(stars: int) -> rx.Component:
    return rx.el.button(
        icon("star"),
        type="button",
        class_name="ib",
        on_click=LibraryState.rate_selected(stars),
        custom_attrs={"aria-label": f"Rate {stars} of 5"},
    )


def _menu(name: str, mark: str, words: str, *content: rx.Component) -> rx.Component:
    """A button with a list; also opened by its key in the grid."""
    return rx.popover.root(
        rx.popover.trigger(rx.el.button(icon(mark), words, type="button", class_name="btn ghost")),
        rx.popover.content(*content, class_name="menu", width="248px", custom_attrs={"aria-label": words}),
        open=LibraryState.menu == name,
        on_open_change=lambda on: LibraryState.open_menu(name, on),
    )


def _labels() -> rx.Component:
    """Labels to put on or take off, and a new one."""
    return _menu(
        "label",
        "tag",
        "Label",
        keeping.label_form(LibraryState.new_label_selected),
        rx.el.ul(
            rx.foreach(
                LibraryState.labels,
                lambda label: rx.el.li(
                    rx.el.button(
                        keeping.dot(label.color),
                        rx.el.span(label.name, class_name="clip grow"),
                        type="button",
                        class_name="btn ghost",
                        on_click=LibraryState.label_selected(label.id, True),
                    ),
                    rx.el.button(
                        icon("x", 14),
                        type="button",
                        class_name="ib",
                        on_click=LibraryState.label_selected(label.id, False),
                        custom_attrs={"aria-label": f"Remove label {label.name}"},
                    ),
                    key=label.id,
                    class_name="row",
                ),
            ),
            class_name="lmenu",
        ),
    )


def _moves() -> rx.Component:
    """The workspaces there are."""
    return _menu(
        "move",
        "folder-input",
        "Move",
        rx.el.ul(
            rx.foreach(
                StudioState.places,
                lambda place: rx.el.li(
                    rx.el.button(
                        rx.el.span(place.name, class_name="clip"),
                        type="button",
                        class_name="btn ghost wide",
                        on_click=LibraryState.move_selected(place.id),
                    ),
                    key=place.id,
                ),
            ),
            class_name="lmenu",
        ),
    )


def toolbar() -> rx.Component:
    """What can be done to the selection; there while something is selected."""
    return rx.cond(
        LibraryState.selected_count > 0,
        rx.el.div(
            rx.el.button(
                icon("x"),
                type="button",
                class_name="ib",
                on_click=LibraryState.choose("none", "", ""),
                custom_attrs={"aria-label": "Clear selection"},
            ),
            rx.el.span(LibraryState.selection, class_name="med num", role="status"),
            rx.el.span(*[_star(stars) for stars in range(1, 6)], class_name="row stars"),
            _labels(),
            _moves(),
            rx.cond(
                (LibraryState.selected_count > 1) & (LibraryState.selected_count < 5),
                _act("columns-2", "Compare", LibraryState.compare_selected),
            ),
            _act("file-archive", "Download ZIP", LibraryState.download_selected),
            rx.cond(
                LibraryState.trash,
                rx.fragment(
                    _act("undo-2", "Restore", LibraryState.restore_selected),
                    _act("trash-2", "Delete for good", LibraryState.erase_selected_asked, "btn danger"),
                ),
                _act("trash-2", "Delete", LibraryState.trash_selected, "btn danger"),
            ),
            class_name="selection",
            role="toolbar",
            custom_attrs={"aria-label": "Selection"},
        ),
    )
