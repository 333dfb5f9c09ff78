"""Whether single keys act in the grid, and what was picked for a download that is about to begin."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"

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
    for statement in (TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
