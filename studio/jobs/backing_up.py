"""The worker's backups: in a process of its own, so that encrypting holds up no generation and ends with its memory."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.services.backups import records
from studio.services.eventlog import WRITER

log = logging.getLogger("studio")


class BackupFailedError(Exception):
    """A backup that the schedule asked for was not made, or what expired was not removed."""


async def run() -> None:
    """Make a backup when one is due, or remove what expired; does nothing where no place is set."""
    if settings().backup is None or settings().backup_recipient is None:
        return
    async with transaction(SYSTEM) as session:
        wanted = await records.due(session, hours=settings().backup_hours) or await records.expired(session)
    if not wanted:
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "studio", "backup", "--if-due", stdout=asyncio.subprocess.DEVNULL
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:  # the worker stops: a backup that was cut off does not exist
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code != 0:
        log.error("A backup failed; its reason is above.")
        WRITER.error("backup.run", BackupFailedError())
