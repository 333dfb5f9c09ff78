"""Changes of e-mail address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import Row, held

CHANGE = held("account", "to change your address, and to let you take that back for 7 days", days=7)
LINK = held("account", "to know the links in the mails again", days=7, export=False)


class AddressChange(Row, table=True):
    """One change: asked → confirmed → undone, or dropped before that. The links' tokens are only here as SHA-256.

    `expires_at` ends confirming, `undo_until` ends taking it back. The link of the first mail to the old address
    (`stop_hash`) goes on to work after the confirmation, as the one of the second (`undo_hash`) does.
    """

    __tablename__ = "address_changes"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=CHANGE)
    account_id: UUID = Field(sa_column_kwargs=CHANGE)
    old_email: str = Field(sa_column_kwargs=CHANGE)
    new_email: str = Field(sa_column_kwargs=CHANGE)
    state: str = Field(default="asked", sa_column_kwargs=CHANGE)
    confirm_hash: bytes = Field(sa_column_kwargs=LINK)
    stop_hash: bytes = Field(sa_column_kwargs=LINK)
    undo_hash: bytes | None = Field(default=None, sa_column_kwargs=LINK)
    asked_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CHANGE)
    expires_at: datetime = Field(sa_type=Instant, sa_column_kwargs=CHANGE)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=CHANGE)
    undo_until: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=CHANGE)
