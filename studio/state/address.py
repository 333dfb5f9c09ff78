"""The part of the Profile page that changes the e-mail address."""

from __future__ import annotations

from studio.errors import StudioError
from studio.services import addresses, sessions
from studio.state import guard
from studio.state.guard import action
from studio.state.reauth import ReauthMixin

HERE = "/settings/profile"
LONGEST_TYPED = 400


class AddressMixin(ReauthMixin, mixin=True):
    """The address that was asked for and waits, and the form for another one."""

    new_email: str = ""  # what is in the field
    new_email_error: str = ""
    waiting_for: str = ""  # the address that has not confirmed yet; empty when none waits
    waiting_until: str = ""  # "26 Nov, 20:43"

    async def _read_address(self) -> None:
        async with guard.work() as session:
            found = await addresses.pending(session, actor=guard.actor())
        self.waiting_for = found.email if found else ""
        self.waiting_until = guard.identity().dates.moment(found.until) if found else ""

    @action
    async def ask_address(self, form: dict):
        """Ask for another address; what was typed stays when it does not fit or needs a sign-in first."""
        typed = form.get("email", "")
        self.new_email = typed[:LONGEST_TYPED] if isinstance(typed, str) else ""
        self.new_email_error, self.reauth_href = "", ""
        try:
            await guard.limit("email_change")
            async with guard.work() as session:
                await addresses.ask(session, actor=guard.actor(), email=self.new_email)
        except sessions.ReauthNeeded:
            self._sign_in_again(HERE, email=self.new_email)
            return
        except StudioError as error:
            self.new_email_error = error.message
            return
        self.new_email = ""
        await self._read_address()

    @action
    async def cancel_address(self):
        """Drop the change that waits."""
        try:
            async with guard.work() as session:
                await addresses.cancel(session, actor=guard.actor())
        finally:
            await self._read_address()
