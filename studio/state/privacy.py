"""The Privacy page: archives, deletion, and what was answered about cookies (the answers go over plain HTTP)."""

from __future__ import annotations

from datetime import UTC, datetime

import reflex as rx

from studio.services import consent
from studio.services.dates import Dates
from studio.state import guard
from studio.state.archives import ArchivesMixin
from studio.state.guard import action
from studio.state.leaving import HERE, LeavingMixin
from studio.state.settings_views import AnswerView


def answer_view(answer: consent.Answer, dates: Dates, now: datetime) -> AnswerView:
    """An answer as a line."""
    names = [purpose.name for purpose in consent.PURPOSES if purpose.key in answer.allowed]
    words = {0: "Rejected optional cookies", len(consent.PURPOSES): "Accepted optional cookies"}.get(
        len(names), f"Turned on {', '.join(names)}"
    )
    return AnswerView(
        id=str(answer.id),
        on=bool(names),
        words=f"{words}, beside the browser's signal" if names and answer.despite_signal else words,
        when=dates.moment(answer.answered_at, now),
        text=answer.text_hash[:8],
    )


class PrivacyState(ArchivesMixin, LeavingMixin, rx.State):
    """One tab of the Privacy page."""

    loaded: bool = False
    answers: list[AnswerView] = []

    @action
    async def load(self):
        """What the person answered so far, their archives, and whether the account is going to be deleted."""
        self._begin_anew()
        self.archive_error, self.delete_error = "", ""
        await self._read()
        await self._read_archives()
        await self._read_leaving()
        self.loaded = True
        if await self._bring_archive_back() or await self._bring_leaving_back():
            return rx.redirect(HERE, replace=True)
        return None

    def _shown(self) -> bool:
        """Whether this tab shows the page now: nothing is read for one that does not."""
        return self.loaded and self.router.url.path.rstrip("/") == HERE

    async def _read(self) -> None:
        async with guard.work() as session:
            rows = await consent.history(session, actor=guard.actor())
        now = datetime.now(UTC)
        self.answers = [answer_view(row, guard.identity().dates, now) for row in rows]

    @action
    async def answered(self):
        """An answer was given on this page."""
        await self._read()
