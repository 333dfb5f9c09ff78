"""The Profile page: name, time zone, workspace, and what is held about a person."""

from __future__ import annotations

from datetime import UTC, datetime

import reflex as rx

from studio.errors import StudioError
from studio.services import profile
from studio.state import guard
from studio.state.address import HERE, AddressMixin
from studio.state.guard import action
from studio.state.settings_views import FactView
from studio.state.spend_views import moment
from studio.state.studio import StudioState
from studio.state.toasts import ToastMixin

TIME_ZONES = tuple(sorted(profile.time_zones()))


def fact_view(fact: profile.HeldFact) -> FactView:
    """A row of the table."""
    return FactView(
        category=fact.category.capitalize(),
        kind=fact.table[:1].upper() + fact.table[1:],
        what=", ".join(fact.what),
        why=fact.why[:1].upper() + fact.why[1:],
        leaves=fact.leaves,
    )


class ProfileState(AddressMixin, ToastMixin, rx.State):
    """One tab of the Profile page."""

    loaded: bool = False
    name: str = ""
    name_error: str = ""
    email: str = ""
    since: str = ""  # "23 Nov 2026, 18:13"
    time_zone: str = "UTC"
    here: str = ""  # "It is 23 Nov, 19:13 there."
    workspace: str = ""
    workspace_error: str = ""
    facts: list[FactView] = []

    @action
    async def load(self):
        """Who is signed in, as the database knows them."""
        await self._read()
        self.facts = [fact_view(fact) for fact in profile.facts()]
        self.loaded = True
        await self._read_address()
        if typed := self._brought_back("email"):  # from signing in again: in the field as it was, not sent yet
            self.new_email = typed
            return rx.redirect(HERE, replace=True)
        return None

    async def _read(self) -> None:
        async with guard.work() as session:
            found = await profile.get(session, actor=guard.actor())
        zone = profile.zone(found.time_zone)
        since = found.created_at.astimezone(zone)
        self.name, self.email, self.workspace = found.name, found.email, found.workspace
        self.time_zone = found.time_zone
        self.since = f"{since.day} {since:%B} {since.year}"
        self.here = f"It is {moment(datetime.now(UTC), zone)} there."

    @action
    async def save_name(self, form: dict):
        """Change the name; the frame around the page shows it at once."""
        try:
            async with guard.work() as session:
                await profile.rename(session, actor=guard.actor(), name=_typed(form, "name"))
        except StudioError as error:
            self.name_error = error.message
            return None
        self.name_error = ""
        await self._read()
        self._say("success", "Name saved")
        return StudioState.identify

    @action
    async def save_workspace(self, form: dict):
        """Rename the active workspace."""
        try:
            async with guard.work() as session:
                await profile.rename_workspace(session, actor=guard.actor(), name=_typed(form, "workspace"))
        except StudioError as error:
            self.workspace_error = error.message
            return None
        self.workspace_error = ""
        await self._read()
        self._say("success", "Workspace renamed")
        return StudioState.identify

    @action
    async def set_time_zone(self, value: str):
        """Choose where dates are shown from."""
        async with guard.work() as session:
            await profile.set_time_zone(session, actor=guard.actor(), time_zone=value)
        await self._read()


def _typed(form: dict, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
