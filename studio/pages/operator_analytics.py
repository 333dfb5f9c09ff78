"""Operator, Analytics: counts of those who allowed counting."""

from __future__ import annotations

import reflex as rx

from studio.components import operator_analytics as parts
from studio.components.operator import frame
from studio.state.operator_analytics import AnalyticsState


def page() -> rx.Component:
    """Views by day, pages, features, the experiment."""
    return frame(
        "Analytics",
        parts.views(),
        rx.el.div(
            parts.used("Pages", AnalyticsState.pages, "Page"),
            parts.used("Features", AnalyticsState.features, "Feature"),
            class_name="cols",
        ),
        parts.arms(),
        state=AnalyticsState,
        lead="Counted for those who allowed it, and for nobody else.",
    )
