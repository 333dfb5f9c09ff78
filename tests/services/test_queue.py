"""Jobs are enqueued with the rows, and a sweep once however often it is asked for."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from sqlalchemy import text

from studio import queue
from studio.db import SYSTEM, transaction


async def waiting(name: str) -> int:
    async with transaction(SYSTEM) as session:
        return await session.scalar(
            text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name AND status = 'todo'"), {"name": name}
        )


async def test_a_job_that_waits_is_not_enqueued_again_and_the_transaction_goes_on(settings):
    name = f"test.{uuid4().hex}"
    async with transaction(SYSTEM) as session:
        assert await queue.defer_once(session, name)
        assert not await queue.defer_once(session, name)
        assert await session.scalar(text("SELECT 1")) == 1
    async with transaction(SYSTEM) as session:
        assert not await queue.defer_once(session, name)
    assert await waiting(name) == 1


async def test_ten_that_ask_at_once_enqueue_one(settings):
    name = f"test.{uuid4().hex}"

    async def ask() -> bool:
        async with transaction(SYSTEM) as session:
            return await queue.defer_once(session, name)

    assert sum(await asyncio.gather(*(ask() for _ in range(10)))) == 1
    assert await waiting(name) == 1


async def test_a_rolled_back_transaction_leaves_no_job(settings):
    name = f"test.{uuid4().hex}"
    async with transaction(SYSTEM) as session:
        await queue.defer(session, name, times=3)
        await session.rollback()
    assert await waiting(name) == 0
