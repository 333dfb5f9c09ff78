"""The operator's audit log: who did what to what, and when."""

from __future__ import annotations

import reflex as rx

from studio.services import audit
from studio.services.audit import ACTIONS, PAGE, Entry
from studio.services.ledger import dollars
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import PagedMixin
from studio.state.operator_views import AuditView, short, stamp
from studio.state.settings_views import Choice
from studio.state.studio import StudioState

ALL = "all"


def audit_view(row: Entry) -> AuditView:
    """An act as a row."""
    said = [f"{k} {dollars(v) if k == 'micros' else v}" for k, v in row.details.items()]
    return AuditView(
        id=str(row.id),
        when=stamp(row.at),
        who="Command line" if row.actor == audit.CLI else short(row.actor),
        act=ACTIONS.get(row.action, row.action),
        subject=row.subject,
        details=", ".join(said).replace("micros ", ""),
    )


class OperatorAuditState(PagedMixin, rx.State):
    """One tab of the audit log."""

    show: str = ALL
    choices: list[Choice] = [Choice(ALL, "All acts"), *(Choice(key, words) for key, words in ACTIONS.items())]
    rows: list[AuditView] = []

    @operator_action
    async def load(self):
        """The newest acts."""
        await self._read()
        self.loaded = True
        return StudioState.identify

    async def _read(self) -> None:
        async with guard.system_work() as session:
            rows = await audit.listed(
                session,
                actor=guard.actor(),
                action=None if self.show == ALL else self.show,
                before=int(self._seen[-1]) if self._seen else None,
                limit=PAGE + 1,
            )
        self.rows = [audit_view(row) for row in self._cut(rows, PAGE)]

    @operator_action
    async def set_show(self, value: str):
        """Show one kind of act, or all."""
        if value == ALL or value in ACTIONS:
            self.show = value
            self._from_the_start()
            await self._read()
