"""Accounts, workspaces, generations, assets, money, logs: with roles and forced row-level security from the start.

Three roles. `owner` is whoever DATABASE_URL names and runs this. `studio_app` serves people: every table has a
forced policy that shows it the rows of one account, set for the transaction. `studio_sys` sees all rows and is
used where there is no person yet or no longer: sign-in, sweeps, the queue, backup. Neither can log in; the
connections of the product take one of them on when they open.
"""

from __future__ import annotations

from procrastinate.schema import SchemaManager

from alembic import op

revision = "0001"
down_revision = None

ROLES = """
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['studio_app', 'studio_sys'] LOOP
    -- Roles belong to the whole cluster: another database of it may have made them, even at this moment.
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', r);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    EXECUTE format('GRANT %I TO CURRENT_USER', r);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', r);
  END LOOP;
END $$;
GRANT CREATE ON SCHEMA public TO studio_sys;  -- taken back below: a function's new owner needs it once
"""

TABLES = """
CREATE TABLE studio_clock (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  offset_seconds double precision NOT NULL
);
CREATE FUNCTION studio_now() RETURNS timestamptz LANGUAGE sql STABLE AS
  $$ SELECT now() + make_interval(secs => coalesce((SELECT offset_seconds FROM studio_clock), 0)) $$;
CREATE FUNCTION studio_month() RETURNS date LANGUAGE sql STABLE AS
  $$ SELECT date_trunc('month', studio_now() AT TIME ZONE 'UTC')::date $$;
CREATE FUNCTION studio_account() RETURNS uuid LANGUAGE sql STABLE AS
  -- A reused connection holds '' rather than nothing once the setting has been used.
  $$ SELECT nullif(current_setting('studio.account', true), '')::uuid $$;

CREATE TABLE accounts (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  name text NOT NULL DEFAULT '',
  picture_url text,
  cap_micros bigint CHECK (cap_micros >= 0),
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  served_at timestamptz
);
CREATE UNIQUE INDEX accounts_email ON accounts (lower(email));

CREATE TABLE workspaces (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  archived_at timestamptz
);
CREATE INDEX workspaces_account ON workspaces (account_id);

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  account_id uuid REFERENCES accounts ON DELETE CASCADE,
  workspace_id uuid REFERENCES workspaces ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  seen_at timestamptz NOT NULL DEFAULT studio_now(),
  revoked_at timestamptz
);
CREATE INDEX sessions_account ON sessions (account_id);

CREATE TABLE signin_links (
  id uuid PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  email text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);

CREATE TABLE batches (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('image', 'video')),
  model text NOT NULL,
  prompt text NOT NULL,
  params jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT studio_now()
);
CREATE INDEX batches_feed ON batches (account_id, created_at DESC, id DESC);

CREATE TABLE generations (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  batch_id uuid NOT NULL REFERENCES batches ON DELETE CASCADE,
  position integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('image', 'video')),
  model text NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'submitting', 'running', 'storing', 'succeeded',
    'failed', 'expired', 'cancelled', 'unknown', 'settled')),
  month date NOT NULL,
  reserved_micros bigint NOT NULL CHECK (reserved_micros >= 0),
  charged_micros bigint CHECK (charged_micros BETWEEN 0 AND reserved_micros),
  attempt_id uuid UNIQUE,
  worker_lock bigint,
  task_id text,
  result jsonb,
  error_code text,
  error_title text,
  error_message text,
  superseded_by uuid,
  tries integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  submitted_at timestamptz,
  unknown_at timestamptz,
  due_at timestamptz,
  ended_at timestamptz,
  CHECK (state = 'queued' OR state = 'cancelled' OR attempt_id IS NOT NULL),
  CHECK ((ended_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'expired', 'cancelled', 'settled'))),
  CHECK ((charged_micros IS NOT NULL) = (state IN ('succeeded', 'failed', 'expired', 'cancelled', 'settled')))
);
CREATE INDEX generations_batch ON generations (batch_id);
CREATE INDEX generations_queue ON generations (account_id, created_at, id) WHERE state = 'queued';
CREATE INDEX generations_due ON generations (state, due_at) WHERE ended_at IS NULL;
CREATE INDEX generations_ended ON generations (account_id, ended_at DESC) WHERE state = 'succeeded';
CREATE INDEX generations_model ON generations (model) WHERE state IN ('submitting', 'running');

CREATE TABLE assets (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  workspace_id uuid REFERENCES workspaces ON DELETE SET NULL,
  generation_id uuid REFERENCES generations ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('image', 'video', 'upload')),
  mime text NOT NULL,
  object_key text NOT NULL UNIQUE,
  size_bytes bigint NOT NULL CHECK (size_bytes > 0),
  sha256 text NOT NULL CHECK (length(sha256) = 64),
  crc32 bigint NOT NULL,
  width integer NOT NULL CHECK (width > 0),
  height integer NOT NULL CHECK (height > 0),
  duration_ms integer,
  thumbnails jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT studio_now()
);
CREATE UNIQUE INDEX assets_generation ON assets (generation_id) WHERE generation_id IS NOT NULL;
CREATE INDEX assets_library ON assets (account_id, created_at DESC, id DESC) WHERE generation_id IS NOT NULL;

CREATE TABLE batch_inputs (
  batch_id uuid NOT NULL REFERENCES batches ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('reference', 'first_frame', 'last_frame')),
  position integer NOT NULL,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  asset_id uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
  PRIMARY KEY (batch_id, role, position)
);
CREATE INDEX batch_inputs_asset ON batch_inputs (asset_id);

CREATE TABLE budgets (
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  cap_micros bigint NOT NULL CHECK (cap_micros >= 0),
  held_micros bigint NOT NULL DEFAULT 0 CHECK (held_micros >= 0),
  spent_micros bigint NOT NULL DEFAULT 0 CHECK (spent_micros >= 0),
  PRIMARY KEY (account_id, month)
);

CREATE TABLE ledger_pseudonyms (
  account_id uuid PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
  pseudonym uuid NOT NULL UNIQUE
);
CREATE TABLE ledger_heads (
  pseudonym uuid PRIMARY KEY,
  seq bigint NOT NULL,
  hash bytea NOT NULL
);
CREATE TABLE ledger_entries (
  pseudonym uuid NOT NULL,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('reserve', 'settle', 'release', 'reverse')),
  generation_kind text NOT NULL CHECK (generation_kind IN ('image', 'video')),
  currency text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
  amount_micros bigint NOT NULL CHECK (amount_micros >= 0),
  month date NOT NULL,
  reservation uuid NOT NULL,
  idempotency_key text NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (month, pseudonym, seq),
  -- An entry names its reservation's month, so the same key always falls into the same partition.
  UNIQUE (month, idempotency_key)
) PARTITION BY RANGE (month);
CREATE INDEX ledger_entries_reservation ON ledger_entries (reservation);

CREATE TABLE request_log (
  request_id uuid NOT NULL,
  at timestamptz NOT NULL,
  path text NOT NULL,
  status smallint NOT NULL,
  latency_ms integer NOT NULL,
  PRIMARY KEY (at, request_id)
) PARTITION BY RANGE (at);
CREATE TABLE error_events (
  reference uuid NOT NULL,
  at timestamptz NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  location text NOT NULL,
  PRIMARY KEY (at, reference)
) PARTITION BY RANGE (at);

CREATE TABLE provider_buckets (
  key text PRIMARY KEY,
  tokens double precision NOT NULL,
  refilled_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

FUNCTIONS = """
CREATE FUNCTION ledger_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
-- Links the new entry to its pseudonym's chain. The head row is the lock that orders the chain.
DECLARE head ledger_heads;
BEGIN
  INSERT INTO ledger_heads VALUES (NEW.pseudonym, 0, sha256(convert_to(NEW.pseudonym::text, 'UTF8')))
    ON CONFLICT DO NOTHING;
  SELECT * INTO head FROM ledger_heads WHERE pseudonym = NEW.pseudonym FOR UPDATE;
  NEW.seq := head.seq + 1;
  NEW.at := studio_now();
  NEW.prev_hash := head.hash;
  NEW.hash := ledger_hash(NEW);
  UPDATE ledger_heads SET seq = NEW.seq, hash = NEW.hash WHERE pseudonym = NEW.pseudonym;
  RETURN NEW;
