"""Stars and labels as every page shows them."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.styles import icon


def stars(rating: Any, rate: Any, *, of: str = "") -> rx.Component:
    """Five buttons 'Rate 1 of 5' to 'Rate 5 of 5'. `of` names what is rated where there are several."""
    return rx.el.div(
        *[
            rx.el.button(
                icon("star", 18, fill="currentColor"),
                type="button",
                class_name=rx.cond(rating >= number, "star on", "star"),
                on_click=rate(number),
                custom_attrs={
                    "aria-label": f"Rate {number} of 5{of}",
                    "aria-pressed": rx.cond(rating == number, "true", "false"),
                },
            )
            for number in range(1, 6)
        ],
        class_name="stars",
        role="group",
        custom_attrs={"aria-label": f"Rating{of}"},
    )


def dot(color: Any) -> rx.Component:
    """A label's colour."""
    return rx.el.span(class_name="ldot", custom_attrs={"data-color": color, "aria-hidden": "true"})


def chip(label: Any, take_off: Any) -> rx.Component:
    """A label on the output that is open, with the way off it."""
    return rx.el.li(
        dot(label.color),
        rx.el.span(label.name, class_name="clip"),
        rx.el.button(
            icon("x", 12), type="button", on_click=take_off, custom_attrs={"aria-label": f"Remove label {label.name}"}
        ),
        key=label.id,
        class_name="lchip",
    )


def label_form(create: Any) -> rx.Component:
    """The name of a new label."""
    return rx.el.form(
        rx.el.input(
            name="label",
            class_name="tf",
            max_length=40,
            placeholder="New label",
            custom_attrs={"aria-label": "New label", "autoComplete": "off"},
        ),
        rx.el.button("Add", type="submit", class_name="btn soft"),
        on_submit=create,
        reset_on_submit=True,
        class_name="lform",
    )


def add_label(others: Any, put_on: Any, create: Any) -> rx.Component:
    """The button 'Add label': a name to type, and the labels there are."""
    return rx.popover.root(
        rx.popover.trigger(rx.el.button(icon("plus", 14), "Add label", type="button", class_name="chip ladd")),
        rx.popover.content(
            label_form(create),
            rx.el.ul(
                rx.foreach(
                    others,
                    lambda label: rx.el.li(
                        rx.el.button(
                            dot(label.color),
                            rx.el.span(label.name, class_name="clip"),
                            type="button",
                            class_name="btn ghost wide",
                            on_click=put_on(label.id),
                        ),
                        key=label.id,
                    ),
                ),
                class_name="lmenu",
            ),
            class_name="menu",
            width="248px",
            custom_attrs={"aria-label": "Add label"},
        ),
    )
