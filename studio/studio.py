"""Composition root: the Reflex app, its pages, its routes and what runs beside them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from reflex.event import EventSpec
from reflex_base.config import get_config
from starlette.types import ASGIApp

from studio.components.styles import STYLESHEETS, head
from studio.http.cookielist import CookieList
from studio.http.guards import BindToken, OriginGuard, PageGate
from studio.http.headers import SecurityHeaders
from studio.http.optional import OptionalCookies
from studio.http.requestlog import RequestLogger
from studio.http.routes import application
from studio.http.socket import StudioApp
from studio.pages.routes import add_pages
from studio.services import guards
from studio.services.eventlog import WRITER

SERVING = os.environ.get("REFLEX_ENV_MODE") == "prod" and "__REFLEX_SKIP_COMPILE" in os.environ


def told(exception: Exception) -> EventSpec | None:
    """An error no handler caught: noted under a reference, shown as a sentence without its text."""
    from studio.state.studio import StudioState

    reference = WRITER.error("event", exception)
    return StudioState.unexpected(str(reference))  # type: ignore[return-value]  # an event of the state


def unheard(exception: Exception) -> None:
    """What a browser reports of its own errors is not kept: it may hold what was typed, and anyone can send it."""


def built_pages() -> Path | None:
    """The front end that is served, for the hashes of its inline scripts; none while it is being built."""
    return Path(os.environ["REFLEX_WEB_WORKDIR"]) / "build" / "client" if SERVING else None


def _headers(asgi: ASGIApp) -> ASGIApp:
    return SecurityHeaders(asgi, pages=built_pages())


@asynccontextmanager
async def beside() -> AsyncIterator[None]:
    """The live connection, the log writer and the guards' report run as long as the server does."""
    from studio.http.live import Live

    tasks = [asyncio.create_task(each) for each in (Live(app).run(), WRITER.run(), guards.report("web"))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def make() -> StudioApp:
    """The app. Composition touches neither the database nor the network."""
    if SERVING:
        from studio.config import settings
        from studio.services.byteplus import catalog

        get_config().cors_allowed_origins = list(settings().origins)
        catalog.configure(settings().prices_file)
    made = StudioApp(
        stylesheets=STYLESHEETS,
        head_components=head(),
        frontend_exception_handler=unheard,
        backend_exception_handler=told,
        api_transformer=[
            application(),
            PageGate,
            OptionalCookies,
            BindToken,
            OriginGuard,
            _headers,
            CookieList,
            RequestLogger,
        ],
        html_lang="en",
        toaster=None,
    )
    add_pages(made)
    if SERVING:
        made.register_lifespan_task(beside)
    return made


app = make()
