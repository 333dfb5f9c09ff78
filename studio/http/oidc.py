"""Signing in with a provider: the way there, and the way back."""

from __future__ import annotations

import time
from dataclasses import asdict
from html import escape
from typing import Literal
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.errors import NotSignedIn, StudioError
from studio.http.access import ELSEWHERE, go_in, keep_session, limit, page, page_errors
from studio.http.socket import cookie_token
from studio.services import consent, sessions
from studio.services.identity import joining, oidc
from studio.services.identity.joining import Arrival, AttemptGone, Entered
from studio.services.identity.oidc import Handshake, Provider, SigninRefused
from studio.services.sessions import Attempt

Intent = Literal["signin", "link", "reauth"]
LIMITS: dict[Intent, str] = {"signin": "signin", "link": "link_provider", "reauth": "reauth"}
LONGEST_PATH = 300
LONGEST_CODE = 4000
DECLINED = ("access_denied", "login_required", "consent_required", "interaction_required")


class Declined(StudioError):
    """You did not go on at the provider, so nobody was signed in and nothing was stored."""

    code = "signin_declined"
    status = 403


class NotFromHere(StudioError):
    """Open Settings in Studio and link the provider from there."""

    code = "not_from_here"
    status = 403


def same_site(path: str | None) -> str:
    """A path of ours to go on to; anything else becomes the studio itself.

    Browsers read a backslash as a slash and drop tabs and line breaks, so none of these may be in it.
    """
    if not path or len(path) > LONGEST_PATH or not path.isascii() or not path.isprintable():
        return "/"
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith("//") and not parts.scheme and not parts.netloc
    if not ours or "\\" in path or " " in path or parts.path.startswith(("/auth/", "/signin/", "/join", "/_")):
        return "/"
    return path


def _question(provider: Provider, path: str) -> Response:
    """Asked first, as for a one-time link: a page elsewhere must not sign anybody in who did not mean to."""
    way = f"/auth/{provider.ours.key}/start?{urlencode({'next': path})}"
    link = f'<p><a href="{escape(way)}">Sign in with {escape(provider.ours.name)}</a></p>'
    return page("Sign in to Studio", "Another page sent you here to sign in.", more=link)


@page_errors
async def start(request: Request) -> Response:
    """GET /auth/{provider}/start: to the provider. `link=1` adds it to this account, `reauth=1` confirms who it is."""
    provider = oidc.provider(request.path_params["provider"])
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if here in settings().origins[1:]:  # the way back leads to the public address, and the cookie must be there
        return RedirectResponse(f"{settings().public_url}{request.url.path}?{request.url.query}", 303)
    asked = request.query_params
    intent: Intent = "link" if asked.get("link") == "1" else "reauth" if asked.get("reauth") == "1" else "signin"
    token = cookie_token(request.scope["headers"])
    async with transaction(SYSTEM) as session:
        identity = await sessions.identify(session, token=token)
        if intent == "signin" and identity is not None:
            return RedirectResponse("/", 303)
        if intent != "signin" and identity is None:
            raise NotSignedIn
        if intent == "signin" and request.headers.get("sec-fetch-site", "none") in ELSEWHERE:
            return _question(provider, same_site(asked.get("next")))
        if intent == "link" and identity is not None:
            # Another site could otherwise link whoever it signed this browser in as at the provider.
            if request.headers.get("sec-fetch-site") != "same-origin":
                raise NotFromHere
            if not await sessions.is_fresh(session, session_id=identity.session_id):  # the page may be older than that
                there = urlencode({"link": provider.ours.key})
                return RedirectResponse(f"/reauth?{urlencode({'next': f'/settings/profile?{there}'})}", 303)
    await limit(request, LIMITS[intent], actor=identity.actor if identity else None)
    shake = oidc.handshake()
    url = await provider.authorization_url(shake=shake, fresh=intent == "reauth")
    state = {
        **asdict(shake),
        "intent": intent,
        "provider": provider.ours.key,
        "next": same_site(asked.get("next")),
        "begun": time.time(),
    }
    response = RedirectResponse(url, 303)
    async with transaction(SYSTEM) as session:
        if identity is not None:
            await sessions.keep_attempt(session, session_id=identity.session_id, state=state)
            return response
        fresh = await sessions.keep_anonymous(session, old_token=token, state=state)
        await consent.carry(session, old_token=token, token=fresh)
    await keep_session(response, fresh)
    return response


@page_errors
async def callback(request: Request) -> Response:
    """GET /auth/{provider}/callback: the way back. Whatever is refused leaves nobody signed in and nothing stored."""
    provider = oidc.provider(request.path_params["provider"])
    await limit(request, "signin")
    token, answer = cookie_token(request.scope["headers"]), dict(request.query_params)
    state = answer.get("state", "")
    if not 0 < len(state) <= LONGEST_PATH or not state.isprintable():
        raise AttemptGone
    async with transaction(SYSTEM) as session:
        attempt = await sessions.take_attempt(session, token=token, provider=provider.ours.key, state=state)
    if attempt is None:  # a link that somebody else made: what this browser has begun stays as it is
        raise AttemptGone
    try:
        return await go_in(await _come_back(provider, attempt, answer, token))
    except StudioError:
        async with transaction(SYSTEM) as session:
            await sessions.forget_anonymous(session, token=token)
        raise


async def _come_back(provider: Provider, attempt: Attempt, answer: dict[str, str], token: str) -> Entered:
    """Ask the provider with no transaction open, then record."""
    kept, code = attempt.state, answer.get("code", "")
    if answer.get("error") in DECLINED:
        raise Declined
    if not 0 < len(code) <= LONGEST_CODE or "error" in answer:
        raise SigninRefused
    claims = await provider.redeem(
        code=code,
        issuer=answer.get("iss"),
        shake=Handshake(kept["state"], kept["nonce"], kept["verifier"]),
        fresh_since=kept["begun"] if kept["intent"] == "reauth" else None,
    )
    arrival = Arrival(
        email=claims.email, name=claims.name, issuer=claims.issuer, subject=claims.subject, picture=claims.picture
    )
    async with transaction(SYSTEM) as session:
        if attempt.account_id is None:
            return await joining.arrive(session, arrival=arrival, old_token=token, path=kept["next"])
        identity = await sessions.identify(session, token=token)
        if identity is None or identity.session_id != attempt.session_id:
            raise NotSignedIn
        if kept["intent"] == "link":
            await joining.link(session, account_id=identity.account_id, arrival=arrival)
        else:
            token = await joining.confirm(
                session, session_id=identity.session_id, account_id=identity.account_id, arrival=arrival
            )
    return Entered(token=token, path=kept["next"])
