"""Photos and clips a request refers to: data URIs, and http on this computer only; the simulator never goes out."""

from __future__ import annotations

import asyncio
import base64
import binascii
import http.client
import ipaddress
import re
from urllib.parse import urlsplit

from studio.simulator.wire import ApiError

MAX_BYTES = 30 * 1024 * 1024
MAX_VIDEO_BYTES = 200 * 1024 * 1024
_DATA = re.compile(r"^data:(image|audio)/([a-z0-9.+-]+);base64,", re.ASCII)


def is_loopback(host: str | None) -> bool:
    """Whether a host name is this computer."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def fetch(url: object, where: str, *, limit: int = MAX_BYTES) -> bytes:
    """The bytes behind a data URI or a loopback URL; `where` names the field in the error text."""
    if not isinstance(url, str) or not url:
        raise ApiError(
            "InvalidImageURL.EmptyURL", f"The parameter `{where}` specified in the request is not valid: url is empty."
        )
    if url.startswith("data:"):
        data = _from_data_uri(url, where)
    else:
        data = await asyncio.to_thread(_get, url, where, limit)
    if len(data) > limit:
        raise _invalid(where, f"the file must be at most {limit // 1024 // 1024} MB")
    return data


def _invalid(where: str, why: str) -> ApiError:
    return ApiError(
        "InvalidParameter", f"The parameter `{where}` specified in the request is not valid: {why}.", param=where
    )


def _from_data_uri(url: str, where: str) -> bytes:
    match = _DATA.match(url)
    if not match:
        raise ApiError(
            "InvalidImageURL.InvalidFormat",
            f"The parameter `{where}` specified in the request is not valid: invalid data URI.",
        )
    try:
        return base64.b64decode(url[match.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(
            "InvalidImageURL.InvalidFormat",
            f"The parameter `{where}` specified in the request is not valid: invalid base64.",
        ) from None


def _get(url: str, where: str, limit: int) -> bytes:
    failed = ApiError(
        "InvalidParameter",
        f"The parameter `{where}` specified in the request is not valid: resource download failed.",
        param=where,
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise failed from None
    if parts.scheme != "http" or not is_loopback(parts.hostname):
        raise failed
    connection = http.client.HTTPConnection(parts.hostname or "", port or 80, timeout=20)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()  # redirects are not followed: they could lead away from this computer
        data = response.read(limit + 1)
        if response.status != 200:
            raise failed
        return data
    except (OSError, http.client.HTTPException, ValueError):
        raise failed from None
    finally:
        connection.close()
