"""One web process: granian inside this process, serving the Reflex app on the prebuilt front end.

Granian's usual arrangement is a main process that starts workers. Here the supervisor already starts, watches and
restarts this process, so the server runs embedded in it: one interpreter less at rest, and nothing left behind when it
is killed. More web processes are more `studio web`, behind a proxy and with Redis.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from studio import egress, frontend
from studio.config import Settings

# They write what a browser sent, prompts included; our own error events hold type, place and reference instead.
TALKATIVE = ("reflex", "reflex_base", "socketio", "engineio")
LOOPBACK = ["127.0.0.1", "::1"]


def prepare(settings: Settings) -> None:
    """Set what Reflex reads from the environment, and stand guard over what goes out, before Reflex is imported."""
    egress.install(settings)
    environment = frontend.serve_environment(frontend.ensure(print), settings.data_dir)
    if settings.redis_url:
        environment["REFLEX_REDIS_URL"] = settings.redis_url
    os.environ.update(environment)
    os.chdir(frontend.ROOT)


def trusted_proxies() -> list[str]:
    """Addresses whose X-Forwarded-For and -Proto are believed: loopback, and those the operator names."""
    named = os.environ.get("STUDIO_TRUSTED_PROXIES", "")
    return LOOPBACK + [part.strip() for part in named.split(",") if part.strip()]


def application() -> Any:
    """The ASGI application, behind the rule about proxy headers."""
    from granian.utils.proxies import wrap_asgi_with_proxy_headers

    # Thousands of modules' worth of objects are about to be made, all of them to stay: the collector would look
    # through them again and again for nothing.
    gc.disable()
    from studio.http.headers import NoCors
    from studio.studio import app

    target = app()
    gc.freeze()
    gc.enable()
    return wrap_asgi_with_proxy_headers(NoCors(target), trusted_hosts=trusted_proxies())


async def _serve(settings: Settings, *, wait: bool) -> None:
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server.embed import Server

    target = application()
    from studio import schema
    from studio.http import legal
    from studio.http.live import only_web, stay_only

    assert settings.database_url
    await schema.require(settings.database_url, wait=wait)

    await legal.check()
    held = await only_web()
    server = Server(
        target,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_level=LogLevels.error,
        backlog=1024,
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # Granian ends open sockets by cancelling them and would print each as an error.
        logging.getLogger("_granian").setLevel(logging.CRITICAL)
        server.stop()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    # Reflex imports this at the first event, on the loop, for a second; the first page needs none of it.
    importing = asyncio.create_task(asyncio.to_thread(importlib.import_module, "reflex.model"))
    alone = asyncio.create_task(stay_only(held)) if held is not None else None
    if alone is not None:
        alone.add_done_callback(lambda task: None if task.cancelled() else stop())
    await server.serve()
    importing.cancel()
    if alone is not None:
        alone.cancel()
        with suppress(asyncio.CancelledError):
            await alone


def run(settings: Settings, *, wait: bool = False) -> None:
    """Serve until SIGINT or SIGTERM. With `wait` the port opens once the database has this release's schema."""
    prepare(settings)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from studio.http.live import SecondWebError
    from studio.schema import BehindError, RestoringError

    try:
        asyncio.run(_serve(settings, wait=wait))
    except (SecondWebError, BehindError, RestoringError) as error:
        sys.stderr.write(f"{error.__doc__}\n")
        sys.exit(2)
