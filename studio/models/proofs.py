"""Results of the proofs, what the guards counted, and the register of people's requests."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

REQUEST = held("account", "to answer your request in time; gone a year after it was answered", days=365)


class ProofResult(Row, table=True):
    """The last measurement of one promise on one day, and how many of that day's failed. No person is in it."""

    __tablename__ = "proof_results"

    id: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    day: date = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    ok: bool = Field(sa_column_kwargs=TECHNICAL)
    figure: str = Field(sa_column_kwargs=TECHNICAL)
    checked_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    runs: int = Field(default=1, sa_column_kwargs=TECHNICAL)
    failures: int = Field(default=0, sa_column_kwargs=TECHNICAL)


class GuardCount(Row, table=True):
    """How often a guard let something through and how often it refused, by day and kind of process."""

    __tablename__ = "guard_counts"

    guard: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    process: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    day: date = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    allowed: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    refused: int = Field(default=0, sa_column_kwargs=TECHNICAL)
    reported_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)


class PrivacyRequest(Row, table=True):
    """What somebody asked for about their data and by when: an account, or the address they wrote from."""

    __tablename__ = "privacy_requests"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=REQUEST)
    kind: str = Field(sa_column_kwargs=REQUEST)
    account_id: UUID | None = Field(default=None, sa_column_kwargs=REQUEST)
    address: str | None = Field(default=None, sa_column_kwargs=REQUEST)
    received_at: datetime = Field(sa_type=Instant, sa_column_kwargs=REQUEST)
    due_at: datetime = Field(sa_type=Instant, sa_column_kwargs=REQUEST)
    note: str = Field(default="", sa_column_kwargs=REQUEST)
    outcome: str | None = Field(default=None, sa_column_kwargs=REQUEST)
    closed_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=REQUEST)