END $$;

CREATE FUNCTION ledger_hash(e ledger_entries) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(e.prev_hash || convert_to(concat_ws('|', e.pseudonym, e.seq, extract(epoch FROM e.at), e.kind,
    e.generation_kind, e.currency, e.amount_micros, e.month, e.reservation, e.idempotency_key), 'UTF8'))
$$;

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TRIGGER ledger_chain BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION ledger_chain();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_entries
  FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

CREATE FUNCTION studio_partitions(days_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
-- Makes the daily log partitions from today on and the ledger's years, where they do not exist yet.
DECLARE d date; y integer; t text; today date := (studio_now() AT TIME ZONE 'UTC')::date;
BEGIN
  PERFORM pg_advisory_xact_lock(7305001);
  FOREACH t IN ARRAY ARRAY['request_log', 'error_events'] LOOP
    FOR d IN SELECT generate_series(today - 1, today + days_ahead, interval '1 day')::date LOOP
      EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        t || '_' || to_char(d, 'YYYYMMDD'), t, d::timestamp AT TIME ZONE 'UTC', (d + 1)::timestamp AT TIME ZONE 'UTC');
    END LOOP;
  END LOOP;
  FOR y IN extract(year FROM today)::integer - 1 .. extract(year FROM today + days_ahead)::integer LOOP
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF ledger_entries FOR VALUES FROM (%L) TO (%L)',
      'ledger_entries_' || y, make_date(y, 1, 1), make_date(y + 1, 1, 1));
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION studio_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION studio_partitions(integer) TO studio_sys;
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['accounts', 'workspaces', 'sessions', 'signin_links', 'batches', 'generations', 'assets',
    'batch_inputs', 'budgets', 'ledger_pseudonyms', 'ledger_heads', 'ledger_entries', 'request_log', 'error_events',
    'provider_buckets', 'studio_clock', 'procrastinate_jobs', 'procrastinate_events', 'procrastinate_workers',
    'procrastinate_periodic_defers'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['workspaces', 'sessions', 'batches', 'generations', 'assets', 'batch_inputs', 'budgets',
    'ledger_pseudonyms'] LOOP
    EXECUTE format('CREATE POLICY own ON %I TO studio_app USING (account_id = studio_account())', t);
  END LOOP;
END $$;
CREATE POLICY own ON accounts TO studio_app USING (id = studio_account());
CREATE POLICY own ON ledger_entries TO studio_app
  USING (pseudonym = (SELECT p.pseudonym FROM ledger_pseudonyms p WHERE p.account_id = studio_account()));
CREATE POLICY read ON studio_clock FOR SELECT TO studio_app USING (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO studio_sys;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO studio_sys;
REVOKE UPDATE, DELETE ON ledger_entries FROM studio_sys;
REVOKE INSERT, UPDATE, DELETE ON studio_clock FROM studio_sys;
GRANT SELECT ON studio_clock, sessions, ledger_entries, ledger_pseudonyms TO studio_app;
GRANT SELECT, UPDATE ON accounts TO studio_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON workspaces, batches, generations, assets, batch_inputs TO studio_app;
GRANT SELECT, INSERT, UPDATE ON budgets TO studio_app;
GRANT INSERT ON ledger_entries, ledger_pseudonyms TO studio_app;

-- People's transactions enqueue through this one function; they never see the queue's tables.
ALTER FUNCTION procrastinate_defer_jobs_v1(procrastinate_job_to_defer_v1[]) OWNER TO studio_sys;
ALTER FUNCTION procrastinate_defer_jobs_v1(procrastinate_job_to_defer_v1[]) SECURITY DEFINER SET search_path = public;
ALTER FUNCTION ledger_chain() OWNER TO studio_sys;
REVOKE CREATE ON SCHEMA public FROM studio_sys;
SELECT studio_partitions(7);
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (ROLES, TABLES, SchemaManager.get_schema(), FUNCTIONS, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("The first migration has nothing to go back to: drop the database instead.")
