"""The privacy policy and the terms, rendered per request from versioned texts and the settings in force. No script."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from studio.config import settings
from studio.services.identity.joining import VERSIONS

FOLDER = Path(__file__).resolve().parent.parent / "legal"


@cache
def _texts() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)


def _draw(name: str, title: str) -> Response:
    page = _texts().get_template(f"{name}.html")
    return HTMLResponse(page.render(title=title, version=VERSIONS[name], settings=settings()))


async def privacy(_: Request) -> Response:
    """GET /privacy."""
    return _draw("privacy", "Privacy policy")


async def terms(_: Request) -> Response:
    """GET /terms."""
    return _draw("terms", "Terms")
