"""Mail: the transactional outbox, and who asked for product news."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE mails (
  id uuid PRIMARY KEY,
  account_id uuid REFERENCES accounts ON DELETE CASCADE,
  recipient text NOT NULL CHECK (length(recipient) <= 254 AND recipient !~ '[[:cntrl:][:space:]]'),
  template text NOT NULL,
  category text NOT NULL CHECK (category IN ('account', 'billing', 'security', 'marketing')),
  rank smallint NOT NULL CHECK (rank IN (0, 1)),
  data jsonb NOT NULL,
  dedupe_key text,
  message_id text NOT NULL UNIQUE,
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'sending', 'sent', 'bounced', 'failed', 'shown', 'dropped')),
  tries integer NOT NULL DEFAULT 0,
  worker_lock bigint,
  code smallint,
  reason text,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  due_at timestamptz NOT NULL DEFAULT studio_now(),
  ended_at timestamptz,
  CHECK (category <> 'marketing' OR account_id IS NOT NULL),
  CHECK ((state = 'sending') = (worker_lock IS NOT NULL)),
  CHECK ((ended_at IS NOT NULL) = (state IN ('sent', 'bounced', 'failed', 'shown', 'dropped')))
);
-- One mail of a kind for an account, however many transactions ask for it at once; mail without an account as well.
CREATE UNIQUE INDEX mails_once ON mails (account_id, dedupe_key) NULLS NOT DISTINCT WHERE dedupe_key IS NOT NULL;
CREATE INDEX mails_account ON mails (account_id, created_at DESC);
CREATE INDEX mails_queue ON mails (rank, due_at, id) WHERE state = 'queued';
CREATE INDEX mails_sending ON mails (worker_lock) WHERE state = 'sending';
CREATE INDEX mails_listed ON mails (created_at DESC, id DESC);
CREATE INDEX mails_ended ON mails (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE mail_optins (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  given_at timestamptz NOT NULL DEFAULT studio_now(),
  text_version text NOT NULL CHECK (length(text_version) BETWEEN 1 AND 40),
  withdrawn_at timestamptz
);
CREATE UNIQUE INDEX mail_optins_one ON mail_optins (account_id) WHERE withdrawn_at IS NULL;
CREATE INDEX mail_optins_account ON mail_optins (account_id);
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['mails', 'mail_optins'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY own ON %I FOR SELECT TO studio_app USING (account_id = studio_account())', t);
  END LOOP;
END $$;
-- A person's own transaction may ask for mail to its account; sending and recording is the system's alone.
CREATE POLICY ask ON mails FOR INSERT TO studio_app
  WITH CHECK (account_id = studio_account() AND state = 'queued' AND tries = 0);
CREATE POLICY opt_in ON mail_optins FOR INSERT TO studio_app WITH CHECK (account_id = studio_account());
CREATE POLICY opt_out ON mail_optins FOR UPDATE TO studio_app
  USING (account_id = studio_account()) WITH CHECK (account_id = studio_account());

GRANT SELECT, INSERT, UPDATE, DELETE ON mails, mail_optins TO studio_sys;
GRANT SELECT, INSERT ON mails, mail_optins TO studio_app;
GRANT UPDATE (withdrawn_at) ON mail_optins TO studio_app;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    op.execute("DROP TABLE mails, mail_optins")
