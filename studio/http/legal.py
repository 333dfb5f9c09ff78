"""The public documents, rendered per request from versioned texts and the settings in force. No script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.errors import NotFound
from studio.http import keeping
from studio.http.access import page_errors
from studio.http.footer import HTML as FOOTER
from studio.http.socket import cookie_token
from studio.legal import texts
from studio.links import DOCUMENTS, KINDS, TITLES
from studio.links import FOOTER as LINKS
from studio.services import documents, installation, policies, processors, sessions
from studio.services.documents import Block
from studio.services.policies import Version

FOLDER = Path(__file__).resolve().parent.parent / "legal"
THEMES = ("light", "dark")
# The documents named at the top of each page; the footer names all.
TOP = tuple((TITLES.get(path.strip("/"), name), path) for name, path in LINKS if "#" not in path)


def day(at: datetime) -> str:
    """A day in UTC, as people write it: 3 October 2026."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B} {at.year}"


@cache
def _templates() -> Environment:
    made = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    made.filters["day"] = day
    made.globals.update(documents=DOCUMENTS, top=TOP, footer=FOOTER)
    return made


async def check() -> None:
    """What the documents need, looked at when the process starts.

    Raises:
        SettingsError: a text was changed after it was registered, or the file of processors cannot be used.
    """
    processors.listed(settings())
    async with transaction(SYSTEM) as session:
        await policies.check(session)


async def draw(request: Request, template: str, **values: Any) -> Response:
    """A page in its frame; the theme is the cookie's, else the system's."""
    theme = request.cookies.get("theme", "")
    async with transaction(SYSTEM) as session:
        known = await sessions.identify(session, token=cookie_token(request.scope["headers"]))
    frame = {"theme": theme if theme in THEMES else "", "signed_in": known is not None, "settings": settings()}
    return HTMLResponse(_templates().get_template(template).render(**frame, **values))


async def _versions(request: Request) -> Sequence[Version]:
    """The history of the document that the address names, newest first. Raises NotFound."""
    kind = request.path_params["kind"]
    async with transaction(SYSTEM) as session:
        return await policies.history(session, kind=kind)


def _blocks(version: Version) -> list[Block]:
    return documents.blocks(version.text.body, installation.facts(settings()))


def _before(versions: Sequence[Version], version: Version) -> Version | None:
    return next((each for each in versions if each.number < version.number), None)


async def _show(request: Request, versions: Sequence[Version], version: Version) -> Response:
    said = _blocks(version)
    return await draw(
        request,
        "document.html",
        version=version,
        current=policies.current(versions),
        coming=policies.coming(versions),
        before=_before(versions, version),
        html=documents.drawn(said),
        contents=documents.sections(said),
        minutes=documents.minutes(said),
        reviewed=installation.reviewed(settings(), updated=version.text.updated),
        keeping=await keeping.MINUTE.read() if version.kind == "security" else None,
        updated=datetime(*version.text.updated.timetuple()[:3], tzinfo=UTC),
    )


@page_errors
async def document(request: Request) -> Response:
    """GET /privacy, /terms, /cookies, /security, /dpa, /subprocessors: the version in force."""
    request.path_params["kind"] = request.url.path.strip("/")
    versions = await _versions(request)
    return await _show(request, versions, policies.current(versions))


@page_errors
async def versions(request: Request) -> Response:
    """GET /{kind}/versions: the public history."""
    found = await _versions(request)
    return await draw(
        request,
        "versions.html",
        title=TITLES[request.path_params["kind"]],
        versions=found,
        current=policies.current(found),
        kind=request.path_params["kind"],
        before={each.number: _before(found, each) for each in found},
    )


def _named(request: Request, found: Sequence[Version]) -> Version:
    """The version that the address names. Raises NotFound."""
    try:
        number = texts.number(request.path_params["version"])
    except texts.TextError:
        raise NotFound from None
    for each in found:
        if each.number == number:
            return each
    raise NotFound


@page_errors
async def version(request: Request) -> Response:
    """GET /{kind}/versions/{version}: one version, whether or not it is in force."""
    found = await _versions(request)
    return await _show(request, found, _named(request, found))


@page_errors
async def diff(request: Request) -> Response:
    """GET /{kind}/versions/{version}/diff: what changed since the version before; the first one has none."""
    found = await _versions(request)
    named = _named(request, found)
    before = _before(found, named)
    if before is None:
        return RedirectResponse(named.path, 303)
    return await draw(
        request,
        "diff.html",
        version=named,
        before=before,
        current=policies.current(found),
        difference=documents.difference(_blocks(before), _blocks(named)),
    )


PATHS = tuple(f"/{kind}" for kind in KINDS)
