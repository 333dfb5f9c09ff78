"""A simulator for each module, and a worker that lives."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from studio import config, simulator
from studio.db import SYSTEM, role_options, transaction
from studio.jobs.provider import SharedLimiter
from studio.jobs.steps import Worker
from studio.services.byteplus.client import ModelArkClient
from tests.jobs.bench import LOCK, Provider
from tests.system import Part, free_port, wait_until


@pytest.fixture(scope="module")
def provider(scratch: Path) -> Iterator[Provider]:
    port = free_port()
    folder = scratch / "jobs-simulator"
    environment = {**os.environ, **simulator.environment(folder, pace="instant", limits="off")}
    part = Part("jobs-simulator", simulator.command("127.0.0.1", port), environment, scratch / "jobs-simulator.log")
    part.start()
    running = Provider(f"http://127.0.0.1:{port}")

    def answers() -> bool:
        try:
            return running.ask("/healthz") is not None
        except OSError:
            return False
        except ValueError:
            return True

    wait_until(answers, 30, "the simulator answers")
    yield running
    part.stop()


@pytest.fixture
async def worker(settings: config.Settings, provider: Provider) -> AsyncIterator[Worker]:
    """A worker that lives, with an empty queue before it."""
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                "UPDATE generations SET worker_lock = NULL, due_at = studio_now() + interval '9 days' "
                "WHERE ended_at IS NULL"
            )
        )
    limiter = SharedLimiter("enterprise")
    client = ModelArkClient(f"{provider.url}/api/v3", "simulator", limiter=limiter, post_tries=1)
    assert settings.database_url
    alive = await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True, options=role_options("sys"))
    async with alive:
        await alive.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        yield Worker(lock=LOCK, client=client, limiter=limiter)
    await client.aclose()
