"""How often somebody may try: counted in Postgres for all processes at once, and forgotten when the window ends.

Nobody's address is kept. What is counted under is HMAC(secret key, limit and account or address), and of that only a
hash with a salt that is drawn for each window and deleted with it (alembic/versions/0008_rate_limits.py).
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.db import Actor
from studio.errors import TooMany

SHORT_SECONDS, LONG_SECONDS = 120, 3600


class TooOften(TooMany):
    """That was too often. Try again later."""

    def __init__(self, what: str, seconds: int, *, now: datetime | None = None) -> None:
        """`what` fits after "Too many"; `seconds` until it may be tried again."""
        super().__init__(f"Too many {what}. Try again {when(seconds, now or datetime.now(UTC))}.")
        self.wait_seconds = seconds


def when(seconds: int, now: datetime) -> str:
    """In so many seconds or minutes, or at a time of day (UTC) when that is an hour or more away."""
    if seconds < SHORT_SECONDS:
        return "in 1 second" if seconds == 1 else f"in {seconds} seconds"
    if seconds < LONG_SECONDS:
        return f"in {-(-seconds // 60)} minutes"
    minute = (now + timedelta(seconds=seconds + 59)).astimezone(UTC)
    return f"at {minute:%H:%M} UTC"


def neighbourhood(address: str) -> str:
    """What of a client's address is counted under: all of an IPv4 address, of an IPv6 address the first 64 bits.

    An IPv6 household has a whole /64 to choose from. What is no address counts as one client.
    """
    bracketed, with_port = address.startswith("["), address.count(":") == 1  # some proxies add the port
    bare = address[1:].partition("]")[0] if bracketed else address.partition(":")[0] if with_port else address
    try:
        parsed = ip_address(bare.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


def _who(what: str, actor: Actor | None, address: str | None) -> bytes:
    name = f"account {actor.account_id}" if actor else f"address {neighbourhood(address or '')}"
    return hmac.new(settings().secret_key.encode(), f"limits|{what}|{name}".encode(), hashlib.sha256).digest()


async def count(session: AsyncSession, *, what: str, actor: Actor | None = None, address: str | None = None) -> None:
    """Count one try of `what`, a name in studio/rates.py: of an account, or else of the client's address.

    Take a transaction of its own for it, before the work: a try that fails must stay counted, and the counter's row
    must not be held while the work is done. `limit` in studio/http/access.py and studio/state/guard.py does that.

    Raises:
        TooOften: that was more than the limit allows; nothing has changed.
    """
    rate = settings().limits[what]
    wait = await session.scalar(
        text("SELECT studio_count(:who, :most, :seconds)"),
        {"who": _who(what, actor, address), "most": rate.most, "seconds": rate.seconds},
    )
    if wait:
        raise TooOften(rate.what, wait)


async def forget(session: AsyncSession) -> int:
    """Delete every window that is over, with its salt. Returns how many rows."""
    return int(await session.scalar(text("SELECT studio_forget_counts()")) or 0)
