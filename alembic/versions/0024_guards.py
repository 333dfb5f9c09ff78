"""Guards also stand in backups and in the proofs, and note each optional count behind which there was a yes."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"

TABLES = """
ALTER TABLE guard_counts DROP CONSTRAINT guard_counts_guard_check, DROP CONSTRAINT guard_counts_process_check;
ALTER TABLE guard_counts
  ADD CONSTRAINT guard_counts_guard_check CHECK (guard IN ('egress', 'cookies', 'analytics', 'experiments')),
  ADD CONSTRAINT guard_counts_process_check CHECK (process IN ('web', 'worker', 'backup', 'proofs'));
"""

# What was counted before there was a note of the yes behind it, and backups that were made before they reported.
ROWS = """
ALTER TABLE guard_counts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_counts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE experiment_counts NO FORCE ROW LEVEL SECURITY;
INSERT INTO guard_counts (guard, process, day, allowed, reported_at)
  SELECT 'analytics', 'web', day, sum(uses), now() FROM usage_counts GROUP BY day;
INSERT INTO guard_counts (guard, process, day, allowed, reported_at)
  SELECT 'experiments', 'web', day, sum(views + starts), now() FROM experiment_counts GROUP BY day;
INSERT INTO guard_counts (guard, process, day, reported_at)
  VALUES ('egress', 'backup', (studio_now() AT TIME ZONE 'UTC')::date, studio_now());
ALTER TABLE guard_counts FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_counts FORCE ROW LEVEL SECURITY;
ALTER TABLE experiment_counts FORCE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, ROWS):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
