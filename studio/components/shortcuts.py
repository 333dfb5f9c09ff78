"""The keyboard's shortcuts as one table, for the dialog behind the ? key and for Settings, Keyboard."""

from __future__ import annotations

from dataclasses import dataclass

import reflex as rx


@dataclass(frozen=True)
class Shortcut:
    """One thing that keys do. `keys` are pressed together, named as on a PC; `where` it works."""

    what: str
    keys: tuple[str, ...]
    where: str


SHORTCUTS = (
    Shortcut("Generate", ("Ctrl", "Enter"), "In the prompt"),
    Shortcut("Write the prompt", ("/",), "Studio"),
    Shortcut("Close details", ("Esc",), "Studio"),
    Shortcut("Show these shortcuts", ("?",), "Everywhere"),
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
