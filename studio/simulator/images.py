"""POST /images/generations: one picture, a group, or a group as server-sent events."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from studio.services.byteplus.catalog_data import ImageModel, Pixels
from studio.simulator import image_rules, references
from studio.simulator.connection import drop_connection
from studio.simulator.context import (
    Simulator,
    authorise,
    base_url,
    faults_of,
    find_model,
    read_body,
    record_post,
    refuse,
    simulator,
)
from studio.simulator.faults import Fault
from studio.simulator.image_rules import ImageJob, nearest_ratio
from studio.simulator.pace import until
from studio.simulator.pool import RenderError
from studio.simulator.wire import ApiError, Json, message_for, sse, status_for

WATERMARK = "AI generated"
MAX_PIXELS_IN = 36_000_000


@dataclass
class _Run:
    """One accepted request while its pictures are made."""

    sim: Simulator
    job: ImageJob
    found: dict[str, Fault]
    base: str
    size: Pixels
    photos: list[bytes]
    seed: int
    created: int
    made: list[Pixels] = field(default_factory=list)

    def usage(self) -> Json:
        tokens = sum(w * h for w, h in self.made) // 256
        return {"generated_images": len(self.made), "output_tokens": tokens, "total_tokens": tokens}


async def generate(request: Request) -> Response:
    authorise(request)
    sim = simulator(request)
    began = asyncio.get_running_loop().time()
    body = await read_body(request)
    prompt = body.get("prompt") if isinstance(body.get("prompt"), str) else ""
    found = faults_of(request, str(prompt))
    try:
        refuse(sim, found, str(prompt))
        job = image_rules.check(cast("ImageModel", find_model(sim, body.get("model"), "image")), body)
        photos, size = await _photos(sim, job)
        sim.limiter.images(job.model, job.count)
    except ApiError as error:
        await record_post(request, "image", body, str(prompt), code=error.code)
        raise
    await record_post(request, "image", body, job.prompt)
    seed = job.seed if job.seed >= 0 else secrets.randbelow(2**31)
    run = _Run(sim, job, found, base_url(request), size, photos, seed, int(time.time()))
    finish = began + sim.pace.image_seconds()
    slow = found["slow"].number(3.0) if "slow" in found else 0.0
    if job.stream:
        return StreamingResponse(
            _events(request, run, slow), media_type="text/event-stream", headers={"cache-control": "no-cache"}
        )
    answer = await _answer(run)
    await until(max(finish, began + slow))
    if sim.faults.strikes(found.get("lost"), job.prompt):
        return drop_connection(request)
    return JSONResponse(answer)


async def _photos(sim: Simulator, job: ImageJob) -> tuple[list[bytes], Pixels]:
    """The reference photos and the size of the output. Raises 400 for what is no usable photo."""
    where = "image" if len(job.images) == 1 else "image[{}]"
    photos = [await references.fetch(url, where.format(i)) for i, url in enumerate(job.images)]
    if not photos:
        return [], cast("Pixels", job.size)
    probed = (await sim.pool.run({"kind": "probe"}, photos))["images"]
    for i, info in enumerate(probed):
        if info is None:
            raise ApiError(
                "InvalidImageURL.InvalidFormat",
                f"The parameter `{where.format(i)}` specified in the request is not valid: unsupported image format.",
            )
        w, h = info["width"], info["height"]
        if min(w, h) <= 14 or w * h > MAX_PIXELS_IN or not 1 / 16 <= w / h <= 16:
            raise image_rules.invalid(where.format(i), "image dimensions are out of range")
    if job.size is not None:
        return photos, job.size
    table = dict(job.model.pixels[job.keyword])
    return photos, table[nearest_ratio(table, probed[0]["width"], probed[0]["height"])]


async def _one(run: _Run, index: int) -> Json:
    """The item for picture `index`: url or b64_json with its size, or an error. Counts it when it succeeded."""
    code = _failure(run, index)
    if code:
        return {"error": {"code": code, "message": message_for(code)}}
    job, sim = run.job, run.sim
    extension = "png" if job.output_format == "png" else "jpeg"
    file_id, path = sim.new_file(extension)
    still = {
        "prompt": job.prompt,
        "seed": run.seed,
        "width": run.size[0],
        "height": run.size[1],
        "variant": index,
        "watermark": WATERMARK if job.watermark else "",
        "output_format": extension,
        "quality": sim.pace.quality,
        "transparent": job.transparent,
    }
    try:
        await sim.pool.run({"kind": "image", "still": still, "path": str(path)}, run.photos)
    except RenderError:
        return {"error": {"code": "InternalServiceError", "message": message_for("InternalServiceError")}}
    run.made.append(run.size)
    item: Json = {"size": f"{run.size[0]}x{run.size[1]}"}
    if len(job.model.output_formats) > 1:
        item["output_format"] = extension
    if job.b64:
        data = await asyncio.to_thread(path.read_bytes)
        path.unlink()
        return {"b64_json": base64.b64encode(data).decode(), **item}
    await sim.store.add_file(
        file_id, "image", path, flaky=_count(run.found, "flaky_download"), cut=_count(run.found, "cut_download")
    )
    return {"url": sim.link(run.base, file_id, extension), **item}


def _count(found: dict[str, Fault], name: str) -> int:
    return int(found[name].number(1)) if name in found else 0


def _failure(run: _Run, index: int) -> str:
    """The error code this picture is to fail with, or nothing."""
    partial = run.found.get("partial_failed")
    if partial is not None and int(partial.number(0)) == index:
        return "OutputImageSensitiveContentDetected"
    fail = run.found.get("fail")
    if fail is None:
        return ""
    code = fail.value or "OutputImageSensitiveContentDetected"
    # In a group the moderation stops one picture, and a broken service stops the rest.
    return code if run.job.count == 1 or index == run.job.count - 1 else ""


async def _answer(run: _Run) -> Json:
    data: list[Json] = []
    for index in range(run.job.count):
        item = await _one(run, index)
        data.append(item)
        if "error" in item and status_for(item["error"]["code"]) >= 500:
            break
    if not run.made:
        raise ApiError(data[0]["error"]["code"], data[0]["error"]["message"])
    return {"model": run.job.model_id, "created": run.created, "data": data, "usage": run.usage()}


async def _events(request: Request, run: _Run, slow: float) -> AsyncIterator[bytes]:
    common = {"model": run.job.model_id, "created": run.created}
    loop = asyncio.get_running_loop()
    lost = run.sim.faults.strikes(run.found.get("lost"), run.job.prompt)
    await asyncio.sleep(slow)
    for index in range(run.job.count):
        finish = loop.time() + run.sim.pace.image_seconds() * (1 if index == 0 else 0.5)
        item = await _one(run, index)
        await until(finish)
        failed = item.get("error")
        if lost:
            drop_connection(request)
        if failed and status_for(failed["code"]) >= 500 and index == 0:
            yield sse("error", {"error": failed})
            yield sse(None, "[DONE]")
            return
        name = "image_generation.partial_failed" if failed else "image_generation.partial_succeeded"
        yield sse(name, {"type": name, **common, "image_index": index, **item})
        if failed and status_for(failed["code"]) >= 500:
            break
    done = "image_generation.completed"
    yield sse(done, {"type": done, **common, "usage": run.usage()})
    yield sse(None, "[DONE]")
