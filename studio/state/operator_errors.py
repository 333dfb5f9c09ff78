"""The operator's error events: grouped, and found by the reference that a person was shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import reflex as rx

from studio.services import operator_errors
from studio.services.operator_errors import PAGE
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator import error_view
from studio.state.operator_parts import PagedMixin
from studio.state.operator_views import ErrorView, stamp
from studio.state.studio import StudioState

_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class OperatorErrorsState(PagedMixin, rx.State):
    """One tab of the error events."""

    rows: list[ErrorView] = []
    search: str = ""
    search_error: str = ""
    found: ErrorView = ErrorView()

    @operator_action
    async def load(self):
        """The kinds of errors that happened last."""
        await self._read()
        self.loaded = True
        return StudioState.identify

    async def _read(self) -> None:
        async with guard.system_work() as session:
            rows = await operator_errors.groups(session, actor=guard.actor(), before=self._cursor, limit=PAGE + 1)
        now = datetime.now(UTC)
        self.rows = [error_view(row, now) for row in self._cut(rows, PAGE, "reference")]

    @operator_action
    async def find(self, form: dict):
        """Look an error up by its reference, wherever that stands in what was typed."""
        typed = form.get("reference", "")
        self.search = typed[:200] if isinstance(typed, str) else ""
        self.found, self.search_error = ErrorView(), ""
        wanted = _UUID.search(self.search)
        if wanted is None:
            self.search_error = "A reference has 32 letters and digits, in groups. Copy the whole of it."
            return
        async with guard.system_work() as session:
            event = await operator_errors.find(session, actor=guard.actor(), reference=guard.uuid(wanted[0]))
        if event is None:
            self.search_error = "There is no error with this reference. Events are kept for 30 days."
            return
        self.found = ErrorView(
            kind=event.kind,
            place=f"{event.source} · {event.location}",
            last=stamp(event.at),
            reference=str(event.reference),
        )
