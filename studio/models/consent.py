"""Answers about cookies, and what is counted after a yes."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

CONSENT = held("account", "to keep to what you chose about cookies, and to show it to you")
USAGE = held("operational", "to see what is used, once you agreed", fate="retain", export=False, days=90)


class Consent(Row, table=True):
    """One answer about optional cookies, and the text it was given to. No address, no browser.

    `despite_signal`: the browser sent Global Privacy Control when it was given, so a yes stands beside the signal.
    """

    __tablename__ = "consents"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CONSENT)
    session_id: UUID | None = Field(default=None, sa_column_kwargs=CONSENT)
    account_id: UUID | None = Field(default=None, sa_column_kwargs=CONSENT)
    text_hash: str = Field(sa_column_kwargs=CONSENT)
    analytics: bool = Field(sa_column_kwargs=CONSENT)
    experiments: bool = Field(sa_column_kwargs=CONSENT)
    despite_signal: bool = Field(sa_column_kwargs=CONSENT)
    answered_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CONSENT)
    kept_until: datetime = Field(sa_type=Instant, sa_column_kwargs=CONSENT)


class UsageCount(Row, table=True):
    """How often the bearer of one analytics cookie used one thing on one day. Gone after 90 days."""

    __tablename__ = "usage_counts"

    visitor: UUID = Field(primary_key=True, sa_column_kwargs=USAGE)
    day: date = Field(primary_key=True, sa_column_kwargs=USAGE)
    name: str = Field(primary_key=True, sa_column_kwargs=USAGE)
    uses: int = Field(sa_column_kwargs=USAGE)


class UsageTotal(Row, table=True):
    """What is left of those rows after 90 days: sums without any id."""

    __tablename__ = "usage_totals"

    day: date = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    name: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    visitors: int = Field(sa_column_kwargs=TECHNICAL)
    uses: int = Field(sa_column_kwargs=TECHNICAL)


class ExperimentCount(Row, table=True):
    """How often an arm was seen and led to a sign-in being begun, by day. The cookie holds the arm; no id exists."""

    __tablename__ = "experiment_counts"

    experiment: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    arm: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    day: date = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    views: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    starts: int = Field(default=0, sa_column_kwargs=TECHNICAL)
