"""Consent, counts of use, and experiments."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
