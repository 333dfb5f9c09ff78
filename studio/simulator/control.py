"""/_sim/: what tests and the operator of a simulator ask of it. Answers callers on this computer only."""

from __future__ import annotations

from collections import Counter
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from studio.simulator.context import read_body, simulator
from studio.simulator.references import is_loopback
from studio.simulator.settings import LimitMode, PaceMode
from studio.simulator.wire import ApiError, Json


def _local_only(request: Request) -> None:
    # A browser sends Origin with what a page of another site posts here; tests and tools send none.
    foreign = "origin" in request.headers
    if foreign or request.client is None or not is_loopback(request.client.host):
        raise ApiError("NotFound", "Not found", status=404)


def _number(body: Json, name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
        raise ApiError("InvalidParameter", f"{name} must be a number.", param=name)
    return float(value)


async def stats(request: Request) -> Response:
    """Every POST and how often each attempt, client reference and request id was accepted."""
    _local_only(request)
    sim = simulator(request)
    posts = await sim.store.posts()
    accepted = [post for post in posts if post["accepted"]]

    def tally(field: str) -> dict[str, int]:
        return dict(Counter(post[field] for post in accepted if post[field]))

    tasks = Counter(view["status"] for view, _ in await sim.store.tasks())
    return JSONResponse(
        {
            "posts": len(posts),
            "accepted": len(accepted),
            "accepted_images": sum(post["kind"] == "image" for post in accepted),
            "accepted_videos": sum(post["kind"] == "video" for post in accepted),
            "by_attempt": tally("attempt"),
            "by_safety_identifier": tally("safety_identifier"),
            "by_client_request_id": tally("client_request_id"),
            "by_prompt": tally("prompt"),
            "tasks": dict(tasks),
            "requests": posts,
        }
    )


async def pace(request: Request) -> Response:
    """{"mode": "instant"|"believable", "speed": 2, "queued": s, "running": s}; each is optional."""
    _local_only(request)
    sim, body = simulator(request), await read_body(request)
    mode = body.get("mode", sim.pace.mode)
    if mode not in ("instant", "believable"):
        raise ApiError("InvalidParameter", "mode must be instant or believable.", param="mode")
    sim.pace.mode = cast("PaceMode", mode)
    sim.pace.speed = max(0.01, _number(body, "speed", sim.pace.speed))
    sim.pace.queued = _number(body, "queued", sim.pace.queued)
    sim.pace.running = _number(body, "running", sim.pace.running)
    return JSONResponse({"mode": mode, "speed": sim.pace.speed, "queued": sim.pace.queued, "running": sim.pace.running})


async def limits(request: Request) -> Response:
    """{"mode": "off"|"individual"|"enterprise"}"""
    _local_only(request)
    sim, body = simulator(request), await read_body(request)
    mode = body.get("mode")
    if mode not in ("off", "individual", "enterprise"):
        raise ApiError("InvalidParameter", "mode must be off, individual or enterprise.", param="mode")
    await sim.limiter.set_mode(cast("LimitMode", mode))
    return JSONResponse({"mode": mode})


async def urls(request: Request) -> Response:
    """{"ttl": seconds} for links made from now on; {"ahead": seconds} moves the clock that ends every link."""
    _local_only(request)
    sim, body = simulator(request), await read_body(request)
    sim.url_ttl = int(_number(body, "ttl", sim.settings.url_ttl))
    sim.url_ahead = _number(body, "ahead", 0.0)
    return JSONResponse({"ttl": sim.url_ttl, "ahead": sim.url_ahead})


async def release(request: Request) -> Response:
    """Let every held task finish."""
    _local_only(request)
    sim = simulator(request)
    sim.release.set()
    sim.release.clear()
    return JSONResponse({})


async def reset(request: Request) -> Response:
    """Forget tasks, counts and faults already used up; pace, limits and link life go back to the settings."""
    _local_only(request)
    sim = simulator(request)
    for task in list(sim.background):
        if task.get_name().startswith("task:"):
            task.cancel()
    await sim.store.reset()
    sim.faults.reset()
    sim.pace.mode, sim.pace.speed, sim.pace.queued, sim.pace.running = sim.settings.pace, 1.0, 0.0, 0.0
    sim.url_ttl, sim.url_ahead = sim.settings.url_ttl, 0.0
    await sim.limiter.set_mode(sim.settings.limits)
    return JSONResponse({})


ROUTES = [
    Route("/_sim/stats", stats, methods=["GET"]),
    Route("/_sim/pace", pace, methods=["POST"]),
    Route("/_sim/limits", limits, methods=["POST"]),
    Route("/_sim/urls", urls, methods=["POST"]),
    Route("/_sim/release", release, methods=["POST"]),
    Route("/_sim/reset", reset, methods=["POST"]),
]
