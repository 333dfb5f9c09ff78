"""Settings: alerts and time zone of an account, the names people give their sessions."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

UP = """
ALTER TABLE accounts
  ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) BETWEEN 1 AND 64),
  ADD COLUMN alerts smallint[] NOT NULL DEFAULT '{50,80,100}' CHECK (alerts <@ ARRAY[50, 80, 100]::smallint[]);
ALTER TABLE sessions ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 60);
-- A person names and ends sessions; whose they are, and their tokens, stay with the system.
GRANT UPDATE (name, revoked_at) ON sessions TO studio_app;
"""

DOWN = """
REVOKE UPDATE (name, revoked_at) ON sessions FROM studio_app;
ALTER TABLE sessions DROP COLUMN name;
ALTER TABLE accounts DROP COLUMN time_zone, DROP COLUMN alerts;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
