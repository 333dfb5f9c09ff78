"""The keyboard's shortcuts as one table, for the dialog behind the ? key and for Settings, Keyboard."""

from __future__ import annotations

from dataclasses import dataclass

import reflex as rx

GRID = "In the grid"


@dataclass(frozen=True)
class Shortcut:
    """One thing that keys do. `keys` are pressed together, named as on a PC; `where` it works."""

    what: str
    keys: tuple[str, ...]
    where: str


SHORTCUTS = (
    Shortcut("Generate", ("Ctrl", "Enter"), "In the prompt"),
    Shortcut("Write the prompt, or search", ("/",), "Studio, Library"),
    Shortcut("Go to a page, workspace or action", ("Ctrl", "K"), "Everywhere"),
    Shortcut("Undo the last deletion", ("Ctrl", "Z"), "Everywhere"),
    Shortcut("Show these shortcuts", ("?",), "Everywhere"),
    Shortcut("Close, then clear the selection", ("Esc",), "Everywhere"),
    Shortcut("Move", ("Arrows",), GRID),
    Shortcut("To the beginning, to the end", ("Home", "End"), GRID),
    Shortcut("Rate", ("1–5",), GRID),
    Shortcut("Take the rating away", ("0",), GRID),
    Shortcut("Select", ("X",), GRID),
    Shortcut("Select a range", ("Shift", "Arrows"), GRID),
    Shortcut("Select everything", ("Ctrl", "A"), GRID),
    Shortcut("Preview", ("Space",), GRID),
    Shortcut("Full screen", ("F",), GRID),
    Shortcut("Compare", ("C",), GRID),
    Shortcut("Label", ("L",), GRID),
    Shortcut("Move to a workspace", ("M",), GRID),
    Shortcut("Reuse", ("R",), GRID),
    Shortcut("Remix", ("Shift", "R"), GRID),
    Shortcut("Move to the trash", ("Del",), GRID),
    Shortcut("Details", ("I",), GRID),
)


def keys(shortcut: Shortcut) -> list[rx.Component]:
    """The caps of its keys."""
    return [rx.el.kbd(key, class_name="kbd") for key in shortcut.keys]


def shortcut_list() -> rx.Component:
    """What each does, and its keys."""
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(each.what), rx.el.dd(*keys(each))) for each in SHORTCUTS],
        class_name="keys",
    )
