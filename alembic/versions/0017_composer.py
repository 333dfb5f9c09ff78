"""What the composer keeps: named sets of parameters, and what is being written, for each workspace.

`cancel_at` is when somebody asked the provider to give up a clip that was sent already.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"

TABLES = """
CREATE TABLE presets (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  settings jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT studio_now()
);
CREATE UNIQUE INDEX presets_name ON presets (workspace_id, lower(name));
CREATE INDEX presets_account ON presets (account_id);

CREATE TABLE drafts (
  workspace_id uuid PRIMARY KEY REFERENCES workspaces ON DELETE CASCADE,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  content jsonb NOT NULL,
  saved_at timestamptz NOT NULL DEFAULT studio_now()
);
CREATE INDEX drafts_account ON drafts (account_id);

CREATE INDEX batches_prompts ON batches (workspace_id, created_at DESC, id DESC);
ALTER TABLE generations ADD COLUMN cancel_at timestamptz;
"""

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
  RETURN coalesce(NEW, OLD);  -- where a row is deleted there is no new one, and nothing would be deleted
END $$;
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['presets', 'drafts'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    -- A policy that looked at the row alone would let it stand in somebody else's workspace.
    EXECUTE format('CREATE POLICY own ON %I TO studio_app USING (account_id = studio_account()) WITH CHECK ('
      'account_id = studio_account() AND EXISTS (SELECT 1 FROM workspaces w WHERE w.id = workspace_id))', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO studio_app, studio_sys', t);
    EXECUTE format('CREATE TRIGGER restricted BEFORE INSERT OR UPDATE OR DELETE ON %I '
      'FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not()', t);
  END LOOP;
END $$;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, FUNCTIONS, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
