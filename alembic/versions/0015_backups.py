"""Backups and their verifications."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

UP = """
CREATE TABLE backups (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('backup', 'verify')),
  snapshot uuid NOT NULL,
  started_at timestamptz NOT NULL DEFAULT studio_now(),
  ended_at timestamptz,
  ok boolean,
  objects bigint NOT NULL DEFAULT 0 CHECK (objects >= 0),
  copied bigint NOT NULL DEFAULT 0 CHECK (copied >= 0),
  bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  expires_at timestamptz,
  reason text,
  CHECK ((ended_at IS NULL) = (ok IS NULL))
);
CREATE INDEX backups_started ON backups (kind, started_at DESC);
ALTER TABLE backups ENABLE ROW LEVEL SECURITY;
ALTER TABLE backups FORCE ROW LEVEL SECURITY;
CREATE POLICY sys ON backups TO studio_sys USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON backups TO studio_sys;
"""

DOWN = "DROP TABLE backups"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
