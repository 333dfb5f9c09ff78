"""Settings, Profile: name, picture, ways to sign in, dates, and what is held about a person."""

from __future__ import annotations

import reflex as rx

from studio.components import browser, reauth
from studio.components.settings import card, field, frame, problem, skeleton
from studio.components.settings_address import address
from studio.components.shell import avatar
from studio.components.styles import icon, length
from studio.state.profile import LOCALES, TIME_ZONES, ProfileState
from studio.state.settings_views import FactView, WayInView
from studio.state.studio import StudioState
from studio.state.views import ProviderView
from studio.state.ways_in import PART as WAYS


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


def _picture() -> rx.Component:
    return card(
        "Your picture",
        rx.el.div(
            avatar("large"),
            rx.el.div(
                browser.picture_button(
                    label="Upload a picture", on_done=ProfileState.picture_sent, class_name="btn soft"
                ),
                rx.cond(
                    StudioState.picture != "",
                    rx.el.button(
                        "Remove picture", type="button", class_name="btn soft", on_click=ProfileState.remove_picture
                    ),
                ),
                class_name="set-acts wrap",
            ),
            class_name="row g3 set-field-row",
        ),
        problem(ProfileState.picture_error, "picture-error"),
        lead="Only you see it. PNG, JPEG or WebP, cut to a square.",
    )


def _way(way: WayInView) -> rx.Component:
    return rx.el.li(
        icon("key-round"),
        rx.el.span(way.name, class_name="med clip"),
        rx.el.span(f"since {way.since}", class_name="t1 mute num grow"),
        rx.el.button(
            "Unlink",
            type="button",
            class_name="btn soft",
            on_click=ProfileState.unlink(way.id),
            custom_attrs={"aria-label": f"Unlink {way.name}"},
        ),
        key=way.id,
    )


def _asked() -> rx.Component:
    """Link or unlink what was to be, before signing in again."""
    return rx.cond(
        ProfileState.asked_link != "",
        rx.el.a(
            ProfileState.asked,
            href=ProfileState.asked_link,
            class_name="btn soft",
            custom_attrs={"reloadDocument": True},  # not a page of the router's
        ),
        rx.el.button(
            ProfileState.asked,
            type="button",
            class_name="btn soft",
            on_click=ProfileState.unlink(ProfileState.asked_for),
        ),
    )


def _linkable(provider: ProviderView) -> rx.Component:
    """A plain link with a fresh proof; without one, a button that says what is needed first."""
    return rx.cond(
        ProfileState.fresh,
        rx.el.a(
            f"Link {provider.name}",
            href=provider.href,
            class_name="btn surface",
            custom_attrs={"reloadDocument": True},
        ),
        rx.el.button(
            f"Link {provider.name}",
            type="button",
            class_name="btn surface",
            on_click=ProfileState.ask_link(provider.mark),
        ),
    )


def _ways() -> rx.Component:
    return card(
        "Ways to sign in",
        rx.el.ul(rx.foreach(ProfileState.ways, _way), class_name="ways"),
        rx.cond(
            ProfileState.by_link,
            rx.el.p("You sign in with one-time links. No provider is set up here.", class_name="mute"),
        ),
        rx.cond(
            length(ProfileState.linkable) > 0,
            rx.el.div(rx.foreach(ProfileState.linkable, _linkable), class_name="set-acts wrap set-field-row"),
        ),
        problem(ProfileState.way_problem, "way-problem"),
        reauth.panel(ProfileState, WAYS),
        reauth.again(ProfileState, _asked()),
        lead="Linking and unlinking is told to you by email.",
    )


def _dates() -> rx.Component:
    return card(
        "Dates",
        rx.el.div(
            rx.el.label("Language of dates", html_for="date-language", class_name="label"),
            rx.el.select(
                *[rx.el.option(name, value=locale, lang=locale.partition("-")[0]) for locale, name in LOCALES],
                id="date-language",
                class_name="tf native",
                value=ProfileState.locale,
                on_change=ProfileState.set_locale,
                custom_attrs={"aria-describedby": "time-zone-now"},
            ),
            class_name="set-field",
        ),
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
                f"{ProfileState.here} Everything else is in English. Months and caps go by UTC.",
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
        rx.el.td(fact.count, class_name="num"),
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
                        rx.el.th("Rows", scope="col"),
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
        id="held",
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
                    rx.el.div(_who(), address(), _picture(), class_name="col gap"),
                    rx.el.div(_ways(), _dates(), class_name="col gap"),
                    class_name="cols",
                ),
                _held(),
            ),
            skeleton(190, 160, 420),
        ),
        messages=ProfileState,
    )
