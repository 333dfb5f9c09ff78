"""Archives that people ask for."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

TABLES = """
CREATE TABLE exports (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'building', 'ready', 'failed', 'expired', 'revoked', 'cancelled')),
  counted boolean NOT NULL DEFAULT true,
  files_done integer NOT NULL DEFAULT 0,
  files_total integer NOT NULL DEFAULT 0,
  bytes_done bigint NOT NULL DEFAULT 0,
  bytes_total bigint NOT NULL DEFAULT 0,
  missing integer NOT NULL DEFAULT 0,
  excluded jsonb NOT NULL DEFAULT '{}',
  plan jsonb,
  worker_lock bigint,
  tries integer NOT NULL DEFAULT 0,
  due_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  started_at timestamptz,
  ended_at timestamptz,
  expires_at timestamptz
);
CREATE UNIQUE INDEX exports_one_at_work ON exports (account_id) WHERE state IN ('queued', 'building');
CREATE INDEX exports_account ON exports (account_id, created_at DESC);
"""

POLICIES = """
ALTER TABLE exports ENABLE ROW LEVEL SECURITY;
ALTER TABLE exports FORCE ROW LEVEL SECURITY;
CREATE POLICY sys ON exports TO studio_sys USING (true) WITH CHECK (true);
CREATE POLICY own ON exports TO studio_app
  USING (account_id = studio_account()) WITH CHECK (account_id = studio_account());
GRANT SELECT, INSERT, UPDATE, DELETE ON exports TO studio_sys;
GRANT SELECT ON exports TO studio_app;
-- A person asks for an archive, stops it, and takes it back; what it holds and how long is not theirs to write.
GRANT INSERT (id, account_id), UPDATE (state, ended_at) ON exports TO studio_app;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
