"""Whether single keys act in the grid, and what was picked for a download that is about to begin."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0016"

# A trigger before DELETE that returns NEW, which is nothing there, silently keeps the row: labels could not be taken
# off, and a purge would have met them.
FUNCTIONS = """
CREATE OR REPLACE FUNCTION restricted_account_may_not() RETURNS trigger LANGUAGE plpgsql AS $$
-- The one place where a restriction is enforced for what people do. The system is not stopped: results that come in
-- are stored, and a purge goes on. db.transaction turns ST001 into the sentence a person reads.
DECLARE why text;
BEGIN
  IF current_user = 'studio_app' THEN
    SELECT restricted_for INTO why FROM accounts WHERE id = studio_account();
    IF why IS NULL AND EXISTS (SELECT 1 FROM erasures
        WHERE account_id = studio_account() AND state IN ('waiting', 'purging')) THEN
      why := 'leaving';
    END IF;
    IF why IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = 'ST001', MESSAGE = why; END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
"""

TABLES = """
ALTER TABLE accounts ADD COLUMN single_keys boolean NOT NULL DEFAULT true;
CREATE TRIGGER restricted_keys BEFORE UPDATE OF single_keys ON accounts
  FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not();

CREATE TABLE selections (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  asset_ids uuid[] NOT NULL CHECK (cardinality(asset_ids) BETWEEN 1 AND 10000),
  created_at timestamptz NOT NULL DEFAULT studio_now()
);
CREATE INDEX selections_account ON selections (account_id, created_at);
CREATE INDEX selections_created ON selections (created_at);
"""

POLICIES = """
ALTER TABLE selections ENABLE ROW LEVEL SECURITY;
ALTER TABLE selections FORCE ROW LEVEL SECURITY;
CREATE POLICY sys ON selections TO studio_sys USING (true) WITH CHECK (true);
CREATE POLICY own ON selections TO studio_app USING (account_id = studio_account());
GRANT SELECT, INSERT, UPDATE, DELETE ON selections TO studio_sys;
GRANT SELECT, INSERT, DELETE ON selections TO studio_app;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (FUNCTIONS, TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
