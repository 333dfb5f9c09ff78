"""Security headers and caching. The CSP names each inline script of a page by its hash, computed at start."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.config import settings

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_TYPE = re.compile(r"\.(?:js|css|woff2|webp|svg|png|ico|map)$")
YEAR = 31_536_000
KEEPABLE = (200, 206, 304)

FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer browsers send forms with the origin "null"
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


def script_hashes(html: str) -> list[str]:
    """CSP sources for a page's inline scripts."""
    return [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(html)
    ]


def policy(hashes: list[str]) -> str:
    """The whole policy. Styles may be inline because Emotion writes them; scripts may not."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(["script-src 'self'", *hashes]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


class SecurityHeaders:
    """Adds the headers to every answer, and says how long each kind of file may be kept."""

    def __init__(self, app: ASGIApp, *, pages: Path | None) -> None:
        """`pages`: the built front end, whose HTML files give the hashes."""
        self.app = app
        self.default = policy([])
        self.by_path: dict[str, str] = {}
        self.fallback = self.default
        for file in sorted(pages.rglob("*.html")) if pages else ():
            value = policy(script_hashes(file.read_text()))
            route = "/" + file.relative_to(pages or file).as_posix().removesuffix("index.html")
            self.by_path[route] = value
            if file.name in ("404.html", "__spa-fallback.html"):
                self.fallback = value

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap `send` so that no answer leaves without them."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(scope["path"], message["status"], MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, with_headers)

    def _add(self, path: str, status: int, headers: MutableHeaders) -> None:
        for name, value in FIXED.items():
            headers.setdefault(name, value)
        if settings().secure:
            headers["strict-transport-security"] = f"max-age={YEAR}"
        html = headers.get("content-type", "").startswith("text/html")
        if html and "content-security-policy" not in headers:
            slashed = path if path.endswith("/") else f"{path}/"
            # A page that is not for everybody answers with the fallback under its own address.
            known = self.fallback if status == 404 else self.by_path.get(slashed, self.fallback)
            headers["content-security-policy"] = known
        headers.setdefault("content-security-policy", self.default)
        if "cache-control" not in headers:
            if status not in KEEPABLE:
                headers["cache-control"] = "no-store"
            elif path.startswith("/assets/") and _TYPE.search(path):
                headers["cache-control"] = f"public, max-age={YEAR}, immutable"  # named by their content
            elif _TYPE.search(path):
                headers["cache-control"] = "public, max-age=3600"
            else:
                headers["cache-control"] = "no-store"


class NoCors:
    """Outermost: nobody else's page may read our answers. The framework adds such headers after every one of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take every access-control header off."""

        async def without(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [h for h in message["headers"] if not h[0].startswith(b"access-control-")]
            await send(message)

        await self.app(scope, receive, without if scope["type"] == "http" else send)
