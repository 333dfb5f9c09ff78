"""Deletion of accounts and outputs."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

TABLES = """
CREATE TABLE erasures (
  id uuid PRIMARY KEY,
  account_id uuid,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'cancelled', 'purging', 'done')),
  email text,
  counts jsonb NOT NULL DEFAULT '{}',
  tries integer NOT NULL DEFAULT 0,
  worker_lock bigint,
  retry_at timestamptz,
  asked_at timestamptz NOT NULL DEFAULT studio_now(),
  due_at timestamptz NOT NULL,
  fired_at timestamptz,
  ended_at timestamptz,
  CHECK (state <> 'done' OR (account_id IS NULL AND email IS NULL))
);
CREATE UNIQUE INDEX erasures_one_open ON erasures (account_id) WHERE state IN ('waiting', 'purging');
CREATE INDEX erasures_due ON erasures (due_at) WHERE state IN ('waiting', 'purging');

CREATE TABLE object_removals (
  key text PRIMARY KEY,
  asked_at timestamptz NOT NULL DEFAULT studio_now()
);
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
  RETURN NEW;
END $$;
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['erasures', 'object_removals'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO studio_sys', t);
  END LOOP;
END $$;
CREATE POLICY own ON erasures TO studio_app USING (account_id = studio_account());
GRANT SELECT ON erasures TO studio_app;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, FUNCTIONS, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
