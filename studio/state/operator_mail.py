"""The operator's outbox: what was sent, what was not, and, without a mail server, what the mails say."""

from __future__ import annotations

from datetime import UTC, datetime

import reflex as rx

from studio.services import operator_mail
from studio.services.mail_outbox import Mail
from studio.services.operator_mail import PAGE, STATES
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import PagedMixin
from studio.state.operator_views import MailView, ago, counted
from studio.state.settings_views import Choice
from studio.state.studio import StudioState

ALL = "all"
WORDS = {
    "queued": "Waiting",
    "sending": "Sending",
    "sent": "Sent",
    "shown": "Kept here",
    "bounced": "Bounced",
    "failed": "Failed",
    "dropped": "Dropped",
}


def mail_view(mail: Mail, now: datetime, *, readable: bool) -> MailView:
    """A mail as a row."""
    said = [str(mail.code)] if mail.code else []
    said += [mail.reason.replace("_", " ")] if mail.reason else []
    return MailView(
        id=str(mail.id),
        recipient=mail.recipient or "Address removed",
        template=mail.template.replace("_", " ").capitalize(),
        category=mail.category.capitalize(),
        state=mail.state,
        word=WORDS[mail.state],
        tries=counted(mail.tries, "try", "tries"),
        reason=", ".join(said),
        when=f"{ago(mail.created_at, now)} ago",
        readable=readable and bool(mail.recipient) and mail.state in ("shown", "queued", "failed"),
        failed=mail.state == "failed" and bool(mail.recipient),
    )


class OperatorMailState(PagedMixin, rx.State):
    """One tab of the outbox."""

    show: str = ALL
    choices: list[Choice] = []
    rows: list[MailView] = []
    total: str = ""
    readable: bool = False
    reading: str = ""  # the mail that is open; empty: the dialog is closed
    subject: str = ""
    text: str = ""

    @operator_action
    async def load(self):
        """The newest mails."""
        await self._read()
        self.loaded = True
        return StudioState.identify

    async def _read(self) -> None:
        async with guard.system_work() as session:
            who = guard.actor()
            counts = await operator_mail.counts(session, actor=who)
            state = None if self.show == ALL else self.show
            rows = await operator_mail.listed(session, actor=who, state=state, before=self._cursor, limit=PAGE + 1)
        now, self.readable = datetime.now(UTC), operator_mail.readable()
        total = sum(counts.values())
        self.total = counted(total, "mail")
        self.choices = [Choice(ALL, f"All, {total:,}")] + [
            Choice(each, f"{WORDS[each]}, {counts.get(each, 0):,}") for each in STATES
        ]
        self.rows = [mail_view(row, now, readable=self.readable) for row in self._cut(rows, PAGE)]

    @operator_action
    async def set_show(self, value: str):
        """Show one state, or all."""
        if value == ALL or value in STATES:
            self.show = value
            self._from_the_start()
            await self._read()

    @operator_action
    async def read(self, mail_id: str, value: bool):
        """Open a mail, or close it."""
        self.reading, self.subject, self.text = "", "", ""
        if value:
            async with guard.system_work() as session:
                letter = await operator_mail.read(session, actor=guard.actor(), mail_id=guard.uuid(mail_id))
            self.reading, self.subject, self.text = mail_id, letter.subject, letter.text

    @operator_action
    async def resend(self, mail_id: str):
        """Send a failed mail again."""
        async with guard.system_work() as session:
            await operator_mail.resend(session, by=guard.actor(), mail_id=guard.uuid(mail_id))
        await self._read()
        self._say("success", "It is sent again", "It has two days to get through.")
