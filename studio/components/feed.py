"""The feed: one row a batch, newest first; its first visit, its loading and its end."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex_components_core.core.banner import has_connection_errors

from studio.components import browser, queue
from studio.components.params import radio
from studio.components.shell import simulated
from studio.components.styles import icon, length, picture
from studio.components.tiles import tile_view
from studio.state.studio import StudioState
from studio.state.views import BatchView

STARTS = (("Still life", "still-life"), ("Landscape", "landscape"), ("Paper cut", "paper-cut"))


def _menu(batch: BatchView) -> rx.Component:
    """What the row's buttons do, reachable on a phone too."""
    return rx.dropdown_menu.root(
        rx.dropdown_menu.trigger(
            rx.el.button(
                icon("ellipsis"),
                type="button",
                class_name="ib s1 more",
                custom_attrs={"aria-label": "More for this batch"},
            )
        ),
        rx.dropdown_menu.content(
            rx.dropdown_menu.item(icon("rotate-ccw", 14), "Reuse", on_click=StudioState.reuse(batch.id)),
            rx.dropdown_menu.item(icon("shuffle", 14), "Remix", on_click=StudioState.remix(batch.id)),
            rx.dropdown_menu.item(icon("copy", 14), "Copy prompt", custom_attrs={"data-copy": batch.prompt}),
            rx.dropdown_menu.separator(),
            rx.dropdown_menu.item(
                icon("trash-2", 14), "Delete batch…", on_click=StudioState.ask_erase("batch", batch.id)
            ),
            align="end",
        ),
    )


def _fact(text: Any) -> rx.Component:
    return rx.el.span(text)


def batch_row(batch: BatchView) -> rx.Component:
    """A prompt, what was asked, and its tiles."""
    return rx.el.section(
        rx.el.header(
            rx.el.div(
                rx.el.h2(batch.prompt, class_name="prompt", title=batch.prompt),
                rx.el.div(rx.foreach(batch.meta, _fact), class_name="meta dots"),
                class_name="grow",
            ),
            rx.el.div(
                _action("rotate-ccw", "Reuse", StudioState.reuse(batch.id)),
                _action("shuffle", "Remix", StudioState.remix(batch.id)),
                _menu(batch),
                class_name="row acts-row",
            ),
        ),
        rx.el.div(
            rx.foreach(
                batch.tiles,
                lambda tile: tile_view(key=tile.id, tile=tile, selected=StudioState.details.generation_id == tile.id),
            ),
            class_name="tiles",
        ),
        class_name="batch",
        key=batch.id,
        custom_attrs={"aria-label": batch.name},
    )


def _action(mark: str, name: str, act: Any) -> rx.Component:
    return rx.el.button(icon(mark, 14), name, type="button", class_name="btn ghost s1 wide-only", on_click=act)


def _first_visit() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            *[picture(f"/art/{name}.webp", 60, 72) for name in ("dahlia-2", "lake-1", "vases-4")],
            class_name="fan",
        ),
        rx.el.h2("Describe a picture"),
        rx.el.p("Write a sentence below, or start from one of these."),
        rx.el.div(
            *[
                rx.el.button(words, type="button", class_name="chip", on_click=StudioState.start_from(value))
                for words, value in STARTS
            ],
            class_name="row g2 wrap",
        ),
        class_name="empty",
    )


def _none_of_kind() -> rx.Component:
    return rx.el.div(
        rx.el.span(icon("search-x", 24), class_name="ring"),
        rx.el.h2(rx.cond(StudioState.show == "videos", "No videos here", "No images here")),
        rx.el.p("Work of the other kind is hidden by the filter above."),
        rx.el.button("Show all", type="button", class_name="btn soft", on_click=StudioState.set_show("all")),
        class_name="empty",
    )


def _skeleton() -> rx.Component:
    """Two rows of true size, so nothing moves when the work arrives."""
    return rx.el.div(
        *[
            rx.el.div(
                rx.el.div(class_name="skel", style={"height": "14px", "width": "min(420px,72%)", "margin": "3px 0"}),
                rx.el.div(
                    class_name="skel", style={"height": "10px", "width": "min(280px,44%)", "margin": "6px 0 13px"}
                ),
                rx.el.div(*[rx.el.div(class_name="skel tile", style={"--r": r}) for r in ratios], class_name="tiles"),
                class_name="batch",
            )
            for ratios in ((0.75, 0.75, 0.75, 0.75), (1.5, 1.5, 1.5))
        ],
        custom_attrs={"aria-hidden": "true"},
    )


def _offline() -> rx.Component:
    return rx.cond(
        has_connection_errors,
        rx.el.div(
            icon("wifi-off"),
            rx.el.div(
                rx.el.p("You are offline", class_name="med"),
                rx.el.p("Your prompt is kept here. Work already sent goes on.", class_name="t1"),
            ),
            class_name="callout amber offline",
            role="status",
        ),
    )


def _show() -> rx.Component:
    return browser.choices(
        radio("all", "All"),
        radio("images", "Images"),
        radio("videos", "Videos"),
        label="Show",
        value=StudioState.show,
        on_pick=StudioState.set_show,
        class_name="seg s1",
    )


def header() -> rx.Component:
    """The bar above the feed."""
    return rx.el.div(
        rx.el.h1("Studio", class_name="t3 bold"),
        _show(),
        rx.el.span(class_name="grow"),
        rx.el.span(simulated(), class_name="wide-only"),
        rx.el.span(queue.button(), class_name="wide-only"),
        class_name="bar feed-bar",
    )


def batches() -> rx.Component:
    """All rows, or what stands in for them."""
    return rx.el.div(
        _offline(),
        # On a phone the filter scrolls away with the work; the bar that holds it elsewhere has no room there.
        rx.el.div(_show(), class_name="phone-only show-row"),
        rx.cond(
            StudioState.loaded,
            rx.cond(
                length(StudioState.batches) > 0,
                rx.fragment(
                    rx.foreach(StudioState.batches, batch_row),
                    rx.cond(
                        StudioState.has_more,
                        rx.el.div(
                            rx.el.button(
                                "Show older work", type="button", class_name="btn soft", on_click=StudioState.more
                            ),
                            class_name="older",
                        ),
                    ),
                ),
                rx.cond(StudioState.show == "all", _first_visit(), _none_of_kind()),
            ),
            _skeleton(),
        ),
        class_name="rows",
    )
