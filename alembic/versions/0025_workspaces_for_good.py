"""A workspace that was deleted for good is out of reach at once, and a worker erases it with everything in it."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"

TABLES = """
ALTER TABLE workspaces ADD COLUMN erase_asked_at timestamptz;
CREATE INDEX workspaces_erase_asked ON workspaces (erase_asked_at) WHERE erase_asked_at IS NOT NULL;
"""


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(TABLES)  # type: ignore[union-attr]  # psycopg, always connected here


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
