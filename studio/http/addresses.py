"""The links in mails about a change of address: each asks first, because scanners of mail open every link in it.

They need no sign-in and no script: the token is the permission, and it is in the mailbox that may decide.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from studio.db import SYSTEM, transaction
from studio.http.access import limit, page, page_errors
from studio.services import addresses

_OPEN = '<p><a href="/">Open Studio</a></p>'


def _button(words: str) -> str:
    return f'<form method="post"><button type="submit">{words}</button></form>'


@page_errors
async def ask_to_confirm(request: Request) -> Response:
    """GET /address/confirm/{token}: what will change, and a button."""
    await limit(request, "link")
    async with transaction(SYSTEM) as session:
        change = await addresses.look_to_confirm(session, token=request.path_params["token"])
    return page(
        "Confirm your new address",
        f"Your Studio account is to use {change.new} from now on.",
        more=_button("Use this address"),
    )


@page_errors
async def confirm(request: Request) -> Response:
    """POST /address/confirm/{token}: changes the address."""
    await limit(request, "link")
    async with transaction(SYSTEM) as session:
        change = await addresses.confirm(session, token=request.path_params["token"])
    return page(
        "Your address was changed",
        f"Your account uses {change.new} now. We told the earlier address, which can undo this for "
        f"{addresses.UNDO_DAYS} days.",
        more=_OPEN,
    )


@page_errors
async def ask_to_undo(request: Request) -> Response:
    """GET /address/undo/{token}: what will be stopped or taken back, and a button."""
    await limit(request, "link")
    async with transaction(SYSTEM) as session:
        change = await addresses.look_to_undo(session, token=request.path_params["token"])
    after = "Every browser is signed out, and ways to sign in that were linked since then are removed."
    if change.done:
        return page(
            "Undo the change of address",
            f"Your account goes back to {change.old}. {after}",
            more=_button("Undo and sign out everywhere"),
        )
    return page(
        "Stop the change of address",
        f"Your account keeps {change.old}, and {change.new} can no longer confirm. {after}",
        more=_button("Stop and sign out everywhere"),
    )


@page_errors
async def undo(request: Request) -> Response:
    """POST /address/undo/{token}: stops or takes back, and signs out everywhere."""
    await limit(request, "link")
    async with transaction(SYSTEM) as session:
        change = await addresses.undo(session, token=request.path_params["token"])
    title = "The change was undone" if change.done else "The change was stopped"
    return page(title, f"Your account uses {change.old}, and every browser is signed out.", more=_OPEN)
