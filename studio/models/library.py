"""What people do with what they made: labels, searches they keep, and what they picked to download."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, Uuid
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import CONTENT, Row, held

PICKED = held("operational", "to send you the files that you picked")
Uuids = ARRAY(Uuid)


class Label(Row, table=True):
    """A word of one's own for outputs; `color` is one of the names the palette has."""

    __tablename__ = "labels"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    name: str = Field(sa_column_kwargs=CONTENT)
    color: str = Field(sa_column_kwargs=CONTENT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)


class AssetLabel(Row, table=True):
    """A label on an output."""

    __tablename__ = "asset_labels"

    asset_id: UUID = Field(primary_key=True, sa_column_kwargs=CONTENT)
    label_id: UUID = Field(primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)


class SavedView(Row, table=True):
    """Filters of the library under a name; `query` is the address after the question mark."""

    __tablename__ = "saved_views"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    name: str = Field(sa_column_kwargs=CONTENT)
    query: str = Field(sa_column_kwargs=CONTENT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)


class Selection(Row, table=True):
    """Files picked for one download; it names them in place of an address that would be too long."""

    __tablename__ = "selections"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=PICKED)
    account_id: UUID = Field(sa_column_kwargs=PICKED)
    asset_ids: list[UUID] = Field(sa_type=Uuids, sa_column_kwargs=PICKED)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=PICKED)
