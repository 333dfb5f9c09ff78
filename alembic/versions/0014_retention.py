"""What is kept how long."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
