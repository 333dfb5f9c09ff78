"""What operators did, and how the product's own checks ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

AUDIT = held("operational", "to show what operators did", fate="retain", export=False, days=730)


class AuditEntry(Row, table=True):
    """One act of an operator. `actor` is an account's id or "cli"; `subject` is an id, never an address.

    Append-only: neither role may change or delete it, and a trigger refuses both until two years have passed.
    """

    __tablename__ = "audit_entries"

    id: int | None = Field(default=None, primary_key=True, sa_column_kwargs=AUDIT)
    at: datetime = Field(sa_type=Instant, sa_column_kwargs=AUDIT)
    actor: str = Field(sa_column_kwargs=AUDIT)
    action: str = Field(sa_column_kwargs=AUDIT)
    subject: str = Field(sa_column_kwargs=AUDIT)
    details: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs=AUDIT)


class WorkPause(Row, table=True):
    """There is a row while operators hold new work back."""

    __tablename__ = "work_pauses"

    single: bool = Field(default=True, primary_key=True, sa_column_kwargs=TECHNICAL)
    since: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)


class CheckResult(Row, table=True):
    """How a scheduled check ended the last time."""

    __tablename__ = "check_results"

    name: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    checked_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    ok: bool = Field(sa_column_kwargs=TECHNICAL)
    figures: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs=TECHNICAL)
