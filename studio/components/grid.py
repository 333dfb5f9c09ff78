"""The Library's grid: a window over everything, with the scrubber beside it."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.event import passthrough_event_spec
from reflex.utils.imports import ImportDict

from studio.components import grid_script
from studio.components.browser import REACT, BrowserPart


class Grid(BrowserPart):
    """Rows at places the server gave; asks for a stretch as it comes near, with keys, selection and a preview."""

    tag = "StudioGrid"
    rows: rx.Var[Any]
    days: rx.Var[Any]
    bones: rx.Var[Any]
    low: rx.Var[int]
    high: rx.Var[int]
    height: rx.Var[int]
    count: rx.Var[int]
    lines: rx.Var[int]
    stops: rx.Var[Any]
    chosen: rx.Var[Any]
    place: rx.Var[int]
    move: rx.Var[Any]
    label: rx.Var[str]
    on_view: rx.EventHandler[passthrough_event_spec(int, int, int)]
    on_open: rx.EventHandler[passthrough_event_spec(str)]
    on_choose: rx.EventHandler[passthrough_event_spec(str, str, str)]
    on_press: rx.EventHandler[passthrough_event_spec(str, str)]

    def _script(self) -> str:
        return grid_script.GRID

    def add_imports(self) -> ImportDict:
        """Two more of React's names."""
        return {"react": [*REACT, "memo", "useLayoutEffect"]}


grid = Grid.create
