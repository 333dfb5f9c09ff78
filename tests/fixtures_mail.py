"""A real SMTP server on loopback that keeps what it accepts and misbehaves on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.jobs.mailing import Mailer
from tests.system import free_port

LOCK = 730_599_077
Answer = Callable[[str, int], str | None]


class _Drop(SMTP):
    """Cuts the connection in the middle of a message when its handler says so."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        handler: Postbox = self.event_handler
        recipient = self.envelope.rcpt_tos[0] if self.envelope and self.envelope.rcpt_tos else ""
        if handler.cuts.get(recipient, 0) > 0:
            handler.cuts[recipient] -= 1
            await self.push("354 go on")
            await self._reader.read(10)  # type: ignore[union-attr]  # connected
            self.transport.abort()  # type: ignore[union-attr]  # connected
            return
        await super().smtp_DATA(arg)


@dataclass
class Postbox:
    """What a server accepted. `rcpt` and `data` answer for a recipient and the number of its tries, None accepts."""

    port: int = 0
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    rcpt: Answer = lambda _recipient, _tries: None
    data: Answer = lambda _recipient, _tries: None
    mail: Answer = lambda _sender, _tries: None
    cuts: dict[str, int] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    connections: int = 0

    async def handle_EHLO(self, _s: SMTP, session: Session, _e: Envelope, hostname: str, responses: list[str]) -> Any:  # noqa: N802
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(self, _s: SMTP, _session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if refusal := self.mail(address, self.connections):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _s: SMTP, _session: Session, envelope: Envelope, address: str, _o: Any) -> str:  # noqa: N802
        self.tries[address] = self.tries.get(address, 0) + 1
        if refusal := self.rcpt(address, self.tries[address]):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _s: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        if refusal := self.data(recipient, self.tries[recipient]):
            return refusal
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        for each in envelope.rcpt_tos:
            self.received.append((each, message_from_bytes(envelope.content, policy=SMTPUTF8)))  # type: ignore[arg-type]
        return "250 accepted"

    def to(self, address: str) -> list[EmailMessage]:
        """What arrived for an address."""
        return [message for recipient, message in self.received if recipient == address]


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Drop(self.handler, **self.SMTP_kwargs)


def serve(postbox: Postbox, *, utf8: bool = True, **options: Any) -> Controller:
    """Start a server for the postbox, in a thread of its own. The caller stops it."""
    postbox.port = free_port()
    controller = _Controller(postbox, hostname="127.0.0.1", port=postbox.port, enable_SMTPUTF8=utf8, **options)
    controller.start()
    return controller


@pytest.fixture
async def post(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Postbox]:
    """A mail server that this process's settings name; the outbox is empty."""
    await empty_outbox()
    postbox = Postbox()
    controller = serve(postbox)
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{postbox.port}")
    monkeypatch.setenv("SMTP_FROM", "studio@studio.example.org")
    config.settings.cache_clear()
    yield postbox
    await asyncio.to_thread(controller.stop)
    monkeypatch.undo()
    config.settings.cache_clear()


async def empty_outbox() -> None:
    """Other tests' people were welcomed, too."""
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM mails"))


async def make_due() -> None:
    """As if the wait before the next try were over."""
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE mails SET due_at = studio_now() WHERE state = 'queued'"))


async def send(*, lock: int = LOCK, turns: int = 1) -> None:
    """Let a new worker's postman go round."""
    for turn in range(turns):
        if turn:
            await make_due()
        await Mailer(lock=lock).run()


async def rows_of(address: str) -> list[Any]:
    """The rows of an address, oldest first."""
    async with transaction(SYSTEM) as session:
        found = await session.execute(
            text("SELECT * FROM mails WHERE recipient = :to ORDER BY created_at, id"), {"to": address}
        )
        return list(found.all())
