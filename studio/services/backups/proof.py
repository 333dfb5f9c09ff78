"""What the page of proofs measures about backups, in the place itself."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime

from studio.services.backups import crypt, shelf
from studio.services.backups.errors import WrongKey
from studio.services.storage import Storage

_MAGIC = b"age-encryption.org/v1\n"


async def oldest_backup_age_days(place: Storage, *, now: datetime) -> float | None:
    """How old the oldest snapshot is that can still be restored, in days; None when there is none. R3."""
    there = await shelf.snapshots(place)
    return (now - there[0].at).total_seconds() / 86_400 if there else None


async def opens_without_the_key(place: Storage) -> bool:
    """Whether the newest snapshot opens with a key that was just made up, or is not sealed at all. L1: never.

    Raises:
        NoSnapshot: there is none to try.
    """
    snapshot = await shelf.find(place, "latest")
    stranger, _ = crypt.new_pair()
    for part in ("dump", "manifest"):
        async with await place.open(snapshot.part(part)) as source:
            head = b""
            async for block in source:
                head += block
                if len(head) >= len(_MAGIC):
                    break
        if not head.startswith(_MAGIC):
            return True
        try:
            async with (
                await place.open(snapshot.part(part)) as source,
                aclosing(crypt.decrypted(source, identities=[stranger])) as clear,
            ):
                await anext(clear)
                return True
        except WrongKey:
            continue
    return False
