"""The objects that rows name, as a table of the restore's own schema: what is not in it is not brought back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Every column that holds object keys, as (key, sha256 or null, size or null). A restore writes no other object: one
# without a row may be an erased person's.
HOLDERS: dict[tuple[str, str], str] = {
    ("assets", "object_key"): "SELECT object_key, sha256, size_bytes FROM assets",
    ("assets", "thumbnails"): "SELECT small.value, NULL, NULL FROM assets, jsonb_each_text(thumbnails) small",
    ("accounts", "picture_key"): "SELECT picture_key, NULL, NULL FROM accounts WHERE picture_key IS NOT NULL",
}
# Text columns whose names sound like it and that hold other things, or objects that wait for their deletion.
NOT_HOLDERS = frozenset(
    {
        ("accounts", "picture_gone"),
        ("accounts", "single_keys"),  # keys of a keyboard
        ("mails", "dedupe_key"),
        ("ledger_entries", "idempotency_key"),
        ("provider_buckets", "key"),
        ("backups", "objects"),
        ("object_removals", "key"),
    }
)


async def build(session: AsyncSession) -> int:
    """Write the table anew from the rows there are; returns how many objects are named."""
    union = " UNION ALL ".join(HOLDERS.values())
    await session.execute(text("DROP TABLE IF EXISTS studio_restore.named"))
    await session.execute(
        text("CREATE TABLE studio_restore.named (key text PRIMARY KEY, sha256 text, size bigint, done boolean)")
    )
    await session.execute(
        text(f"INSERT INTO studio_restore.named (key, sha256, size) {union} ON CONFLICT DO NOTHING")  # constants
    )
    return int(await session.scalar(text("SELECT count(*) FROM studio_restore.named")) or 0)


async def wanted(session: AsyncSession, keys: Sequence[str]) -> dict[str, tuple[str | None, int | None]]:
    """Those of the keys that rows name, with hash and size where the row knows them."""
    rows = await session.execute(
        text("SELECT key, sha256, size FROM studio_restore.named WHERE key = ANY(:keys)"), {"keys": list(keys)}
    )
    return {row.key: (row.sha256, row.size) for row in rows}


async def done(session: AsyncSession, keys: Sequence[str]) -> None:
    """Those are there, whole."""
    await session.execute(
        text("UPDATE studio_restore.named SET done = true WHERE key = ANY(:keys)"), {"keys": list(keys)}
    )


async def missing(session: AsyncSession) -> list[str]:
    """Keys that rows name and nobody brought."""
    return list(await session.scalars(text("SELECT key FROM studio_restore.named WHERE done IS NULL ORDER BY key")))
