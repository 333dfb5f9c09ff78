"""Caps and the append-only ledger. Amounts are integers: micro-USD."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import ACCOUNT, LEDGER, OPERATIONAL, Row


class Budget(Row, table=True):
    """One account's UTC month: a lock and a cache. A scheduled check recomputes it from the ledger.

    `overspent_micros` is written by a trigger alone: by how much a reservation ever passed the cap of its moment.
    """

    __tablename__ = "budgets"

    account_id: UUID = Field(primary_key=True, sa_column_kwargs=OPERATIONAL)
    month: date = Field(primary_key=True, sa_column_kwargs=OPERATIONAL)
    cap_micros: int = Field(sa_column_kwargs=OPERATIONAL)
    held_micros: int = Field(default=0, sa_column_kwargs=OPERATIONAL)
    spent_micros: int = Field(default=0, sa_column_kwargs=OPERATIONAL)
    overspent_micros: int = Field(default=0, sa_column_kwargs=OPERATIONAL)


class LedgerPseudonym(Row, table=True):
    """The only link between an account and its ledger rows; the purge destroys it."""

    __tablename__ = "ledger_pseudonyms"

    account_id: UUID = Field(primary_key=True, sa_column_kwargs=ACCOUNT)
    pseudonym: UUID = Field(default_factory=uuid4, sa_column_kwargs=ACCOUNT)


class LedgerHead(Row, table=True):
    """The last link of a pseudonym's hash chain."""

    __tablename__ = "ledger_heads"

    pseudonym: UUID = Field(primary_key=True, sa_column_kwargs=LEDGER)
    seq: int = Field(sa_column_kwargs=LEDGER)
    hash: bytes = Field(sa_column_kwargs=LEDGER)


class LedgerEntry(Row, table=True):
    """One event about money. `seq`, `prev_hash` and `hash` are written by the database's trigger."""

    __tablename__ = "ledger_entries"

    pseudonym: UUID = Field(primary_key=True, sa_column_kwargs=LEDGER)
    seq: int = Field(primary_key=True, sa_column_kwargs=LEDGER)
    at: datetime = Field(sa_type=Instant, sa_column_kwargs=LEDGER)
    kind: str = Field(sa_column_kwargs=LEDGER)
    generation_kind: str = Field(sa_column_kwargs=LEDGER)
    currency: str = Field(default="USD", sa_column_kwargs=LEDGER)
    amount_micros: int = Field(sa_column_kwargs=LEDGER)
    month: date = Field(sa_column_kwargs=LEDGER)
    reservation: UUID = Field(sa_column_kwargs=LEDGER)
    idempotency_key: str = Field(sa_column_kwargs=LEDGER)
    prev_hash: bytes = Field(sa_column_kwargs=LEDGER)
    hash: bytes = Field(sa_column_kwargs=LEDGER)
