"""Proving once more who one is: a small page with the ways to do that, for whoever is signed in."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from studio.db import SYSTEM, transaction
from studio.http.access import limit, page, page_errors
from studio.http.oidc import same_site
from studio.http.socket import cookie_token
from studio.services import sessions
from studio.services.identity import joining, oidc

_LINK = (
    "<p>{or_}Open a new sign-in link in this browser. On the server, <code>make link</code> or "
    "<code>studio signin-link EMAIL</code> prints one; otherwise ask the operator for it.</p>"
)


@page_errors
async def ask(request: Request) -> Response:
    """GET /reauth?next=…: the ways this account can confirm itself; straight on when it has just done so."""
    path = same_site(request.query_params.get("next"))
    async with transaction(SYSTEM) as session:
        identity = await sessions.identify(session, token=cookie_token(request.scope["headers"]))
        if identity is None:
            return RedirectResponse("/welcome", 303)
        if await sessions.is_fresh(session, session_id=identity.session_id):
            return RedirectResponse(path, 303)
    await limit(request, "reauth", actor=identity.actor)
    async with transaction(SYSTEM) as session:
        known = await joining.issuers(session, account_id=identity.account_id)
        await joining.come_back_to(session, session_id=identity.session_id, path=path)
    ways = [each.ours for each in oidc.providers().values() if each.ours.issuer in known]
    links = "".join(
        f'<p><a href="/auth/{each.key}/start?{escape(urlencode({"reauth": 1, "next": path}))}">'
        f"Continue with {escape(each.name)}</a></p>"
        for each in ways
    )
    back = f'<p><a class="quiet" href="{escape(path)}">Not now</a></p>'
    return page(
        "Confirm that it is you",
        "What you are about to do needs a sign-in within the last ten minutes. Afterwards you are back where you were.",
        more=links + _LINK.format(or_="Or: " if ways else "") + back,
    )
