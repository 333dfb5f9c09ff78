"""The Compare page: two to four outputs, and what differs."""

from __future__ import annotations

import reflex as rx

from studio.components import compare
from studio.components.shell import shell
from studio.components.styles import length
from studio.state.compare import CompareState


def page() -> rx.Component:
    """Which outputs is in the address: /compare?ids=…,…"""
    return shell(
        rx.el.main(
            compare.header(),
            rx.cond(
                CompareState.loaded,
                rx.cond(
                    length(CompareState.picks) > 1,
                    rx.el.div(compare.outputs(), compare.table(), class_name="cbody"),
                    compare.too_few(),
                ),
                rx.el.div(
                    rx.el.div(class_name="skel", style={"height": "420px", "flex": "1"}),
                    rx.el.div(class_name="skel", style={"height": "420px", "flex": "1"}),
                    class_name="cbody set-wait row",
                    custom_attrs={"aria-hidden": "true"},
                ),
            ),
            class_name="compare",
            tab_index=0,
        ),
        here="Library",
        title="Compare",
        messages=CompareState,
    )
