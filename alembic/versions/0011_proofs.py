"""Results of the proofs, and requests from people about their data."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
