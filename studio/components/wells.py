"""Pictures that go in: numbered references, and the first and last frame of a video."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser, composer_parts
from studio.components.styles import icon, length, picture
from studio.state.studio import StudioState
from studio.state.views import InputView


def _reference(item: InputView) -> rx.Component:
    return rx.el.div(
        picture(item.thumb, 64, 64, item.alt),
        rx.el.span(item.number, class_name="n", custom_attrs={"aria-hidden": "true"}),
        rx.el.button(
            rx.el.span(icon("x", 12)),
            type="button",
            class_name="x",
            on_click=StudioState.remove_reference(item.asset_id),
            custom_attrs={"aria-label": f"Remove reference {item.number}"},
        ),
        rx.el.span(
            rx.cond(item.number > 1, _step(item, "chevron-left", "earlier", -1)),
            rx.cond(item.number < length(StudioState.references), _step(item, "chevron-right", "later", 1)),
            class_name="steps",
        ),
        class_name="well",
        key=item.asset_id,
        custom_attrs={"data-sort": item.asset_id, "draggable": "true"},
    )


def _step(item: InputView, mark: str, way: str, by: int) -> rx.Component:
    return rx.el.button(
        rx.el.span(icon(mark, 12)),
        type="button",
        class_name="step",
        title=f"Move {way}",
        on_click=StudioState.move_reference(item.asset_id, item.number + by),
        custom_attrs={"aria-label": f"Move reference {item.number} {way}"},
    )


def references() -> rx.Component:
    """References, numbered as the prompt names them ("@2"); absent for models that take none."""
    return rx.cond(
        StudioState.max_references > 0,
        rx.el.div(
            rx.el.span(
                rx.el.span("References", class_name="label"),
                rx.el.span(
                    f"{length(StudioState.references)} of {StudioState.max_references}", class_name="t1 mute num"
                ),
                class_name="row between",
            ),
            browser.drop_zone(
                composer_parts.sortable(
                    rx.foreach(StudioState.references, _reference),
                    on_move=StudioState.move_reference,
                    class_name="sortable",
                ),
                rx.cond(
                    length(StudioState.references) < StudioState.max_references,
                    rx.el.button(
                        icon("plus", 18),
                        type="button",
                        class_name="well add",
                        title="Add a picture, or drop or paste one anywhere",
                        custom_attrs={"aria-label": "Add reference", "data-pick": "reference"},
                    ),
                ),
                role_name="reference",
                zone="reference",
                label="Choose references",
                hint="Drop",
                paste=False,
                enabled=True,
                on_started=StudioState.upload_started,
                on_done=StudioState.add_uploads,
                class_name="wells",
            ),
            class_name="field",
        ),
    )


def _frame(item: Any, title: str, role: str) -> rx.Component:
    filled = item.asset_id != ""
    return browser.drop_zone(
        rx.el.button(
            rx.cond(filled, picture(item.thumb, 120, 75), icon("image-plus", 18)),
            rx.el.span(title, class_name=rx.cond(filled, "pill sq cap", "cap t1 med")),
            type="button",
            class_name=rx.cond(filled, "frame", "frame add"),
            custom_attrs={
                "aria-label": rx.cond(filled, f"{title} frame, replace", f"{title} frame, add"),
                "data-pick": role,
            },
        ),
        rx.cond(
            filled,
            rx.el.button(
                rx.el.span(icon("x", 12)),
                type="button",
                class_name="x",
                on_click=StudioState.clear_frame(role),
                custom_attrs={"aria-label": f"Remove {title.lower()} frame"},
            ),
        ),
        role_name=role,
        zone=role,
        label=f"Choose {title.lower()} frame",
        hint="Drop",
        paste=False,
        enabled=True,
        on_started=StudioState.upload_started,
        on_done=StudioState.add_uploads,
        class_name="frame-zone",
    )


def frames() -> rx.Component:
    """First frame, last frame and the swap between them."""
    return rx.cond(
        StudioState.supports_frames,
        rx.el.div(
            rx.el.span(
                rx.el.span("Frames", class_name="label"),
                rx.el.span(
                    rx.cond(StudioState.supports_last_frame, "Last frame is optional", "First frame only"),
                    class_name="t1 mute",
                ),
                class_name="row between",
            ),
            rx.el.div(
                _frame(StudioState.first_frame, "First", "first_frame"),
                rx.cond(
                    StudioState.supports_last_frame,
                    rx.fragment(
                        rx.el.button(
                            icon("arrow-left-right"),
                            type="button",
                            class_name="ib soft",
                            title="Swap first and last frame",
                            on_click=StudioState.swap_frames,
                            custom_attrs={"aria-label": "Swap first and last frame"},
                        ),
                        _frame(StudioState.last_frame, "Last", "last_frame"),
                    ),
                ),
                class_name="frames",
            ),
            class_name="field",
        ),
    )
