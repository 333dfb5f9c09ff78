"""The worker's postman: one mail at a time, so that a kill can repeat one at most.

claim (transaction) → SMTP (none open) → record (transaction). Without a mail server, mails are shown in the
operator's outbox and in this terminal.
"""

from __future__ import annotations

import asyncio
import sys
import time

from studio import queue
from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.services import mail_events, mail_outbox, mail_render
from studio.services.eventlog import WRITER
from studio.services.mail_outbox import Mail, Outcome
from studio.services.mail_smtp import Connection, Server, server_of

SEND, RECEIPTS = "mail.send", "mail.receipts"
TURN_SECONDS = 4.0  # shorter than the grace a stopping worker gives its jobs
LONGEST_PAUSE = 300.0


class Mailer:
    """Sends for one worker process. `lock` names the advisory lock the worker holds while it lives."""

    def __init__(self, *, lock: int) -> None:
        self.lock = lock
        self._turn = asyncio.Lock()
        self._unrecorded: tuple[Mail, Outcome] | None = None
        self._failures = 0
        self._resume_at = 0.0

    async def run(self) -> None:
        """Send what is due, for a few seconds at most; does nothing while another job of this worker does."""
        if self._turn.locked():
            return
        async with self._turn:
            await self._record_what_was_not()
            async with transaction(SYSTEM) as session:
                await mail_outbox.take_back(session, worker_lock=self.lock)
            server = server_of(settings())
            if server is None:
                await self._show()
            elif time.monotonic() >= self._resume_at:
                await self._send_all(server)

    async def _send_all(self, server: Server) -> None:
        connection = Connection(server)
        end = time.monotonic() + TURN_SECONDS
        try:
            while time.monotonic() < end:
                async with transaction(SYSTEM) as session:
                    mail = await mail_outbox.claim(session, worker_lock=self.lock)
                if mail is None:
                    return
                outcome = await self._send(connection, mail)
                if outcome.server:
                    self._pause()
                    return
                self._failures = 0
        finally:
            await asyncio.to_thread(connection.close)
        async with transaction(SYSTEM) as session:
            await queue.defer_once(session, SEND)

    async def _send(self, connection: Connection, mail: Mail) -> Outcome:
        """One mail, recorded. A worker that is told to stop meanwhile still records how it went."""
        trying = asyncio.create_task(self._try(connection, mail))
        try:
            outcome = await asyncio.shield(trying)
        except asyncio.CancelledError:
            await self._record(mail, await trying)
            raise
        await self._record(mail, outcome)
        return outcome

    async def _try(self, connection: Connection, mail: Mail) -> Outcome:
        try:
            message = mail_render.message(mail)
            recipient = mail_render.wire_address(mail.recipient)
        except UnicodeError:
            return Outcome("bounced", None, "address_not_supported")
        except Exception as error:  # noqa: BLE001  # one mail that cannot be written must not hold up the others
            WRITER.error(SEND, error)
            return Outcome("failed", None, "not_written")
        return await asyncio.to_thread(connection.deliver, message, sender=settings().smtp_from, recipient=recipient)

    async def _record(self, mail: Mail, outcome: Outcome) -> None:
        """If the database is away, the outcome is kept until the next turn: an accepted mail is not sent again."""
        self._unrecorded = (mail, outcome)
        await self._record_what_was_not()

    async def _record_what_was_not(self) -> None:
        if self._unrecorded is None:
            return
        mail, outcome = self._unrecorded
        async with transaction(SYSTEM) as session:
            await mail_outbox.record(session, mail=mail, worker_lock=self.lock, outcome=outcome)
        self._unrecorded = None

    def _pause(self) -> None:
        """The server is away or wants nothing from us: leave the others in the queue for a while."""
        self._failures += 1
        self._resume_at = time.monotonic() + min(5.0 * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE)

    async def _show(self) -> None:
        while True:
            async with transaction(SYSTEM) as session:
                mails = await mail_outbox.show(session)
            for mail in mails:
                try:
                    said = mail_render.letter(template=mail.template, data=mail.data, account_id=mail.account_id)
                except Exception as error:  # noqa: BLE001  # the same
                    WRITER.error(SEND, error)
                    continue
                sys.stdout.write(f"\nMail: {said.subject}\n\n{said.text}\n")
            sys.stdout.flush()
            if not mails:
                return


async def write_receipts() -> int:
    """Last month's receipts, a transaction for some at a time. Returns how many were written."""
    written = 0
    while True:
        async with transaction(SYSTEM) as session:
            found = await mail_events.write_receipts(session)
        written += found
        if found < mail_events.RECEIPTS_AT_ONCE:
            return written
