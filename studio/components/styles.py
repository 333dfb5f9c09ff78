"""Theme, stylesheets and the few helpers every component shares."""

from __future__ import annotations

from typing import Any

import reflex as rx

# The colours come from Radix; assets/studio.css only adds what its tokens cannot express.
STYLESHEETS = ["/studio.css", "/library.css", "/keeping.css", "/consent.css"]


def theme() -> rx.Component:
    """Neutral grey chrome, iris for the one primary action of a view."""
    return rx.theme(
        accent_color="iris",
        gray_color="gray",
        radius="large",
        scaling="100%",
        panel_background="solid",
        has_background=False,
    )


def head() -> list[rx.Component]:
    """Tags every page carries: the text face first, so the first paint already has it."""
    return [
        rx.el.link(
            rel="preload",
            href="/fonts/inter.woff2",
            type="font/woff2",
            custom_attrs={"as": "font"},
            cross_origin="anonymous",
        ),
        rx.el.link(rel="icon", href="/icon.svg", type="image/svg+xml"),
        rx.el.meta(name="theme-color", content="#191919", media="(prefers-color-scheme: dark)"),
        rx.el.meta(name="theme-color", content="#f9f9f9", media="(prefers-color-scheme: light)"),
    ]


def icon(name: str, size: int = 16, **props: Any) -> rx.Component:
    """A lucide icon in the weight of the text beside it; always decoration, the control carries the name."""
    return rx.icon(name, size=size, stroke_width=1.75, custom_attrs={"aria-hidden": "true"}, **props)


def length(items: Any) -> Any:
    """How many items a list Var holds; typed loosely because a state's class attribute is a Var only at run time."""
    return items.length()


def picture(src: Any, width: Any, height: Any, alt: Any = "", **attrs: str) -> rx.Component:
    """An image whose true size is in its attributes, so its place is kept while it loads.

    As plain props Reflex would turn width and height into styles.
    """
    known = {"width": width, "height": height, "draggable": "false", "decoding": "async"}
    return rx.el.img(src=src, alt=alt, custom_attrs={**known, **attrs})


def cx(base: str, **when: rx.Var[bool] | bool) -> rx.Var[str]:
    """A class list: `base` plus each keyword whose condition holds."""
    out: Any = rx.Var.create(base)
    for name, condition in when.items():
        out = out + rx.cond(condition, f" {name.replace('_', '-')}", "")
    return out


def logo() -> rx.Component:
    """The mark: a flame-shaped bud in a rounded square."""
    return rx.el.svg(
        rx.el.svg.rect(width="28", height="28", rx="8", fill="currentColor"),
        rx.el.svg.path(
            d="M14 6.2c4.2 2.6 6.3 5.4 6.3 8.4a6.3 6.3 0 0 1-12.6 0c0-3 2.1-5.8 6.3-8.4Z",
            fill="none",
            stroke="var(--logo-ink)",
            stroke_width="2",
            stroke_linejoin="round",
        ),
        rx.el.svg.path(d="M14 21.5v-8", stroke="var(--logo-ink)", stroke_width="2", stroke_linecap="round"),
        width="28",
        height="28",
        view_box="0 0 28 28",
        custom_attrs={"aria-hidden": "true"},
    )
