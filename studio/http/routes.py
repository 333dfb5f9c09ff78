"""The HTTP routes as data: everything that is not a Reflex page or its socket."""

from __future__ import annotations

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from studio.db import SYSTEM, transaction
from studio.http import (
    addresses,
    consent,
    exports,
    join,
    legal,
    mail,
    media,
    oidc,
    profile,
    proof,
    reauth,
    signin,
    spend,
)


async def healthz(_: Request) -> Response:
    """200 when the database answers."""
    async with transaction(SYSTEM) as session:
        await session.execute(text("SELECT 1"))
    return PlainTextResponse("ok")


ROUTES = (
    Route("/healthz", healthz),
    Route("/signin/{token}", signin.open_link, methods=["GET"]),
    Route("/signin/{token}", signin.confirm_link, methods=["POST"]),
    Route("/auth/{provider}/start", oidc.start, methods=["GET"]),
    Route("/auth/{provider}/callback", oidc.callback, methods=["GET"]),
    Route("/reauth", reauth.ask, methods=["GET"]),
    Route("/join", join.ask, methods=["GET"]),
    Route("/join", join.answer, methods=["POST"]),
    Route("/privacy/proof", proof.page, methods=["GET"]),
    Route("/privacy/proof.json", proof.figures, methods=["GET"]),
    Route("/privacy/proof.atom", proof.feed, methods=["GET"]),
    Route("/cookies/choices", consent.choices, methods=["GET"]),
    Route("/cookies/choices", consent.answer, methods=["POST"]),
    Route("/cookies/state", consent.state, methods=["GET"]),
    Route("/api/usage", consent.count, methods=["POST"]),
    *(Route(path, legal.document, methods=["GET"]) for path in legal.PATHS),
    Route("/{kind}/versions", legal.versions, methods=["GET"]),
    Route("/{kind}/versions/{version}", legal.version, methods=["GET"]),
    Route("/{kind}/versions/{version}/diff", legal.diff, methods=["GET"]),
    Route("/signout", signin.sign_out, methods=["POST"]),
    Route("/api/theme", signin.set_theme, methods=["POST"]),
    Route("/api/workspace", profile.choose_workspace, methods=["POST"]),
    Route("/api/picture", profile.upload_picture, methods=["POST"]),
    Route("/account/picture", profile.picture, methods=["GET"]),
    Route("/api/uploads", media.upload, methods=["POST"]),
    Route("/media/{asset}/{variant}", media.media, methods=["GET"]),
    Route("/download/{asset}", media.download, methods=["GET"]),
    Route("/zip/{selection}", media.picked, methods=["GET"]),
    Route("/mail/unsubscribe/{token}", mail.ask, methods=["GET"]),
    Route("/mail/unsubscribe/{token}", mail.unsubscribe, methods=["POST"]),
    Route("/address/confirm/{token}", addresses.ask_to_confirm, methods=["GET"]),
    Route("/address/confirm/{token}", addresses.confirm, methods=["POST"]),
    Route("/address/undo/{token}", addresses.ask_to_undo, methods=["GET"]),
    Route("/address/undo/{token}", addresses.undo, methods=["POST"]),
    Route("/exports/{export}/{part}", exports.download, methods=["GET"]),
    Route("/spend.csv", spend.download, methods=["GET"]),
)


def application() -> Starlette:
    """The Starlette app that Reflex's own is mounted below."""
    return Starlette(routes=[consent.asking(route) for route in ROUTES])
