"""The tasks endpoint: create, get, list, delete."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from studio.services.byteplus.catalog_data import AUTO_DURATION, VideoModel
from studio.simulator import references, video_rules
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
from studio.simulator.image_rules import nearest_ratio, ratio_from
from studio.simulator.runner import start
from studio.simulator.video_rules import Media, VideoJob
from studio.simulator.wire import ApiError, Json

_STATUSES = ("queued", "running", "cancelled", "succeeded", "failed", "expired")
_ROLES = {
    "": "first",
    "first_frame": "first",
    "last_frame": "last",
    "reference_image": "reference",
    "reference_video": "reference",
}


async def create(request: Request) -> Response:
    authorise(request)
    sim = simulator(request)
    body = await read_body(request)
    prompt = _text(body)
    found = faults_of(request, prompt)
    try:
        refuse(sim, found, prompt)
        model = cast("VideoModel", find_model(sim, body.get("model"), "video"))
        job = video_rules.check(model, await _with_draft(sim, body))
        media, in_seconds, aspect = await _media(sim, job)
        waiting = sum(view["status"] == "queued" for view, _ in await sim.store.tasks())
        sim.limiter.video(model, job.resolution, waiting)
    except ApiError as error:
        await record_post(request, "video", body, prompt, code=error.code)
        raise
    view, plan = _new_task(job, base_url(request), aspect, in_seconds)
    plan["media"] = await asyncio.to_thread(_keep_media, sim, view["id"], media)
    plan["faults"] = {name: [fault.value, fault.times] for name, fault in found.items()}
    await sim.store.put_task(view, plan)
    await record_post(request, "video", body, job.prompt or prompt, reference=view["id"])
    start(sim, view, plan)
    if "slow" in found:
        await asyncio.sleep(found["slow"].number(3.0))
    if sim.faults.strikes(found.get("lost"), prompt):
        return drop_connection(request)
    answer = {"id": view["id"]}
    if job.safety_identifier:
        answer["safety_identifier"] = job.safety_identifier
    return JSONResponse(answer)


def _text(body: Json) -> str:
    content = body.get("content")
    items = content if isinstance(content, list) else []
    return " ".join(
        str(item.get("text", "")) for item in items if isinstance(item, dict) and item.get("type") == "text"
    )


async def _with_draft(sim: Simulator, body: Json) -> Json:
    """A final render names its draft: what the draft was asked for counts, unless said again here."""
    content = body.get("content")
    drafts = (
        [item for item in content if isinstance(item, dict) and item.get("type") == "draft_task"]
        if isinstance(content, list)
        else []
    )
    if not drafts:
        return body
    kept = await sim.store.task(str((drafts[0].get("draft_task") or {}).get("id", "")))
    if kept is None or not kept[0].get("draft") or kept[0]["status"] != "succeeded":
        raise ApiError("InvalidParameter", "draft_task specified in the request is not valid", param="content")
    asked = kept[1]["body"]
    reused = {
        name: asked[name] for name in ("generate_audio", "seed", "ratio", "duration", "camera_fixed") if name in asked
    }
    own = {name: value for name, value in body.items() if name != "content"}
    return {**reused, "resolution": "1080p", **own, "content": [*asked["content"], *drafts]}


async def _media(sim: Simulator, job: VideoJob) -> tuple[list[tuple[str, bytes]], float, float | None]:
    """[(role for the painter, bytes)], the seconds of reference clips, and the aspect of the leading picture."""
    kept: list[tuple[str, bytes]] = []
    seconds, aspect = 0.0, None
    for item in job.media:
        if item.kind == "audio":
            continue  # sounds are accepted and not listened to
        limit = references.MAX_VIDEO_BYTES if item.kind == "video" else references.MAX_BYTES
        if item.kind == "video" and str(item.url).startswith("data:"):
            raise ApiError(
                "InvalidParameter",
                f"The parameter `{item.where}` specified in the request is not valid: base64 is not supported.",
                param="content",
            )
        data = await references.fetch(item.url, item.where, limit=limit)
        info = await _probe(sim, item, data)
        seconds += info.get("seconds", 0.0)
        aspect = aspect or info["width"] / info["height"]
        kept.append((_ROLES[item.role] if item.kind == "image" else "clip", data))
    return kept, seconds, aspect


async def _probe(sim: Simulator, item: Media, data: bytes) -> Json:
    info = (await sim.pool.run({"kind": "probe" if item.kind == "image" else "probe_video"}, [data]))["images"][0]
    if info is None:
        raise ApiError(
            "InvalidParameter",
            f"The parameter `{item.where}` specified in the request is not valid: unsupported format.",
            param="content",
        )
    w, h = info["width"], info["height"]
    if not (min(w, h) >= 300 and max(w, h) <= 6000 and 0.4 <= w / h <= 2.5):
        why = "width and height must be between 300 and 6000 pixels and the aspect ratio between 0.4 and 2.5"
        raise ApiError(
            "InvalidParameter",
            f"The parameter `{item.where}` specified in the request is not valid: {why}.",
            param="content",
        )
    return info


def _keep_media(sim: Simulator, task_id: str, media: list[tuple[str, bytes]]) -> list[list[str]]:
    """Inputs go to disk so that a restarted simulator can go on with the task."""
    kept: list[list[str]] = []
    for i, (role, data) in enumerate(media):
        folder = sim.settings.data / "inputs" / task_id
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / str(i)
        path.write_bytes(data)
        kept.append([role, str(path)])
    return kept


def _new_task(job: VideoJob, base: str, aspect: float | None, in_seconds: float) -> tuple[Json, Json]:
    """The task as GET shows it and the runner's plan."""
    table = dict(job.model.pixels[job.resolution])
    ratio = job.ratio
    if ratio == "adaptive":
        wanted = ratio_from(job.prompt) if aspect is None else ""
        ratio = wanted if wanted in table else nearest_ratio(table, round((aspect or 16 / 9) * 1000), 1000)
    duration = job.duration if job.duration != AUTO_DURATION else job.model.min_duration + 1
    width, height = table[ratio]
    now = time.time()
    batch = "batch-" if job.tier == "flex" else ""
    view: Json = {
        "id": f"cgt-{batch}{time.strftime('%Y%m%d%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)[:5]}",
        "model": job.model.id,
        "status": "queued",
        "created_at": int(now),
        "updated_at": int(now),
        "seed": job.seed if job.seed >= 0 else secrets.randbelow(2**31),
        "resolution": job.resolution,
        "ratio": ratio,
        "duration": duration if job.frames is None else job.frames // 24,
        "framespersecond": 24,
        "service_tier": job.tier,
        "execution_expires_after": job.expires_after,
        "generate_audio": job.audio,
        "draft": job.draft,
        "priority": job.priority,
    }
    if job.frames is not None:
        view["frames"] = view.pop("duration") and job.frames
    if job.safety_identifier:
        view["safety_identifier"] = job.safety_identifier
    if job.draft_task:
        view["draft_task_id"] = job.draft_task
    plan: Json = {
        "created": now,
        "asked_model": job.model_id,
        "base": base,
        "prompt": job.prompt,
        "width": width,
        "height": height,
        "frames": job.frames or duration * 24 + 1,
        "in_seconds": in_seconds,
        "still_camera": job.camera_fixed,
        "watermark": job.watermark,
        "return_last_frame": job.return_last_frame and not job.draft,
        "callback_url": job.callback_url,
        "container": job.output_format,
        "body": {
            "content": [{"type": "text", "text": job.prompt}],
            "seed": view["seed"],
            "ratio": job.ratio,
            "duration": job.duration,
            "generate_audio": job.audio,
        },
    }
    return view, plan


