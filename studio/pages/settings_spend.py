"""Settings, Spend: what this month costs, and how much it may."""

from __future__ import annotations

import reflex as rx

from studio.components import settings_spend as parts
from studio.components.settings import frame, skeleton
from studio.state.spend import SpendState


def page() -> rx.Component:
    """Figures, chart, alerts, ledger."""
    return frame(
        "Spend",
        rx.cond(
            SpendState.loaded,
            rx.fragment(
                parts.figures(),
                rx.el.div(
                    parts.chart(), rx.el.div(parts.alerts(), parts.by_model(), class_name="col side"), class_name="sp2"
                ),
                parts.ledger(),
            ),
            skeleton(125, 310, 280),
        ),
        aside=rx.cond(SpendState.loaded, rx.el.div(parts.month(), parts.cap(), class_name="set-acts")),
        here="Spend",
        messages=SpendState,
    )
