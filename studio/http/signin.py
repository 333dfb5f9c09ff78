"""Signing in with a one-time link, and out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.errors import NotSignedIn, ValidationError
from studio.http.access import (
    ELSEWHERE,
    clear_session,
    go_in,
    json_errors,
    json_of,
    keep_session,
    limit,
    page,
    page_errors,
)
from studio.http.socket import cookie_token
from studio.services import consent, sessions
from studio.services.cookies import THEME, max_age
from studio.services.identity import joining, signin_link

THEMES = ("light", "dark", "system")


@page_errors
async def open_link(request: Request) -> Response:
    """GET /signin/{token}: signs in, unless another site sent the browser here; then the person is asked first.

    The question keeps a page elsewhere from signing somebody in to an account that is not theirs.
    """
    if request.headers.get("sec-fetch-site", "none") in ELSEWHERE:
        button = '<form method="post"><button type="submit">Sign in</button></form>'
        return page("Sign in to Studio", "Another page sent you here with a sign-in link.", more=button)
    return await _sign_in(request)


@page_errors
async def confirm_link(request: Request) -> Response:
    """POST /signin/{token}: the answer to that question."""
    return await _sign_in(request)


async def _sign_in(request: Request) -> Response:
    await limit(request, "link")
    async with transaction(SYSTEM) as session:
        email = await signin_link.use(session, token=request.path_params["token"])
        entered = await joining.arrive(
            session, arrival=joining.Arrival(email=email), old_token=cookie_token(request.scope["headers"])
        )
    return await go_in(entered)


@page_errors
async def sign_out(request: Request) -> Response:
    """POST /signout: end this session everywhere it is open. An answer about cookies stays with the browser."""
    token = cookie_token(request.scope["headers"])
    async with transaction(SYSTEM) as session:
        identity = await sessions.identify(session, token=token)
        if identity is None:
            raise NotSignedIn
        nobody = await consent.carry_out(session, token=token)
        await sessions.revoke(session, account_id=identity.account_id, session_id=identity.session_id)
    response = RedirectResponse("/welcome", 303)
    if nobody is None:
        clear_session(response)
    else:
        await keep_session(response, nobody)
    return response


@json_errors
async def set_theme(request: Request) -> Response:
    """POST /api/theme with {"theme": "light" | "dark" | "system"}: kept in a cookie for a year."""
    theme = (await json_of(request)).get("theme")
    if theme not in THEMES:
        raise ValidationError("A theme is light, dark or system.")
    response = Response(status_code=204)
    age = max_age(settings(), THEME)
    response.set_cookie(THEME, theme, max_age=age, path="/", secure=settings().secure, samesite="lax")
    return response
