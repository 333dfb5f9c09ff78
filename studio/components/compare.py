"""Outputs side by side: frames that zoom together, a slider over two, and the table of what differs."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex_components_core.react_router.dom import ReactRouterLink

from studio.components import browser, browser_keeping, keeping
from studio.components.styles import icon, length
from studio.state.compare import CompareState as C
from studio.state.keeping_views import Cell, Difference, PickView, Word
from studio.state.library import LibraryState
from studio.state.studio import StudioState


def _labelled(words: str, control: rx.Component) -> rx.Component:
    return rx.el.span(
        rx.el.span(words, class_name="t1", custom_attrs={"aria-hidden": "true"}), control, class_name="row g2"
    )


def header() -> rx.Component:
    """Back, how to compare, and whether all frames move with one."""
    two = length(C.picks) == 2
    return rx.el.div(
        ReactRouterLink.create(icon("arrow-left"), "Back to library", to=LibraryState.address, class_name="btn ghost"),
        rx.el.h1("Compare", class_name="t3 bold"),
        rx.el.span(class_name="grow"),
        rx.cond(
            two,
            browser.choices(
                *[
                    rx.el.label(
                        rx.el.input(type="radio", value=value, default_checked=value == "side"),
                        rx.el.span(words, class_name="face"),
                    )
                    for value, words in (("side", "Side by side"), ("slider", "Slider"))
                ],
                label="How to compare",
                value=C.mode,
                on_pick=C.set_mode,
                class_name="seg s1",
            ),
        ),
        rx.cond(
            C.mode == "side",
            _labelled("Zoom together", browser.toggle(label="Zoom together", value=C.together, on_pick=C.set_together)),
        ),
        class_name="bar",
    )


def _face(pick: PickView) -> rx.Component:
    return rx.cond(
        pick.kind == "video",
        rx.el.video(
            src=pick.original,
            poster=pick.src,
            controls=True,
            plays_inline=True,
            loop=True,
            preload="metadata",
            class_name="cvideo",
            style={"aspectRatio": f"{pick.width} / {pick.height}"},
            custom_attrs={"aria-label": pick.alt},
        ),
        browser_keeping.pane(
            letter=pick.letter,
            src=pick.src,
            alt=pick.alt,
            together=C.together,
            width=pick.width,
            height=pick.height,
        ),
    )


def _acts(pick: PickView) -> rx.Component:
    letter: Any = pick.letter
    return rx.el.div(
        rx.el.span(letter, class_name="cletter", custom_attrs={"aria-hidden": "true"}),
        rx.el.span(pick.model, class_name="med clip"),
        rx.el.span(pick.made, class_name="t1 mute num clip"),
        rx.el.span(class_name="grow"),
        keeping.stars(pick.rating, lambda stars: C.rate(letter, stars), of=f", {letter}"),
        rx.el.button(
            icon("rotate-ccw", 14),
            f"Reuse {letter}",
            type="button",
            class_name="btn soft",
            on_click=StudioState.reuse(pick.batch_id),
        ),
        rx.el.button(
            icon("check", 14),
            f"Keep {letter}",
            type="button",
            class_name="btn surface",
            title="The others go to the trash, and you can undo it",
            on_click=C.keep_one(letter),
        ),
        class_name="cacts",
    )


def _output(pick: PickView) -> rx.Component:
    return rx.el.section(
        rx.cond(C.mode == "side", _face(pick)),
        _acts(pick),
        key=pick.asset_id,
        class_name="cout",
        custom_attrs={"aria-label": f"Output {pick.letter}"},
    )


def outputs() -> rx.Component:
    """The regions 'Output A' to 'Output D'; in slider mode both pictures are one above them."""
    first, second = C.picks[0], C.picks[1]
    return rx.fragment(
        rx.cond(
            C.mode == "slider",
            browser_keeping.split(
                first=first.src,
                second=second.src,
                alts=[first.alt, second.alt],
                width=first.width,
                height=first.height,
            ),
        ),
        rx.el.div(rx.foreach(C.picks, _output), class_name="couts"),
    )


def _word(word: Word) -> rx.Component:
    return rx.cond(word.changed, rx.el.mark(word.text), rx.el.span(word.text))


def _cell(cell: Cell) -> rx.Component:
    return rx.el.td(rx.foreach(cell.words, _word), key=cell.key, custom_attrs={"data-letter": cell.key})


def _row(row: Difference) -> rx.Component:
    return rx.cond(
        ~row.same | C.unchanged,
        rx.el.tr(rx.el.th(row.term, scope="row"), rx.foreach(row.cells, _cell), key=row.term),
    )


def table() -> rx.Component:
    """The region 'Changed parameters'."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Changed parameters", class_name="t2 bold"),
            rx.el.span(C.changed, class_name="badge num"),
            rx.el.span(class_name="grow"),
            _labelled(
                "Show unchanged", browser.toggle(label="Show unchanged", value=C.unchanged, on_pick=C.set_unchanged)
            ),
            class_name="row g2",
        ),
        rx.el.div(
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(
                        rx.el.th("Parameter", scope="col"),
                        rx.foreach(C.picks, lambda pick: rx.el.th(pick.letter, scope="col", key=pick.letter)),
                    )
                ),
                rx.el.tbody(rx.foreach(C.rows, _row)),
            ),
            class_name="ctable",
            tab_index=0,
            role="region",
            custom_attrs={"aria-label": "Parameters, table"},
        ),
        class_name="cdiff",
        custom_attrs={"aria-label": "Changed parameters"},
    )


def too_few() -> rx.Component:
    """Fewer than two are left to compare."""
    return rx.el.div(
        rx.el.span(icon("columns-2", 24), class_name="ring"),
        rx.el.h2("Nothing to compare"),
        rx.el.p("Select two to four outputs in the library, then press Compare."),
        ReactRouterLink.create("Open library", to=LibraryState.address, class_name="btn soft"),
        class_name="empty",
    )
