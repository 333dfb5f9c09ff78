"""Consent, counts of use, and experiments."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

UP = """
-- An answer belongs to a browser's session; once somebody signs in there, to their account's history as well.
CREATE TABLE consents (
  id uuid PRIMARY KEY,
  session_id uuid REFERENCES sessions ON DELETE SET NULL,
  account_id uuid REFERENCES accounts ON DELETE CASCADE,
  text_hash text NOT NULL CHECK (length(text_hash) = 64),
  analytics boolean NOT NULL,
  experiments boolean NOT NULL,
  despite_signal boolean NOT NULL,
  answered_at timestamptz NOT NULL DEFAULT studio_now(),
  kept_until timestamptz NOT NULL CHECK (kept_until > answered_at)
);
CREATE INDEX consents_session ON consents (session_id, answered_at DESC);
CREATE INDEX consents_account ON consents (account_id, answered_at DESC);

-- Nothing here leads to a session or an account: `visitor` is known to one cookie only.
CREATE TABLE usage_counts (
  visitor uuid NOT NULL,
  day date NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  uses integer NOT NULL CHECK (uses > 0),
  PRIMARY KEY (visitor, day, name)
);
CREATE INDEX usage_counts_day ON usage_counts (day);
CREATE TABLE usage_totals (
  day date NOT NULL,
  name text NOT NULL,
  visitors integer NOT NULL,
  uses bigint NOT NULL,
  PRIMARY KEY (day, name)
);
CREATE TABLE experiment_counts (
  experiment text NOT NULL,
  arm text NOT NULL,
  day date NOT NULL,
  views integer NOT NULL DEFAULT 0 CHECK (views >= 0),
  starts integer NOT NULL DEFAULT 0 CHECK (starts >= 0),
  PRIMARY KEY (experiment, arm, day)
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['consents', 'usage_counts', 'usage_totals', 'experiment_counts'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO studio_sys', t);
  END LOOP;
END $$;
CREATE POLICY own ON consents TO studio_app USING (account_id = studio_account());
GRANT SELECT ON consents TO studio_app;
"""

DOWN = "DROP TABLE consents, usage_counts, usage_totals, experiment_counts"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
