"""Job bodies: two lines each. A job is a wake-up; it is safe to run twice and safe to lose."""

from __future__ import annotations

from uuid import UUID

from procrastinate import App

from studio.db import SYSTEM, transaction
from studio.jobs import backing_up, mailing, notices, orphaned, portraits, proving, upkeep
from studio.jobs.erasing import Eraser
from studio.jobs.exporting import Builder
from studio.jobs.mailing import RECEIPTS, SEND, Mailer
from studio.jobs.steps import Worker
from studio.services import orphans, pictures
from studio.services.erasure import PURGE
from studio.services.exports.archives import BUILD
from studio.services.generations import RUN
from studio.services.policies import LOOK_AFTER
from studio.services.retention import TIDY

SWEEP, CHECK_LEDGER, BACKUP = "generations.sweep", "ledger.check", "backup.run"
PROVE = "proofs.run"


def register(app: App, worker: Worker) -> None:
    """Make the jobs of `worker` known under their names."""
    mailer = Mailer(lock=worker.lock)
    builder = Builder(lock=worker.lock)
    eraser = Eraser(lock=worker.lock, client=worker.client)

    @app.task(name=RUN)
    async def run() -> None:
        await worker.run_next()

    @app.task(name=SWEEP)
    async def sweep() -> None:
        await worker.sweep()

    @app.task(name=CHECK_LEDGER)
    async def check_ledger() -> None:
        async with transaction(SYSTEM) as session:
            await upkeep.check_ledger(session)

    @app.task(name=TIDY)
    async def tidy() -> None:
        await upkeep.run()

    @app.task(name=orphans.LOOK)
    async def look_for_orphans() -> None:
        await orphaned.look_for_orphans()

    @app.task(name=SEND)
    async def send_mail() -> None:
        await mailer.run()

    @app.task(name=pictures.FETCH)
    async def fetch_picture(account_id: str) -> None:
        await portraits.fetch(UUID(account_id))

    @app.task(name=pictures.DROP)
    async def drop_pictures(account_id: str) -> None:
        await portraits.drop(UUID(account_id))

    @app.task(name=BACKUP)
    async def back_up() -> None:
        await backing_up.run()

    @app.task(name=RECEIPTS)
    async def receipts() -> None:
        await mailing.write_receipts()

    @app.task(name=LOOK_AFTER)
    async def look_after_policies() -> None:
        await notices.look_after()

    @app.task(name=PROVE)
    async def prove() -> None:
        await proving.run()

    @app.task(name=BUILD)
    async def build_archives() -> None:
        await builder.run()

    @app.task(name=PURGE)
    async def purge() -> None:
        await eraser.run()
