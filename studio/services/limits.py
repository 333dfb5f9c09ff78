"""The provider's rate limits as token buckets in Postgres, shared by all workers (facts, section F)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.services.byteplus import catalog


@dataclass(frozen=True)
class Bucket:
    """At most `capacity` at once, `rate` more each second."""

    capacity: float
    rate: float


ACCOUNT = {"GET": Bucket(20, 20), "LIST": Bucket(1, 1), "DELETE": Bucket(20, 20)}


def bucket_of(key: str, tier: str) -> tuple[str, Bucket | None, float]:
    """(row, bucket, how many tokens) of a client's key: GET, LIST, DELETE, POST:<model> or IPM:<model>:<n>."""
    kind, _, rest = key.partition(":")
    if kind in ACCOUNT:
        return kind, ACCOUNT[kind], 1
    model, _, amount = rest.partition(":")
    limits = catalog.get(model).limits
    per_minute = limits.ipm if kind == "IPM" else getattr(limits, f"rpm_{tier}")
    bucket = Bucket(per_minute, per_minute / 60) if per_minute else None
    return f"{kind}:{model}", bucket, float(amount or 1)


async def take(session: AsyncSession, *, key: str, tier: str) -> float:
    """Take tokens, or say in how many seconds there will be enough; 0 means they were taken."""
    row, bucket, amount = bucket_of(key, tier)
    if bucket is None:
        return 0.0
    values = {"key": row, "capacity": bucket.capacity, "rate": bucket.rate, "amount": min(amount, bucket.capacity)}
    taken = await session.scalar(
        text("""
        INSERT INTO provider_buckets AS b (key, tokens) VALUES (:key, :capacity - :amount)
        ON CONFLICT (key) DO UPDATE SET refilled_at = clock_timestamp(), tokens =
          least(:capacity, b.tokens + :rate * extract(epoch FROM clock_timestamp() - b.refilled_at)) - :amount
        WHERE least(:capacity, b.tokens + :rate * extract(epoch FROM clock_timestamp() - b.refilled_at)) >= :amount
        RETURNING true
        """),
        values,
    )
    if taken:
        return 0.0
    missing = await session.scalar(
        text(
            "SELECT :amount - tokens - :rate * extract(epoch FROM clock_timestamp() - refilled_at) "
            "FROM provider_buckets WHERE key = :key"
        ),
        values,
    )
    return max(float(missing or 0.0) / bucket.rate, 0.01)
