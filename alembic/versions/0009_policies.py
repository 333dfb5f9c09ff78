"""Versions of the policy texts, and who was told of them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
