"""Agreements are to texts. Product news have a record of their own, which ends when they are taken back."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"

# As the role whose policy shows every row: under forced policies the owner would delete none, and say nothing.
ROWS = """
SET LOCAL ROLE studio_sys;
DELETE FROM agreements WHERE kind = 'marketing';
SET LOCAL ROLE NONE;
"""

TABLES = """
ALTER TABLE agreements DROP CONSTRAINT agreements_kind_check;
ALTER TABLE agreements ADD CONSTRAINT agreements_kind_check CHECK (kind IN ('privacy', 'terms'));
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (ROWS, TABLES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
