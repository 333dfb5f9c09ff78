"""The outbox, and who asked for product news."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import TECHNICAL, Row, held

ADDRESS = held("account", "to send you mail about your account; emptied 30 days after the mail went out", days=30)
LETTER = held("account", "what the mail says; emptied once it is sent", export=False)
POSTED = held("operational", "to send each mail once and to see what did not arrive", days=92)
OPTED = held("account", "to prove that you asked for product news")


class Mail(Row, table=True):
    """One mail: one row, one Message-ID, made in the transaction of its cause.

    queued → sending → sent | bounced | failed, or shown where no server is configured, or dropped when its reader
    withdrew. `rank` 1 may wait for others; `code` is the server's answer, `reason` a word of ours, never its text.
    """

    __tablename__ = "mails"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=POSTED)
    account_id: UUID | None = Field(default=None, sa_column_kwargs=POSTED)
    recipient: str = Field(sa_column_kwargs=ADDRESS)
    template: str = Field(sa_column_kwargs=POSTED)
    category: str = Field(sa_column_kwargs=POSTED)
    rank: int = Field(sa_type=SmallInteger, sa_column_kwargs=TECHNICAL)
    data: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs=LETTER)
    dedupe_key: str | None = Field(default=None, sa_column_kwargs=POSTED)
    message_id: str = Field(sa_column_kwargs=POSTED)
    state: str = Field(default="queued", sa_column_kwargs=POSTED)
    tries: int = Field(default=0, sa_column_kwargs=POSTED)
    worker_lock: int | None = Field(default=None, sa_column_kwargs=TECHNICAL)
    code: int | None = Field(default=None, sa_type=SmallInteger, sa_column_kwargs=POSTED)
    reason: str | None = Field(default=None, sa_column_kwargs=POSTED)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=POSTED)
    due_at: datetime = Field(sa_type=Instant, sa_column_kwargs=TECHNICAL)
    ended_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=POSTED)


class MailOptin(Row, table=True):
    """A yes to product news: when, to which wording, and when it was taken back."""

    __tablename__ = "mail_optins"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=OPTED)
    account_id: UUID = Field(sa_column_kwargs=OPTED)
    given_at: datetime = Field(sa_type=Instant, sa_column_kwargs=OPTED)
    text_version: str = Field(sa_column_kwargs=OPTED)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=OPTED)
