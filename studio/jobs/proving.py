"""The daily run of the proofs, in a process of its own: reading our pages needs the web's parts, which a worker is not
made of and would keep in its memory for good.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from studio import frontend
from studio.db import SYSTEM, transaction
from studio.services import requests
from studio.services.proofs import record

LONGEST_SECONDS = 1_200.0


class ProofsDidNotRunError(Exception):
    """The process that measures ended without results."""


async def run() -> None:
    """Measure when it is due; then remind of requests, and tell when the proofs themselves are late."""
    async with transaction(SYSTEM) as session:
        due = await record.due(session)
    try:
        if due:
            await _measure()
    finally:
        async with transaction(SYSTEM) as session:
            await record.watch(session)
            await requests.remind(session)


async def _measure() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "studio", "privacy", "proofs", "--store", "--json",
        cwd=frontend.ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await child.wait()
    finally:
        with suppress(ProcessLookupError):
            child.kill()
    # Its exit code says whether all is kept, and a crash has the same one: what counts is what it wrote down.
    async with transaction(SYSTEM) as session:
        if await record.due(session):
            raise ProofsDidNotRunError
