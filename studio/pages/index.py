"""The studio page: parameters, feed with composer, details."""

from __future__ import annotations

import reflex as rx

from studio.components import composer, details, erasing, feed, presets, queue, sheet
from studio.components.browser import scroller
from studio.components.shell import shell
from studio.state.studio import StudioState


def page() -> rx.Component:
    """Everything a person needs to make a picture, on one screen."""
    return shell(
        sheet.panel(),
        rx.el.main(
            composer.drop_area(
                feed.header(),
                scroller(feed.batches(), composer.composer(), batches=StudioState.batches, class_name="scroll"),
            ),
            class_name="feed",
            custom_attrs={"aria-label": "Results"},
        ),
        details.panel(),
        details.full_screen(),
        details.final_question(),
        erasing.question(),
        queue.question(),
        presets.dialog(),
        sheet.sheet(),
        here="Studio",
        kind="studio",
    )
