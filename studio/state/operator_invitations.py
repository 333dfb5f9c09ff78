"""The operator's invitations: who may make an account."""

from __future__ import annotations

from datetime import UTC, datetime

import reflex as rx

from studio.config import settings
from studio.errors import StudioError
from studio.services import operator_people
from studio.services.operator_people import PAGE
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import PagedMixin
from studio.state.operator_views import InvitationView, ago, stamp
from studio.state.studio import StudioState

POLICIES = {
    "open": "Anybody with a confirmed address may make an account. Invitations are not needed.",
    "invite": "Only people you invite may make an account.",
    "domain": "Addresses of the allowed domains may make an account, and people you invite.",
}


class OperatorInvitationsState(PagedMixin, rx.State):
    """One tab of the invitations."""

    rows: list[InvitationView] = []
    policy: str = ""
    email: str = ""
    email_error: str = ""

    @operator_action
    async def load(self):
        """The newest invitations."""
        self.policy = POLICIES[settings().signup.mode]
        await self._read()
        self.loaded = True
        return StudioState.identify

    async def _read(self) -> None:
        async with guard.system_work() as session:
            rows = await operator_people.invitations(session, actor=guard.actor(), before=self._cursor, limit=PAGE + 1)
        now = datetime.now(UTC)
        self.rows = [
            InvitationView(str(row.id), row.email, f"{ago(row.created_at, now)} ago", stamp(row.expires_at))
            for row in self._cut(rows, PAGE)
        ]

    @operator_action
    async def invite(self, form: dict):
        """Let an address in; what was typed stays when it is none."""
        typed = form.get("email", "")
        self.email, self.email_error = typed[:300] if isinstance(typed, str) else "", ""
        try:
            async with guard.system_work() as session:
                kept = await operator_people.invite(session, by=guard.actor(), email=self.email)
        except StudioError as error:
            self.email_error = error.message
            return
        self.email = ""
        self._from_the_start()
        await self._read()
        self._say("success", "Invited", f"{kept} may sign in at {settings().public_url} within 30 days.")

    @operator_action
    async def revoke(self, invitation_id: str):
        """Take an invitation back."""
        try:
            async with guard.system_work() as session:
                await operator_people.uninvite(session, by=guard.actor(), invitation_id=guard.uuid(invitation_id))
        finally:
            await self._read()
        self._say("success", "Taken back", "Nobody is told: an invitation sends no mail.")
