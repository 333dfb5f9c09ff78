"""The Sessions page: where the account is signed in, and the way out of each place."""

from __future__ import annotations

from datetime import UTC, datetime

import reflex as rx

from studio.errors import StudioError
from studio.services import devices, sessions
from studio.services.dates import Dates
from studio.state import guard
from studio.state.guard import action
from studio.state.reauth import ReauthMixin
from studio.state.settings_views import DeviceView
from studio.state.toasts import ToastMixin

HERE = "/settings/sessions"
OTHERS, ALL = "others", "all"  # what may be ended at once, beside the id of one session


def seen(at: datetime, dates: Dates, now: datetime) -> str:
    """ "now", "12 minutes ago", or the moment. A use is noted at most once a minute."""
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 2:
        return "now"
    return f"{minutes} minutes ago" if minutes < 60 else dates.moment(at, now)


def device_view(device: devices.Device, dates: Dates, now: datetime) -> DeviceView:
    """A session as a row."""
    return DeviceView(
        id=str(device.id),
        title=device.name or "Browser without a name",
        name=device.name,
        current=device.current,
        started=dates.moment(device.created_at, now),
        seen=seen(device.seen_at, dates, now),
    )


class DevicesState(ReauthMixin, ToastMixin, rx.State):
    """One tab of the Sessions page."""

    loaded: bool = False
    devices: list[DeviceView] = []
    others: int = 0
    naming: str = ""  # the session whose name is being changed; empty: the dialog is closed
    naming_error: str = ""
    leaving: bool = False  # the question before signing out everywhere

    @action
    async def load(self):
        """Every live session."""
        await self._read()
        self._begin_anew()
        self.loaded = True
        if what := self._brought_back("end"):  # from signing in again: offered once more, not done yet
            await self._offer_ending(what)
            return rx.redirect(HERE, replace=True)
        return None

    async def _offer_ending(self, what: str) -> None:
        one = next((each.title for each in self.devices if each.id == what and not each.current), "")
        if what == OTHERS and self.others:
            await self._offer("Sign out all others", OTHERS)
        elif what == ALL:
            self.leaving = await self._offer("", "")  # its own question is the offer
        elif one:
            await self._offer(f"Sign out {one}", what)

    async def _read(self) -> None:
        async with guard.work() as session:
            rows = await devices.listed(session, actor=guard.actor())
        now = datetime.now(UTC)
        self.devices = [device_view(row, guard.identity().dates, now) for row in rows]
        self.others = sum(not row.current for row in rows)

    @action
    async def name_session(self, session_id: str, value: bool):
        """Open the dialog that names a session that is listed, or close it."""
        known = any(each.id == session_id for each in self.devices)
        self.naming, self.naming_error = session_id if value and known else "", ""

    @action
    async def save_name(self, form: dict):
        """Keep the name that was typed."""
        typed = form.get("name", "")
        try:
            async with guard.work() as session:
                await devices.rename(
                    session,
                    actor=guard.actor(),
                    session_id=guard.uuid(self.naming),
                    name=typed if isinstance(typed, str) else "",
                )
        except StudioError as error:
            self.naming_error = error.message
            return
        self.naming = ""
        await self._read()

    @action
    async def end(self, session_id: str):
        """Sign one browser out; its open pages close."""
        await self._end(session_id)

    @action
    async def end_others(self):
        """Sign every other browser out."""
        await self._end_others()

    @action
    async def end_asked(self):
        """Sign out what was asked for before signing in again."""
        if self.asked_for == OTHERS:
            await self._end_others()
        elif self.asked_for:
            await self._end(self.asked_for)

    async def _end(self, session_id: str) -> None:
        self.reauth_href, self.asked = "", ""
        try:
            async with guard.work() as session:
                await devices.revoke(session, actor=guard.actor(), session_id=guard.uuid(session_id))
        except sessions.ReauthNeeded:
            self._sign_in_again(HERE, end=session_id)
            return
        finally:
            await self._read()
        self._say("success", "Signed out there", "Its open pages are closed.")

    async def _end_others(self) -> None:
        self.reauth_href, self.asked = "", ""
        try:
            async with guard.work() as session:
                ended = await devices.revoke_all(session, actor=guard.actor(), but_this=True)
        except sessions.ReauthNeeded:
            self._sign_in_again(HERE, end=OTHERS)
            return
        await self._read()
        self._say("success", "Signed out in 1 browser" if ended == 1 else f"Signed out in {ended} browsers")

    @action
    async def set_leaving(self, value: bool):
        """Ask before signing out everywhere, or stop asking."""
        self.leaving = value

    @action
    async def end_all(self):
        """Sign out everywhere, here too."""
        self.reauth_href = ""
        try:
            async with guard.work() as session:
                await devices.revoke_all(session, actor=guard.actor(), but_this=False)
        except sessions.ReauthNeeded:
            self.leaving = False
            self._sign_in_again(HERE, end=ALL)
            return None
        return rx.redirect("/welcome")
