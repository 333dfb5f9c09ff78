"""Insert from library: a button beside 'Attach image' and its dialog, which rises from below on a phone."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser
from studio.components.styles import cx, icon, length, picture
from studio.state.insert import MOST
from studio.state.studio import StudioState
from studio.state.views import InsertView


def _tile(row: InsertView) -> rx.Component:
    chosen: Any = row.mark != ""
    return rx.el.button(
        picture(row.thumb, 128, 128, loading="lazy"),
        rx.cond(chosen, rx.el.span(row.mark, class_name="n", custom_attrs={"aria-hidden": "true"})),
        type="button",
        class_name=cx("well", on=chosen),
        title=row.name,
        on_click=StudioState.insert_picture(row.asset_id),
        key=row.asset_id,
        custom_attrs={"aria-label": row.name, "aria-pressed": rx.cond(chosen, "true", "false")},
    )


def _pictures() -> rx.Component:
    """What there is, and the way to more of it."""
    return rx.el.div(
        rx.el.div(rx.foreach(StudioState.insert_rows, _tile), class_name="insert-grid"),
        rx.cond(
            StudioState.insert_more,
            rx.el.button("Show older pictures", type="button", class_name="btn soft", on_click=StudioState.more_insert),
        ),
        rx.cond(
            length(StudioState.insert_rows) >= MOST,
            rx.el.p(f"These are the newest {MOST}. Search to find older ones.", class_name="t1 mute"),
        ),
        class_name="insert-body",
    )


def dialog(frame: Any) -> rx.Component:
    """The button 'Insert from library' and what it opens. `frame`: what is chosen becomes the first frame."""
    return rx.dialog.root(
        rx.dialog.trigger(
            rx.el.button(
                icon("images", 18),
                type="button",
                class_name="ib insert-open",
                title="Insert from library",
                custom_attrs={"aria-label": "Insert from library"},
            )
        ),
        rx.dialog.content(
            rx.el.div(
                rx.dialog.title("Insert from library", class_name="t4 bold grow"),
                rx.dialog.close(
                    rx.el.button(
                        icon("x"), type="button", class_name="ib touch", custom_attrs={"aria-label": "Close library"}
                    )
                ),
                class_name="row",
            ),
            rx.dialog.description(
                rx.cond(
                    frame,
                    "Pictures of this workspace. The one you choose becomes the first frame.",
                    "Pictures of this workspace. Those you choose become the next references.",
                ),
                class_name="mute",
            ),
            browser.text(
                kind="input",
                value=StudioState.insert_text,
                label="Search pictures",
                placeholder="Search prompts, labels, models",
                input_mode="search",
                max_length=200,
                delay=300,
                on_send=StudioState.search_insert,
                class_name="tf",
            ),
            rx.cond(
                length(StudioState.insert_rows) > 0,
                _pictures(),
                rx.el.p(
                    rx.cond(
                        StudioState.insert_text != "",
                        "No picture of this workspace fits these words.",
                        "There are no pictures in this workspace yet.",
                    ),
                    class_name="mute",
                ),
            ),
            rx.el.div(
                rx.el.p(StudioState.insert_note, role="status", class_name="grow num"),
                rx.dialog.close(rx.el.button("Done", type="button", class_name="btn soft")),
                class_name="row g2",
            ),
            class_name="dialog insert",
            max_width="640px",
        ),
        open=StudioState.insert_open,
        on_open_change=StudioState.set_insert_open,
    )
