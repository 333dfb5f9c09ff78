"""The Library page: every finished output, newest first, in rows of equal height."""

from __future__ import annotations

import reflex as rx

from studio.components.shell import shell, simulated
from studio.components.styles import icon, length, picture
from studio.components.tiles import video_marks
from studio.state.library import LibraryState
from studio.state.views import LibraryDay, LibraryTile


def _tile(tile: LibraryTile) -> rx.Component:
    return rx.el.a(
        picture(tile.thumb, tile.width, tile.height, loading="lazy"),
        video_marks(tile.kind, tile.duration),
        href=tile.original,
        target="_blank",
        rel="noopener",
        class_name="tile pic",
        style={"--r": tile.ratio},
        key=tile.asset_id,
        custom_attrs={"aria-label": tile.name},
    )


def _day(day: LibraryDay) -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2(day.day, class_name="t2 bold"),
            rx.el.span(day.date, class_name="t1 mute"),
            rx.el.span(day.count, class_name="t1 mute num"),
            class_name="day",
        ),
        rx.el.div(rx.foreach(day.tiles, _tile), class_name="justified"),
        key=day.date,
        custom_attrs={"aria-label": day.date},
    )


def _empty() -> rx.Component:
    return rx.el.div(
        rx.el.span(icon("images", 24), class_name="ring"),
        rx.el.h2("Nothing here yet"),
        rx.el.p("Everything you make is kept here, newest first."),
        rx.el.a("Open Studio", href="/", class_name="btn soft"),
        class_name="empty",
    )


def _skeleton() -> rx.Component:
    ratios = (1.5, 0.75, 1.78, 1, 1, 0.75, 1.78, 0.75, 0.56, 1, 1.33, 1.33)
    return rx.el.div(
        rx.el.div(rx.el.span(class_name="skel", style={"width": "180px", "height": "14px"}), class_name="day"),
        rx.el.div(*[rx.el.div(class_name="skel tile", style={"--r": r}) for r in ratios], class_name="justified"),
        custom_attrs={"aria-hidden": "true"},
    )


def page() -> rx.Component:
    """All outputs, a page at a time."""
    return shell(
        rx.el.main(
            rx.el.div(
                rx.el.h1("Library", class_name="t3 bold"),
                rx.el.span(class_name="grow"),
                rx.el.span(simulated(), class_name="wide-only"),
                rx.el.span(LibraryState.total, class_name="t1 mute num"),
                class_name="bar",
            ),
            rx.el.div(
                rx.cond(
                    LibraryState.loaded,
                    rx.cond(
                        length(LibraryState.days) > 0,
                        rx.fragment(
                            rx.foreach(LibraryState.days, _day),
                            rx.cond(
                                LibraryState.has_more,
                                rx.el.div(
                                    rx.el.button(
                                        "Show more", type="button", class_name="btn soft", on_click=LibraryState.more
                                    ),
                                    class_name="older",
                                ),
                            ),
                        ),
                        _empty(),
                    ),
                    _skeleton(),
                ),
                class_name="gallery",
            ),
            class_name="library",
        ),
        here="Library",
        messages=LibraryState,
    )
