"""Deleting one's account: what every page says meanwhile, and the part of the Privacy page that begins it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from studio.errors import Conflict, StudioError
from studio.services import erasure, installation
from studio.services.dates import Dates
from studio.services.sessions import ReauthNeeded
from studio.state import guard
from studio.state.guard import action
from studio.state.reauth import ReauthMixin
from studio.state.settings_views import LeavingView, files_words
from studio.state.toasts import ToastMixin

HERE = "/settings/privacy"
HOURS, PURGE_DAYS, LEDGER_YEARS = erasure.HOURS, installation.PURGE_DAYS, installation.LEDGER_YEARS
PART = "leaving"


def epoch_ms(moment: datetime | None) -> int:
    """Milliseconds since 1970, which a clock in the browser counts towards; 0 for no moment."""
    return round(moment.timestamp() * 1000) if moment else 0


def full_words(moment: datetime | None) -> str:
    """ "Wednesday 25 November at 14:32 UTC": the same for everybody, as the mails say it."""
    if moment is None:
        return ""
    at = moment.astimezone(UTC)
    return f"{at:%A} {at.day} {at:%B} at {at:%H:%M} UTC"


def leaving_view(found: erasure.Countdown, dates: Dates) -> LeavingView:
    """The countdown's card."""
    past = (found.now - found.asked_at) / timedelta(hours=erasure.HOURS)
    jobs = {0: "", 1: " One output that was sent is allowed to finish."}.get(
        found.running, f" {found.running} outputs that were sent are allowed to finish."
    )
    return LeavingView(
        asked=dates.moment(found.asked_at),
        due=dates.moment(found.due_at),
        due_ms=epoch_ms(found.due_at),
        past=f"{min(max(past, 0), 1):.1%}",
        words="You can still look at your work and download it. Nothing new begins and nothing new is charged "
        f"while you decide.{jobs}",
    )


class KeepMixin(ToastMixin, mixin=True):
    """What every page shows during the countdown; read with who is signed in."""

    leaving: str = ""  # when the account goes, in words; empty: it stays
    leaving_ms: int = 0  # the same as an epoch in milliseconds

    def _show_leaving(self) -> None:
        due = guard.identity().leaving
        self.leaving, self.leaving_ms = full_words(due), epoch_ms(due)

    @action
    async def keep_account(self):
        """Stop the countdown, in one click. Every tab hears of it."""
        try:
            async with guard.system_work() as session:
                kept = await erasure.cancel(session, actor=guard.actor())
        except Conflict as error:
            self.announcement, self.leaving, self.leaving_ms = error.message, "", 0
            return
        self.announcement, self.leaving, self.leaving_ms = "Your account stays. Nothing was deleted.", "", 0
        await erasure.note_staying(guard.actor().account_id, at=kept)


class LeavingMixin(ReauthMixin, ToastMixin, mixin=True):
    """The card that asks for the deletion, its dialog, and the card of the countdown."""

    holding: str = ""  # "1,304 files, 4.2 GB"
    counting: LeavingView = LeavingView()  # without a `due` while nothing counts down
    delete_open: bool = False
    address: str = ""  # what is to be typed
    delete_error: str = ""

    async def _read_leaving(self) -> None:
        who = guard.identity()
        async with guard.system_work() as session:
            found = await erasure.countdown(session, account_id=who.account_id)
            has = await erasure.holding(session, actor=who.actor)
        self.address, self.holding = who.email, files_words(has.files, has.size_bytes)
        self.counting = leaving_view(found, who.dates) if found else LeavingView()
        if found:
            self.delete_open = False

    @action
    async def set_delete_open(self, value: bool):
        """Open or close the dialog."""
        self.delete_open, self.delete_error = value, ""
        if self.reauth_part == PART:
            self.reauth_href = ""

    @action
    async def delete_account(self, form: dict):
        """Start the 72 hours; what was typed has to be the address."""
        typed = form.get("address", "")
        self.delete_error, self.reauth_href = "", ""
        try:
            await guard.limit("erasure")
            async with guard.system_work() as session:
                due = await erasure.request(
                    session, actor=guard.actor(), typed=typed[:400] if isinstance(typed, str) else ""
                )
                await erasure.note_leaving(guard.actor().account_id, due=due)
        except ReauthNeeded:
            self._sign_in_again(HERE, PART, leave="1")
            return
        except StudioError as error:
            self.delete_error = error.message
            return
        await self._read_leaving()
        self._say("info", "Your account will be deleted", f"On {full_words(due)}, unless you keep it.")

    async def _bring_leaving_back(self) -> bool:
        """Back from signing in again: the dialog is open as it was. Whether the address named it."""
        if not self._brought_back("leave"):
            return False
        self.delete_open = await self._offer("", "")  # its own question is the offer
        return True
