"""The operator's page of counts: what is used by those who allowed counting, and how the experiments stand."""

from __future__ import annotations

from datetime import date

import reflex as rx

from studio.services import experiments, operators, usage
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import OperatorMixin
from studio.state.settings_views import ArmView, CountBar, UsedView
from studio.state.studio import StudioState


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def bars(days: list[usage.Day]) -> list[CountBar]:
    """The days as bars, the tallest at 100 percent; every seventh is named."""
    most = max((day.views for day in days), default=0) or 1
    return [
        CountBar(
            day=_day(each.day),
            label=_day(each.day) if (len(days) - 1 - n) % 7 == 0 else "",
            title=f"{_day(each.day)}: {each.views} views, {each.visitors} browsers",
            height=f"{100 * each.views / most:.1f}%",
            views=str(each.views),
            visitors=str(each.visitors),
        )
        for n, each in enumerate(days)
    ]


def used_views(rows: list[usage.Used]) -> list[UsedView]:
    """Pages or features with bars against the most used."""
    most = max((row.uses for row in rows), default=0) or 1
    return [
        UsedView(
            name=row.name, uses=f"{row.uses:,}", visitors=f"{row.visitors:,}", share=f"{100 * row.uses / most:.1f}%"
        )
        for row in rows
    ]


def arm_view(result: experiments.ArmResult) -> ArmView:
    """An arm as a row; the rate is empty until somebody saw it."""
    return ArmView(
        arm=result.arm,
        words=result.words,
        views=f"{result.views:,}",
        starts=f"{result.starts:,}",
        rate=f"{100 * result.starts / result.views:.1f}%" if result.views else "",
    )


class AnalyticsState(OperatorMixin, rx.State):
    """One tab of the operator's counts."""

    days: list[CountBar] = []
    said: str = ""  # the chart in words
    pages: list[UsedView] = []
    features: list[UsedView] = []
    question: str = ""
    arms: list[ArmView] = []

    @operator_action
    async def load(self):
        """The last 30 days, and every arm since it began."""
        async with guard.system_work() as session:
            await operators.require(session, actor=guard.actor())
            found = await usage.report(session)
            arms = await experiments.report(session)
        self.days = bars(list(found.days))
        views = sum(day.views for day in found.days)
        self.said = f"{views:,} page views in {len(found.days)} days, by those who allowed counting."
        self.pages, self.features = used_views(list(found.pages)), used_views(list(found.features))
        self.question = experiments.LANDING.question
        self.arms = [arm_view(arm) for arm in arms]
        self.loaded = True
        return StudioState.identify
