"""The composer: pictures, prompt, what is left of the cap, and the one button that spends."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser, composer_parts, costs, insert
from studio.components.styles import icon, picture
from studio.state.studio import StudioState

PROMPT_MAX = 4000


def takes_frames() -> Any:
    """Whether a picture given without a place becomes the first frame."""
    return (StudioState.media == "video") & StudioState.supports_frames


def takes_pictures() -> Any:
    """Whether the model takes any picture."""
    return takes_frames() | (StudioState.max_references > 0)


def _thumb(item: Any, words: Any, alt: Any) -> rx.Component:
    return rx.el.span(
        picture(item.thumb, 44, 44, alt),
        rx.el.span(words, class_name="n", custom_attrs={"aria-hidden": "true"}),
        class_name="cthumb",
    )


def _thumbs() -> rx.Component:
    """The pictures that are sent; what stays is named in a line below."""
    return rx.el.div(
        rx.cond(
            takes_frames(),
            rx.fragment(
                rx.cond(
                    StudioState.first_frame.asset_id != "", _thumb(StudioState.first_frame, "First", "First frame")
                ),
                rx.cond(
                    StudioState.supports_last_frame & (StudioState.last_frame.asset_id != ""),
                    _thumb(StudioState.last_frame, "Last", "Last frame"),
                ),
            ),
        ),
        rx.foreach(StudioState.given, lambda r: _thumb(r, r.number, f"Reference {r.number}")),
        class_name="cthumbs",
    )


def _meter() -> rx.Component:
    left = rx.cond(StudioState.loaded, StudioState.cap_left, "")
    return rx.el.div(
        rx.el.div(
            rx.el.span("Left this month", class_name="mute"),
            rx.el.span(left, class_name="med"),
            class_name="row between t1 num cap-words",
        ),
        rx.el.div(
            rx.el.i(style={"width": f"{StudioState.cap_used}%"}),
            class_name=rx.cond(StudioState.cap_used >= 95, "prog s1 amber", "prog s1"),
            custom_attrs={
                "role": "meter",
                "aria-label": "Monthly cap used",
                "aria-valuemin": "0",
                "aria-valuemax": "100",
                "aria-valuenow": StudioState.cap_used,
                "aria-valuetext": StudioState.cap_text,
            },
        ),
        class_name="cap",
    )


def _summary() -> rx.Component:
    """What would be made, in a few characters; opens the parameters where they are a sheet."""
    words = rx.cond(
        StudioState.media == "video",
        f"{StudioState.ratio} · {StudioState.resolution} · {StudioState.length}",
        f"{StudioState.ratio} · {StudioState.size} · {StudioState.count}",
    )
    name = StudioState.model_name
    said = rx.cond(
        StudioState.media == "video",
        f"Parameters: {name}, {StudioState.ratio} · {StudioState.resolution} · {StudioState.length}",
        f"Parameters: {name}, {StudioState.ratio} · {StudioState.size} · {StudioState.count} images",
    )
    return rx.el.button(
        icon("sliders-horizontal", class_name="mute"),
        rx.el.span(words, class_name="clip num"),
        type="button",
        class_name="sumchip",
        on_click=StudioState.set_parameters_open(True),
        custom_attrs={"aria-label": said, "aria-haspopup": "dialog"},
    )


def _notes() -> rx.Component:
    """Values that were changed to fit, pictures that are not sent, uploads under way, and why nothing can be sent."""
    return rx.el.div(
        rx.foreach(StudioState.notices, lambda note: rx.el.p(icon("info", 14), note, class_name="note-line")),
        rx.foreach(StudioState.left_out, lambda note: rx.el.p(icon("info", 14), note, class_name="note-line")),
        rx.cond(
            StudioState.uploading != "",
            rx.el.p(rx.el.span(class_name="spin"), StudioState.uploading, class_name="note-line"),
        ),
        rx.cond(
            StudioState.blocked != "",
            rx.el.p(icon("circle-alert", 14), StudioState.blocked, id="blocked", class_name="note-line held"),
        ),
        role="status",
        class_name="notes",
    )


def _submit() -> rx.Component:
    return rx.el.button(
        rx.cond(
            StudioState.loaded & (StudioState.price != ""),
            f"Generate · {StudioState.price}",
            "Generate",
        ),
        rx.el.kbd(
            rx.el.span("Ctrl ↵", class_name="pc"),
            rx.el.span("⌘↵", class_name="mac"),
            class_name="kbd",
            custom_attrs={"aria-hidden": "true"},
        ),
        type="submit",
        class_name="btn solid s3 num generate",
        disabled=rx.cond(StudioState.can_generate, False, True),
        custom_attrs={"aria-describedby": "blocked"},
    )


def composer() -> rx.Component:
    """The form 'Composer'. Sending clears nothing; a double click sends once."""
    return rx.el.div(
        rx.el.form(
            rx.el.div(
                _thumbs(),
                composer_parts.prompt_keys(
                    browser.text(
                        id="prompt",
                        kind="textarea",
                        name="prompt",
                        label="Prompt",
                        placeholder=rx.cond(StudioState.media == "video", "Describe a scene", "Describe a picture"),
                        value=StudioState.prompt,
                        max_length=PROMPT_MAX,
                        delay=150,
                        on_send=StudioState.set_prompt,
                        class_name="prompt-area",
                    ),
                    value=StudioState.prompt,
                    references=StudioState.given,
                    on_recall=StudioState.recall,
                    class_name="prompt-keys",
                ),
                class_name="write",
            ),
            _notes(),
            rx.el.div(
                rx.cond(
                    takes_pictures(),
                    rx.el.button(
                        icon("image-plus", 18),
                        type="button",
                        class_name="ib attach",
                        title="Attach image",
                        custom_attrs={"aria-label": "Attach image", "data-pick": "main"},
                    ),
                ),
                rx.cond(takes_pictures(), insert.dialog(takes_frames())),
                _summary(),
                rx.el.span(class_name="grow"),
                _meter(),
                costs.popover(),
                _submit(),
                class_name="send",
            ),
            id="composer",
            class_name="composer",
            on_submit=StudioState.generate.throttle(600),
            custom_attrs={"aria-label": "Composer"},
        ),
        composer_parts.keeper(stamp=StudioState.draft_stamp, after=500, on_late=StudioState.save_draft),
        class_name="composer-wrap",
    )


def drop_area(*children: rx.Component) -> rx.Component:
    """The feed and composer as one place to drop or paste a picture."""
    return browser.drop_zone(
        *children,
        role_name=rx.cond(takes_frames(), "first_frame", "reference"),
        zone="main",
        label="Choose pictures",
        hint=rx.cond(takes_frames(), "Drop to use as first frame", "Drop to add as reference"),
        paste=True,
        enabled=takes_pictures(),
        on_started=StudioState.upload_started,
        on_done=StudioState.add_uploads,
        class_name="feed-zone",
    )
