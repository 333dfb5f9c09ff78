"""Presets of the workspace: a list to apply, rename and delete, and the name under which to keep what is set."""

from __future__ import annotations

import reflex as rx

from studio.components import browser
from studio.components.styles import icon, length
from studio.state.studio import StudioState
from studio.state.views import PresetView


def _row(preset: PresetView) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            browser.text(
                kind="input",
                value=preset.name,
                label=f"Name of preset {preset.name}",
                max_length=60,
                delay=900,
                on_send=lambda value: StudioState.rename_preset(preset.id, value),
                class_name="tf name",
            ),
            rx.el.span(preset.words, class_name="t1 mute num clip"),
            class_name="col grow",
        ),
        rx.el.button(
            "Apply",
            type="button",
            class_name="btn soft s1",
            on_click=StudioState.apply_preset(preset.id),
            custom_attrs={"aria-label": f"Apply {preset.name}"},
        ),
        rx.el.button(
            icon("trash-2", 14),
            type="button",
            class_name="ib",
            title=f"Delete {preset.name}",
            on_click=StudioState.delete_preset(preset.id),
            custom_attrs={"aria-label": f"Delete preset {preset.name}"},
        ),
        class_name="preset",
        key=preset.id,
    )


def dialog() -> rx.Component:
    """The dialog 'Presets'. Closed by its cross, by Escape and by applying one."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.el.div(
                rx.dialog.title("Presets", class_name="t4 bold grow"),
                rx.dialog.close(
                    rx.el.button(
                        icon("x"), type="button", class_name="ib touch", custom_attrs={"aria-label": "Close presets"}
                    )
                ),
                class_name="row",
            ),
            rx.dialog.description(
                "Parameters of this workspace under a name. Prompt and pictures stay as they are.", class_name="mute"
            ),
            rx.el.form(
                rx.el.input(
                    name="name",
                    placeholder="Name",
                    max_length=60,
                    auto_complete="off",
                    class_name="tf",
                    custom_attrs={"aria-label": "Name of the new preset", "aria-describedby": "preset-error"},
                ),
                rx.el.button("Save what is set now", type="submit", class_name="btn soft"),
                on_submit=StudioState.save_preset,
                reset_on_submit=True,
                class_name="row g2 preset-form",
                custom_attrs={"aria-label": "Save preset"},
            ),
            rx.el.p(StudioState.preset_error, id="preset-error", role="alert", class_name="bad t1"),
            rx.cond(
                length(StudioState.presets) > 0,
                rx.el.ul(rx.foreach(StudioState.presets, _row), class_name="preset-list"),
                rx.el.p("Nothing is saved here yet.", class_name="t1 mute"),
            ),
            class_name="dialog presets",
            max_width="480px",
        ),
        open=StudioState.presets_open,
        on_open_change=StudioState.set_presets_open,
    )


def open_button() -> rx.Component:
    """The bookmark at the head of the parameters."""
    return rx.el.button(
        icon("bookmark"),
        type="button",
        class_name="ib",
        title="Presets",
        on_click=StudioState.set_presets_open(True),
        custom_attrs={"aria-label": "Presets", "aria-haspopup": "dialog"},
    )


def save_button() -> rx.Component:
    """At the foot of the parameters."""
    return rx.el.button(
        "Save as preset",
        type="button",
        class_name="btn soft s1",
        on_click=StudioState.set_presets_open(True),
        custom_attrs={"aria-haspopup": "dialog"},
    )
