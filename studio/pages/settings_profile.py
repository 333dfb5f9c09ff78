"""Settings, Profile: name, dates, theme, workspace, and what is held about a person."""

from __future__ import annotations

import reflex as rx

from studio.components.settings import card, field, frame, skeleton, theme_choice
from studio.components.settings_address import address
from studio.state.profile import TIME_ZONES, ProfileState
from studio.state.settings_views import FactView


def _who() -> rx.Component:
    return card(
        "Your details",
        rx.el.form(
            field("Name", "name", ProfileState.name, ProfileState.name_error, max_length=200),
            rx.el.button("Save name", type="submit", class_name="btn soft"),
            on_submit=ProfileState.save_name,
            class_name="set-form",
        ),
        rx.el.dl(
            rx.el.dt("Here since", class_name="label"),
            rx.el.dd(ProfileState.since, class_name="num"),
            class_name="set-facts",
        ),
    )


def _workspace() -> rx.Component:
    return card(
        "Workspace",
        rx.el.form(
            field("Workspace name", "workspace", ProfileState.workspace, ProfileState.workspace_error, max_length=200),
            rx.el.button("Rename workspace", type="submit", class_name="btn soft"),
            on_submit=ProfileState.save_workspace,
            class_name="set-form",
        ),
        lead="The active one. Everything you make now is kept in it.",
    )


def _looks() -> rx.Component:
    return card(
        "Appearance and dates",
        rx.el.div(rx.el.span("Theme", class_name="label"), theme_choice(label="Theme"), class_name="set-field"),
        rx.el.div(
            rx.el.label("Time zone", html_for="time-zone", class_name="label"),
            rx.el.select(
                *[rx.el.option(name.replace("_", " "), value=name) for name in TIME_ZONES],
                id="time-zone",
                class_name="tf native",
                value=ProfileState.time_zone,
                on_change=ProfileState.set_time_zone,
                custom_attrs={"aria-describedby": "time-zone-now"},
            ),
            rx.el.p(
                f"For dates in Settings. {ProfileState.here} Months and caps go by UTC.",
                id="time-zone-now",
                class_name="t1 mute num",
            ),
            class_name="set-field",
        ),
    )


def _fact(fact: FactView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(fact.category, class_name="mute"),
        rx.el.td(rx.el.span(fact.kind, class_name="med"), rx.el.span(fact.what, class_name="t1 mute words")),
        rx.el.td(fact.why, class_name="words mute"),
        rx.el.td(fact.leaves, class_name="words mute"),
    )


def _held() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2("What is held about you", class_name="t3 bold"),
            rx.el.p("Read from the database's own description, so it is never out of date.", class_name="lead"),
            class_name="card-head",
        ),
        rx.el.div(
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(
                        rx.el.th("Category", scope="col"),
                        rx.el.th("What", scope="col"),
                        rx.el.th("Why", scope="col"),
                        rx.el.th("How it leaves", scope="col"),
                    )
                ),
                rx.el.tbody(rx.foreach(ProfileState.facts, _fact)),
                class_name="facts",
            ),
            class_name="wide-table",
            tab_index=0,
            role="region",
            custom_attrs={"aria-label": "What is held about you, table"},
        ),
        class_name="card",
        custom_attrs={"aria-label": "What is held about you"},
    )


def page() -> rx.Component:
    """Two columns of cards, and the table below."""
    return frame(
        "Profile",
        rx.cond(
            ProfileState.loaded,
            rx.fragment(
                rx.el.div(
                    rx.el.div(_who(), address(), _workspace(), class_name="col gap"),
                    _looks(),
                    class_name="cols",
                ),
                _held(),
            ),
            skeleton(190, 160, 420),
        ),
        messages=ProfileState,
    )
