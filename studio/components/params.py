"""Parameters: only what the chosen model can do, as a panel on wide screens and a sheet on narrow ones."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser
from studio.components.styles import icon, length, picture
from studio.components.wells import frames, references
from studio.state.studio import StudioState
from studio.state.views import ModelOption, RatioOption

COUNTS = (1, 2, 4, 6, 8)


def radio(value: Any, *face: Any, name: Any = None) -> rx.Component:
    """A native radio under its visible face."""
    return rx.el.label(
        rx.el.input(type="radio", value=value, custom_attrs={"aria-label": name} if name is not None else {}),
        rx.el.span(*face, class_name="face"),
    )


def field(label: str, *content: rx.Component, aside: Any = None) -> rx.Component:
    """A labelled group; `aside` is the quiet fact at the right of the label."""
    head = rx.el.span(label, class_name="label")
    if aside is not None:
        head = rx.el.span(head, rx.el.span(aside, class_name="t1 mute num"), class_name="row between")
    return rx.el.div(head, *content, class_name="field")


def segments(label: str, items: Any, value: Any, pick: Any) -> rx.Component:
    """A segmented radiogroup over strings."""
    return browser.choices(
        rx.foreach(items, lambda item: radio(item, item)), label=label, value=value, on_pick=pick, class_name="seg"
    )


def media() -> rx.Component:
    """Image or video; the prompt and the pictures stay."""
    return browser.choices(
        radio("image", icon("image"), "Image"),
        radio("video", icon("clapperboard"), "Video"),
        label="Media",
        value=StudioState.media,
        on_pick=StudioState.set_media,
        class_name="seg",
    )


def _model_item(option: ModelOption) -> rx.Component:
    return rx.select.item(
        rx.el.span(
            picture(option.art, 32, 32),
            rx.el.span(
                rx.el.span(option.name, class_name="med"),
                rx.el.span(option.tagline, class_name="t1 mute"),
                class_name="col",
            ),
            rx.el.span(option.price, class_name="t1 mute num"),
            class_name="model-item",
        ),
        value=option.id,
        text_value=option.name,
    )


def model() -> rx.Component:
    """The model picker."""
    return field(
        "Model",
        rx.select.root(
            rx.select.trigger(
                rx.el.span(
                    picture(StudioState.model_art, 36, 36),
                    rx.el.span(
                        rx.el.span(StudioState.model_name, class_name="med clip"),
                        rx.el.span(StudioState.model_tagline, class_name="t1 mute num clip"),
                        class_name="col",
                    ),
                    class_name="model-face",
                ),
                class_name="model",
                custom_attrs={"aria-label": "Model"},
            ),
            rx.select.content(rx.foreach(StudioState.models, _model_item), position="popper", class_name="model-list"),
            value=StudioState.model,
            on_change=StudioState.set_model,
        ),
    )


def _ratio(option: RatioOption) -> rx.Component:
    return radio(
        option.name,
        rx.el.span(rx.el.i(style={"width": f"{option.width}px", "height": f"{option.height}px"}), class_name="shape"),
        option.name,
        name=option.name,
    )


def ratio() -> rx.Component:
    """Aspect ratios as little frames."""
    return field(
        "Aspect ratio",
        browser.choices(
            rx.foreach(StudioState.ratios, _ratio),
            label="Aspect ratio",
            value=StudioState.ratio,
            on_pick=StudioState.set_ratio,
            class_name="ratios",
        ),
    )


def count() -> rx.Component:
    """How many images: the usual numbers at a click, any number by typing."""
    return field(
        "Images",
        rx.el.div(
            browser.choices(
                *[rx.cond(StudioState.max_count >= n, radio(str(n), str(n))) for n in COUNTS],
                label="Images",
                value=StudioState.count,
                on_pick=StudioState.set_count,
                class_name="seg grow",
            ),
            browser.text(
                kind="input",
                value=StudioState.count,
                label="Number of images",
                input_mode="numeric",
                max_length=2,
                delay=500,
                on_send=StudioState.set_count,
                class_name="tf num count",
            ),
            class_name="row g2",
        ),
        aside=StudioState.count_price,
    )


def _side(label: str, value: Any, send: Any) -> rx.Component:
    return browser.text(
        kind="input",
        value=value,
        label=label,
        placeholder=label,
        input_mode="numeric",
        max_length=5,
        delay=200,
        on_send=send,
        class_name="tf num grow",
    )


def size() -> rx.Component:
    """A tier, or width and height in pixels, judged as they are typed."""
    return rx.el.div(
        field(
            "Size",
            browser.choices(
                rx.foreach(StudioState.sizes, lambda item: radio(item, item)),
                radio("Exact", "Exact"),
                label="Size",
                value=rx.cond(StudioState.exact, "Exact", StudioState.size),
                on_pick=StudioState.set_size,
                class_name="seg",
            ),
            aside=rx.cond(StudioState.exact, "", StudioState.pixels),
        ),
        rx.cond(
            StudioState.exact,
            rx.el.div(
                rx.el.div(
                    _side("Width", StudioState.width, StudioState.set_width),
                    rx.el.span("×", class_name="mute", custom_attrs={"aria-hidden": "true"}),
                    _side("Height", StudioState.height, StudioState.set_height),
                    class_name="row g2",
                ),
                rx.el.p(
                    rx.cond(
                        StudioState.size_error != "",
                        rx.el.span(StudioState.size_error, class_name="bad"),
                        rx.el.span(StudioState.size_limits, class_name="mute"),
                    ),
                    role="status",
                    class_name="t1 num",
                ),
                class_name="field",
            ),
        ),
        class_name="field",
    )


def switch_row(label: str, value: Any, pick: Any, *, note: Any = None) -> rx.Component:
    """A switch with its words; `note` is the quiet line under them."""
    words = rx.el.span(label, class_name="med", custom_attrs={"aria-hidden": "true"})
    if note is not None:
        words = rx.el.span(words, rx.el.span(note, class_name="t1 mute"), class_name="col")
    return rx.el.div(
        words,
        browser.toggle(label=label, value=value, on_pick=pick),
        class_name="row between",
    )


def seed() -> rx.Component:
    """A seed for models that take one, otherwise one quiet line that says they do not."""
    return rx.cond(
        StudioState.supports_seed,
        field(
            "Seed",
            rx.el.div(
                browser.text(
                    kind="input",
                    value=StudioState.seed,
                    label="Seed",
                    placeholder="Random",
                    input_mode="numeric",
                    max_length=20,
                    delay=400,
                    on_send=StudioState.set_seed,
                    class_name="tf num grow",
                ),
                rx.el.button(
                    icon("dices"),
                    type="button",
                    class_name="ib surface",
                    title="Random seed",
                    on_click=StudioState.random_seed,
                    custom_attrs={"aria-label": "Random seed"},
                ),
                class_name="row g2",
            ),
        ),
        rx.el.div(
            rx.el.span(
                rx.el.span("Seed", class_name="med"),
                rx.el.span("not supported by this model", class_name="t1 mute"),
                class_name="row g2",
            ),
            icon("lock-open", class_name="mute"),
            class_name="row between",
        ),
    )


def output_format() -> rx.Component:
    """The file format, where the model offers a choice."""
    return rx.cond(
        length(StudioState.formats) > 1,
        rx.el.div(
            rx.el.span("Format", class_name="med", custom_attrs={"aria-hidden": "true"}),
            rx.select.root(
                rx.select.trigger(class_name="select", custom_attrs={"aria-label": "Format"}),
                rx.select.content(
                    rx.foreach(StudioState.formats, lambda f: rx.select.item(f.upper(), value=f)), position="popper"
                ),
                value=StudioState.output_format,
                on_change=StudioState.set_format,
            ),
            class_name="row between",
        ),
    )


def _image_fields() -> rx.Component:
    return rx.fragment(
        rx.cond(StudioState.exact, rx.fragment(), ratio()),
        rx.el.div(
            rx.cond(
                length(StudioState.sizes) > 0,
                size(),
            ),
            count(),
            class_name="pair",
        ),
        rx.cond(
            StudioState.supports_series,
            switch_row(
                "Series",
                StudioState.series,
                StudioState.set_series,
                note="Related pictures from one request, one by one",
            ),
        ),
        references(),
    )


def _video_fields() -> rx.Component:
    return rx.fragment(
        frames(),
        references(),
        ratio(),
        rx.cond(
            length(StudioState.resolutions) > 0,
            field(
                "Resolution",
                rx.cond(
                    StudioState.supports_draft & StudioState.draft,
                    rx.el.span("480p while Draft is on", class_name="t2 mute num"),
                    segments("Resolution", StudioState.resolutions, StudioState.resolution, StudioState.set_resolution),
                ),
                aside=StudioState.pixels,
            ),
        ),
        rx.el.div(
            rx.el.span("Duration", class_name="label"),
            rx.cond(
                StudioState.supports_auto_duration & StudioState.auto_duration,
                rx.el.span(StudioState.length, class_name="t2 mute num"),
                browser.slider(
                    label="Duration",
                    value=StudioState.duration,
                    low=StudioState.duration_min,
                    high=StudioState.duration_max,
                    unit="s",
                    on_pick=StudioState.set_duration,
                ),
            ),
            class_name="field duration",
        ),
        rx.cond(
            StudioState.supports_auto_duration,
            switch_row(
                "Length chosen by the model",
                StudioState.auto_duration,
                StudioState.set_auto_duration,
                note="The price is for the longest",
            ),
        ),
        rx.cond(
            StudioState.supports_flex,
            field(
                "Delivery",
                browser.choices(
                    radio("standard", "Standard"),
                    radio("flex", "Flex"),
                    label="Delivery",
                    value=StudioState.delivery,
                    on_pick=StudioState.set_delivery,
                    class_name="seg",
                ),
                aside="Flex: overnight, half price",
            ),
        ),
    )


def fields() -> rx.Component:
    """Everything that can be set, in reading order."""
    return rx.fragment(
        media(),
        model(),
        rx.cond(StudioState.media == "video", _video_fields(), _image_fields()),
        rx.cond(StudioState.supports_seed, seed()),
        rx.el.hr(class_name="sep"),
        rx.cond(StudioState.supports_seed, rx.fragment(), seed()),
        rx.cond(
            StudioState.supports_camera_fixed,
            switch_row("Fixed camera", StudioState.camera_fixed, StudioState.set_camera_fixed),
        ),
        rx.cond(StudioState.supports_audio, switch_row("Sound", StudioState.audio, StudioState.set_audio)),
        rx.cond(
            StudioState.supports_draft,
            switch_row("Draft", StudioState.draft, StudioState.set_draft, note="480p, to look at before the real one"),
        ),
        rx.cond(
            StudioState.supports_transparent & (StudioState.media == "image"),
            switch_row(
                "Transparent background",
                StudioState.transparent,
                StudioState.set_transparent,
                note="Needs 1 reference with transparency, makes PNG",
            ),
        ),
        switch_row(
            "Visible watermark",
            StudioState.watermark,
            StudioState.set_watermark,
            note=StudioState.watermark_default,
        ),
        rx.cond(StudioState.transparent & StudioState.supports_transparent, rx.fragment(), output_format()),
    )
