"""The register of what people asked about their data: written down, watched, closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import reflex as rx

from studio.errors import StudioError
from studio.services import requests
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import OperatorMixin
from studio.state.operator_views import AskedView, ago, counted
from studio.state.studio import StudioState

SOON = timedelta(days=max(requests.REMIND_DAYS))
KINDS = tuple((kind, kind.capitalize()) for kind in requests.KINDS)


def asked_view(row: requests.Request, now: datetime) -> AskedView:
    """A request as a row of the table."""
    if row.outcome is not None:
        word, tone = row.outcome.capitalize(), "gray"
    elif row.overdue:
        word, tone = "Overdue", "red"
    else:
        word, tone = ("Due soon", "amber") if row.due_at - now < SOON else ("Open", "jade")
    return AskedView(
        id=str(row.id),
        who=row.who,
        kind=row.kind.capitalize(),
        note=row.note,
        came=f"{ago(row.received_at, now)} ago",
        due=f"{row.due_at.day} {row.due_at:%b %Y}",
        word=word,
        tone=tone,
        open=row.outcome is None,
    )


class OperatorRequestsState(OperatorMixin, rx.State):
    """One tab of the register."""

    rows: list[AskedView] = []
    said: str = ""
    who: str = ""
    note: str = ""
    error: str = ""

    @operator_action
    async def load(self):
        """Open requests first."""
        await self._read()
        self.loaded = True
        return StudioState.identify

    async def _read(self) -> None:
        async with guard.system_work() as session:
            rows = await requests.listed(session, by=guard.actor(), limit=requests.PAGE)
        now = datetime.now(UTC)
        self.rows = [asked_view(row, now) for row in rows]
        waiting = sum(row.outcome is None for row in rows)
        overdue = sum(row.overdue for row in rows)
        self.said = f"{counted(waiting, 'open request')}, {overdue:,} overdue"

    @operator_action
    async def add(self, form: dict):
        """Write a request down; what was typed stays when it does not fit."""
        typed = {name: form.get(name, "") for name in ("kind", "who", "note")}
        kind, who, note = (value if isinstance(value, str) else "" for value in typed.values())
        self.who, self.note, self.error = who[:300], note[:1_100], ""
        try:
            async with guard.system_work() as session:
                made = await requests.add(session, by=guard.actor(), kind=kind, who=who, note=note)
        except StudioError as error:
            self.error = error.message
            return
        self.who = self.note = ""
        await self._read()
        self._say("success", "Written down", f"It is due on {made.due_at.day} {made.due_at:%B}; you are reminded.")

    @operator_action
    async def close(self, request_id: str, outcome: str):
        """Note how a request ended."""
        try:
            async with guard.system_work() as session:
                await requests.close(session, by=guard.actor(), request_id=guard.uuid(request_id), outcome=outcome)
        finally:
            await self._read()
        self._say("success", "Closed", "The request stays here for a year.")
