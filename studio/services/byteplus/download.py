"""Results fetched from the provider's links (B, C2): from its own hosts only, whole or not at all.

Links live 24 hours and answer GET only. The key never goes along.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from ipaddress import ip_address

import httpx

from .errors import DownloadFailed, HostRefused, LinkExpired
from .transport import BROKEN

RESULT_HOSTS = (".volces.com", ".bytepluses.com", ".byteplus.com", ".byteplusapi.com", ".ibyteimg.com")
MAX_BYTES = 2_000_000_000
MAX_REDIRECTS = 3
TIMEOUT = httpx.Timeout(connect=10, read=60, write=30, pool=10)

AllowHost = Callable[[httpx.URL], bool]


def allow_hosts(base_url: str, suffixes: tuple[str, ...] = RESULT_HOSTS) -> AllowHost:
    """The rule for links: https on the provider's hosts; with a base URL on loopback (the simulator) its origin too."""
    base = httpx.URL(base_url)

    def allowed(url: httpx.URL) -> bool:
        if _is_loopback(base.host) and _origin(url) == _origin(base):
            return True
        return url.scheme == "https" and url.port is None and url.host.endswith(suffixes)

    return allowed


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return (url.scheme, url.host, url.port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def download(
    http: httpx.AsyncClient, url: str, *, allowed: AllowHost, max_bytes: int = MAX_BYTES
) -> AsyncGenerator[bytes, None]:
    """The bytes behind `url`. Raises LinkExpired, HostRefused, or DownloadFailed, also after bytes were given.

    The stream ends normally only when as many bytes came as were announced.
    """
    target = _parse(url)
    for _ in range(MAX_REDIRECTS + 1):
        if not allowed(target):
            raise HostRefused(provider_code="HostNotAllowed")
        try:
            async with http.stream(
                "GET", target, headers={"Accept-Encoding": "identity"}, timeout=TIMEOUT, follow_redirects=False
            ) as response:
                if response.is_redirect:
                    target = target.join(_parse(response.headers.get("location", "")))
                    continue
                async for chunk in _whole(response, max_bytes):
                    yield chunk
                return
        except BROKEN as broken:
            raise DownloadFailed(provider_code=type(broken).__name__) from None
    raise DownloadFailed(provider_code="TooManyRedirects")


def _parse(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        raise DownloadFailed(provider_code="UnreadableLink") from None


async def _whole(response: httpx.Response, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body of a 200, counted against its announced length; a body that cannot be counted is not accepted."""
    status = response.status_code
    if status in (403, 410):
        raise LinkExpired(http_status=status)
    if status != 200:
        raise DownloadFailed(http_status=status)
    length = response.headers.get("content-length")
    chunked = "chunked" in response.headers.get("transfer-encoding", "").lower()
    encoded = response.headers.get("content-encoding", "identity").lower() != "identity"
    if encoded or not (chunked or (length or "").isdecimal()):
        raise DownloadFailed(http_status=status, provider_code="LengthUnknown")
    total = 0
    async for chunk in response.aiter_raw():
        total += len(chunk)
        if total > max_bytes:
            raise DownloadFailed(http_status=status, provider_code="TooLong")
        yield chunk
    if not chunked and total != int(length or 0):
        raise DownloadFailed(http_status=status, provider_code="LengthDiffers")
