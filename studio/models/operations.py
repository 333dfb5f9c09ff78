"""Logs and provider limits. The request log has exactly the columns of promise D3."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

LOGGED = held("operational", "to find faults and abuse", fate="retain", export=False, days=30)
COUNTED = held("operational", "to slow down whoever tries too often", fate="retain", export=False, days=1)


class RequestLog(Row, table=True):
    """One answered request: time, path template, status, latency, request id. No account, no address, no query."""

    __tablename__ = "request_log"

    request_id: UUID = Field(primary_key=True, sa_column_kwargs=LOGGED)
    at: datetime = Field(primary_key=True, sa_type=Instant, sa_column_kwargs=LOGGED)
    path: str = Field(sa_column_kwargs=LOGGED)
    status: int = Field(sa_column_kwargs=LOGGED)
    latency_ms: int = Field(sa_column_kwargs=LOGGED)


class ErrorEvent(Row, table=True):
    """An unexpected error: where it happened and its type, under the reference id the person was shown."""

    __tablename__ = "error_events"

    reference: UUID = Field(primary_key=True, sa_column_kwargs=LOGGED)
    at: datetime = Field(primary_key=True, sa_type=Instant, sa_column_kwargs=LOGGED)
    source: str = Field(sa_column_kwargs=LOGGED)
    kind: str = Field(sa_column_kwargs=LOGGED)
    location: str = Field(sa_column_kwargs=LOGGED)
    repeats: int = Field(default=0, sa_column_kwargs=LOGGED)


class ProviderBucket(Row, table=True):
    """A token bucket of one provider limit, shared by all workers."""

    __tablename__ = "provider_buckets"

    key: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    tokens: float = Field(sa_column_kwargs=TECHNICAL)
    refilled_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)


class RateSalt(Row, table=True):
    """The salt of one window. Gone with it, and then no key of that window can be led back to anybody."""

    __tablename__ = "rate_salts"

    seconds: int = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    ends_at: datetime = Field(primary_key=True, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    salt: bytes = Field(sa_column_kwargs=TECHNICAL)


class RateCount(Row, table=True):
    """How often somebody did something in one window. The key is a salted, keyed hash of an account or an address."""

    __tablename__ = "rate_counts"

    key: bytes = Field(primary_key=True, sa_column_kwargs=COUNTED)
    used: int = Field(sa_column_kwargs=COUNTED)
    ends_at: datetime = Field(sa_type=Instant, sa_column_kwargs=COUNTED)
