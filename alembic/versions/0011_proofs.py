"""Results of the proofs, what the guards counted, and requests from people about their data."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = """
-- One row a proof and day: the last measurement, and how many of the day's were not as promised.
CREATE TABLE proof_results (
  id text NOT NULL CHECK (id ~ '^[A-Z][0-9]{1,2}$'),
  day date NOT NULL,
  ok boolean NOT NULL,
  figure text NOT NULL CHECK (length(figure) <= 500),
  checked_at timestamptz NOT NULL,
  runs integer NOT NULL DEFAULT 1 CHECK (runs > 0),
  failures integer NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND runs),
  PRIMARY KEY (id, day)
);

-- What the guards of web and worker processes let through and what they refused. A row without a count still says
-- that a guard stood there.
CREATE TABLE guard_counts (
  guard text NOT NULL CHECK (guard IN ('egress', 'cookies')),
  process text NOT NULL CHECK (process IN ('web', 'worker')),
  day date NOT NULL,
  allowed bigint NOT NULL DEFAULT 0 CHECK (allowed >= 0),
  refused bigint NOT NULL DEFAULT 0 CHECK (refused >= 0),
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (guard, process, day)
);

CREATE TABLE privacy_requests (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('access', 'correction', 'deletion', 'objection', 'restriction')),
  account_id uuid REFERENCES accounts ON DELETE CASCADE,
  address text CHECK (length(address) <= 254),
  received_at timestamptz NOT NULL DEFAULT studio_now(),
  due_at timestamptz NOT NULL,
  note text NOT NULL DEFAULT '' CHECK (length(note) <= 1000),
  outcome text CHECK (outcome IN ('done', 'refused', 'withdrawn')),
  closed_at timestamptz,
  CHECK ((account_id IS NULL) <> (address IS NULL)),
  CHECK ((outcome IS NULL) = (closed_at IS NULL)),
  CHECK (due_at > received_at)
);
CREATE INDEX privacy_requests_account ON privacy_requests (account_id);
CREATE INDEX privacy_requests_open ON privacy_requests (due_at) WHERE closed_at IS NULL;

-- By how much a reservation ever passed the cap of its moment. A cap that is lowered below what was used is not that.
ALTER TABLE budgets ADD COLUMN overspent_micros bigint NOT NULL DEFAULT 0 CHECK (overspent_micros >= 0);
CREATE FUNCTION budget_overspent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.overspent_micros := greatest(NEW.overspent_micros, NEW.held_micros + NEW.spent_micros - NEW.cap_micros);
  RETURN NEW;
END $$;
CREATE TRIGGER budget_overspent BEFORE UPDATE ON budgets FOR EACH ROW
  WHEN (NEW.held_micros + NEW.spent_micros > NEW.cap_micros
    AND NEW.held_micros + NEW.spent_micros > OLD.held_micros + OLD.spent_micros)
  EXECUTE FUNCTION budget_overspent();
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['proof_results', 'guard_counts', 'privacy_requests'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO studio_sys', t);
  END LOOP;
END $$;
CREATE POLICY own ON privacy_requests FOR SELECT TO studio_app USING (account_id = studio_account());
GRANT SELECT ON privacy_requests TO studio_app;
"""

DOWN = """
DROP TRIGGER budget_overspent ON budgets;
DROP FUNCTION budget_overspent();
ALTER TABLE budgets DROP COLUMN overspent_micros;
DROP TABLE proof_results, guard_counts, privacy_requests;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    op.execute(DOWN)
