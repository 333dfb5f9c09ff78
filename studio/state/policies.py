"""The banner about a change of the policies: shown on every page until this account has seen it."""

from __future__ import annotations

from datetime import UTC

import reflex as rx

from studio.services import policy_notices
from studio.services.policy_notices import Banner
from studio.state import guard
from studio.state.guard import action
from studio.state.toasts import ToastMixin


def sentence(banner: Banner) -> str:
    """When it takes effect: "Privacy policy 1.1 takes effect on 24 December 2026."."""
    at = banner.effective_at.astimezone(UTC)
    day = f"{at.day} {at:%B} {at.year}"
    when = f"is in effect since {day}" if banner.in_force else f"takes effect on {day}"
    return f"{banner.title} {banner.version} {when}."


class PolicyState(ToastMixin, rx.State):
    """One tab's banner. `title` is empty while there is nothing to tell."""

    kind: str = ""
    version: str = ""
    title: str = ""
    summary: str = ""
    path: str = ""
    accept: bool = False

    @action
    async def load(self):
        """Whether this account has something to be told."""
        await self._read()

    async def _read(self) -> None:
        async with guard.work() as session:
            found = await policy_notices.banner(session, actor=guard.actor())
        if found is None:
            self.kind = self.version = self.title = self.summary = self.path = ""
            self.accept = False
            return
        self.kind, self.version, self.path, self.accept = found.kind, found.version, found.path, found.accept
        self.title, self.summary = sentence(found), found.summary

    @action
    async def close(self, agreed: bool):
        """The banner was closed, or the person agreed to the text it names."""
        if not self.kind:
            return
        try:
            async with guard.work() as session:
                await policy_notices.seen(
                    session,
                    actor=guard.actor(),
                    kind=self.kind,
                    version=self.version,
                    accept=agreed and self.accept,
                )
        finally:
            await self._read()
