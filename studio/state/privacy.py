"""The Privacy page: archives, deletion, and what was answered about cookies (the answers go over plain HTTP)."""

from __future__ import annotations

from datetime import UTC, datetime

import reflex as rx

from studio.services import consent, journal, mail, policies, restriction
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


def news_view(answer: mail.NewsAnswer, dates: Dates, now: datetime) -> AnswerView:
    """The same for an answer about product news."""
    turned = "on" if answer.on else "off"
    return AnswerView(
        id=f"{answer.id} {turned}",
        on=answer.on,
        words=f"Turned {turned} Product news by email",
        when=dates.moment(answer.at, now),
        text=f"v{answer.wording}",
    )


class PrivacyState(ArchivesMixin, LeavingMixin, rx.State):
    """One tab of the Privacy page."""

    loaded: bool = False
    answers: list[AnswerView] = []
    news: bool = False

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
            news = await mail.news_history(session, account_id=guard.actor().account_id)
            self.news = await mail.opted_in(session, account_id=guard.actor().account_id)
        now, dates = datetime.now(UTC), guard.identity().dates
        told = [(row.answered_at, answer_view(row, dates, now)) for row in rows]
        told += [(row.at, news_view(row, dates, now)) for row in news]
        self.answers = [view for _, view in sorted(told, key=lambda each: each[0], reverse=True)]

    @action
    async def set_news(self, on: bool):
        """Ask for product news by mail, or take that back. Both stay in the history."""
        await guard.limit("consent")
        who = guard.actor()
        async with guard.work() as session:
            given = await mail.standing_opt_in(session, account_id=who.account_id)
            if on:
                await restriction.check(session, actor=who)
                await mail.opt_in(session, account_id=who.account_id, text_version=policies.NEWS_WORDING)
        if given is not None and not on:
            try:
                await journal.write("optout", given)  # a restored backup sends no news again
            finally:  # here it ends in any case
                async with guard.work() as session:
                    await mail.opt_out(session, account_id=who.account_id)
        await self._read()

    @action
    async def answered(self):
        """An answer was given on this page."""
        await self._read()
