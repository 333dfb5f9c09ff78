"""kill -9 of the worker in the middle of its post: no mail is lost, and a kill repeats one at most.

    python bench/mail_drill.py --json          2,000 mails, one in twenty refused, 3 kills
    python bench/mail_drill.py --json --full   10,000 mails; targets: 0 lost, at most one duplicate per kill

The mails are enqueued as the product does it. A real worker process sends them to a real SMTP server (aiosmtpd) in
this process, which writes down each message it accepts and refuses the recipients whose address says so with 550.
The worker is killed where it stands at a quarter, a half and three quarters of the way; each time another is started.

    lost        a mail that was neither accepted by the server nor recorded as refused with its code
    duplicates  messages the server accepted beyond the first of their mail
    changed_ids mails that arrived under another Message-ID than that of their row
    bare_smtp_per_second  what smtplib alone hands to the same server over one connection: the limit to compare with
"""

from __future__ import annotations

import asyncio
import random
import smtplib
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import common  # the checkout is on the path from here on
from studio import config, db
from studio.db import SYSTEM, transaction
from studio.services import accounts, mail, mail_outbox, mail_render
from tests.system import Part, System, free_port

KILLS = 3
REFUSED_EVERY = 20
PATIENCE = 1200.0
BARE = 500


@dataclass
class Server:
    """What the SMTP server accepted: Message-IDs by recipient."""

    accepted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    total: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)

    async def handle_RCPT(self, _s: SMTP, _session: Any, envelope: Envelope, address: str, _o: Any) -> str:  # noqa: N802
        """550 for one in twenty."""
        if address.startswith("refused"):
            self.refused[address] += 1
            return "550 5.1.1 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _s: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Accept."""
        assert isinstance(envelope.content, bytes)
        head = envelope.content.partition(b"\r\n\r\n")[0].decode()
        found = next(line for line in head.split("\r\n") if line.lower().startswith("message-id:"))
        self.accepted[envelope.rcpt_tos[0]].append(found.partition(":")[2].strip())
        with self.arrived:
            self.total += 1
            self.arrived.notify_all()
        return "250 accepted"

    def wait_for(self, total: int, worker: Part, before: float) -> bool:
        """Whether that many messages were accepted in time. Raises RuntimeError when the worker ended by itself."""
        while self.total < total and time.monotonic() < before:
            with self.arrived:
                self.arrived.wait_for(lambda: self.total >= total, 0.5)
            if worker.process is None or worker.process.poll() is not None:
                raise RuntimeError(f"the worker ended by itself\n{worker.tail()}")
        return self.total >= total


async def enqueue(count: int) -> None:
    """`count` mails of the kind people get most, to as many addresses."""
    async with transaction(SYSTEM) as session:
        account_id = await accounts.ensure(session, email="drill@example.org")
        await mail_outbox.show(session, limit=10)  # the welcome mail is not part of it
    for start in range(0, count, 500):
        async with transaction(SYSTEM) as session:
            for number in range(start, min(start + 500, count)):
                name = "refused" if number % REFUSED_EVERY == REFUSED_EVERY - 1 else "person"
                await mail.enqueue(
                    session,
                    account_id=account_id,
                    to=f"{name}{number}@example.org",
                    template="cap_reached",
                    data={"percent": 80, "used": 32_000_000, "cap": 40_000_000, "resets": "2026-12-01"},
                    dedupe_key=f"drill:{number}",
                )
    await db.dispose()


async def sample() -> mail_outbox.Mail:
    """One of the mails."""
    async with transaction(SYSTEM) as session:
        found = (await mail_outbox.listed(session, limit=1))[0]
    await db.dispose()
    return found


def bare(port: int, of: mail_outbox.Mail) -> float:
    """Messages a second that smtplib hands over when it does nothing else."""
    message = mail_render.message(of)
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as smtp:
        start = time.monotonic()
        for number in range(BARE):
            smtp.send_message(message, "studio@example.com", [f"bare{number}@example.org"])
        return BARE / (time.monotonic() - start)


def kill_on_the_way(server: Server, worker: Part, good: int, times: int = KILLS) -> int:
    """kill -9 the worker where it stands, at equal shares of the `good` messages, and start it again each time.

    Returns how often it was killed.
    """
    before, kills = time.monotonic() + PATIENCE, 0
    for share in range(1, times + 1):
        if not server.wait_for(good * share // (times + 1), worker, before):
            break
        time.sleep(random.uniform(0, 0.03))
        worker.kill()
        kills += 1
        common.say(f"killed at {server.total} of {good}")
        worker.start()
    return kills


def post_all(server: Server, system: System, count: int) -> tuple[int, float]:
    """Start the worker, kill it three times on the way, wait for the end. Returns kills and seconds of sending."""
    worker, before = system.worker[0], time.monotonic() + PATIENCE
    server.wait_for(1, worker, before)
    start = time.monotonic()
    kills = kill_on_the_way(server, worker, count - count // REFUSED_EVERY)
    while time.monotonic() < before:
        if worker.process is None or worker.process.poll() is not None:
            raise RuntimeError(f"the worker ended by itself\n{worker.tail()}")
        open_ = common.query(system.database_url, "SELECT count(*) AS n FROM mails WHERE ended_at IS NULL")[0]["n"]
        if not open_:
            break
        time.sleep(0.2)
    return kills, time.monotonic() - start


def judge(server: Server, url: str) -> dict[str, Any]:
    """Compare the rows with what the server saw."""
    rows = common.query(
        url, "SELECT recipient, message_id, state, code, tries FROM mails WHERE dedupe_key LIKE 'drill:%'"
    )
    lost = changed = duplicates = 0
    states: dict[str, int] = defaultdict(int)
    for row in rows:
        seen = server.accepted.get(row["recipient"], [])
        states[row["state"]] += 1
        refused = row["recipient"].startswith("refused")
        arrived = row["state"] == "bounced" and row["code"] == 550 if refused else row["state"] == "sent" and seen
        lost += not arrived
        changed += any(each != row["message_id"] for each in seen)
        duplicates += max(0, len(seen) - 1)
    return {
        "mails": len(rows),
        "lost": lost,
        "duplicates": duplicates,
        "changed_ids": changed,
        "states": dict(states),
        "refused": sum(states[s] for s in ("bounced",)),
        "sent_again": sum(row["tries"] > 1 for row in rows),
    }


def measure(full: bool) -> dict[str, Any]:
    """Run it."""
    count = 10_000 if full else 2_000
    with common.place() as place:
        common.become(place)
        server = Server()
        controller = Controller(server, hostname="127.0.0.1", port=free_port())
        controller.start()
        try:
            asyncio.run(enqueue(count))
            peer = bare(controller.port, asyncio.run(sample()))
            server.accepted.clear()
            server.total = 0
            extra = {"SMTP_URL": f"smtp://127.0.0.1:{controller.port}"}
            with System(folder=place.folder / "system", database_url=place.url, webs=0, extra=extra) as system:
                kills, seconds = post_all(server, system, count)
            found = judge(server, place.url)
        finally:
            controller.stop()
            config.settings.cache_clear()
    return {
        **{name: found[name] for name in ("mails", "lost", "duplicates")},
        "kills": kills,
        **found,
        "seconds": round(seconds, 1),
        "mails_per_second": round(count / seconds, 1),
        "bare_smtp_per_second": round(peer, 1),
    }


if __name__ == "__main__":
    common.run("mail_drill", measure, {"lost": 0, "duplicates": KILLS, "changed_ids": 0})
