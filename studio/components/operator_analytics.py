"""The operator's counts as charts and tables."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.settings import card
from studio.components.styles import length
from studio.state.operator_analytics import AnalyticsState
from studio.state.settings_views import ArmView, CountBar, UsedView


def _bar(bar: CountBar) -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.el.i(style={"background": "var(--iris-9)", "height": bar.height}), class_name="stack"),
        rx.el.span(bar.label, class_name="day-n num"),
        class_name="bar-day",
        title=bar.title,
    )


def views() -> rx.Component:
    """Page views by day."""
    return card(
        "Page views by day",
        rx.el.div(
            rx.el.div(rx.foreach(AnalyticsState.days, _bar), class_name="bars"),
            class_name="plot",
            role="img",
            custom_attrs={"aria-label": AnalyticsState.said},
        ),
        lead=AnalyticsState.said,
    )


def _used(row: UsedView) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.name, scope="row"),
        rx.el.td(rx.el.span(rx.el.i(style={"width": row.share}), class_name="prog")),
        rx.el.td(row.uses, class_name="r num"),
        rx.el.td(row.visitors, class_name="r num"),
    )


def used(title: str, rows: Any, kind: str) -> rx.Component:
    """Pages or features, the most used first."""
    return card(
        title,
        rx.cond(
            length(rows) > 0,
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(
                        rx.el.th(kind, scope="col"),
                        rx.el.td(),
                        rx.el.th("Uses", scope="col", class_name="r"),
                        rx.el.th("Browsers", scope="col", class_name="r"),
                    )
                ),
                rx.el.tbody(rx.foreach(rows, _used)),
                class_name="counts",
            ),
            rx.el.p("Nothing was counted in the last 30 days.", class_name="mute"),
        ),
    )


def _arm(arm: ArmView) -> rx.Component:
    return rx.el.tr(
        rx.el.th(arm.words, scope="row"),
        rx.el.td(arm.views, class_name="r num"),
        rx.el.td(arm.starts, class_name="r num"),
        rx.el.td(arm.rate, class_name="r num"),
    )


def arms() -> rx.Component:
    """The experiment on the landing page, arm by arm."""
    return card(
        "Landing page experiment",
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    rx.el.th("Headline", scope="col"),
                    rx.el.th("Seen by", scope="col", class_name="r"),
                    rx.el.th("Sign-ins begun", scope="col", class_name="r"),
                    rx.el.th("Rate", scope="col", class_name="r"),
                )
            ),
            rx.el.tbody(rx.foreach(AnalyticsState.arms, _arm)),
            class_name="counts",
        ),
        lead=AnalyticsState.question,
    )
