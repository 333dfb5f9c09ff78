"""Ending product news: by the reader's mail program with one click (RFC 8058), or by hand on a small page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from studio.db import SYSTEM, transaction
from studio.http.access import page, page_errors
from studio.services import journal, mail


@page_errors
async def ask(request: Request) -> Response:
    """GET /mail/unsubscribe/{token}: asks first, because scanners of mail open every link in it."""
    mail.account_of_token(request.path_params["token"])
    button = '<form method="post"><button type="submit">Stop product news</button></form>'
    return page("Product news", "Mail about your account, its safety and your bills goes on.", more=button)


@page_errors
async def unsubscribe(request: Request) -> Response:
    """POST /mail/unsubscribe/{token}: needs no sign-in and no cookie, the signed token is the permission."""
    account_id = mail.account_of_token(request.path_params["token"])
    async with transaction(SYSTEM) as session:
        given = await mail.standing_opt_in(session, account_id=account_id)
    if given is not None:
        try:
            await journal.write("optout", given)  # a restored backup sends no news again
        finally:  # here it ends in any case
            async with transaction(SYSTEM) as session:
                await mail.opt_out(session, account_id=account_id)
    return page("No more product news", "You can ask for them again in your settings.")
