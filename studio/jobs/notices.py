"""Tells every account of a new policy version and lets it take effect. Safe to kill at any line, and to run twice."""

from __future__ import annotations

from studio.db import SYSTEM, transaction
from studio.services import policy_notices
from studio.services.policies import Version


async def look_after() -> None:
    """Everything that is due for versions on their way: notices, what became of their mails, their day."""
    async with transaction(SYSTEM) as session:
        versions = await policy_notices.open_versions(session)
    for version in versions:
        await _tell(version)
        async with transaction(SYSTEM) as session:
            await policy_notices.record(session, version=version)
            await policy_notices.settle(session, kind=version.kind)


async def _tell(version: Version) -> None:
    """A transaction for some accounts at a time: what a kill takes away is written by the next run."""
    while True:
        async with transaction(SYSTEM) as session:
            told = await policy_notices.tell(session, version=version)
        if told < policy_notices.AT_ONCE:
            return
