"""Versions of the public texts, their dates, and who was told of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

NOTICE = held("account", "to tell you once of each change of the policies, and to show that you were told")


class PolicyVersion(Row, table=True):
    """One text: head and body as they were written, and the SHA-256 of both. Never updated, never deleted."""

    __tablename__ = "policy_versions"

    kind: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    major: int = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    minor: int = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    source: str = Field(sa_column_kwargs=TECHNICAL)
    sha256: str = Field(sa_column_kwargs=TECHNICAL)
    registered_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)


class PolicyDate(Row, table=True):
    """When a text was published and takes effect. `announced_for` is the day that was announced first.

    `told_at` is when the last account was handled, `last_notice_at` when the last notice reached somebody; the
    version is in force from `in_force_at` on, until a later one is.
    """

    __tablename__ = "policy_dates"

    kind: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    major: int = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    minor: int = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    first: bool = Field(default=False, sa_column_kwargs=TECHNICAL)
    published_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    announced_for: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    effective_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    moves: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    moved_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    told_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    last_notice_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    in_force_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=TECHNICAL)


class PolicyNotice(Row, table=True):
    """One account, told of one version: queued → delivered, bounced, unreachable or shown; joined: seen at joining.

    Whoever no mail reached is told by the banner. `noticed_at` is when the outcome was known.
    """

    __tablename__ = "policy_notices"

    kind: str = Field(primary_key=True, sa_column_kwargs=NOTICE)
    major: int = Field(primary_key=True, sa_column_kwargs=NOTICE)
    minor: int = Field(primary_key=True, sa_column_kwargs=NOTICE)
    account_id: UUID = Field(primary_key=True, sa_column_kwargs=NOTICE)
    outcome: str = Field(sa_column_kwargs=NOTICE)
    mail_id: UUID | None = Field(default=None, sa_column_kwargs=NOTICE)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=NOTICE)
    noticed_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=NOTICE)
    seen_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=NOTICE)
    accepted_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=NOTICE)
