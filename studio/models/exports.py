"""Archives that people ask for."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

ARCHIVE = held("operational", "to build the archive you asked for and to let you download it")


class Export(Row, table=True):
    """One archive: queued → building → ready → expired; or failed, cancelled by its owner, revoked.

    `plan` says where its parts are, `excluded` which files could not be read (object key → reason). An archive that
    is not `counted` leaves the next one free within the day; the operator may decide so.
    """

    __tablename__ = "exports"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=ARCHIVE)
    account_id: UUID = Field(sa_column_kwargs=ARCHIVE)
    state: str = Field(default="queued", sa_column_kwargs=ARCHIVE)
    counted: bool = Field(default=True, sa_column_kwargs=TECHNICAL)
    files_done: int = Field(default=0, sa_column_kwargs=ARCHIVE)
    files_total: int = Field(default=0, sa_column_kwargs=ARCHIVE)
    bytes_done: int = Field(default=0, sa_column_kwargs=ARCHIVE)
    bytes_total: int = Field(default=0, sa_column_kwargs=ARCHIVE)
    missing: int = Field(default=0, sa_column_kwargs=ARCHIVE)
    excluded: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, sa_column_kwargs=TECHNICAL)
    plan: dict[str, Any] | None = Field(default=None, sa_type=JSONB, sa_column_kwargs=TECHNICAL)
    worker_lock: int | None = Field(default=None, sa_column_kwargs=TECHNICAL)
    tries: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    due_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=ARCHIVE)
    started_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=ARCHIVE)
    ended_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=ARCHIVE)
    expires_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=ARCHIVE)
