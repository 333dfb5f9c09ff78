"""Files in and out: uploads, originals, thumbnails, downloads. Only to the session of whoever owns them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from studio.db import transaction
from studio.errors import NotFound, ValidationError
from studio.http import together
from studio.http.access import actor_of, json_errors, limit, page_errors, uuid_of
from studio.http.socket import cookie_token
from studio.runtime import storage
from studio.services import assets, restriction, selections, zips
from studio.services.byteplus import catalog
from studio.services.media import cleaning, in_thread, metadata, thumbnails, uploads
from studio.services.storage import RangeNotSatisfiable

MOST_UPLOAD = 31 * 1024 * 1024
SAFE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "video/mp4", "video/quicktime"})
ROLES = ("reference", "first_frame", "last_frame")
YEAR = 31_536_000
SMALL = 128 * 1024  # bytes that are sent in one piece
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


@json_errors
async def upload(request: Request) -> Response:
    """POST /api/uploads?role=…: one picture as multipart field "file". Answers {"id", "width", "height"}."""
    actor = await actor_of(request)
    await limit(request, "upload", actor=actor)
    role = request.query_params.get("role", "reference")
    if role not in ROLES:
        raise ValidationError("A picture is a reference, a first frame or a last frame.")
    async with transaction(actor) as session:
        await restriction.check(session, actor=actor)
    picture = await uploads.accept_image(await received(request))
    if role != "reference":
        uploads.check_frame(picture)
    asset_id = uuid4()
    small = await thumbnails.make(picture.data)
    try:
        objects = await assets.write_objects(
            storage(), owner=asset_id, data=picture.data, mime=picture.mime, thumbnails=small.images
        )
        async with transaction(actor) as session:
            await assets.add_upload(
                session, actor=actor, asset_id=asset_id, objects=objects, width=picture.width, height=picture.height
            )
    except BaseException:  # refused meanwhile, or the browser is gone: nothing names these objects
        await assets.discard(storage(), owner=asset_id)
        raise
    return JSONResponse({"id": str(asset_id), "width": picture.width, "height": picture.height})


async def received(request: Request) -> bytes:
    """The one picture of a multipart upload. Raises ValidationError."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise ValidationError("The size of this upload is not known. Choose the file again.", code="length_unknown")
    if int(length) > MOST_UPLOAD:
        raise ValidationError("30 MB at most. This file is larger. Nothing was kept.", code="too_large")
    async with request.form(max_files=1, max_fields=4) as form:
        file = form.get("file")
        if file is None or isinstance(file, str):
            raise ValidationError("There is no picture in this upload.")
        return await file.read()


@page_errors
async def media(request: Request) -> Response:
    """GET /media/{asset}/{variant}: the original, or the thumbnail of at least that size."""
    variant = request.path_params["variant"]
    asset = await _asset(request)
    if variant == "original":
        return await _send(request, asset.object_key, asset.mime, f'"{asset.sha256}"')
    if variant not in map(str, assets.THUMBNAILS):
        raise NotFound
    return await _send(request, asset.thumbnail(int(variant)), "image/webp", f'"{asset.sha256}-{variant}"')


async def _asset(request: Request) -> assets.Asset:
    """The file, if it is of the account that is signed in. Raises NotSignedIn, NotFound."""
    token = cookie_token(request.scope["headers"])
    with suppress(NotFound):  # a stranger hears nothing before they are one
        if found := await together.find(token, uuid_of(request, "asset")):
            return found
    actor = await actor_of(request)
    async with transaction(actor) as session:
        found = await assets.get(session, actor=actor, asset_id=uuid_of(request, "asset"))
    together.remember(token, actor.account_id)
    return found


async def _send(request: Request, key: str, mime: str, etag: str) -> Response:
    """An asset never changes, so a browser may keep it, and only it."""
    shown = {
        "cache-control": f"private, max-age={YEAR}, immutable",
        "content-disposition": "inline",
        "content-security-policy": "default-src 'none'; sandbox",
        "vary": "cookie",
    }
    return await send(request, key, mime if mime in SAFE_TYPES else "application/octet-stream", etag, shown)


