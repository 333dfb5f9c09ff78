"""What the composer keeps for a workspace: named parameters, and what is being written."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import CONTENT, Row


class Preset(Row, table=True):
    """Parameters under a name, without prompt and pictures."""

    __tablename__ = "presets"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    workspace_id: UUID = Field(sa_column_kwargs=CONTENT)
    name: str = Field(sa_column_kwargs=CONTENT)
    settings: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs=CONTENT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)


class Draft(Row, table=True):
    """The composer of a workspace as it was left: prompt, pictures and parameters."""

    __tablename__ = "drafts"

    workspace_id: UUID = Field(primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    content: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs=CONTENT)
    saved_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)
