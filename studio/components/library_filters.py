"""The Library's filter bar: search, what to show, in which order, and views that somebody keeps."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser
from studio.components.styles import cx, icon, length
from studio.state.library import LibraryState
from studio.state.library_views import Option, ViewOption

SORTS = (("newest", "Newest first"), ("oldest", "Oldest first"), ("rating", "Best rated"), ("cost", "Highest cost"))
SPANS = (("today", "Today"), ("week", "Last 7 days"), ("month", "Last 30 days"), ("year", "This year"))
COSTS = (("0-40000", "Up to $0.04"), ("40000-200000", "$0.04 to $0.20"), ("200000-", "From $0.20"))
WORDS: Any = LibraryState.words
CHOICES: Any = LibraryState.options


def search() -> rx.Component:
    """The searchbox."""
    return rx.el.div(
        icon("search"),
        browser.text(
            id="search",
            kind="input",
            value=LibraryState.text,
            label="Search library",
            placeholder="Search prompts, labels, models",
            input_mode="search",
            max_length=200,
            delay=300,
            param="q",
            on_send=LibraryState.set_text,
            class_name="tf",
        ),
        class_name="search",
    )


def sort() -> rx.Component:
    """The combobox 'Sort by'."""
    return rx.select.root(
        rx.select.trigger(class_name="select", custom_attrs={"aria-label": "Sort by"}),
        rx.select.content(*[rx.select.item(label, value=value) for value, label in SORTS], position="popper"),
        value=LibraryState.sort,
        on_change=LibraryState.set_sort,
    )


def _choice(name: str, option: Option) -> rx.Component:
    return rx.el.button(
        rx.el.span(rx.cond(option.on, icon("check", 14), rx.fragment()), class_name="mark"),
        rx.cond(
            option.color != "",
            rx.el.i(class_name="swatch", style={"background": f"var(--{option.color}-9)"}),
        ),
        rx.el.span(option.label, class_name="grow clip"),
        rx.el.span(option.count, class_name="t1 mute num"),
        type="button",
        class_name="btn ghost wide option",
        on_click=LibraryState.set_filter(name, option.value),
        custom_attrs={"aria-pressed": rx.cond(option.on, "true", "false")},
    )


def _filter(name: str, word: str, mark: str, said: Any, *content: rx.Component) -> rx.Component:
    """A chip that opens its choices; set, it says what it shows and how to take it away."""
    chip = rx.el.button(
        icon(mark, 14),
        rx.cond(said != "", rx.el.span(f"{word}: ", said, class_name="clip"), rx.el.span(word)),
        icon("chevron-down", 14),
        type="button",
        class_name=cx("chip", on=said != ""),
    )
    return rx.popover.root(
        rx.popover.trigger(chip),
        rx.popover.content(
            *content,
            rx.cond(
                said != "",
                rx.el.button(
                    icon("x"),
                    "Show all",
                    type="button",
                    class_name="btn ghost wide",
                    on_click=LibraryState.drop_filter(name),
                ),
            ),
            class_name="menu choices",
            align="start",
            width="260px",
            custom_attrs={"aria-label": word},
        ),
    )


def _options(name: str, word: str, mark: str, said: Any, options: Any, none: str = "") -> rx.Component:
    listed = rx.foreach(options, lambda option: _choice(name, option))
    empty = rx.cond(length(options) == 0, rx.el.p(none, class_name="t1 mute")) if none else rx.fragment()
    return _filter(name, word, mark, said, listed, empty)


def _plain(name: str, choices: tuple[tuple[str, str], ...]) -> list[rx.Component]:
    return [
        rx.el.button(
            label, type="button", class_name="btn ghost wide option", on_click=LibraryState.set_filter(name, value)
        )
        for value, label in choices
    ]


def _day(name: str, label: str, value: Any) -> rx.Component:
    return rx.el.label(
        rx.el.span(label, class_name="t1 mute"),
        rx.el.input(name=name, type="date", default_value=value, key=value, class_name="tf"),
        class_name="col",
    )


def _dates() -> rx.Component:
    form = rx.el.form(
        rx.el.div(
            _day("since", "From", LibraryState.since), _day("until", "To", LibraryState.until), class_name="row g2"
        ),
        rx.el.button("Show these days", type="submit", class_name="btn soft wide"),
        on_submit=LibraryState.set_days,
        class_name="days-form",
    )
    return _filter("date", "Date", "calendar", WORDS.date, *_plain("date", SPANS), rx.el.hr(class_name="sep"), form)


def _view(view: ViewOption) -> rx.Component:
    return rx.el.li(
        rx.el.a(view.name, href=view.href, class_name="btn ghost wide clip"),
        rx.el.button(
            icon("x", 14),
            type="button",
            class_name="ib",
            on_click=LibraryState.remove_view(view.id),
            custom_attrs={"aria-label": f"Remove view {view.name}"},
        ),
        class_name="row",
        key=view.id,
    )


def _save() -> rx.Component:
    return rx.popover.root(
        rx.popover.trigger(
            rx.el.button(icon("bookmark", 14), "Save view", type="button", class_name="btn ghost s2 save-view")
        ),
        rx.popover.content(
            rx.el.form(
                rx.el.label(
                    rx.el.span("Name of this view", class_name="t1 mute"),
                    rx.el.input(name="name", max_length=60, required=True, class_name="tf", auto_complete="off"),
                    class_name="col",
                ),
                rx.el.button("Save", type="submit", class_name="btn soft"),
                on_submit=LibraryState.save_view,
                reset_on_submit=True,
                class_name="row g2 base",
            ),
            rx.cond(
                length(LibraryState.saved) > 0,
                rx.fragment(
                    rx.el.hr(class_name="sep"),
                    rx.el.ul(rx.foreach(LibraryState.saved, _view), custom_attrs={"aria-label": "Saved views"}),
                ),
            ),
            class_name="menu choices",
            align="end",
            width="300px",
            custom_attrs={"aria-label": "Saved views"},
        ),
        open=LibraryState.view_open,
        on_open_change=LibraryState.set_view_open,
    )


def bar() -> rx.Component:
    """The group 'Filters'."""
    return rx.el.div(
        rx.el.div(
            _options("media", "Media", "layers", WORDS.media, CHOICES.media),
            _options("model", "Model", "box", WORDS.model, CHOICES.model, "Models appear with your first output."),
            _options("rating", "Rating", "star", WORDS.rating, CHOICES.rating),
            _options("label", "Label", "tag", WORDS.label, CHOICES.label, "There are no labels yet."),
            _options("workspace", "Workspace", "folder", WORDS.workspace, CHOICES.workspace),
            _dates(),
            _filter("cost", "Cost", "wallet", WORDS.cost, *_plain("cost", COSTS)),
            rx.cond(
                WORDS.batch != "",
                rx.el.button(
                    "One batch",
                    icon("x", 14),
                    type="button",
                    class_name="chip on",
                    on_click=LibraryState.drop_filter("batch"),
                ),
            ),
            rx.el.button(
                icon("trash-2", 14),
                "Trash",
                type="button",
                class_name=cx("chip", on=LibraryState.trash),
                on_click=LibraryState.set_trash(~LibraryState.trash),
                custom_attrs={"aria-pressed": rx.cond(LibraryState.trash, "true", "false")},
            ),
            rx.cond(
                LibraryState.active > 0,
                rx.el.button(
                    "Clear filters", type="button", class_name="btn ghost s2", on_click=LibraryState.clear_filters
                ),
            ),
            class_name="chips",
            role="group",
            custom_attrs={"aria-label": "Filters"},
        ),
        _save(),
        class_name="filters",
    )
