"""Deletion of accounts and outputs."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
