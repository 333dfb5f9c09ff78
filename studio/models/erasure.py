"""Deletion: of whole accounts after their countdown, and of objects whose rows are gone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

LEAVING = held("account", "to delete your account when you asked for it, and to tell you once it is done")
FORGETTING = held(
    "operational", "to have the provider forget what was erased here", fate="retain", export=False, days=8
)


class Erasure(Row, table=True):
    """One deletion of an account: waiting → purging → done, or cancelled. Its id is the receipt's number.

    When it is done, nothing in the row names anybody: only how much of what was removed, and when.
    """

    __tablename__ = "erasures"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=LEAVING)
    account_id: UUID | None = Field(default=None, sa_column_kwargs=LEAVING)
    state: str = Field(default="waiting", sa_column_kwargs=LEAVING)
    email: str | None = Field(default=None, sa_column_kwargs=LEAVING)
    counts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, sa_column_kwargs=TECHNICAL)
    tries: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    worker_lock: int | None = Field(default=None, sa_column_kwargs=TECHNICAL)
    retry_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    asked_at: datetime = Field(sa_type=Instant, sa_column_kwargs=LEAVING)
    due_at: datetime = Field(sa_type=Instant, sa_column_kwargs=LEAVING)
    fired_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    ended_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)


class ObjectRemoval(Row, table=True):
    """An object that is to be deleted: written with the deletion of its row, gone when the store has let go of it."""

    __tablename__ = "object_removals"

    key: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    asked_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)


class ProviderRemoval(Row, table=True):
    """A record at the provider that is to be deleted; it says of nobody whose it was.

    The database writes it with the deletion of the generation that named it. It goes once the provider has none, and
    after 8 days in any case, because the provider keeps none for longer than 7.
    """

    __tablename__ = "provider_removals"

    task_id: str = Field(primary_key=True, sa_column_kwargs=FORGETTING)
    asked_at: datetime = Field(sa_type=Instant, sa_column_kwargs=FORGETTING)
    due_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    tries: int = Field(default=0, sa_column_kwargs=TECHNICAL)
