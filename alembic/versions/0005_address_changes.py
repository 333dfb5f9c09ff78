"""Changes of e-mail address that wait to be confirmed, or may be undone."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE address_changes (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  old_email text NOT NULL CHECK (length(old_email) <= 254),
  new_email text NOT NULL CHECK (length(new_email) <= 254),
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'dropped', 'confirmed', 'undone')),
  confirm_hash bytea NOT NULL UNIQUE,
  stop_hash bytea NOT NULL UNIQUE,
  undo_hash bytea UNIQUE,
  asked_at timestamptz NOT NULL DEFAULT studio_now(),
  expires_at timestamptz NOT NULL,
  confirmed_at timestamptz,
  undo_until timestamptz,
  CHECK ((state IN ('confirmed', 'undone')) = (confirmed_at IS NOT NULL)),
  CHECK ((confirmed_at IS NULL) = (undo_until IS NULL) AND (confirmed_at IS NULL) = (undo_hash IS NULL))
);
CREATE UNIQUE INDEX address_changes_one ON address_changes (account_id) WHERE state = 'asked';
CREATE INDEX address_changes_account ON address_changes (account_id, asked_at);
-- An address that its account may still come back to is nobody else's.
CREATE INDEX address_changes_left ON address_changes (lower(old_email)) WHERE state = 'confirmed';
CREATE INDEX address_changes_over ON address_changes (coalesce(undo_until, expires_at));

-- Whatever a person's own transaction does: an address changes by its confirmation only, which is the system's.
CREATE FUNCTION studio_keep_address() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF current_user = 'studio_app' THEN
    RAISE insufficient_privilege USING MESSAGE = 'an address changes by its confirmation only';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_keep_address BEFORE UPDATE OF email ON accounts
  FOR EACH ROW WHEN (OLD.email IS DISTINCT FROM NEW.email) EXECUTE FUNCTION studio_keep_address();
"""

POLICIES = """
ALTER TABLE address_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE address_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY sys ON address_changes TO studio_sys USING (true) WITH CHECK (true);
CREATE POLICY own ON address_changes FOR SELECT TO studio_app USING (account_id = studio_account());
CREATE POLICY ask ON address_changes FOR INSERT TO studio_app
  WITH CHECK (account_id = studio_account() AND state = 'asked');
CREATE POLICY drop_it ON address_changes FOR UPDATE TO studio_app
  USING (account_id = studio_account() AND state = 'asked')
  WITH CHECK (account_id = studio_account() AND state = 'dropped');
GRANT SELECT, INSERT, UPDATE, DELETE ON address_changes TO studio_sys;
-- A person asks and drops; confirming and undoing, and the hashes of the links, are the system's.
GRANT SELECT (id, account_id, old_email, new_email, state, asked_at, expires_at, confirmed_at, undo_until)
  ON address_changes TO studio_app;
GRANT INSERT (id, account_id, old_email, new_email, confirm_hash, stop_hash, expires_at) ON address_changes
  TO studio_app;
GRANT UPDATE (state) ON address_changes TO studio_app;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    op.execute(
        "DROP TRIGGER accounts_keep_address ON accounts; DROP FUNCTION studio_keep_address(); "
        "DROP TABLE address_changes"
    )
