"""The question about cookies over plain HTTP: its page, its answers, its place on every document, and what follows.

Optional cookies are set and taken back here and nowhere else, for only HTTP sees `Sec-GPC`.
"""

from __future__ import annotations

import re
from functools import cache, wraps
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.errors import ValidationError
from studio.http.access import Handler, form_of, json_errors, json_of, limit, page_errors, person_of, set_session
from studio.http.legal import draw
from studio.http.oidc import same_site
from studio.http.socket import cookie_token
from studio.services import consent, experiments, usage
from studio.services.consent import Standing
from studio.services.cookies import ANALYTICS, EXPERIMENTS, max_age

FOLDER = Path(__file__).resolve().parent.parent / "legal"
CHOICES = "/cookies/choices"
_BODY = re.compile(rb"<body[^>]*>")
# The face is asked for before the first paint, so that the question stands still.
_HEAD = (
    b'<link rel="preload" href="/fonts/inter.woff2" as="font" type="font/woff2" crossorigin>'
    b'<link rel="stylesheet" href="/consent.css"></head>'
)


@cache
def _texts() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)


def signal(request: Request) -> bool:
    """Whether the browser sends Global Privacy Control."""
    return request.headers.get("sec-gpc", "").strip() == "1"


def back_to(path: str | None) -> str:
    """Where an answer returns to: a path of ours that a plain GET may open, also the questions of a sign-in."""
    return "/join" if path == "/join" else same_site(path)


async def standing(request: Request) -> Standing:
    """What holds for this browser, with this request."""
    async with transaction(SYSTEM) as session:
        return await consent.standing(session, token=cookie_token(request.scope["headers"]), signal=signal(request))


async def witness(session: AsyncSession, request: Request, purpose: str) -> bool:
    """Whether this browser's answer allows one count more; noted in the transaction that writes it."""
    token = cookie_token(request.scope["headers"])
    return await consent.witness(session, token=token, signal=signal(request), purpose=purpose)


def set_optional(response: Response, name: str, value: str, seconds: int) -> None:
    """An optional cookie lives no longer than the yes behind it, which counts for `seconds` yet."""
    age = max_age(settings(), name, answer=seconds)
    response.set_cookie(name, value, max_age=age, path="/", secure=settings().secure, httponly=True, samesite="lax")


def clear_optional(response: Response, name: str) -> None:
    """Take an optional cookie back."""
    response.set_cookie(name, "", max_age=0, path="/", secure=settings().secure, httponly=True, samesite="lax")


async def follow(request: Request, response: Response, now: Standing) -> None:
    """Bring the optional cookies, and what is counted under them, in line with what holds now."""
    number = usage.visitor(request.cookies.get(ANALYTICS))
    if "analytics" in now.allowed:
        set_optional(response, ANALYTICS, str(number or usage.new_visitor()), now.seconds)
    else:
        if number is not None:
            async with transaction(SYSTEM) as session:
                await usage.forget(session, number=number)
        if ANALYTICS in request.cookies:
            clear_optional(response, ANALYTICS)
    if "experiments" in now.allowed:
        known = experiments.read(request.cookies.get(EXPERIMENTS)) or experiments.assign()
        set_optional(response, EXPERIMENTS, known.value, now.seconds)
    elif EXPERIMENTS in request.cookies:
        clear_optional(response, EXPERIMENTS)


def told(now: Standing) -> dict[str, object]:
    """What the studio's own banner and settings show."""
    return {
        "ask": now.ask,
        "signal": now.signal,
        "title": consent.TITLE,
        "words": consent.TEXT,
        "text": consent.text_hash(),
        "purposes": [
            {"key": each.key, "name": each.name, "text": each.text, "on": each.key in now.allowed}
            for each in consent.PURPOSES
        ],
    }


@json_errors
async def state(request: Request) -> Response:
    """GET /cookies/state: whether to ask, and what holds. Sets nothing."""
    return JSONResponse(told(await standing(request)), headers={"cache-control": "no-store"})


