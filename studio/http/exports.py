"""A part of one's archive, for the account it is about and nobody else; a broken download goes on where it stopped."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from studio.db import transaction
from studio.errors import NotFound
from studio.http.access import actor_of, page_errors, uuid_of
from studio.http.media import send
from studio.services.exports import archives


@page_errors
async def download(request: Request) -> Response:
    """GET /exports/{export}/{part}: a zip of the archive, whole or a range; 404 once it expired or was taken back."""
    actor = await actor_of(request)
    export_id, part = uuid_of(request, "export"), request.path_params["part"]
    if not part.isdecimal() or len(part) > 4:
        raise NotFound
    async with transaction(actor) as session:
        key, name = await archives.download(session, actor=actor, export_id=export_id, part=int(part))
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return await send(request, key, "application/zip", f'"{export_id}-{part}"', headers)
