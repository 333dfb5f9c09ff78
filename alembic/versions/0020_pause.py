"""A switch with which operators hold new work back: what runs goes on, what waits keeps its place."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = """
CREATE TABLE work_pauses (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  since timestamptz NOT NULL DEFAULT studio_now()
);
ALTER TABLE work_pauses ENABLE ROW LEVEL SECURITY;
ALTER TABLE work_pauses FORCE ROW LEVEL SECURITY;
CREATE POLICY sys ON work_pauses TO studio_sys USING (true) WITH CHECK (true);
CREATE POLICY read ON work_pauses FOR SELECT TO studio_app USING (true);
GRANT SELECT, INSERT, DELETE ON work_pauses TO studio_sys;
GRANT SELECT ON work_pauses TO studio_app;
"""


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(TABLES)  # type: ignore[union-attr]  # psycopg, always connected here


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
