"""The provider's picture, language, and what a person chose to see."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
