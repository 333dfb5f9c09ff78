"""The Spend page: a month's figures, its ledger, the cap and its alerts."""

from __future__ import annotations

import reflex as rx
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.errors import StudioError
from studio.services import ledger, sessions, spend
from studio.services.byteplus import catalog
from studio.services.ledger import dollars
from studio.state import guard
from studio.state.guard import action
from studio.state.reauth import ReauthMixin
from studio.state.settings_views import AlertView, Bar, Choice, DayRow, EntryView, ModelTotal, Tick
from studio.state.spend_views import (
    alert_views,
    chart,
    chart_said,
    entry_view,
    forecast,
    model_totals,
    released,
)
from studio.state.toasts import ToastMixin

ALL = "all"
HERE = "/settings/spend"
KINDS = {
    ALL: "All entries",
    "settle": "Charged",
    "reserve": "Held",
    "release": "Released",
    "reverse": "Given back",
}


class SpendState(ReauthMixin, ToastMixin, rx.State):
    """One tab of the Spend page."""

    loaded: bool = False
    months: list[Choice] = []
    month: str = ""  # "2026-11"
    current: bool = True

    used: str = ""
    cap: str = ""
    charged: str = ""
    held: str = ""
    left: str = ""
    resets: str = ""  # "Resets 1 December"; empty for a month that is over
    charged_share: str = "0%"
    used_share: str = "0%"
    used_percent: float = 0.0
    meter: str = ""
    over: str = ""  # why nothing more can be submitted, a sentence
    forecast_label: str = ""
    forecast: str = ""
    forecast_text: str = ""
    per_output: str = ""
    per_output_text: str = ""
    not_charged: str = ""
    not_charged_text: str = ""

    models: list[ModelTotal] = []
    bars: list[Bar] = []
    ticks: list[Tick] = []
    pace: Tick = Tick()  # the cap's daily pace; without a label it is off the scale
    days: list[DayRow] = []
    chart_said: str = ""
    as_table: bool = False

    kinds: list[Choice] = [Choice(value, label) for value, label in KINDS.items()]
    kind: str = ALL
    model_choices: list[Choice] = []
    model: str = ALL
    entries: list[EntryView] = []
    total: str = ""  # "318 entries"
    span: str = ""  # "1–25 of 318"
    has_newer: bool = False
    has_older: bool = False

    alerts: list[AlertView] = []
    cap_open: bool = False
    cap_plain: str = ""  # "40.00"
    cap_hint: str = ""
    cap_error: str = ""

    _page: int = 0

    @action
    async def load(self):
        """The current month, or the one that was chosen before."""
        self._begin_anew()
        async with guard.work() as session:
            found = [f"{each:%Y-%m}" for each in await spend.months(session, actor=guard.actor())]
            self.months = [Choice(each, guard.identity().dates.month(spend.parse_month(each))) for each in found]
            if self.month not in found:
                self.month = found[0]
            await self._read(session)
        self.loaded = True
        if typed := self._brought_back("cap"):  # from signing in again: the dialog as it was left, not saved yet
            await self._open_cap(typed)
            return rx.redirect(HERE, replace=True)
        return None

    async def _read(self, session: AsyncSession) -> None:
        """Everything about the chosen month."""
        found = await spend.month(session, actor=guard.actor(), month=spend.parse_month(self.month))
        self._show(found)
        self.alerts = alert_views(
            spend.ALERTS, list(await spend.alerts(session, actor=guard.actor())), found.budget.cap
        )
        self.model_choices = [Choice(ALL, "All models"), *(Choice(m, catalog.label(m)) for m in found.models)]
        if self.model not in found.models:
            self.model = ALL
        await self._ledger(session)

    async def _follow(self) -> None:
        """Bring the figures up to date where they stand; nothing is read while the tab shows another page."""
        if self.loaded and self.router.url.path.rstrip("/") == HERE:
            async with guard.work() as session:
                await self._read(session)

    def _show(self, found: spend.Month) -> None:
        budget = found.budget
        used = budget.held + budget.spent
        self.current = self.month == f"{found.today:%Y-%m}"
        self.used, self.cap = dollars(used), dollars(budget.cap)
        self.charged, self.held = dollars(budget.spent), dollars(budget.held)
        self.left = dollars(max(budget.left, 0), down=True)
        self.resets = f"Resets {guard.identity().dates.named(budget.resets)}" if self.current else ""
        scale = max(budget.cap, used) or 1
        self.charged_share = f"{100 * budget.spent / scale:.1f}%"
        self.used_share = f"{100 * used / scale:.1f}%"
        self.used_percent = min(100.0, round(100 * used / budget.cap, 1)) if budget.cap else 100.0
        self.meter = f"{self.charged} charged and {self.held} held of {self.cap}"
        self.over = (
            "Nothing more can be submitted until the cap resets or is raised."
            if self.current and budget.left <= 0
            else ""
        )
        self.forecast_label, self.forecast, self.forecast_text = forecast(found, guard.identity().dates)
        outputs = sum(row.outputs for row in found.days)
        self.per_output = dollars(budget.spent // outputs) if outputs else "–"
        self.per_output_text = f"Charged ÷ {outputs:,} outputs." if outputs else "No output was charged."
        self.not_charged, self.not_charged_text = dollars(found.released_micros), released(found)
        self.models = model_totals(found)
        self.bars, self.ticks, self.days, self.pace = chart(found, guard.identity().dates)
        self.chart_said = chart_said(found, guard.identity().dates)

    async def _ledger(self, session: AsyncSession) -> None:
        """The chosen page of the filtered ledger; the last one when there are fewer."""
        who = guard.actor()
        month = spend.parse_month(self.month)
        kind = self.kind if self.kind in spend.KINDS else None
        model = self.model if self.model != ALL else None
        count = await spend.count(session, actor=who, month=month, kind=kind, model=model)
        self._page = max(0, min(self._page, (count - 1) // spend.PAGE))
        first = self._page * spend.PAGE
        rows = await spend.entries(session, actor=who, month=month, kind=kind, model=model, offset=first)
        self.entries = [entry_view(row, guard.identity().dates) for row in rows]
        self.total = "1 entry" if count == 1 else f"{count:,} entries"
        self.span = f"{first + 1:,}–{first + len(rows):,} of {count:,}" if rows else ""
        self.has_newer = self._page > 0
        self.has_older = first + len(rows) < count

    @action
    async def set_month(self, value: str):
        """Choose a month that is listed."""
        if any(each.value == value for each in self.months):
            self.month, self._page = value, 0
            async with guard.work() as session:
                await self._read(session)

    @action
    async def set_kind(self, value: str):
        """Show one kind of entry, or all."""
        if value in KINDS:
            self.kind, self._page = value, 0
            await self._again()

    @action
    async def set_model(self, value: str):
        """Show one model's entries, or all."""
        if any(each.value == value for each in self.model_choices):
            self.model, self._page = value, 0
            await self._again()

    @action
    async def turn(self, by: int):
        """The next older page (1) or the next newer one (-1)."""
        if by in (-1, 1):
            self._page += by
            await self._again()

    async def _again(self) -> None:
        if self.month:
            async with guard.work() as session:
                await self._ledger(session)

    @action
    async def show_table(self):
        """The chart as a table, or as bars again."""
        self.as_table = not self.as_table

    @action
    async def set_alert(self, percent: int, on: bool):
        """Turn an alert on or off."""
        async with guard.work() as session:
            await spend.set_alert(session, actor=guard.actor(), percent=percent, on=on)
            now = await ledger.budget(session, account_id=guard.actor().account_id)
            chosen = list(await spend.alerts(session, actor=guard.actor()))
        self.alerts = alert_views(spend.ALERTS, chosen, now.cap)

    @action
    async def set_cap_open(self, value: bool):
        """Open the cap's dialog with what holds now, or close it."""
        self.cap_open, self.cap_error, self.reauth_href = value, "", ""
        if value:
            await self._open_cap()

    async def _open_cap(self, typed: str = "") -> None:
        """The dialog, with what holds now or with what was typed before."""
        async with guard.work() as session:
            now = await ledger.budget(session, account_id=guard.actor().account_id)
        ceiling = max(settings().max_cap_micros, now.cap)
        self.cap_open, self.cap_plain = True, typed or dollars(now.cap).removeprefix("$")
        self.cap_hint = (
            f"From $0.00 to {dollars(ceiling)}. {dollars(now.spent)} is charged and {dollars(now.held)} held "
            "this month: a cap below that stops new work until it resets."
        )

    @action
    async def save_cap(self, form: dict):
        """Set the cap that was typed; what was typed stays when it does not fit."""
        typed = form.get("cap", "")
        typed = typed if isinstance(typed, str) else ""
        self.reauth_href = ""
        try:
            wanted = spend.parse_usd(typed)
            async with guard.work() as session:
                now = await spend.set_cap(session, actor=guard.actor(), cap_micros=wanted)
                if self.month:
                    await self._read(session)
        except sessions.ReauthNeeded:
            self.cap_error = ""
            self._sign_in_again(HERE, cap=typed)
            return
        except StudioError as error:
            self.cap_error = error.message
            return
        self.cap_open, self.cap_error = False, ""
        self._say("success", f"Your cap is now {dollars(now.cap)}", "It holds from this moment on.")
