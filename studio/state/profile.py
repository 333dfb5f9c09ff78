"""The Profile page: name, time zone, and what is held about a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import reflex as rx

from studio.errors import StudioError
from studio.services import pictures, profile
from studio.services.dates import STYLES, Dates
from studio.state import guard
from studio.state.address import HERE, AddressMixin
from studio.state.guard import action
from studio.state.settings_views import FactView
from studio.state.studio import StudioState
from studio.state.ways_in import WaysInMixin

TIME_ZONES = tuple(sorted(profile.time_zones()))
LOCALES = tuple((locale, style.name) for locale, style in STYLES.items())


def fact_view(fact: profile.HeldFact, counts: Mapping[str, int]) -> FactView:
    """A row of the table. What is not kept by account has no count."""
    count = counts.get(fact.table)
    return FactView(
        category=fact.category.capitalize(),
        kind=fact.table[:1].upper() + fact.table[1:],
        what=", ".join(fact.what),
        why=fact.why[:1].upper() + fact.why[1:],
        leaves=fact.leaves,
        count="Not by account" if count is None else f"{count:,}",
    )


class ProfileState(AddressMixin, WaysInMixin, rx.State):
    """One tab of the Profile page."""

    loaded: bool = False
    name: str = ""
    name_error: str = ""
    email: str = ""
    since: str = ""  # "23 Nov 2026, 18:13"
    time_zone: str = "UTC"
    locale: str = "en-GB"
    here: str = ""  # "It is 23 Nov, 19:13 there."
    picture_error: str = ""
    facts: list[FactView] = []

    @action
    async def load(self):
        """Who is signed in, as the database knows them."""
        await self._read()
        self._begin_anew()
        self.way_problem, self.picture_error = "", ""
        self.loaded = True
        await self._read_address()
        if await self._bring_way_back():  # from signing in again: offered once more, not done yet
            return rx.redirect(HERE, replace=True)
        if typed := self._brought_back("email"):  # from signing in again: in the field as it was, not sent yet
            self.new_email = typed
            return rx.redirect(HERE, replace=True)
        return None

    async def _follow(self) -> None:
        """The address as it is now; nothing is read while the tab shows another page."""
        if self.loaded and self.router.url.path.rstrip("/") == HERE:
            self.email = guard.identity().email
            await self._read_address()

    async def _read(self) -> None:
        async with guard.work() as session:
            found = await profile.get(session, actor=guard.actor())
            counts = await profile.counts(session, actor=guard.actor())
        await self._read_ways()
        dates = Dates.of(found.date_locale, found.time_zone)
        self.name, self.email = found.name, found.email
        self.time_zone = found.time_zone
        self.locale = dates.locale
        self.facts = [fact_view(fact, counts) for fact in profile.facts()]
        self.since = dates.full(found.created_at)
        self.here = f"It is {dates.moment(datetime.now(UTC))} there."

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
    async def set_time_zone(self, value: str):
        """Choose where dates are shown from."""
        async with guard.work() as session:
            await profile.set_time_zone(session, actor=guard.actor(), time_zone=value)
        await self._read()

    @action
    async def set_locale(self, value: str):
        """Choose the language that dates are written in."""
        async with guard.work() as session:
            await profile.set_date_locale(session, actor=guard.actor(), locale=value)
        await self._read()

    @action
    async def picture_sent(self, error: str):
        """The browser has sent a picture; an empty `error` means that it is kept."""
        self.picture_error = error[:300]
        if not error:
            self._say("success", "Picture saved")
            return StudioState.identify
        return None

    @action
    async def remove_picture(self):
        """Take one's picture away for good."""
        async with guard.work() as session:
            await pictures.remove(session, actor=guard.actor())
        self.picture_error = ""
        self._say("success", "Picture removed", "It is deleted, and does not come back when you sign in.")
        return StudioState.identify


def _typed(form: dict, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
