"""How long things take: nothing at all for tests, a believable while for people."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from studio.services.byteplus.catalog_data import VideoModel
from studio.simulator.settings import PaceMode

LONGEST_CLIP = 25.0  # seconds; C6's figures go to minutes, and nobody learns more by waiting longer


@dataclass
class Pace:
    """`speed` 2 halves every wait; `queued` and `running` are seconds each task spends so in the instant pace."""

    mode: PaceMode
    speed: float = 1.0
    queued: float = 0.0
    running: float = 0.0
    _random: random.Random = field(default_factory=random.Random)

    @property
    def quality(self) -> str:
        return "quick" if self.mode == "instant" else "fine"

    def image_seconds(self) -> float:
        return 0.0 if self.mode == "instant" else self._random.uniform(4, 9) / self.speed

    def queue_seconds(self) -> float:
        return self.queued if self.mode == "instant" else self._random.uniform(1.2, 3.0) / self.speed

    def run_seconds(self, model: VideoModel, resolution: str, seconds: float) -> float:
        if self.mode == "instant":
            return self.running
        work = 20 + model.seconds_each.get(resolution, 20.0) * seconds
        return min(LONGEST_CLIP, work * self._random.uniform(0.13, 0.17)) / self.speed

    def callback_retry_seconds(self) -> float:
        return 0.1 if self.mode == "instant" else 5.0 / self.speed


async def until(loop_time: float) -> None:
    """Sleep until the event loop's clock shows `loop_time`."""
    await asyncio.sleep(max(0.0, loop_time - asyncio.get_running_loop().time()))
