"""A provider's picture of a person: claim (transaction) → fetch and store (none open) → record (transaction)."""

from __future__ import annotations

from uuid import UUID

from studio.db import SYSTEM, transaction
from studio.errors import StudioError
from studio.runtime import storage
from studio.services import pictures
from studio.services.eventlog import WRITER
from studio.services.identity import fetching
from studio.services.identity.fetching import PUBLIC, Rules
from studio.services.media import portraits
from studio.services.storage import new_key


async def fetch(account_id: UUID, *, rules: Rules = PUBLIC) -> None:
    """Fetch a picture that waits, once. Whatever goes wrong, the person simply has no picture."""
    async with transaction(SYSTEM) as session:
        url = await pictures.claim(session, account_id=account_id)
    if url is None:
        return
    key = await _stored(url, rules)
    async with transaction(SYSTEM) as session:
        wanted = await pictures.record(session, account_id=account_id, url=url, key=key)
    if key is not None and not wanted:
        await storage().delete(key)


async def _stored(url: str, rules: Rules) -> str | None:
    try:
        data = await fetching.fetch(url, rules=rules)
        made = await portraits.make(data, max_bytes=fetching.MAX_BYTES)
        stored = await storage().put(new_key(pictures.KIND), made, content_type="image/webp", create_only=True)
    except StudioError:
        return None
    except Exception as error:  # noqa: BLE001  # a picture is never worth a failed job, but a fault of ours is noted
        WRITER.error(pictures.FETCH, error)
        return None
    return stored.key


async def drop(account_id: UUID) -> None:
    """Delete the objects that were replaced or taken away. Safe to run twice."""
    async with transaction(SYSTEM) as session:
        keys = await pictures.gone(session, account_id=account_id)
    for key in keys:
        await storage().delete(key)
    if keys:
        async with transaction(SYSTEM) as session:
            await pictures.dropped(session, account_id=account_id, keys=keys)
