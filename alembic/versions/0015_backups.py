"""Backups and their verifications."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
