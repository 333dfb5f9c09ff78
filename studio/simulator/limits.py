"""Rate limits of section F: requests and images a minute, calls a second, and how many tasks run at once."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque

from studio.services.byteplus.catalog_data import ImageModel, Model, VideoModel
from studio.simulator.settings import LimitMode
from studio.simulator.wire import ApiError

CALLS_A_SECOND = {"GET": 20, "LIST": 1, "DELETE": 20}
MOST_QUEUED = 120


class Limiter:
    def __init__(self, mode: LimitMode) -> None:
        self.mode = mode
        self._events: defaultdict[str, deque[float]] = defaultdict(deque)
        self._running: defaultdict[str, int] = defaultdict(int)
        self._changed = asyncio.Condition()

    def _take(self, key: str, count: int, limit: int, window: float) -> bool:
        now = time.monotonic()
        events = self._events[key]
        while events and events[0] <= now - window:
            events.popleft()
        if len(events) + count > limit:
            return False
        events.extend([now] * count)
        return True

    def call(self, kind: str) -> None:
        """Count a GET, LIST or DELETE. Raises 429."""
        if self.mode != "off" and not self._take(kind, 1, CALLS_A_SECOND[kind], 1.0):
            raise ApiError("AccountRateLimitExceeded")

    def images(self, model: ImageModel, count: int) -> None:
        """Reserve `count` images of this minute. Raises 429."""
        if self.mode == "off" or model.limits.ipm is None:
            return
        if not self._take(f"ipm:{model.id}", count, model.limits.ipm, 60.0):
            raise ApiError("ModelAccountIpmRateLimitExceeded")

    def video(self, model: VideoModel, resolution: str, queued: int) -> None:
        """Count a task of this minute. Raises 429."""
        if self.mode == "off":
            return
        if queued >= MOST_QUEUED:
            raise ApiError("QuotaExceeded")
        limits = model.limits_for(resolution)
        rpm = limits.rpm_individual if self.mode == "individual" else limits.rpm_enterprise
        if rpm is not None and not self._take(f"rpm:{_lane(model, resolution)}", 1, rpm, 60.0):
            raise ApiError("RateLimitExceeded.EndpointRPMExceeded")

    def _room(self, model: VideoModel, resolution: str) -> bool:
        if self.mode == "off":
            return True
        limits = model.limits_for(resolution)
        most = limits.concurrency_individual if self.mode == "individual" else limits.concurrency_enterprise
        return most is None or self._running[_lane(model, resolution)] < most

    async def begin(self, model: VideoModel, resolution: str) -> None:
        """Wait for a free place; over the concurrency limit a task stays queued."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._room(model, resolution))
            self._running[_lane(model, resolution)] += 1

    async def end(self, model: VideoModel, resolution: str) -> None:
        async with self._changed:
            self._running[_lane(model, resolution)] -= 1
            self._changed.notify_all()

    async def set_mode(self, mode: LimitMode) -> None:
        async with self._changed:
            self.mode = mode
            self._events.clear()
            self._changed.notify_all()


def _lane(model: Model, resolution: str) -> str:
    """4k counts apart where it has limits of its own."""
    apart = isinstance(model, VideoModel) and model.limits_4k is not None and resolution == "4k"
    return f"{model.id}:4k" if apart else model.id