@page_errors
async def choices(request: Request) -> Response:
    """GET /cookies/choices: what is on, and one click to any other choice. Needs no script."""
    page = await draw(
        request,
        "consent_choices.html",
        saved=request.query_params.get("saved") == "1",
        words=consent.TEXT,
        standing=await standing(request),
        purposes=consent.PURPOSES,
        hash=consent.text_hash(),
        next=back_to(request.query_params.get("next")) if "next" in request.query_params else "",
    )
    page.headers["cache-control"] = "no-store"
    return page


async def answer(request: Request) -> Response:
    """POST /cookies/choices: `choice` is reject, accept, save (with a field for each purpose) or choose."""
    wants_json = "application/json" in request.headers.get("accept", "")
    return await (json_errors if wants_json else page_errors)(_answer)(request)


async def _answer(request: Request) -> Response:
    await limit(request, "consent", actor=await person_of(request))
    given = {name: values[0] for name, values in (await form_of(request)).items()}
    choice, after = given.get("choice"), given.get("next", "")
    if choice == "choose":
        return RedirectResponse(f"{CHOICES}?next={back_to(after)}", 303)
    if choice not in ("accept", "reject", "save"):
        raise ValidationError("Choose to accept, to reject, or for each purpose.")
    picked = {key for key in consent.KEYS if choice == "accept" or (choice == "save" and given.get(key) == "on")}
    async with transaction(SYSTEM) as session:
        done = await consent.answer(
            session,
            token=cookie_token(request.scope["headers"]),
            allowed=frozenset(picked),
            shown=given.get("text", ""),
            signal=signal(request),
        )
    wants_json = "application/json" in request.headers.get("accept", "")
    response: Response = (
        JSONResponse(told(done.standing), headers={"cache-control": "no-store"})
        if wants_json
        else RedirectResponse(back_to(after) if after else f"{CHOICES}?saved=1", 303)
    )
    set_session(response, done.token, seconds=done.standing.seconds)
    await follow(request, response, done.standing)
    return response


@json_errors
async def count(request: Request) -> Response:
    """POST /api/usage with {"page": path} or {"feature": key}: counted for who allowed it; nothing else happens."""
    wanted = await json_of(request)
    page, feature = wanted.get("page"), wanted.get("feature")
    if isinstance(page, str):
        name = usage.page_name(page)
    elif isinstance(feature, str) and feature in usage.FEATURES:
        name = f"feature:{usage.FEATURES[feature]}"
    else:
        raise ValidationError("A page or a feature is counted here.")
    now = await standing(request)
    response = Response(status_code=204)
    if "analytics" not in now.allowed:
        await follow(request, response, now)
        return response
    known = usage.visitor(request.cookies.get(ANALYTICS))
    number = known or usage.visitor(usage.new_visitor())
    assert number is not None, "new numbers are numbers"
    await limit(request, "usage", actor=await person_of(request))
    async with transaction(SYSTEM) as session:
        if await witness(session, request, "analytics"):
            await usage.count(session, number=number, name=name)
    if known is None:
        set_optional(response, ANALYTICS, str(number), now.seconds)
    return response


def asking(route: Route) -> Route:
    """The same route with the question on each HTML page it answers, for whoever is to be asked."""
    handler: Handler = route.endpoint

    @wraps(handler)
    async def asked(request: Request) -> Response:
        response = await handler(request)
        if isinstance(response, HTMLResponse) and request.url.path != CHOICES:
            await _ask(request, response)
        return response

    return Route(route.path, asked, methods=list(route.methods or {"GET"}))


async def _ask(request: Request, response: Response) -> None:
    if not (await standing(request)).ask:
        return
    path, query = request.url.path, request.url.query
    # Nothing but a page that was read by GET is opened again; a sign-in link is not, it would sign in unasked.
    fine = response.status_code < 400 and (request.method in ("GET", "HEAD") or path == "/join")
    banner = _texts().get_template("consent_banner.html")
    html = banner.render(
        title=consent.TITLE,
        words=consent.TEXT,
        hash=consent.text_hash(),
        next=back_to(f"{path}?{query}" if query else path) if fine else "/",
    ).encode()
    body = bytes(response.body).replace(b"</head>", _HEAD, 1)
    response.body = _BODY.sub(lambda found: found[0] + html, body, count=1)
    response.headers["content-length"] = str(len(response.body))
