"""Batches, the generations they ask for, and the files that came in or out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import CONTENT, OPERATIONAL, TECHNICAL, Row

WAITING = "queued"
ACTIVE = ("submitting", "running", "storing")
ENDED = ("succeeded", "failed", "expired", "cancelled", "settled")


class Batch(Row, table=True):
    """One click of Generate: prompt and parameters as they were at that moment."""

    __tablename__ = "batches"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    workspace_id: UUID = Field(sa_column_kwargs=CONTENT)
    kind: str = Field(sa_column_kwargs=CONTENT)
    model: str = Field(sa_column_kwargs=CONTENT)
    prompt: str = Field(sa_column_kwargs=CONTENT)
    params: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs=CONTENT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)


class BatchInput(Row, table=True):
    """A file a batch was given: a reference, a first or a last frame, or the draft that it makes final."""

    __tablename__ = "batch_inputs"

    batch_id: UUID = Field(primary_key=True, sa_column_kwargs=CONTENT)
    role: str = Field(primary_key=True, sa_column_kwargs=CONTENT)
    position: int = Field(primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    asset_id: UUID = Field(sa_column_kwargs=CONTENT)


class Generation(Row, table=True):
    """One request to the provider and its life (ARCHITECTURE, *A generation*).

    `attempt_id` is set by the winner of queued → submitting and by nobody else; `worker_lock` names the advisory
    lock its worker holds, so that a dead worker's rows are told from a slow one's. `result` keeps what the
    provider answered (links, usage) until the bytes are ours. `due_at` is when the next look at it is due;
    `cancel_at` is when the person asked the provider to give it up.
    """

    __tablename__ = "generations"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    batch_id: UUID = Field(sa_column_kwargs=CONTENT)
    position: int = Field(sa_column_kwargs=CONTENT)
    kind: str = Field(sa_column_kwargs=CONTENT)
    model: str = Field(sa_column_kwargs=CONTENT)
    state: str = Field(default=WAITING, sa_column_kwargs=OPERATIONAL)
    month: date = Field(sa_column_kwargs=OPERATIONAL)
    reserved_micros: int = Field(sa_column_kwargs=OPERATIONAL)
    charged_micros: int | None = Field(default=None, sa_column_kwargs=OPERATIONAL)
    attempt_id: UUID | None = Field(default=None, sa_column_kwargs=OPERATIONAL)
    worker_lock: int | None = Field(default=None, sa_column_kwargs=TECHNICAL)
    task_id: str | None = Field(default=None, sa_column_kwargs=OPERATIONAL)
    result: dict[str, Any] | None = Field(default=None, sa_type=JSONB, sa_column_kwargs=OPERATIONAL)
    error_code: str | None = Field(default=None, sa_column_kwargs=OPERATIONAL)
    error_title: str | None = Field(default=None, sa_column_kwargs=OPERATIONAL)
    error_message: str | None = Field(default=None, sa_column_kwargs=OPERATIONAL)
    superseded_by: UUID | None = Field(default=None, sa_column_kwargs=CONTENT)
    tries: int = Field(default=0, sa_column_kwargs=OPERATIONAL)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=OPERATIONAL)
    submitted_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=OPERATIONAL)
    unknown_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=OPERATIONAL)
    cancel_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=OPERATIONAL)
    due_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    ended_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=OPERATIONAL)


class Asset(Row, table=True):
    """A file in the object store: an upload (`generation_id` empty) or an output.

    `thumbnails` maps the longest side in pixels, as text, to an object key. `batch_id`, `model` and `cost_micros` are
    the generation's, kept here so that the library reads one table; `derived_from` is the clip whose frame this is.
    """

    __tablename__ = "assets"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    workspace_id: UUID | None = Field(default=None, sa_column_kwargs=CONTENT)
    generation_id: UUID | None = Field(default=None, sa_column_kwargs=CONTENT)
    kind: str = Field(sa_column_kwargs=CONTENT)
    mime: str = Field(sa_column_kwargs=CONTENT)
    object_key: str = Field(sa_column_kwargs=CONTENT)
    size_bytes: int = Field(sa_column_kwargs=CONTENT)
    sha256: str = Field(sa_column_kwargs=CONTENT)
    crc32: int = Field(sa_column_kwargs=CONTENT)
    width: int = Field(sa_column_kwargs=CONTENT)
    height: int = Field(sa_column_kwargs=CONTENT)
    duration_ms: int | None = Field(default=None, sa_column_kwargs=CONTENT)
    thumbnails: dict[str, str] = Field(sa_type=JSONB, sa_column_kwargs=CONTENT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)
    batch_id: UUID | None = Field(default=None, sa_column_kwargs=CONTENT)
    model: str | None = Field(default=None, sa_column_kwargs=CONTENT)
    cost_micros: int | None = Field(default=None, sa_column_kwargs=CONTENT)
    rating: int | None = Field(default=None, sa_column_kwargs=CONTENT)
    trashed_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=CONTENT)
    erase_asked_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=CONTENT)
    derived_from: UUID | None = Field(default=None, sa_column_kwargs=CONTENT)
