"""Identity: providers, invitations, agreements, re-authentication."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
ALTER TABLE accounts ADD COLUMN attested_at timestamptz;
ALTER TABLE sessions
  ADD COLUMN attempt jsonb,
  ADD COLUMN attempt_until timestamptz,
  ADD COLUMN reauth_at timestamptz;
CREATE INDEX sessions_attempts ON sessions (attempt_until) WHERE attempt_until IS NOT NULL;

CREATE TABLE identities (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  issuer text NOT NULL,
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  UNIQUE (issuer, subject)
);
CREATE INDEX identities_account ON identities (account_id);

CREATE TABLE agreements (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('privacy', 'terms', 'marketing')),
  version text NOT NULL,
  agreed_at timestamptz NOT NULL DEFAULT studio_now(),
  withdrawn_at timestamptz
);
CREATE INDEX agreements_account ON agreements (account_id, kind);

CREATE TABLE invitations (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX invitations_email ON invitations (lower(email));
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['identities', 'agreements', 'invitations'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO studio_sys', t);
  END LOOP;
END $$;
CREATE POLICY own ON identities TO studio_app USING (account_id = studio_account());
CREATE POLICY own ON agreements TO studio_app USING (account_id = studio_account());
GRANT SELECT ON identities, agreements TO studio_app;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
