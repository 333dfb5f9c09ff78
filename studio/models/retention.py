"""What is left when something is over: sums without anybody in them, and a note of every sweep."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Numeric
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import LEDGER, TECHNICAL, Row


class RequestTotal(Row, table=True):
    """Answered requests of one hour. What fewer than 10 share is part of `other`, any, any; less than that is gone."""

    __tablename__ = "request_totals"

    hour: datetime = Field(primary_key=True, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    path: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    status: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    latency: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    requests: int = Field(sa_column_kwargs=TECHNICAL)


class ErrorTotal(Row, table=True):
    """Unexpected errors of one hour by type, with the same rule."""

    __tablename__ = "error_totals"

    hour: datetime = Field(primary_key=True, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    kind: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    errors: int = Field(sa_column_kwargs=TECHNICAL)


class LedgerTotal(Row, table=True):
    """A year of the ledger after its seven years: how many entries of a kind, and their sum in micro-USD."""

    __tablename__ = "ledger_totals"

    year: int = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    kind: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    currency: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    entries: int = Field(sa_column_kwargs=TECHNICAL)
    amount_micros: int = Field(sa_type=Numeric(38), sa_column_kwargs=TECHNICAL)  # pyright: ignore[reportArgumentType]  # an instance says how long


class LedgerCheckpoint(Row, table=True):
    """The last entry of a run that went with its year. Gone as soon as no entry and no account follows it."""

    __tablename__ = "ledger_checkpoints"

    pseudonym: UUID = Field(primary_key=True, sa_column_kwargs=LEDGER)
    seq: int = Field(primary_key=True, sa_column_kwargs=LEDGER)
    hash: bytes = Field(sa_column_kwargs=LEDGER)


class RetentionRun(Row, table=True):
    """One sweep: how many rows it ended, and how many of live content it changed on the way, which must be none."""

    __tablename__ = "retention_runs"

    what: str = Field(primary_key=True, sa_column_kwargs=TECHNICAL)
    at: datetime = Field(primary_key=True, sa_type=Instant, sa_column_kwargs=TECHNICAL)
    rows: int = Field(sa_column_kwargs=TECHNICAL)
    live_rows: int = Field(default=0, sa_column_kwargs=TECHNICAL)
