"""Beside the price: what it would cost otherwise, and what is left of the cap then."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.styles import cx, icon
from studio.state.studio import StudioState
from studio.state.views import CostOption


def _face(option: CostOption) -> rx.Component:
    return rx.fragment(
        rx.el.span(
            rx.el.span(option.title, class_name="med"),
            rx.el.span(option.note, class_name="t1 mute"),
            class_name="col grow",
        ),
        rx.el.span(
            rx.el.span(option.price, class_name="med num"),
            rx.el.span(option.left, class_name=cx("t1 num mute", over=~_fits(option))),
            class_name="col end",
        ),
    )


def _fits(option: Any) -> Any:
    return option.fits


def _option(option: CostOption) -> rx.Component:
    return rx.cond(
        option.id == "",
        rx.el.div(_face(option), class_name="cost now", custom_attrs={"aria-current": "true"}),
        rx.el.button(
            _face(option),
            type="button",
            class_name="cost",
            on_click=StudioState.choose_cost(option.id),
            custom_attrs={"aria-label": option.name},
        ),
    )


def popover() -> rx.Component:
    """The button 'What it would cost' and its list; choosing one switches to it."""
    return rx.popover.root(
        rx.popover.trigger(
            rx.el.button(
                icon("chevrons-up-down"),
                type="button",
                class_name="ib costs-open",
                title="What it would cost",
                custom_attrs={"aria-label": "What it would cost"},
            )
        ),
        rx.popover.content(
            rx.el.h2("What it would cost", class_name="med"),
            rx.el.div(rx.foreach(StudioState.costs, _option), class_name="cost-list"),
            rx.cond(
                StudioState.costs.length() < 2,  # pyright: ignore[reportAttributeAccessIssue]  # a Var at run time
                rx.el.p("No other model or way makes this for less.", class_name="t1 mute"),
            ),
            class_name="menu costs",
            side="top",
            align="end",
            width="336px",
            custom_attrs={"aria-label": "What it would cost"},
        ),
        open=StudioState.costs_open,
        on_open_change=StudioState.set_costs_open,
    )
