"""The toolbar over what is selected."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.styles import icon
from studio.state.library import LibraryState


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
