"""The parameters' two homes: a panel beside the feed and, where there is no room, a bottom sheet."""

from __future__ import annotations

import reflex as rx

from studio.components import browser, params, presets
from studio.components.shell import workspace
from studio.components.styles import icon
from studio.state.studio import StudioState


def _skeleton() -> rx.Component:
    bars = (("32px", "100%"), ("72px", "100%"), ("136px", "100%"), ("56px", "100%"), ("56px", "100%"), ("80px", "60%"))
    return rx.fragment(*[rx.el.div(class_name="skel", style={"height": h, "width": w}) for h, w in bars])


def panel() -> rx.Component:
    """The panel 'Parameters'."""
    return rx.el.aside(
        rx.el.div(workspace(), rx.el.span(class_name="grow"), presets.open_button(), class_name="bar"),
        rx.el.div(rx.cond(StudioState.loaded, params.fields(), _skeleton()), class_name="body"),
        rx.el.div(
            rx.el.button(
                "Reset to defaults", type="button", class_name="btn ghost s1", on_click=StudioState.reset_parameters
            ),
            rx.el.span(class_name="grow"),
            presets.save_button(),
            class_name="foot",
        ),
        class_name="panel params",
        custom_attrs={"aria-label": "Parameters"},
    )


def sheet() -> rx.Component:
    """The same fields in a dialog that rises from below; it holds focus and returns it."""
    done = rx.cond(
        StudioState.media == "video",
        f"Done · 1 video, {StudioState.price}",
        rx.cond(
            StudioState.count == 1,
            f"Done · 1 image, {StudioState.price}",
            f"Done · {StudioState.count} images, {StudioState.price}",
        ),
    )
    return browser.media(
        rx.dialog.root(
            rx.dialog.content(
                rx.el.span(class_name="grip", custom_attrs={"aria-hidden": "true"}),
                rx.el.div(
                    rx.dialog.title("Parameters", class_name="t5 bold grow"),
                    presets.open_button(),
                    rx.el.button(
                        "Reset",
                        type="button",
                        class_name="btn ghost",
                        on_click=StudioState.reset_parameters,
                        custom_attrs={"aria-label": "Reset to defaults"},
                    ),
                    rx.dialog.close(
                        rx.el.button(
                            icon("x", 18),
                            type="button",
                            class_name="ib touch",
                            custom_attrs={"aria-label": "Close parameters"},
                        )
                    ),
                    class_name="row",
                ),
                rx.el.div(params.fields(), class_name="body"),
                rx.dialog.close(rx.el.button(done, type="button", class_name="btn hc s4 num")),
                class_name="sheet",
                custom_attrs={"aria-describedby": ""},
            ),
            open=StudioState.parameters_open,
            on_open_change=StudioState.set_parameters_open,
        ),
        query="(max-width: 1023px)",
    )
