"""Mails to whoever operates this studio: named by the settings, or recognised as an operator."""

from __future__ import annotations

import hashlib
import logging

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.errors import StudioError
from studio.services import mail, operators

log = logging.getLogger("studio")


async def addresses(session: AsyncSession) -> list[str]:
    """Where operators are reached: the addresses in the settings, and those of their accounts. Runs as `sys`."""
    known = await session.scalars(
        text(f"SELECT lower(a.email) FROM accounts a WHERE {operators.IS_OPERATOR} ORDER BY a.created_at LIMIT 50"),  # noqa: S608  # a constant
        operators.parameters(),
    )
    return list(dict.fromkeys([*settings().operators, *known]))


async def tell(session: AsyncSession, *, key: str, title: str, what: str, link: str) -> int:
    """One mail to each operator for each `key`. An address that takes no mail does not stop the others.

    Returns how many mails were written.
    """
    written = 0
    for address in await addresses(session):
        short = hashlib.sha256(address.encode()).hexdigest()[:12]
        try:
            made = await mail.enqueue(
                session,
                account_id=None,
                to=address,
                template="operator_alarm",
                data={"title": title, "what": what, "link": link},
                dedupe_key=f"{key}:{short}",
            )
        except StudioError as error:
            log.warning("An operator could not be told: %s", type(error).__name__)
            continue
        written += made is not None
    return written
