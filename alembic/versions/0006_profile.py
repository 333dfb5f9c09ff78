"""The provider's picture, the language of dates, the active workspace."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

# `picture_url` (0001) is where a provider says the picture is: kept until it was fetched or given up.
UP = """
ALTER TABLE accounts
  ADD COLUMN picture_key text UNIQUE,
  ADD COLUMN picture_asked_at timestamptz,
  ADD COLUMN picture_refused boolean NOT NULL DEFAULT false,
  ADD COLUMN picture_gone text[] NOT NULL DEFAULT '{}',
  ADD COLUMN date_locale text NOT NULL DEFAULT 'en-GB' CHECK (date_locale ~ '^[a-z]{2,3}-[A-Z]{2}$');
CREATE INDEX accounts_picture_waits ON accounts (id) WHERE picture_url IS NOT NULL;
CREATE INDEX accounts_picture_gone ON accounts (id) WHERE picture_gone <> '{}';
-- A person unlinks a provider and chooses a workspace; linking stays with the system, which has seen the proof.
GRANT DELETE ON identities TO studio_app;
GRANT UPDATE (workspace_id) ON sessions TO studio_app;
-- Whatever a query forgets: a session works in a workspace of its own account, or in none.
CREATE POLICY own_workspace ON sessions AS RESTRICTIVE FOR UPDATE TO studio_app USING (true) WITH CHECK (
  workspace_id IS NULL OR EXISTS (
    SELECT 1 FROM workspaces w WHERE w.id = workspace_id AND w.account_id = studio_account()));
"""

DOWN = """
DROP POLICY own_workspace ON sessions;
REVOKE UPDATE (workspace_id) ON sessions FROM studio_app;
REVOKE DELETE ON identities FROM studio_app;
ALTER TABLE accounts DROP COLUMN picture_key, DROP COLUMN picture_asked_at, DROP COLUMN picture_refused,
  DROP COLUMN picture_gone, DROP COLUMN date_locale;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
