"""The application and how it is run: one small process that serves, and a render process while there is work."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.simulator import control, files, images, runner, videos
from studio.simulator.context import MODELS, authorise, create_simulator, simulator
from studio.simulator.settings import SimulatorSettings, settings_from_env
from studio.simulator.wire import ApiError, error_response, new_request_id

_TASKS = "/api/v3/contents/generations/tasks"
log = logging.getLogger("studio.simulator")


async def _models(request: Request) -> Response:
    authorise(request)
    made = int(time.time())
    data = [{"id": model.id, "object": "model", "created": made, "owned_by": "byteplus"} for model in MODELS.values()]
    return JSONResponse({"object": "list", "data": data})


async def _healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok", "pace": simulator(request).pace.mode})


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error, request.state.request_id)


async def _on_error(request: Request, error: Exception) -> Response:
    log.error("unexpected", exc_info=error)
    return error_response(ApiError("InternalServiceError"), request.state.request_id)


async def _not_found(_: Request, __: Exception) -> Response:
    return Response(status_code=404)


class _Envelope:
    """Gives every answer its x-request-id and echoes X-Client-Request-Id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        client_id = next((value for name, value in scope["headers"] if name == b"x-client-request-id"), None)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(b"x-request-id", request_id.encode())]
                if client_id is not None:
                    extra.append((b"x-client-request-id", client_id))
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        await self.app(scope, receive, stamped)


def create_app(settings: SimulatorSettings) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sim = app.state.simulator = create_simulator(settings)
        runner.spawn(sim, files.prune(sim), "prune")
        await runner.resume(sim)
        yield
        for task in list(sim.background):
            task.cancel()
        await asyncio.gather(*sim.background, return_exceptions=True)
        await sim.pool.close()
        await sim.clip_pool.close()
        await sim.store.close()

    app = Starlette(
        routes=[
            Route("/healthz", _healthz),
            Route("/api/v3/models", _models, methods=["GET"]),
            Route("/api/v3/images/generations", images.generate, methods=["POST"]),
            Route(_TASKS, videos.create, methods=["POST"]),
            Route(_TASKS, videos.list_tasks, methods=["GET"]),
            Route(f"{_TASKS}/{{task_id}}", videos.get, methods=["GET"]),
            Route(f"{_TASKS}/{{task_id}}", videos.delete, methods=["DELETE"]),
            Route("/files/{name}", files.download, methods=["GET", "HEAD"]),
            *control.ROUTES,
        ],
        exception_handlers={ApiError: _on_api_error, 404: _not_found, Exception: _on_error},
        lifespan=lifespan,
    )
    app.add_middleware(_Envelope)
    return app


def app_from_env() -> Starlette:
    """A factory for any ASGI server with one worker."""
    return create_app(settings_from_env())


async def serve(app: Starlette, host: str, port: int) -> None:
    """Serve inside this process until SIGTERM or SIGINT: no supervisor process, a single loop."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False, websockets=False)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    serving = loop.create_task(server.serve())
    stopping = loop.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        server.stop()
    stopping.cancel()
    await serving


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studio.simulator", description="A local ModelArk.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, help="folder for results (or STUDIO_SIM_DATA)")
    parser.add_argument("--pace", choices=["instant", "believable"], help="(or STUDIO_SIM_PACE)")
    options = parser.parse_args()
    given = dict(os.environ)
    if options.data:
        given["STUDIO_SIM_DATA"] = str(options.data)
    if options.pace:
        given["STUDIO_SIM_PACE"] = options.pace
    try:
        settings = settings_from_env(given)
    except ValueError as error:
        parser.error(str(error))
    with socket.socket() as probe:  # a taken port should be said plainly, not from inside the server
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            parser.error(f"cannot listen on {options.host}:{options.port}: {error.strerror}")
    asyncio.run(serve(create_app(settings), options.host, options.port))
