"""The operator's queue: unfinished requests by state and age, and charges that may be given back."""

from __future__ import annotations

from datetime import datetime

import reflex as rx

from studio.services import operator_work
from studio.services.byteplus import catalog
from studio.services.ledger import dollars
from studio.services.operator_work import PAGE, STATES, Request
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import PagedMixin
from studio.state.operator_views import RequestView, ago, short
from studio.state.settings_views import Choice
from studio.state.studio import StudioState

ALL = "all"
WORDS = {
    "queued": "Waiting",
    "submitting": "Sending",
    "running": "Running",
    "storing": "Storing",
    "unknown": "Reconciling",
    "settled": "Written off",
}


def request_view(row: Request, now: datetime) -> RequestView:
    """A generation as a row. The id's first characters tell two apart; the whole one is in its title."""
    retrying = row.state == "queued" and row.tries > 0 and row.due_at is not None and row.due_at > now
    word = f"Retry in {ago(now, row.due_at)}" if retrying and row.due_at else WORDS[row.state]
    return RequestView(
        id=str(row.id),
        short=short(row.id),
        account=short(row.account_id),
        account_id=str(row.account_id),
        model=catalog.label(row.model),
        state="retry" if retrying else row.state,
        word=word,
        age=ago(row.created_at, now),
        tries=f"{row.tries:,}",
        held=dollars(row.reserved_micros),
        reversible=row.state == "settled",
    )


class OperatorQueueState(PagedMixin, rx.State):
    """One tab of the queue's page."""

    show: str = ALL
    choices: list[Choice] = []
    rows: list[RequestView] = []
    total: str = ""
    reversing: str = ""  # the request whose charge would be given back; empty: the question is closed

    @operator_action
    async def load(self):
        """The oldest unfinished requests."""
        await self._read()
        self.loaded = True
        return StudioState.identify

    async def _read(self) -> None:
        async with guard.system_work() as session:
            who = guard.actor()
            now = await operator_work.now(session)
            counts = await operator_work.queue_counts(session, actor=who)
            state = None if self.show == ALL else self.show
            rows = await operator_work.requests(session, actor=who, state=state, after=self._cursor, limit=PAGE + 1)
        total = sum(each.count for each in counts.values())
        self.total = f"{total:,} unfinished"
        self.choices = [Choice(ALL, f"All unfinished, {total:,}")] + [
            Choice(each, WORDS[each] + (f", {counts[each].count:,}" if each in counts else "")) for each in STATES
        ]
        self.rows = [request_view(row, now) for row in self._cut(rows, PAGE)]

    @operator_action
    async def set_show(self, value: str):
        """Show one state, or everything unfinished."""
        if value == ALL or value in STATES:
            self.show = value
            self._from_the_start()
            await self._read()

    @operator_action
    async def ask_reverse(self, generation_id: str, value: bool):
        """Ask before a charge is given back, or stop asking."""
        known = any(row.id == generation_id and row.reversible for row in self.rows)
        self.reversing = generation_id if value and known else ""

    @operator_action
    async def reverse(self):
        """Give the charge back that was asked about."""
        chosen, self.reversing = guard.uuid(self.reversing), ""
        async with guard.system_work() as session:
            micros = await operator_work.reverse(session, by=guard.actor(), generation_id=chosen)
        await self._read()
        self._say("success", f"{dollars(micros)} given back", "The person's spend page shows it.")
