"""The operator's accounts: found by address, with this month's spend; caps, restrictions and signing out."""

from __future__ import annotations

import reflex as rx

from studio.config import settings
from studio.errors import Restricted, StudioError
from studio.services import operator_people, restriction
from studio.services.ledger import dollars
from studio.services.operator_people import PAGE, Person
from studio.services.spend import parse_usd
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import PagedMixin
from studio.state.operator_views import PersonView, counted, stamp
from studio.state.settings_views import Choice
from studio.state.studio import StudioState

REASONS = {
    "person": "the person's own request",
    "operator": "the operator's request",
    "authority": "an authority's request",
}


def person_view(row: Person) -> PersonView:
    """An account as a row."""
    request = REASONS.get(row.restricted_for or "", "")
    return PersonView(
        id=str(row.id),
        email=row.email,
        since=stamp(row.created_at),
        restricted=f"Restricted at {request}, {stamp(row.restricted_at)}" if row.restricted_at else "",
        spent=dollars(row.spent_micros),
        held=dollars(row.held_micros),
        cap=dollars(row.cap_micros),
        cap_plain=dollars(row.cap_micros).removeprefix("$"),
        devices=counted(row.devices, "browser"),
    )


class OperatorAccountsState(PagedMixin, rx.State):
    """One tab of the accounts. `chosen` is the account whose dialog is open."""

    rows: list[PersonView] = []
    search: str = ""
    only_restricted: bool = False
    chosen: PersonView = PersonView()
    cap_error: str = ""
    cap_hint: str = ""
    reasons: list[Choice] = [Choice(value, f"At {words}") for value, words in REASONS.items()]

    @operator_action
    async def load(self):
        """The newest accounts."""
        self.cap_hint = f"From $0.00 to {dollars(settings().max_cap_micros)}."
        await self._read()
        self.loaded = True
        return StudioState.identify

    async def _read(self) -> None:
        async with guard.system_work() as session:
            rows = await operator_people.people(
                session,
                actor=guard.actor(),
                search=self.search,
                restricted=self.only_restricted,
                before=self._cursor,
                limit=PAGE + 1,
            )
        self.rows = [person_view(row) for row in self._cut(rows, PAGE)]
        if self.chosen.id:
            self.chosen = next((row for row in self.rows if row.id == self.chosen.id), PersonView())

    @operator_action
    async def find(self, form: dict):
        """Accounts whose address contains what was typed, or the account of an id."""
        typed = form.get("search", "")
        self.search = typed[:254] if isinstance(typed, str) else ""
        self._from_the_start()
        await self._read()

    @operator_action
    async def set_only_restricted(self, value: bool):
        """Show restricted accounts only, or all."""
        self.only_restricted = value
        self._from_the_start()
        await self._read()

    @operator_action
    async def choose(self, account_id: str, value: bool):
        """Open an account that is listed, or close it."""
        self.cap_error = ""
        listed = next((row for row in self.rows if row.id == account_id), PersonView())
        self.chosen = listed if value else PersonView()

    @operator_action
    async def save_cap(self, form: dict):
        """Set the open account's cap; what was typed stays when it does not fit."""
        typed = form.get("cap", "")
        try:
            wanted = parse_usd(typed if isinstance(typed, str) else "")
            async with guard.system_work() as session:
                await operator_people.set_cap(
                    session, by=guard.actor(), account_id=guard.uuid(self.chosen.id), cap_micros=wanted
                )
        except StudioError as error:
            self.cap_error = error.message
            return
        self.cap_error = ""
        await self._read()
        self._say("success", f"The cap is now {dollars(wanted)}")

    @operator_action
    async def restrict(self, form: dict):
        """Restrict the open account, at the request that was chosen."""
        reason = form.get("reason", "")
        account_id = guard.uuid(self.chosen.id)
        async with guard.system_work() as session:
            done = await restriction.restrict(
                session,
                by=guard.actor(),
                account_id=account_id,
                reason=reason if isinstance(reason, str) and reason in Restricted.REASONS else "",
            )
            await restriction.note(account_id, restricted=True)
        await self._read()
        waited = counted(done.cancelled, "waiting output")
        self._say("success", "Restricted", f"The person is told by mail. {waited} cancelled.")

    @operator_action
    async def unrestrict(self):
        """Lift the open account's restriction."""
        account_id = guard.uuid(self.chosen.id)
        async with guard.system_work() as session:
            await restriction.unrestrict(session, by=guard.actor(), account_id=account_id)
        await restriction.note(account_id, restricted=False)
        await self._read()
        self._say("success", "No longer restricted", "The person is told by mail.")

    @operator_action
    async def sign_out(self):
        """Sign the open account out everywhere."""
        async with guard.system_work() as session:
            ended = await operator_people.sign_out(session, by=guard.actor(), account_id=guard.uuid(self.chosen.id))
        await self._read()
        self._say("success", f"Signed out in {counted(ended, 'browser')}", "The person is told by mail.")
