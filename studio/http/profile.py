"""A person's own picture in and out, and the workspace their session works in."""

from __future__ import annotations

import re
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from studio.db import transaction
from studio.errors import NotFound
from studio.http.access import actor_of, form_of, json_errors, limit, page_errors, workspace_cookie
from studio.http.media import received
from studio.runtime import storage
from studio.services import pictures, workspaces
from studio.services.media import portraits
from studio.services.storage import ObjectMissing, new_key

_PAGE = re.compile(r"/(?:library|compare|settings/[a-z]{1,20})?(?:\?[!-~]{0,1800})?")  # a page of ours to go back to


@page_errors
async def picture(request: Request) -> Response:
    """GET /account/picture: one's own, 256 × 256 px. The browser may keep it, and asks whether it still holds."""
    actor = await actor_of(request)
    async with transaction(actor) as session:
        key = await pictures.shown(session, actor=actor)
    etag = f'"{key.rpartition("/")[2]}"'
    headers = {
        "etag": etag,
        "cache-control": "private, no-cache",
        "content-disposition": "inline",
        "content-security-policy": "default-src 'none'; sandbox",
        "vary": "cookie",
    }
    if request.headers.get("if-none-match", "").removeprefix("W/") == etag:
        return Response(status_code=304, headers=headers)
    try:
        async with await storage().open(key) as stream:
            data = b"".join([part async for part in stream])
    except ObjectMissing:
        raise NotFound from None
    return Response(data, headers=headers, media_type="image/webp")


@json_errors
async def upload_picture(request: Request) -> Response:
    """POST /api/picture: a picture of one's own as multipart field "file", in place of whatever was there."""
    actor = await actor_of(request)
    await limit(request, "upload", actor=actor)
    made = await portraits.make(await received(request))
    stored = await storage().put(new_key(pictures.KIND), made, content_type="image/webp", create_only=True)
    try:
        async with transaction(actor) as session:
            await pictures.put(session, actor=actor, key=stored.key)
    except BaseException:
        await storage().delete(stored.key)
        raise
    return Response(status_code=204)


@page_errors
async def choose_workspace(request: Request) -> Response:
    """POST /api/workspace with workspace=<id>: work there from now on, in this browser; then back to the page `to`."""
    actor = await actor_of(request)
    form = await form_of(request)
    try:
        asked = UUID(form.get("workspace", [""])[0])
    except ValueError:
        raise NotFound from None
    async with transaction(actor) as session:
        await workspaces.set_active(session, actor=actor, workspace_id=asked)
    to = form.get("to", [""])[0]
    response = RedirectResponse(to if _PAGE.fullmatch(to) else "/settings/workspaces", 303)
    response.headers.append("set-cookie", workspace_cookie(asked))
    return response