async def get(request: Request) -> Response:
    authorise(request)
    sim = simulator(request)
    sim.limiter.call("GET")
    return JSONResponse((await _find(sim, request.path_params["task_id"]))[0])


async def _find(sim: Simulator, task_id: str) -> tuple[Json, Json]:
    kept = await sim.store.task(task_id)
    if kept is None:
        raise ApiError("NotFound.Task", f"The specified task `{task_id}` is not found.")
    return kept


def _page(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= 500:
        raise ApiError(
            "InvalidParameter",
            f"The parameter `{name}` specified in the request is not valid: must be between 1 and 500",
            param=name,
        )
    return int(value)


async def list_tasks(request: Request) -> Response:
    authorise(request)
    sim = simulator(request)
    sim.limiter.call("LIST")
    query = request.query_params
    number, size = _page(request, "page_num", 1), _page(request, "page_size", 20)
    status, model = query.get("filter.status"), query.get("filter.model")
    tier = query.get("filter.service_tier") or "default"
    ids = [one for value in query.getlist("filter.task_ids") for one in value.split(",") if one]
    if status and status not in _STATUSES:
        raise ApiError(
            "InvalidParameter",
            "The parameter `filter.status` specified in the request is not valid.",
            param="filter.status",
        )
    found = [
        view
        for view, plan in await sim.store.tasks()
        if view["service_tier"] == tier
        and (not status or view["status"] == status)
        and (not model or plan["asked_model"] == model)
        and (not ids or view["id"] in ids)
    ]
    return JSONResponse({"items": found[(number - 1) * size : number * size], "total": len(found)})


async def delete(request: Request) -> Response:
    authorise(request)
    sim = simulator(request)
    sim.limiter.call("DELETE")
    view, plan = await _find(sim, request.path_params["task_id"])
    task_id, status = view["id"], view["status"]
    if status == "running":
        raise ApiError(
            "InvalidAction.RunningTaskDeletion", f"Cannot delete task `{task_id}` because it is currently running."
        )
    if status == "cancelled":
        raise ApiError(
            "InvalidAction.CancelledTaskDeletion", f"Cannot delete task `{task_id}` because it is already cancelled."
        )
    if status == "queued":
        for task in list(sim.background):
            if task.get_name() == f"task:{task_id}":
                task.cancel()
        view.update(status="cancelled", updated_at=int(time.time()))
        await asyncio.to_thread(shutil.rmtree, sim.settings.data / "inputs" / task_id, True)
        await sim.store.put_task(view, plan)
    else:
        await sim.store.drop_task(task_id)
    return JSONResponse({})
