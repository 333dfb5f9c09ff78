"""Records at the provider that are to be deleted, and outputs that somebody deleted for good."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"

TABLES = """
CREATE TABLE provider_removals (
  task_id text PRIMARY KEY,
  asked_at timestamptz NOT NULL DEFAULT studio_now(),
  due_at timestamptz NOT NULL DEFAULT studio_now(),
  tries integer NOT NULL DEFAULT 0
);
CREATE INDEX provider_removals_due ON provider_removals (due_at);

ALTER TABLE assets ADD COLUMN erase_asked_at timestamptz;
CREATE INDEX assets_erase_asked ON assets (erase_asked_at) WHERE erase_asked_at IS NOT NULL;
"""

# Whatever deletes the row that names a record at the provider leaves the record's name here, in the same transaction.
# The provider keeps none for more than 7 days.
FUNCTIONS = """
CREATE FUNCTION provider_record_is_to_go() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  INSERT INTO provider_removals (task_id)
    SELECT task_id FROM gone WHERE task_id IS NOT NULL AND created_at > studio_now() - interval '8 days'
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
GRANT CREATE ON SCHEMA public TO studio_sys;  -- a function's new owner needs it once
ALTER FUNCTION provider_record_is_to_go() OWNER TO studio_sys;
REVOKE CREATE ON SCHEMA public FROM studio_sys;
CREATE TRIGGER provider_record AFTER DELETE ON generations REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION provider_record_is_to_go();
"""

POLICIES = """
ALTER TABLE provider_removals ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_removals FORCE ROW LEVEL SECURITY;
CREATE POLICY sys ON provider_removals TO studio_sys USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON provider_removals TO studio_sys;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, POLICIES, FUNCTIONS):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
