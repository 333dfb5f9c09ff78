"""What people do with what they made: labels, and searches they keep."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import CONTENT, Row


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
