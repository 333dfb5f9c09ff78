"""A tile: one output, or the place where it will appear, at its final ratio from the first moment."""

from __future__ import annotations

from typing import Any, cast

import reflex as rx
from reflex_base.utils.imports import ImportVar
from reflex_base.vars import VarData

from studio.components import browser
from studio.components.styles import cx, icon, picture
from studio.state.studio import StudioState
from studio.state.views import TileView

# A push replaces the whole list of batches, so every row is a new object with mostly equal content: comparing by
# content is what lets one tile change without drawing its neighbours again.
BY_CONTENT = rx.vars.FunctionStringVar.create(
    "((part) => memo(part, (a, b) => JSON.stringify(a) === JSON.stringify(b)))",
    _var_data=VarData(imports={"react": [ImportVar(tag="memo")]}),
)

# On a phone such a tile takes the whole width; two beside each other would be stamps.
WIDE = 1.3

FAILURE_ICONS = (
    "shield-alert",
    "server-off",
    "clock-alert",
    "ban",
    "image-off",
    "wifi-off",
    "wallet",
    "circle-help",
    "unplug",
)


def _clock(tile: TileView, *after: Any) -> rx.Component:
    return rx.fragment(rx.cond(tile.since_ms > 0, browser.elapsed(since_ms=tile.since_ms)), *after)


def _cancel(tile: TileView) -> rx.Component:
    """At once while it waits; once it was sent, a dialog says first what that means."""
    return rx.cond(
        tile.can_cancel,
        _cross(tile, StudioState.cancel(tile.id)),
        rx.cond(tile.can_ask, _cross(tile, StudioState.ask_cancel(tile.id))),
    )


def _cross(tile: TileView, act: Any) -> rx.Component:
    return rx.el.button(
        icon("x"),
        type="button",
        class_name="ib s1 cancel",
        title="Cancel",
        on_click=act,
        custom_attrs={"aria-label": tile.cancel_name},
    )


def _state(tile: TileView, tone: str, mark: rx.Component, line: rx.Component, *, right: rx.Component) -> rx.Component:
    """The common frame of every tile without a picture: sign above, words below."""
    return rx.el.div(
        rx.el.span(mark, right, class_name="row between top"),
        rx.el.span(class_name="grow"),
        rx.el.span(tile.title, class_name="med title"),
        line,
        class_name=cx(f"tile state {tone}", wide=tile.ratio >= WIDE),
        id=f"tile-{tile.id}",
        role="group",
        style={"--r": tile.ratio},
        title=tile.detail,
        custom_attrs={"aria-label": tile.name},
    )


def _retry(tile: TileView, *, spin: bool) -> rx.Component:
    return rx.cond(
        tile.retry_label != "",
        rx.el.button(
            icon("rotate-cw", 14) if spin else rx.fragment(),
            tile.retry_label,
            type="button",
            class_name="btn soft s1 retry num",
            on_click=StudioState.retry(tile.id),
        ),
    )


def _note(text: Any) -> rx.Component:
    return rx.cond(text != "", rx.el.span(text, class_name="t1 note", title=text))


def _waiting(tile: TileView) -> rx.Component:
    line = rx.el.span(
        rx.cond(tile.place != "", rx.el.span(tile.place)), _clock(tile), class_name="t1 mute num dots", title=tile.place
    )
    face = rx.fragment(_note(tile.note), line)
    return _state(tile, "wait", rx.el.span(icon("clock", 18), class_name="mute"), face, right=_cancel(tile))


def _running(tile: TileView) -> rx.Component:
    line = rx.el.span(
        rx.cond(tile.since_ms > 0, browser.elapsed(since_ms=tile.since_ms)),
        rx.cond(tile.usually != "", rx.el.span(tile.usually)),
        class_name="t1 num dots",
    )
    line = rx.fragment(_note(tile.note), line)
    return _state(tile, "run", rx.el.span(class_name="spin"), line, right=_cancel(tile))


def _saving(tile: TileView) -> rx.Component:
    line = rx.fragment(
        rx.el.span(rx.el.i(), class_name="prog s1 busy", custom_attrs={"aria-hidden": "true"}), _note(tile.note)
    )
    return _state(tile, "save", rx.el.span(icon("arrow-down-to-line", 18), class_name="acc"), line, right=rx.fragment())


def _failed(tile: TileView) -> rx.Component:
    mark = rx.match(tile.icon, *[(n, icon(n, 18)) for n in FAILURE_ICONS], icon("circle-alert", 18))
    return _state(
        tile,
        "fail",
        rx.el.span(mark, class_name="bad"),
        rx.fragment(_note(tile.note), _retry(tile, spin=True)),
        right=rx.fragment(),
    )


def _unknown(tile: TileView) -> rx.Component:
    mark = rx.el.span(icon("circle-help", 14), rx.el.span("Outcome unknown"), class_name="badge amber")
    clock = rx.el.span(_clock(tile), class_name="t1 num")
    return _state(tile, "unk", mark, _note(tile.note), right=clock)


def _cancelled(tile: TileView) -> rx.Component:
    mark = rx.el.span(icon("ban", 18), class_name="mute")
    return _state(tile, "off", mark, rx.fragment(_note(tile.note), _retry(tile, spin=False)), right=rx.fragment())


def video_marks(kind: Any, duration: Any) -> rx.Component:
    """The play sign and the length, over a poster."""
    return rx.cond(
        kind == "video",
        rx.fragment(
            rx.el.span(rx.el.span(icon("play", 20, fill="currentColor"), class_name="play"), class_name="mid"),
            rx.cond(duration != "", rx.el.span(rx.el.span(duration, class_name="pill"), class_name="br")),
        ),
    )


def _done(tile: TileView, selected: rx.Var[bool]) -> rx.Component:
    return rx.el.a(
        picture(tile.thumb, tile.width, tile.height, loading="lazy"),
        video_marks(tile.kind, tile.duration),
        rx.cond(
            tile.rating > 0,
            rx.el.span(
                rx.el.span(icon("star", 12, fill="currentColor"), tile.rating, class_name="pill rated"), class_name="bl"
            ),
        ),
        href=tile.original,
        id=f"tile-{tile.id}",
        class_name=cx("tile pic", sel=selected, wide=tile.ratio >= WIDE),
        style={"--r": tile.ratio},
        on_click=StudioState.open_details(tile.id).prevent_default,
        custom_attrs={"aria-label": tile.name, "aria-current": rx.cond(selected, "true", "false")},
    )


@rx.memo(wrapper=BY_CONTENT)
def tile_view(tile: rx.Var[TileView], selected: rx.Var[bool], rest: rx.RestProp) -> rx.Component:
    """One tile in whatever state it is."""
    view = cast("TileView", tile)
    face = rx.match(
        view.state,
        ("done", _done(view, selected)),
        ("running", _running(view)),
        ("saving", _saving(view)),
        ("failed", _failed(view)),
        ("unknown", _unknown(view)),
        ("cancelled", _cancelled(view)),
        _waiting(view),
    )
    return rx.fragment(rest, face)
