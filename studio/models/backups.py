"""Backups and their verifications."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row


class Backup(Row, table=True):
    """One run: a backup, or the restoring of one beside the running service.

    `ok` and `ended_at` are empty while it runs; `bytes` and `objects` are of the whole snapshot, `copied` counts the
    objects that no earlier one held; `reason` is the code of what went wrong.
    """

    __tablename__ = "backups"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=TECHNICAL)
    kind: str = Field(sa_column_kwargs=TECHNICAL)
    snapshot: UUID = Field(sa_column_kwargs=TECHNICAL)
    started_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    ended_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    ok: bool | None = Field(default=None, sa_column_kwargs=TECHNICAL)
    objects: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    copied: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    bytes: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    expires_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    reason: str | None = Field(default=None, sa_column_kwargs=TECHNICAL)
