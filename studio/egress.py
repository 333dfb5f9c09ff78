"""The guard over outgoing connections (promise W1): this process calls the hosts of its settings and nobody else.

An audit hook of the interpreter sees each `connect`, name look-up and datagram before it happens; what goes to another
host is counted and refused. This machine itself is always allowed: nothing leaves it that way. The database's library
connects in C, past the hook; where to is DATABASE_URL alone. The counts are written down by `services/guards.py`.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studio.config import S3Settings, Settings

WATCHED = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"})
MOST_ADDRESSES = 4_096  # of names that were looked up; the oldest are forgotten
MOST_ADMITTED = 256
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
log = logging.getLogger("studio")


class EgressRefused(OSError):
    """This host is not on the list of those that the service calls."""


@dataclass(frozen=True)
class Place:
    """A host that the settings name. One that begins with a dot stands for every host below it."""

    host: str
    why: str


def _host(url: str | None) -> str:
    return (urlsplit(url).hostname or "").lower() if url else ""


def _database_hosts(url: str | None) -> list[str]:
    """Hosts of a Postgres address; a folder (a socket on this machine) is none."""
    if not url:
        return []
    from psycopg.conninfo import conninfo_to_dict

    named = str(conninfo_to_dict(url).get("host") or "")
    return [host.lower() for host in named.split(",") if host and not host.startswith(("/", "@"))]


def _aws(region: str) -> tuple[str, ...]:
    """AWS's own hosts of a region; its library calls the oldest region's without a name."""
    return (
        (f"s3.{region}.amazonaws.com", "s3.amazonaws.com") if region == "us-east-1" else (f"s3.{region}.amazonaws.com",)
    )


def _store_hosts(place: Path | S3Settings | None) -> list[str]:
    """Hosts of an object store; a folder is on this machine."""
    if place is None or isinstance(place, Path):
        return []
    hosts = [_host(place.endpoint)] if place.endpoint else list(_aws(place.region))
    below = "" if place.path_style else f"{place.bucket.lower()}."
    return [f"{below}{host}" for host in hosts]


def places(ours: Settings) -> tuple[Place, ...]:
    """Every host that these settings make the service call, with what for."""
    from studio.services.byteplus.download import RESULT_HOSTS

    found: list[Place] = []
    if ours.simulated:
        found.append(Place(_host(ours.simulator_url), "simulator"))
    else:
        found.append(Place(_host(ours.ark_base_url), "BytePlus"))
        found += [Place(suffix, "BytePlus results") for suffix in RESULT_HOSTS]
    found += [Place(_host(provider.issuer), "sign-in") for provider in ours.oidc]
    for place, why in ((ours.s3, "object store"), (ours.journal, "erasure journal"), (ours.backup, "backups")):
        found += [Place(host, why) for host in _store_hosts(place)]
    found.append(Place(_host(ours.smtp_url), "mail"))
    found.append(Place(_host(ours.redis_url), "Redis"))
    found += [Place(host, "database") for host in _database_hosts(ours.database_url)]
    found += [Place(_host(os.environ.get(name) or os.environ.get(name.lower())), "proxy") for name in PROXIES]
    return tuple(dict.fromkeys(place for place in found if place.host))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _plain(host: object) -> str:
    text = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    return text.lower().rstrip(".")


@dataclass
class Guard:
    """Decides and counts. `addresses` are those that the allowed names were found to have."""

    places: tuple[Place, ...]
    admitted: dict[str, None] = field(default_factory=dict)
    addresses: dict[str, None] = field(default_factory=dict)
    allowed: int = 0
    refused: int = 0

    def names(self, host: str) -> bool:
        """Whether a host is on the list, by its name."""
        return host in self.admitted or any(
            host == place.host or (place.host.startswith(".") and host.endswith(place.host)) for place in self.places
        )

    def knows(self, host: str) -> bool:
        """Whether this process may call a host, given as a name or as an address."""
        if host in ("localhost", "") or host.endswith(".localhost"):
            return True
        address = _address(host)
        if address is None:
            return self.names(host)
        mapped = getattr(address, "ipv4_mapped", None) or address
        return mapped.is_loopback or mapped.is_unspecified or str(address) in self.addresses or self.names(host)

    def found(self, addresses: Iterable[str]) -> None:
        """Remember what an allowed name was looked up to."""
        for each in addresses:
            address = _address(each)
            if address is not None:
                self.addresses.pop(str(address), None)
                self.addresses[str(address)] = None
        while len(self.addresses) > MOST_ADDRESSES:
            del self.addresses[next(iter(self.addresses))]

    def admit(self, host: str) -> None:
        """Allow one host more: an endpoint that the sign-in provider itself names, or where its picture is."""
        self.admitted.pop(_plain(host), None)
        self.admitted[_plain(host)] = None
        while len(self.admitted) > MOST_ADMITTED:
            del self.admitted[next(iter(self.admitted))]

    def judge(self, host: object, *, count: bool) -> None:
        """Let a host pass, or count it and raise EgressRefused. A look-up alone does not count as a connection."""
        name = _plain(host)
        if self.knows(name):
            self.allowed += count
            return
        self.refused += 1
        log.error("Refused: this process tried to reach %s, which is on no list.", name[:200])
        raise EgressRefused(f"{name[:200]} is not a host that this service calls")

    def take(self) -> tuple[int, int]:
        """What was counted since the last time: allowed and refused."""
        taken = (self.allowed, self.refused)
        self.allowed = self.refused = 0
        return taken

    def put_back(self, counted: tuple[int, int]) -> None:
        """What could not be written down is counted again the next time."""
        self.allowed += counted[0]
        self.refused += counted[1]


_guard: Guard | None = None
_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in WATCHED or _guard is None:  # called for every event of the interpreter: this line is all it costs
        return
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if arguments[0] is not None:
            _guard.judge(arguments[0], count=False)
        return
    target = arguments[1] if len(arguments) > 1 else None
    if isinstance(target, tuple) and target:  # a path is a socket on this machine; None is a connected socket
        _guard.judge(target[0], count=event == "socket.connect")


def _remembering(look_up: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(look_up)
    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        found = look_up(host, *rest, **more)
        if _guard is not None and host is not None:
            _guard.found(str(entry[4][0]) for entry in found)
        return found

    return getaddrinfo


def install(ours: Settings) -> Guard:
    """Stand guard over this process from now on, with the list that follows from the settings."""
    global _guard, _hooked  # noqa: PLW0603  # an audit hook belongs to the process and stays with it
    _guard = Guard(places(ours))
    if not _hooked:
        _hooked = True
        socket.getaddrinfo = _remembering(socket.getaddrinfo)
        sys.addaudithook(_hook)
    return _guard


def stand_down() -> None:
    """Let everything pass again: for tests. The hook itself cannot be taken away."""
    global _guard  # noqa: PLW0603  # as above
    _guard = None


def guard() -> Guard | None:
    """This process's guard, or None where none was installed."""
    return _guard


def admit(host: str | None) -> None:
    """Allow one host more in this process; does nothing without a guard."""
    if _guard is not None and host:
        _guard.admit(host)
