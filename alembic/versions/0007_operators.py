"""The operator's audit log, proved addresses, restricted accounts, and the last result of each check."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = """
-- An address makes an operator only once it was proved: at a provider, by a one-time link, by a confirmed change.
ALTER TABLE identities ADD COLUMN email text;
ALTER TABLE accounts
  ADD COLUMN proved_email text,
  ADD COLUMN restricted_at timestamptz,
  ADD COLUMN restricted_for text CHECK (restricted_for IN ('person', 'operator', 'authority')),
  ADD CHECK ((restricted_at IS NULL) = (restricted_for IS NULL));
CREATE INDEX accounts_listed ON accounts (created_at DESC, id DESC);
-- Until now an account was only ever made for an address that a provider or a one-time link had proved.
UPDATE accounts SET proved_email = lower(email);

CREATE INDEX generations_open ON generations (created_at, id) WHERE ended_at IS NULL;
CREATE INDEX generations_written_off ON generations (created_at, id) WHERE state = 'settled';
CREATE INDEX generations_recent ON generations (created_at);
CREATE INDEX invitations_listed ON invitations (created_at DESC, id DESC);

CREATE TABLE audit_entries (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT studio_now(),
  actor text NOT NULL CHECK (actor = 'cli' OR actor ~ '^[0-9a-f-]{36}$'),
  action text NOT NULL CHECK (action ~ '^[a-z]+(\\.[a-z_]+)+$'),
  subject text NOT NULL CHECK (length(subject) <= 80),
  details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_entries_action ON audit_entries (action, id DESC);

CREATE TABLE check_results (
  name text PRIMARY KEY,
  checked_at timestamptz NOT NULL,
  ok boolean NOT NULL,
  figures jsonb NOT NULL
);
"""

FUNCTIONS = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
-- What is past its two years may go; nothing else ever changes.
BEGIN
  IF TG_OP = 'DELETE' AND OLD.at < studio_now() - interval '730 days' THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE FUNCTION audit_is_not_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_emptied();

CREATE FUNCTION studio_audit_retire() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  WITH gone AS (DELETE FROM audit_entries WHERE at < studio_now() - interval '730 days' RETURNING 1)
  SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION studio_audit_retire() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION studio_audit_retire() TO studio_sys;

CREATE FUNCTION restricted_account_may_not() RETURNS trigger LANGUAGE plpgsql AS $$
-- The one place where a restriction is enforced for what people do. The system is not stopped: results that come in
-- are stored, and a purge goes on. db.transaction turns ST001 into the sentence a person reads.
DECLARE why text;
BEGIN
  IF current_user = 'studio_app' THEN
    SELECT restricted_for INTO why FROM accounts WHERE id = studio_account();
    IF why IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = 'ST001', MESSAGE = why; END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER restricted BEFORE INSERT ON batches FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not();
CREATE TRIGGER restricted BEFORE INSERT ON generations FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not();
CREATE TRIGGER restricted BEFORE INSERT ON assets FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not();
CREATE TRIGGER restricted BEFORE INSERT OR UPDATE ON workspaces
  FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not();
CREATE TRIGGER restricted
  BEFORE UPDATE OF name, picture_url, picture_key, cap_micros, time_zone, date_locale, alerts ON accounts
  FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not();

CREATE FUNCTION account_may_not_raise_itself() RETURNS trigger LANGUAGE plpgsql AS $$
-- A person's own transaction never says that an address was proved, nor lifts a restriction.
BEGIN
  IF current_user = 'studio_app' THEN
    RAISE EXCEPTION 'only the system writes this' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER system_only BEFORE UPDATE OF proved_email, restricted_at, restricted_for ON accounts
  FOR EACH ROW EXECUTE FUNCTION account_may_not_raise_itself();
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['audit_entries', 'check_results'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;
REVOKE ALL ON audit_entries FROM studio_app, studio_sys;
GRANT SELECT, INSERT ON audit_entries TO studio_sys;
GRANT SELECT, INSERT, UPDATE, DELETE ON check_results TO studio_sys;
"""

DOWN = """
DROP TABLE audit_entries, check_results;
DROP FUNCTION studio_audit_retire(), audit_is_append_only(), audit_is_not_emptied();
DROP FUNCTION restricted_account_may_not() CASCADE;
DROP FUNCTION account_may_not_raise_itself() CASCADE;
DROP INDEX accounts_listed, generations_open, generations_written_off, generations_recent, invitations_listed;
ALTER TABLE identities DROP COLUMN email;
ALTER TABLE accounts DROP COLUMN proved_email, DROP COLUMN restricted_at, DROP COLUMN restricted_for;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, FUNCTIONS, POLICIES):
        run(statement)


def downgrade() -> None:
    op.get_bind().connection.driver_connection.execute(DOWN)  # type: ignore[union-attr]  # psycopg, as above
