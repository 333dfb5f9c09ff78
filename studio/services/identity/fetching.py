"""Fetches one picture that a sign-in provider named, from the public internet and from nowhere else.

The address comes from outside, so it is treated as hostile: https to a name on port 443, every address the name has
must be public, the connection goes to the very address that was checked (the certificate is still checked against the
name), each redirect is checked the same, and size and time are bounded. Ranges: the IANA special-purpose registries.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from studio import egress
from studio.errors import StudioError

MAX_BYTES = 1_000_000
MOST_REDIRECTS = 2
MOST_ADDRESSES = 16
SECONDS = 10.0
LONGEST_URL = 2_000
TIMEOUT = httpx.Timeout(5, connect=3)
REDIRECTS = (301, 302, 303, 307, 308)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# A name with a dot, whose last label begins with a letter: no spelling of a number is one.
_NAME = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
# Inside 2000::/3, and yet not somebody's public address: protocol use (Teredo too), 6to4, documentation.
_NOT_GLOBAL_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NOT_GLOBAL_V4 = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "100.64.0.0/10")))


class PictureRefused(StudioError):
    """This picture could not be fetched."""

    code = "picture_refused"


def is_public(address: Address) -> bool:
    """Whether an address is somebody's on the public internet: not private, local, shared, multicast or reserved.

    IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4, Teredo) is refused whatever it holds.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inside = address in _GLOBAL_V6 and not any(address in each for each in _NOT_GLOBAL_V6)
        return inside and address.is_global and address.scope_id is None
    shared = address.is_multicast or address.is_reserved or any(address in each for each in _NOT_GLOBAL_V4)
    return address.is_global and not shared


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, in the order the system prefers. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True)
class Rules:
    """What may be connected to. Only tests have others than these: a server of their own on this machine."""

    resolve: Resolve = resolve
    allowed: Callable[[Address], bool] = is_public
    ports: frozenset[int] = field(default_factory=lambda: frozenset({443}))
    context: ssl.SSLContext | None = None
    seconds: float = SECONDS


PUBLIC = Rules()


@dataclass(frozen=True)
class _Target:
    """A checked address of a picture. `query` is path and query as they are sent."""

    host: str
    port: int
    query: str

    @property
    def url(self) -> str:
        return f"https://{self.authority}{self.query}"

    @property
    def authority(self) -> str:
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


def clean_url(value: object) -> str:
    """A picture's address as it is kept until it is fetched, or '' for what would never be fetched."""
    try:
        return _target(value, PUBLIC).url if isinstance(value, str) else ""
    except PictureRefused:
        return ""


def _target(url: str, rules: Rules) -> _Target:
    """Check the form of an address. Raises PictureRefused."""
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or set(url) & set(' "<>\\^`{|}'):
        raise PictureRefused
    try:
        parts = urlsplit(url)
        port = 443 if parts.port is None else parts.port
    except ValueError:
        raise PictureRefused from None
    host = parts.hostname or ""
    ours = parts.scheme == "https" and parts.username is None and parts.password is None and port in rules.ports
    if not ours or len(host) > 253 or not _NAME.fullmatch(host):
        raise PictureRefused
    return _Target(host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


async def fetch(url: str, *, rules: Rules = PUBLIC) -> bytes:
    """The bytes behind an address: at most 1 MB, within ten seconds, over at most two redirects.

    What they are is for the caller to find out. Raises PictureRefused, whatever went wrong on the other side.
    """
    try:
        async with asyncio.timeout(rules.seconds):
            return await _follow(url, rules)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
        raise PictureRefused from None


async def _follow(url: str, rules: Rules) -> bytes:
    for _ in range(MOST_REDIRECTS + 1):
        target = _target(url, rules)
        answer = await _ask(target, await _addresses(target, rules), rules)
        if isinstance(answer, bytes):
            return answer
        url = urljoin(target.url, answer)
    raise PictureRefused


async def _addresses(target: _Target, rules: Rules) -> Sequence[str]:
    """The addresses of a name; one that may not be connected to spoils them all. Raises PictureRefused."""
    egress.admit(target.host)  # its own rules follow; the guard of the whole process would refuse a stranger
    found = list(dict.fromkeys(await rules.resolve(target.host, target.port)))
    try:
        fit = all(rules.allowed(ipaddress.ip_address(each)) for each in found)
    except ValueError:
        fit = False
    if not fit or not 1 <= len(found) <= MOST_ADDRESSES:
        raise PictureRefused
    return found


async def _ask(target: _Target, addresses: Sequence[str], rules: Rules) -> bytes | str:
    """The body, or where it says the picture is instead. Tries the next address when one cannot be reached."""
    more: dict[str, Any] = {"verify": rules.context} if rules.context is not None else {}
    # `trust_env`: a proxy in the environment would resolve the name anew, and connect to what it finds.
    async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False, **more) as client:
        for address in addresses:
            try:
                return await _ask_one(client, target, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
    raise PictureRefused


async def _ask_one(client: httpx.AsyncClient, target: _Target, address: str) -> bytes | str:
    place = f"[{address}]" if ":" in address else address
    async with client.stream(
        "GET",
        f"https://{place}:{target.port}{target.query}",
        headers={
            "host": target.authority,
            "accept": "image/png,image/jpeg,image/webp",
            "accept-encoding": "identity",
            "user-agent": "Studio",
        },
        extensions={"sni_hostname": target.host},
    ) as answer:
        if answer.status_code in REDIRECTS and "location" in answer.headers:
            return answer.headers["location"]
        length = answer.headers.get("content-length", "0")
        packed = answer.headers.get("content-encoding", "identity") != "identity"
        if answer.status_code != 200 or packed or not length.isdecimal() or int(length) > MAX_BYTES:
            raise PictureRefused
        read = bytearray()
        async for part in answer.aiter_raw():
            read += part
            if len(read) > MAX_BYTES:
                raise PictureRefused
        return bytes(read)
