"""Parts that run in the browser: the workspace switcher, the command palette, and frames to compare pictures in."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.utils.imports import ImportDict

from studio.components import scripts_keeping as scripts
from studio.components.browser import BrowserPart


class Places(BrowserPart):
    """The combobox of workspaces; choosing one goes on there, on the same page."""

    tag = "StudioPlaces"
    places: rx.Var[Any]
    label: rx.Var[str]

    def _script(self) -> str:
        return scripts.PLACES


class Palette(BrowserPart):
    """A field and a list of where to go. `pages` are {"name", "group"} with "href", or "key" of a control to press."""

    tag = "StudioPalette"
    places: rx.Var[Any]
    pages: rx.Var[Any]

    def _script(self) -> str:
        return scripts.PALETTE

    def add_custom_code(self) -> list[str]:
        """It switches workspaces as their own control does."""
        return [scripts.PLACES, scripts.PALETTE]

    def add_imports(self) -> ImportDict:
        """The router's own way to another page."""
        return {**super().add_imports(), "react-router": ["useNavigate"]}


class Pane(BrowserPart):
    """One picture that zooms and scrolls; `together` with all others on the page."""

    tag = "StudioPane"
    letter: rx.Var[str]
    src: rx.Var[str]
    alt: rx.Var[str]
    together: rx.Var[bool]
    width: rx.Var[int]
    height: rx.Var[int]

    def _script(self) -> str:
        return scripts.PANE


class Split(BrowserPart):
    """Two pictures over each other with an edge to move."""

    tag = "StudioSplit"
    first: rx.Var[str]
    second: rx.Var[str]
    alts: rx.Var[list[str]]
    width: rx.Var[int]
    height: rx.Var[int]

    def _script(self) -> str:
        return scripts.SPLIT


places = Places.create
palette = Palette.create
pane = Pane.create
split = Split.create
