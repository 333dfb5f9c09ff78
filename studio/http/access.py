"""Who asks, for the plain HTTP routes, and what an error looks like there."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from studio.config import settings
from studio.db import SYSTEM, Actor, transaction
from studio.errors import NotFound, NotSignedIn, StudioError, ValidationError
from studio.http.footer import HTML as FOOTER
from studio.http.socket import cookie_token
from studio.services import abuse, consent, cookies, sessions
from studio.services.cookies import WORKSPACE
from studio.services.eventlog import WRITER
from studio.services.identity.joining import Entered

ELSEWHERE = ("cross-site", "same-site")  # what `Sec-Fetch-Site` says when another page sent the browser here
MOST_DRAINED = 64 * 1024 * 1024
LARGEST_BODY = 2000
Handler = Callable[[Request], Awaitable[Response]]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title} · Studio</title><link rel="stylesheet" href="/plain.css"><link rel="icon" href="/icon.svg"></head>
<body><main><h1>{title}</h1><p>{text}</p>{more}</main>{footer}</body></html>"""


async def person_of(request: Request) -> Actor | None:
    """The signed-in person, if there is one."""
    async with transaction(SYSTEM) as session:
        identity = await sessions.identify(session, token=cookie_token(request.scope["headers"]))
    return identity.actor if identity else None


async def actor_of(request: Request) -> Actor:
    """The signed-in person. Raises NotSignedIn."""
    found = await person_of(request)
    if found is None:
        raise NotSignedIn
    return found


async def limit(request: Request, what: str, *, actor: Actor | None = None) -> None:
    """Count a try, by account where there is one, else by the client's address. Raises TooOften.

    The address is the socket's peer, or what a trusted proxy says (studio/web.py). It is used here and goes nowhere.
    """
    async with transaction(SYSTEM) as session:
        await abuse.count(session, what=what, actor=actor, address=request.client.host if request.client else None)


def uuid_of(request: Request, name: str) -> UUID:
    """A path parameter as a UUID. What is not one names nothing: NotFound."""
    try:
        return UUID(request.path_params[name])
    except ValueError:
        raise NotFound from None


def page(title: str, text: str, *, more: str = "", status: int = 200) -> HTMLResponse:
    """A small page that needs no script. `more` is markup of ours; title and text are escaped."""
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(text), more=more, footer=FOOTER), status)


def json_errors(handler: Handler) -> Handler:
    """Answers a StudioError as {"error", "code"} with its status."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except StudioError as error:
            refusal = error
        except HTTPException:  # the form parser's: a body that is no form, or has too many files
            refusal = ValidationError("This upload could not be read. Send one picture at a time.", code="unreadable")
        except Exception as error:  # noqa: BLE001  # the border: nothing of its text may reach a browser
            return JSONResponse({"error": _unexpected(error), "code": "unexpected"}, 500)
        await _drain(request)
        return JSONResponse(
            {"error": refusal.message, "code": refusal.code}, refusal.status, headers=refusal_headers(refusal)
        )

    return wrapped


def refusal_headers(error: StudioError) -> dict[str, str]:
    """`Retry-After`, where waiting helps."""
    return {"retry-after": str(error.wait_seconds)} if error.wait_seconds else {}


def _unexpected(error: Exception) -> str:
    reference = WRITER.error("http", error)
    return f"Something went wrong on our side. Your work is safe. Reference {reference}"


async def _drain(request: Request) -> None:
    """Read what is left of a refused body, up to a limit: a browser that is still sending hears no answer."""
    left = MOST_DRAINED
    try:
        async for chunk in request.stream():
            left -= len(chunk)
            if left <= 0:
                return
    except (RuntimeError, ClientDisconnect):
        return  # read to its end already, or the browser has gone


def page_errors(handler: Handler) -> Handler:
    """Answers a StudioError as a small page."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except NotFound as error:
            return page("There is nothing here", error.message, more='<p><a href="/">Open Studio</a></p>', status=404)
        except StudioError as error:
            more = '<p><a href="/">Open Studio</a></p>'
            answer = page("That did not work", error.message, more=more, status=error.status)
            answer.headers.update(refusal_headers(error))
            return answer
        except Exception as error:  # noqa: BLE001  # the border: nothing of its text may reach a browser
            return page("That did not work", _unexpected(error), status=500)

    return wrapped


async def body_of(request: Request) -> bytes:
    """A small body of ours, read no further than that. Raises ValidationError when it is larger than ours can be."""
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > LARGEST_BODY:
            raise ValidationError("This form is larger than ours can be.")
    return read


async def form_of(request: Request) -> dict[str, list[str]]:
    """A small form of ours. Raises ValidationError when it is larger than ours can be."""
    return parse_qs((await body_of(request)).decode("latin-1"))


async def json_of(request: Request) -> dict[str, Any]:
    """A small object of ours; what is none is empty. Raises ValidationError when it is larger than ours can be."""
    try:
        found = json.loads(await body_of(request))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


async def keep_session(response: Response, token: str) -> None:
    """Set the session's cookie for as long as the session, or what was answered about cookies, can last."""
    async with transaction(SYSTEM) as session:
        seconds = await consent.seconds_left(session, token=token)
    set_session(response, token, seconds=seconds)


def set_session(response: Response, token: str, *, seconds: int = 0) -> None:
    """The one cookie of a signed-in browser. `seconds`: how long its answer about cookies counts."""
    response.set_cookie(
        settings().cookie_name,
        token,
        max_age=cookies.max_age(settings(), settings().cookie_name, answer=seconds),
        path="/",
        secure=settings().secure,
        httponly=True,
        samesite="lax",
    )


def workspace_cookie(workspace_id: UUID | None) -> str:
    """The Set-Cookie that mirrors the session's active workspace; None takes it back. Nothing reads it as truth."""
    made = Response()
    same: dict[str, Any] = {"path": "/", "secure": settings().secure, "httponly": True, "samesite": "lax"}
    if workspace_id is None:
        made.delete_cookie(WORKSPACE, **same)
    else:
        made.set_cookie(WORKSPACE, str(workspace_id), max_age=cookies.max_age(settings(), WORKSPACE), **same)
    return made.headers["set-cookie"]


async def go_in(entered: Entered) -> Response:
    """Send the browser on with its new cookie."""
    response = RedirectResponse(entered.path, 303)
    await keep_session(response, entered.token)
    return response


def clear_session(response: Response) -> None:
    """Take the session's cookies back."""
    response.delete_cookie(settings().cookie_name, path="/", secure=settings().secure, httponly=True, samesite="lax")
    response.headers.append("set-cookie", workspace_cookie(None))
