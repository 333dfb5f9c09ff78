"""The worker's one client of ModelArk, or of the simulator, with the shared limits in front of it."""

from __future__ import annotations

import asyncio

from studio.config import Settings
from studio.db import SYSTEM, transaction
from studio.services import limits
from studio.services.byteplus.client import ModelArkClient

SIMULATOR_KEY = "simulator"


class SharedLimiter:
    """Waits for tokens. Those of a POST are taken before the attempt begins, so that a wait is never `submitting`."""

    def __init__(self, tier: str) -> None:
        self.tier = tier

    async def acquire(self, key: str) -> None:
        """For the client: GET, LIST and DELETE wait here, a POST was let through already."""
        if not key.startswith(("POST:", "IPM:")):
            await self.wait(key)

    async def wait(self, key: str) -> None:
        """Return once the call may be made."""
        while True:
            async with transaction(SYSTEM) as session:
                seconds = await limits.take(session, key=key, tier=self.tier)
            if not seconds:
                return
            await asyncio.sleep(min(seconds, 5.0))


def connect(settings: Settings, limiter: SharedLimiter) -> ModelArkClient:
    """The client of the configured provider. Without an API key that is the simulator."""
    if settings.ark_api_key is not None:
        assert settings.ark_base_url is not None
        return ModelArkClient(settings.ark_base_url, settings.ark_api_key, limiter=limiter, post_tries=1)
    assert settings.simulator_url is not None, "the supervisor sets STUDIO_SIMULATOR_URL"
    return ModelArkClient(f"{settings.simulator_url}/api/v3", SIMULATOR_KEY, limiter=limiter, post_tries=1)