async def send(request: Request, key: str, media_type: str, etag: str, more: Mapping[str, str]) -> Response:
    """Stream an object, whole or one range, with `more` headers."""
    headers = {**more, "etag": etag, "accept-ranges": "bytes"}
    known = request.headers.get("if-none-match", "")
    if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")) or known.strip() == "*":
        return Response(status_code=304, headers=headers)
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    asked = asked if asked and (asked[1] or asked[2]) else None
    if request.headers.get("if-range", etag) != etag:
        asked = None  # what the reader has is of another file: send all of this one
    start, end = 0, None
    if asked:
        if asked[1]:
            start, end = int(asked[1]), int(asked[2]) + 1 if asked[2] else None
        else:
            found = await storage().stat(key)
            start = max(0, (found.size if found else 0) - int(asked[2]))
    try:
        stream = await storage().open(key, start=start, end=end)
    except RangeNotSatisfiable:
        found = await storage().stat(key)
        return Response(status_code=416, headers={"content-range": f"bytes */{found.size if found else 0}"})
    headers["content-length"] = str(stream.length)
    if asked:
        headers["content-range"] = f"bytes {stream.start}-{stream.end - 1}/{stream.size}"
    if request.method == "HEAD":
        await stream.aclose()
        return Response(status_code=206 if asked else 200, headers=headers, media_type=media_type)
    if stream.length <= SMALL:
        data = b"".join([chunk async for chunk in stream])
        return Response(data, 206 if asked else 200, headers=headers, media_type=media_type)
    return StreamingResponse(stream, 206 if asked else 200, headers=headers, media_type=media_type)


@page_errors
async def download(request: Request) -> Response:
    """GET /download/{asset}: a copy that tells model, prompt and parameters.

    `?original=1`: the bytes as they came. `?clean=1`: a copy that tells nothing.
    """
    actor = await actor_of(request)
    async with transaction(actor) as session:
        asset = await assets.get(session, actor=actor, asset_id=uuid_of(request, "asset"))
        made = await assets.story(session, actor=actor, asset_id=asset.id)
    clean = request.query_params.get("clean") == "1"
    name = zips.file_name(prompt=made.prompt if made else "", ident=asset.id, mime=asset.mime)
    headers = {"content-disposition": f'attachment; filename="studio-{name}"', "cache-control": "no-store"}
    stream = await storage().open(asset.object_key)
    if not clean and (made is None or request.query_params.get("original") == "1"):
        headers["content-length"] = str(stream.length)
        return StreamingResponse(_bytes(stream), headers=headers, media_type=asset.mime)
    data = b"".join([chunk async for chunk in stream])
    if clean or made is None:
        told = await in_thread(cleaning.clean, data, asset.mime)
    else:
        told = await in_thread(metadata.embed, data, asset.mime, _story(made))
    return Response(told, headers=headers, media_type=asset.mime)


@page_errors
async def picked(request: Request) -> Response:
    """GET /zip/{selection}: the originals that were picked and a manifest, sent as they are read."""
    actor = await actor_of(request)
    await limit(request, "zip", actor=actor)
    async with transaction(actor) as session:
        ids = await selections.picked(session, actor=actor, selection_id=uuid_of(request, "selection"))
        made = await zips.build(session, actor=actor, storage=storage(), asset_ids=ids)
    headers = {
        "content-disposition": f'attachment; filename="studio-{datetime.now(UTC):%Y-%m-%d}.zip"',
        "content-length": str(made.size),
        "cache-control": "no-store",
    }
    return StreamingResponse(made.stream(), headers=headers, media_type="application/zip")


async def _bytes(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in stream:
        yield chunk


def _story(made: assets.Made) -> metadata.GenerationMeta:
    params = made.params.to_json()
    return metadata.GenerationMeta(
        model=catalog.label(made.model),
        prompt=made.prompt,
        parameters={
            key: value for key, value in params.items() if key not in ("prompt", "model") and value is not None
        },
        created=made.created_at.astimezone(UTC),
        seed=params.get("seed"),
    )
