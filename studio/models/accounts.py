"""People, their sessions and their workspaces."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, DateTime, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from studio.models.base import ACCOUNT, CONTENT, OPERATIONAL, SECRET, TECHNICAL, Row, held

Instant = DateTime(timezone=True)
Percents = ARRAY(SmallInteger)
Texts = ARRAY(Text)
PICTURE = held("account", "to show your picture, and to bring none back that you took away", export=False)
RESTRICTION = held("account", "to leave your data alone when that was asked for")


class Account(Row, table=True):
    """One person. `served_at` is when the queue last served them, for fair order.

    The picture's columns are told apart in `studio.services.pictures`. `proved_email` is the address that a one-time
    link or a confirmed change proved; `restricted_for` says at whose request nothing may be done with the data.
    """

    __tablename__ = "accounts"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=ACCOUNT)
    email: str = Field(sa_column_kwargs=ACCOUNT)
    name: str = Field(default="", sa_column_kwargs=ACCOUNT)
    picture_url: str | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    picture_key: str | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    picture_asked_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=PICTURE)
    picture_refused: bool = Field(default=False, sa_column_kwargs=PICTURE)
    picture_gone: list[str] = Field(default=[], sa_type=Texts, sa_column_kwargs=PICTURE)
    cap_micros: int | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    time_zone: str = Field(default="UTC", sa_column_kwargs=ACCOUNT)
    date_locale: str = Field(default="en-GB", sa_column_kwargs=ACCOUNT)
    single_keys: bool = Field(default=True, sa_column_kwargs=ACCOUNT)
    alerts: list[int] = Field(default=[50, 80, 100], sa_type=Percents, sa_column_kwargs=ACCOUNT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=ACCOUNT)
    served_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=OPERATIONAL)
    attested_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=ACCOUNT)
    proved_email: str | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    restricted_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=RESTRICTION)
    restricted_for: str | None = Field(default=None, sa_column_kwargs=RESTRICTION)


class Session(Row, table=True):
    """A browser that is signed in, or about to. The cookie holds the token; only its SHA-256 is here.

    `attempt` is a sign-in's own state until `attempt_until`; `reauth_at` is when the person last proved who they are.
    """

    __tablename__ = "sessions"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=ACCOUNT)
    token_hash: bytes = Field(sa_column_kwargs=SECRET)
    name: str | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    account_id: UUID | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    workspace_id: UUID | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=ACCOUNT)
    seen_at: datetime = Field(sa_type=Instant, sa_column_kwargs=ACCOUNT)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=ACCOUNT)
    attempt: dict[str, Any] | None = Field(default=None, sa_type=JSONB, sa_column_kwargs=SECRET)
    attempt_until: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=SECRET)
    reauth_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=ACCOUNT)


class SigninLink(Row, table=True):
    """A one-time link. Used at most once and for 10 minutes; stored as a hash."""

    __tablename__ = "signin_links"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=ACCOUNT)
    token_hash: bytes = Field(sa_column_kwargs=SECRET)
    email: str = Field(sa_column_kwargs=ACCOUNT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=ACCOUNT)
    expires_at: datetime = Field(sa_type=Instant, sa_column_kwargs=ACCOUNT)
    used_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=ACCOUNT)


class Workspace(Row, table=True):
    """A named place for batches and assets. `defaults` are the parameters a new request starts with."""

    __tablename__ = "workspaces"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONTENT)
    account_id: UUID = Field(sa_column_kwargs=CONTENT)
    name: str = Field(sa_column_kwargs=CONTENT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONTENT)
    archived_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=CONTENT)
    defaults: dict[str, Any] | None = Field(default=None, sa_type=JSONB, sa_column_kwargs=CONTENT)
    trashed_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=CONTENT)
    erase_asked_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=CONTENT)


class Clock(Row, table=True):
    """The offset that `studio_now()` adds. Empty in production: only a test database has a row."""

    __tablename__ = "studio_clock"

    single: bool = Field(default=True, primary_key=True, sa_column_kwargs=TECHNICAL)
    offset_seconds: float = Field(sa_column_kwargs=TECHNICAL)
