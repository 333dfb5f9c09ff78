"""Versions of the policy texts, and who was told of them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = """
-- A text never changes: its hash is the text's own, and the trigger below refuses every update.
CREATE TABLE policy_versions (
  kind text NOT NULL CHECK (kind IN ('privacy', 'terms', 'cookies', 'security', 'dpa', 'subprocessors')),
  major integer NOT NULL CHECK (major BETWEEN 1 AND 9999),
  minor integer NOT NULL CHECK (minor BETWEEN 0 AND 9999),
  source text NOT NULL CHECK (length(source) BETWEEN 1 AND 200000),
  sha256 text NOT NULL CHECK (sha256 = encode(sha256(convert_to(source, 'UTF8')), 'hex')),
  registered_at timestamptz NOT NULL DEFAULT studio_now(),
  PRIMARY KEY (kind, major, minor)
);

-- Its dates do: the day it takes effect moves while somebody has not been told 14 days before.
CREATE TABLE policy_dates (
  kind text NOT NULL,
  major integer NOT NULL,
  minor integer NOT NULL,
  first boolean NOT NULL DEFAULT false,
  published_at timestamptz NOT NULL DEFAULT studio_now(),
  announced_for timestamptz NOT NULL,
  effective_at timestamptz NOT NULL,
  moves integer NOT NULL DEFAULT 0,
  moved_at timestamptz,
  told_at timestamptz,
  last_notice_at timestamptz,
  in_force_at timestamptz,
  PRIMARY KEY (kind, major, minor),
  FOREIGN KEY (kind, major, minor) REFERENCES policy_versions,
  CONSTRAINT fourteen_days CHECK (first OR effective_at >= published_at + interval '14 days'),
  CHECK (effective_at >= announced_for),
  CHECK (in_force_at IS NULL OR in_force_at >= effective_at),
  CHECK (in_force_at IS NULL OR first OR told_at IS NOT NULL),
  CHECK (in_force_at IS NULL OR first OR last_notice_at IS NULL OR in_force_at >= last_notice_at + interval '14 days')
);
CREATE UNIQUE INDEX policy_dates_first ON policy_dates (kind) WHERE first;
CREATE UNIQUE INDEX policy_dates_coming ON policy_dates (kind) WHERE in_force_at IS NULL;

CREATE TABLE policy_notices (
  kind text NOT NULL,
  major integer NOT NULL,
  minor integer NOT NULL,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  outcome text NOT NULL CHECK (outcome IN ('queued', 'delivered', 'bounced', 'unreachable', 'shown', 'joined')),
  mail_id uuid,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  noticed_at timestamptz,
  seen_at timestamptz,
  accepted_at timestamptz,
  PRIMARY KEY (kind, major, minor, account_id),
  FOREIGN KEY (kind, major, minor) REFERENCES policy_dates,
  CHECK ((noticed_at IS NULL) = (outcome = 'queued'))
);
CREATE INDEX policy_notices_account ON policy_notices (account_id);
CREATE INDEX policy_notices_open ON policy_notices (kind, major, minor) WHERE noticed_at IS NULL;
"""

FUNCTIONS = """
CREATE FUNCTION policy_versions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a policy text never changes'; END $$;
CREATE TRIGGER policy_versions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_versions
  FOR EACH STATEMENT EXECUTE FUNCTION policy_versions_stay();

CREATE FUNCTION policy_dates_move() RETURNS trigger LANGUAGE plpgsql AS $$
-- A date moves later, never earlier; nothing takes effect while an account is left that was not told.
BEGIN
  IF OLD.in_force_at IS NOT NULL THEN RAISE EXCEPTION 'this version is in force'; END IF;
  IF NEW.effective_at < OLD.effective_at THEN RAISE EXCEPTION 'the day never moves earlier'; END IF;
  IF (NEW.kind, NEW.major, NEW.minor, NEW.first, NEW.published_at, NEW.announced_for)
    IS DISTINCT FROM (OLD.kind, OLD.major, OLD.minor, OLD.first, OLD.published_at, OLD.announced_for)
    THEN RAISE EXCEPTION 'what was announced stays'; END IF;
  IF NEW.in_force_at IS NOT NULL AND NOT NEW.first AND (
    EXISTS (SELECT 1 FROM policy_notices n WHERE (n.kind, n.major, n.minor) = (NEW.kind, NEW.major, NEW.minor)
      AND (n.noticed_at IS NULL OR (n.outcome <> 'joined' AND n.noticed_at > NEW.in_force_at - interval '14 days')))
    OR EXISTS (SELECT 1 FROM accounts a WHERE a.created_at <= NEW.published_at AND NOT EXISTS (
      SELECT 1 FROM policy_notices n WHERE (n.kind, n.major, n.minor, n.account_id)
        = (NEW.kind, NEW.major, NEW.minor, a.id))))
    THEN RAISE EXCEPTION 'not every account was told 14 days before'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER policy_dates_move BEFORE UPDATE ON policy_dates FOR EACH ROW EXECUTE FUNCTION policy_dates_move();
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['policy_versions', 'policy_dates', 'policy_notices'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;
-- The texts and their dates are public.
CREATE POLICY read ON policy_versions FOR SELECT TO studio_app USING (true);
CREATE POLICY read ON policy_dates FOR SELECT TO studio_app USING (true);
CREATE POLICY own ON policy_notices FOR SELECT TO studio_app USING (account_id = studio_account());
CREATE POLICY answer ON policy_notices FOR UPDATE TO studio_app
  USING (account_id = studio_account()) WITH CHECK (account_id = studio_account());

GRANT SELECT, INSERT ON policy_versions, policy_dates TO studio_sys;
GRANT UPDATE (effective_at, moves, moved_at, told_at, last_notice_at, in_force_at) ON policy_dates TO studio_sys;
GRANT SELECT, INSERT, UPDATE, DELETE ON policy_notices TO studio_sys;
GRANT SELECT ON policy_versions, policy_dates, policy_notices TO studio_app;
GRANT UPDATE (seen_at, accepted_at) ON policy_notices TO studio_app;
GRANT INSERT ON agreements TO studio_app;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, FUNCTIONS, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
