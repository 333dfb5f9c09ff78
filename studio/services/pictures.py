"""A person's own small picture: their provider's, fetched once by a job, or one they uploaded. Bytes are in the store.

`accounts.picture_url` holds what a provider named until it was fetched or given up; `picture_key` the object that is
shown; `picture_gone` objects that are still to be deleted; `picture_refused` that the person took a picture away,
so that none comes back unasked.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import Actor
from studio.errors import NotFound

FETCH, DROP = "picture.fetch", "picture.drop"
KIND = "p"
GIVEN_UP_MINUTES = 15


async def name(session: AsyncSession, *, account_id: UUID, url: str) -> bool:
    """Note where a provider says the person's picture is, and wake the job that fetches it. Runs as `sys`.

    False when nothing is to be fetched: no address, a picture is there, one is on its way, or they took it away.
    """
    if not url:
        return False
    noted = await session.scalar(
        text(
            "UPDATE accounts SET picture_url = :url, picture_asked_at = NULL WHERE id = :id "
            "AND picture_url IS NULL AND picture_key IS NULL AND NOT picture_refused RETURNING true"
        ),
        {"id": account_id, "url": url},
    )
    if noted:
        await queue.defer(session, FETCH, account_id=str(account_id))
    return bool(noted)


async def claim(session: AsyncSession, *, account_id: UUID) -> str | None:
    """The address to fetch, to whoever asks first and never again: a picture is worth one request. Runs as `sys`."""
    return await session.scalar(
        text(
            "UPDATE accounts SET picture_asked_at = studio_now() WHERE id = :id "
            "AND picture_url IS NOT NULL AND picture_asked_at IS NULL RETURNING picture_url"
        ),
        {"id": account_id},
    )


async def record(session: AsyncSession, *, account_id: UUID, url: str, key: str | None) -> bool:
    """What came of it; None: no picture. The address is forgotten. False: it was no longer wanted. Runs as `sys`."""
    kept = await session.scalar(
        text(
            "UPDATE accounts SET picture_url = NULL, picture_key = :key WHERE id = :id "
            "AND picture_url = :url AND picture_key IS NULL RETURNING true"
        ),
        {"id": account_id, "url": url, "key": key},
    )
    return bool(kept)


async def put(session: AsyncSession, *, actor: Actor, key: str) -> None:
    """Show an uploaded picture, whose object is stored, instead of whatever was there."""
    await _replace(session, actor, key)


async def remove(session: AsyncSession, *, actor: Actor) -> None:
    """Take the picture away; its object is deleted, and no provider's comes back by itself."""
    await _replace(session, actor, None)


async def _replace(session: AsyncSession, actor: Actor, key: str | None) -> None:
    await session.execute(
        text(
            "UPDATE accounts SET picture_key = :key, picture_url = NULL, picture_refused = :refused, "
            "picture_gone = CASE WHEN picture_key IS NULL THEN picture_gone ELSE picture_gone || picture_key END "
            "WHERE id = :id"
        ),
        {"id": actor.account_id, "key": key, "refused": key is None},
    )
    await queue.defer(session, DROP, account_id=str(actor.account_id))


async def shown(session: AsyncSession, *, actor: Actor) -> str:
    """The key of the object that is shown. Raises NotFound when there is none."""
    key = await session.scalar(text("SELECT picture_key FROM accounts WHERE id = :id"), {"id": actor.account_id})
    if key is None:
        raise NotFound("There is no picture of you here.")
    return str(key)


async def gone(session: AsyncSession, *, account_id: UUID) -> list[str]:
    """Objects of an account that are to be deleted. Runs as `sys`."""
    return list(
        await session.scalar(text("SELECT picture_gone FROM accounts WHERE id = :id"), {"id": account_id}) or ()
    )


async def dropped(session: AsyncSession, *, account_id: UUID, keys: list[str]) -> None:
    """Those are deleted. Runs as `sys`."""
    await session.execute(
        text(
            "UPDATE accounts SET picture_gone = "
            "ARRAY(SELECT unnest(picture_gone) EXCEPT SELECT unnest(CAST(:keys AS text[]))) WHERE id = :id"
        ),
        {"id": account_id, "keys": keys},
    )


async def sweep(session: AsyncSession) -> int:
    """Wake what a lost job left; forget addresses whose one request never came back. Returns how many were woken."""
    await session.execute(
        text(
            "UPDATE accounts SET picture_url = NULL WHERE picture_url IS NOT NULL "
            "AND picture_asked_at < studio_now() - make_interval(mins => :minutes)"
        ),
        {"minutes": GIVEN_UP_MINUTES},
    )
    fetch = await session.scalars(
        text("SELECT id FROM accounts WHERE picture_url IS NOT NULL AND picture_asked_at IS NULL LIMIT 500")
    )
    drop = await session.scalars(text("SELECT id FROM accounts WHERE picture_gone <> '{}' LIMIT 500"))
    jobs = [(FETCH, each) for each in fetch.all()] + [(DROP, each) for each in drop.all()]
    for job, account_id in jobs:
        await queue.defer(session, job, account_id=str(account_id))
    return len(jobs)
