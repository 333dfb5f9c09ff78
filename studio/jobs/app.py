"""The worker process: procrastinate runs the jobs, an advisory lock says that this worker lives."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
from procrastinate import App, JobContext
from procrastinate.psycopg_connector import PsycopgConnector

from studio import egress, schema
from studio.config import settings
from studio.db import SYSTEM, dispose, role_options, transaction
from studio.jobs import schedule, tasks
from studio.jobs.provider import SharedLimiter, connect
from studio.jobs.steps import Worker
from studio.services import guards, policies
from studio.services.byteplus import catalog
from studio.services.eventlog import WRITER

CONCURRENCY = int(os.environ.get("STUDIO_WORKER_CONCURRENCY", "24"))
GRACE_SECONDS = 12.0  # for requests at the provider; what is not answered by then becomes unknown
log = logging.getLogger("studio")


class Discreet(logging.Filter):
    """What procrastinate says of a job, without its arguments, which may say whose it is, and without error texts."""

    _ARGUMENTS = re.compile(r"(\[\d+\])\(.*\)", re.DOTALL)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, and the name of the job in it."""
        record.msg, record.args = self._ARGUMENTS.sub(r"\1", record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


class LockLostError(Exception):
    """The connection that says this worker lives is gone: its rows may be given to others, so it must stop."""


def _app(worker: Worker) -> App:
    connector = PsycopgConnector(
        conninfo=settings().database_url,
        kwargs={"options": role_options("sys"), "application_name": "studio-worker"},
        min_size=1,
        max_size=6,
    )
    app = App(connector=connector)
    tasks.register(app, worker)
    return app


async def _recorded(call_next: Callable[[], Awaitable[Any]], context: JobContext, _: Any) -> Any:
    """A job that fails is an error event like every other: by name and place."""
    try:
        return await call_next()
    except Exception as error:  # noqa: BLE001  # recorded; a job is a wake-up and comes again
        WRITER.error(context.job.task_name, error)
        return None


async def _hold(connection: psycopg.AsyncConnection) -> None:
    """Return never; raise when the connection breaks."""
    while True:
        try:
            async for _ in connection.notifies(timeout=30):
                pass
            await connection.execute("SELECT 1")
        except psycopg.OperationalError:
            raise LockLostError from None


async def run_worker() -> None:
    """Work until SIGINT or SIGTERM; running provider calls get a few seconds to be recorded."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("procrastinate.worker").addFilter(Discreet())
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    egress.install(settings())
    catalog.configure(settings().prices_file)
    lock = secrets.randbits(62)
    url = settings().database_url
    assert url is not None
    await asyncio.to_thread(schema.current, url)  # a database that a restore has not opened yet is refused here
    async with transaction(SYSTEM) as session:
        await policies.check(session)
    alive = await psycopg.AsyncConnection.connect(url, autocommit=True, options=role_options("sys"))
    await alive.execute("SELECT pg_advisory_lock(%s)", (lock,))
    limiter = SharedLimiter(settings().ark_tier)
    client = connect(settings(), limiter)
    app = _app(Worker(lock=lock, client=client, limiter=limiter))
    async with app.open_async():
        scheduler = schedule.start()
        await schedule.enqueue(tasks.TIDY)
        jobs = asyncio.create_task(
            app.run_worker_async(
                concurrency=CONCURRENCY,
                install_signal_handlers=False,
                delete_jobs="always",
                task_middleware=[_recorded],
                shutdown_graceful_timeout=GRACE_SECONDS,
                fetch_job_polling_interval=2.0,
            )
        )
        helpers = [asyncio.create_task(each) for each in (_hold(alive), WRITER.run(), guards.report("worker"))]
        stop = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([jobs, helpers[0], stopping], return_when=asyncio.FIRST_COMPLETED)
        scheduler.shutdown(wait=False)
        for task in (jobs, *helpers, stopping):
            task.cancel()
        results = await asyncio.gather(jobs, *helpers, return_exceptions=True)
    await client.aclose()
    with suppress(psycopg.OperationalError):
        await alive.close()
    await dispose()
    for result in results:
        if isinstance(result, Exception):
            raise result
