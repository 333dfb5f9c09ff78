"""Counters of attempts, each for no longer than its window."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
