"""Enqueue a job by name inside the current transaction, and tell the open pages what changed.

Jobs are wake-ups, never truth: sweeps re-derive due work from rows, so a job may be lost or run twice.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from procrastinate import App
from procrastinate.psycopg_connector import PsycopgConnector
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL = "studio"

# Never opened: it only renders the insert, which runs on the session's own connection.
_producer = App(connector=PsycopgConnector())


async def defer(session: AsyncSession, name: str, *, times: int = 1, **args: Any) -> None:
    """Enqueue job `name`; it becomes visible when the transaction commits, and not at all if it rolls back."""
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    task = _producer.configure_task(name, allow_unknown=True, connection=connection)
    await task.batch_defer_async(*[args] * times)


async def defer_once(session: AsyncSession, name: str) -> bool:
    """Enqueue `name` unless it already waits; False if it does.

    The lock makes asking and enqueuing one step. Relying on the unique index instead does not work here: under
    row-level security Postgres hides the detail of a violation, by which the library tells one kind from another.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"defer:{name}"})
    waiting = text("SELECT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = :name AND status = 'todo')")
    if await session.scalar(waiting, {"name": name}):
        return False
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    await _producer.configure_task(name, allow_unknown=True, connection=connection, queueing_lock=name).defer_async()
    return True


async def notify(session: AsyncSession, account_id: UUID, what: str, **details: Any) -> None:
    """Tell every web process that something of this account changed; sent with the commit."""
    payload = json.dumps({"account": str(account_id), "what": what, **details}, default=str)
    await session.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})
