"""What the tests of the worker's steps share: a simulator to ask, rows to look at, and money to count."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.jobs.steps import Worker
from studio.services import ledger
from studio.services.byteplus.params import Params
from tests.factories import Person, state_of, submitted

LOCK = 730_599_001


@dataclass
class Provider:
    """A simulator of this module's own."""

    url: str

    def ask(self, path: str, body: Any = None) -> Any:
        """GET or POST one of its control addresses."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310  # our own loopback address
            f"{self.url}{path}", data, {"content-type": "application/json"}
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310  # our own loopback address
            return json.loads(answer.read() or b"null")

    def posts(self, prompt: str) -> int:
        """How often a prompt was accepted."""
        told = self.ask("/_sim/stats")["by_prompt"]
        return sum(count for said, count in told.items() if prompt in said)


async def sent(who: Person, params: Params) -> UUID:
    """One output in the queue."""
    return (await submitted(who, params)).generation_ids[0]


async def row(generation_id: UUID) -> Any:
    """A generation with what was stored for it."""
    async with transaction(SYSTEM) as session:
        found = await session.execute(
            text(
                "SELECT g.*, a.id AS asset, a.object_key, a.sha256, a.width, a.height FROM generations g "
                "LEFT JOIN assets a ON a.generation_id = g.id WHERE g.id = :id"
            ),
            {"id": generation_id},
        )
        return found.one()


async def due_now(generation_id: UUID) -> None:
    """Let no wait stand between a row and the next look at it."""
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE generations SET due_at = NULL WHERE id = :id"), {"id": generation_id})


async def swept_until(worker: Worker, generation_id: UUID, *states: str) -> None:
    """Sweep until an output is in one of the states."""
    for _ in range(200):
        if await state_of(generation_id) in states:
            return
        await due_now(generation_id)
        await worker.sweep()
    raise AssertionError(f"still {await state_of(generation_id)}")


async def money(who: Person) -> tuple[int, int]:
    """Held and spent."""
    async with transaction(who.actor) as session:
        budget = await ledger.budget(session, account_id=who.account_id)
    return budget.held, budget.spent
