"""How people are known: providers, what they agreed to, and who is invited."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from studio.models.accounts import Instant
from studio.models.base import ACCOUNT, Row, held

AGREEMENT = held("account", "to know what you agreed to, and when")
INVITATION = held("account", "to let you in when you come", days=30)


class Identity(Row, table=True):
    """A person at a provider. `issuer` and `subject` together are the identity, never the e-mail address.

    `email` is the address the provider confirmed at the last sign-in.
    """

    __tablename__ = "identities"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=ACCOUNT)
    account_id: UUID = Field(sa_column_kwargs=ACCOUNT)
    issuer: str = Field(sa_column_kwargs=ACCOUNT)
    subject: str = Field(sa_column_kwargs=ACCOUNT)
    email: str | None = Field(default=None, sa_column_kwargs=ACCOUNT)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=ACCOUNT)


class Agreement(Row, table=True):
    """A text that was agreed to, in the version that was shown. Kind is privacy or terms."""

    __tablename__ = "agreements"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=AGREEMENT)
    account_id: UUID = Field(sa_column_kwargs=AGREEMENT)
    kind: str = Field(sa_column_kwargs=AGREEMENT)
    version: str = Field(sa_column_kwargs=AGREEMENT)
    agreed_at: datetime = Field(sa_type=Instant, sa_column_kwargs=AGREEMENT)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs=AGREEMENT)


class Invitation(Row, table=True):
    """An address that the operator lets in. Gone when it is used or after 30 days."""

    __tablename__ = "invitations"

    id: UUID = Field(default_factory=uuid4, primary_key=True, sa_column_kwargs=INVITATION)
    email: str = Field(sa_column_kwargs=INVITATION)
    created_at: datetime = Field(sa_type=Instant, sa_column_kwargs=INVITATION)
    expires_at: datetime = Field(sa_type=Instant, sa_column_kwargs=INVITATION)
