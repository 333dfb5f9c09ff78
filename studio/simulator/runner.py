"""A task's life: queued, running, then succeeded, failed or expired; with callbacks at every change."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studio.services.byteplus.catalog_data import VideoModel
from studio.simulator.context import MODELS, Simulator
from studio.simulator.faults import Fault
from studio.simulator.pace import until
from studio.simulator.pool import RenderError
from studio.simulator.references import is_loopback
from studio.simulator.wire import Json, message_for

WATERMARK = "AI Generated"
CALLBACK_TRIES = 4  # the first and three more
ACK_SECONDS = 5.0


class _Run:
    """One task while it is alive in this process."""

    def __init__(self, sim: Simulator, view: Json, plan: Json) -> None:
        self.sim, self.view, self.plan = sim, view, plan
        self.model: VideoModel = MODELS[view["model"]]  # pyright: ignore[reportAttributeAccessIssue]  # tasks are videos
        self.faults = {name: Fault(name, value, times) for name, (value, times) in plan["faults"].items()}
        self.last_callback: asyncio.Task[None] | None = None

    async def live(self) -> None:
        async with asyncio.timeout(self.view["execution_expires_after"]) as deadline:
            try:
                await self._work()
            except TimeoutError:
                if not deadline.expired():
                    raise
        if self.view["status"] in ("queued", "running"):
            await self._change("expired")
        await asyncio.to_thread(shutil.rmtree, self.sim.settings.data / "inputs" / self.view["id"], True)

    async def _work(self) -> None:
        self._announce()
        await asyncio.sleep(self._seconds("queue", self.sim.pace.queue_seconds()))
        await self.sim.limiter.begin(self.model, self.view["resolution"])
        try:
            await self._run()
        finally:
            await self.sim.limiter.end(self.model, self.view["resolution"])

    def _seconds(self, fault: str, usual: float) -> float:
        return self.faults[fault].number(usual) if fault in self.faults else usual

    async def _run(self) -> None:
        seconds = self.plan["frames"] / 24
        usual = self.sim.pace.run_seconds(self.model, self.view["resolution"], seconds)
        finish = asyncio.get_running_loop().time() + self._seconds("run", usual)
        await self._change("running")
        if "hold" in self.faults:
            await self.sim.release.wait()
        fail = self.faults.get("fail")
        if fail is not None or "expired" in self.faults:
            await until(finish)
            return await self._end_badly(fail.value if fail else "")
        try:
            content = await self._render()
        except RenderError:
            return await self._end_badly("InternalServiceError")
        await until(finish)
        self.view["content"] = content
        self.view["usage"] = self._usage()
        return await self._change("succeeded")

    async def _end_badly(self, code: str) -> None:
        if not code and "expired" in self.faults:
            return await self._change("expired")
        code = code or "OutputVideoSensitiveContentDetected"
        self.view["error"] = {"code": code, "message": message_for(code)}
        return await self._change("failed")

    def _usage(self) -> Json:
        """W x H x (24 s + 1) / 1024, rounded down; a clip by `frames` counts those. Clips sent in count as well."""
        plan = self.plan
        frames = plan["frames"] + int(24 * plan["in_seconds"])
        tokens = plan["width"] * plan["height"] * frames // 1024
        return {"completion_tokens": tokens, "total_tokens": tokens}

    async def _render(self) -> Json:
        sim, plan, view = self.sim, self.plan, self.view
        file_id, path = sim.new_file(plan["container"])
        last_id, last_path = sim.new_file("png")
        blobs = [await asyncio.to_thread(Path(name).read_bytes) for _, name in plan["media"]]
        clip = {
            "prompt": plan["prompt"],
            "seed": view["seed"],
            "width": plan["width"],
            "height": plan["height"],
            "frames": plan["frames"],
            "audio": view["generate_audio"],
            "still_camera": plan["still_camera"],
            "watermark": WATERMARK if plan["watermark"] else "",
            "container": plan["container"],
            "quality": sim.pace.quality,
        }
        job = {"kind": "video", "clip": clip, "path": str(path), "roles": [role for role, _ in plan["media"]]}
        if plan["return_last_frame"]:
            job["last_path"] = str(last_path)
        await sim.clip_pool.run(job, blobs)
        flaky, cut = (
            int(self.faults[name].number(1)) if name in self.faults else 0
            for name in ("flaky_download", "cut_download")
        )
        await sim.store.add_file(file_id, "video", path, flaky=flaky, cut=cut)
        content = {"video_url": sim.link(plan["base"], file_id, plan["container"])}
        if plan["return_last_frame"]:
            await sim.store.add_file(last_id, "image", last_path)
            content["last_frame_url"] = sim.link(plan["base"], last_id, "png")
        return content

    async def _change(self, status: str) -> None:
        self.view.update(status=status, updated_at=int(time.time()))
        await self.sim.store.put_task(self.view, self.plan)
        self._announce()

    def _announce(self) -> None:
        """Call back with the present state, after the calls before it."""
        if self.plan["callback_url"]:
            call = _callback(
                self.sim,
                self.plan["callback_url"],
                json.dumps(self.view).encode(),
                self.view["status"],
                self.last_callback,
            )
            self.last_callback = spawn(self.sim, call, f"callback:{self.view['id']}")


def spawn(sim: Simulator, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """A background task that is kept until it is done."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    sim.background.add(task)
    task.add_done_callback(sim.background.discard)
    return task


def start(sim: Simulator, view: Json, plan: Json) -> None:
    spawn(sim, _Run(sim, view, plan).live(), f"task:{view['id']}")


async def resume(sim: Simulator) -> None:
    """Go on with what a stopped simulator left unfinished."""
    for view, plan in reversed(await sim.store.tasks()):
        if view["status"] in ("queued", "running"):
            start(sim, view, plan)


async def _callback(sim: Simulator, url: str, body: bytes, status: str, before: asyncio.Task[None] | None) -> None:
    if before is not None:
        await asyncio.wait([before])
    tries = CALLBACK_TRIES if status in ("succeeded", "failed") else 1
    for attempt in range(tries):
        if attempt:
            await asyncio.sleep(sim.pace.callback_retry_seconds())
        if await asyncio.to_thread(_post, url, body):
            return


def _post(url: str, body: bytes) -> bool:
    """Whether the receiver acknowledged within five seconds. Only this computer is called."""
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or not is_loopback(parts.hostname):
            return True
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=ACK_SECONDS)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            return 200 <= connection.getresponse().status < 300
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return False
