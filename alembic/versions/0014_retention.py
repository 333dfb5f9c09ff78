"""What is kept how long: totals without anybody in them, the ledger's checkpoints, and who drops what is over.

Partitions are the owner's to drop, so the two functions here run as the owner. Each ends one partition in one
transaction: lock, add up, drop. A kill leaves either all of that or nothing, and two callers at once end it once.
They read the partition itself, which has no policy, because the owner need not be a superuser.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

TABLES = """
CREATE TABLE request_totals (
  hour timestamptz NOT NULL,
  path text NOT NULL,
  status text NOT NULL CHECK (status ~ '^([1-5]xx|any)$'),
  latency text NOT NULL,
  requests bigint NOT NULL CHECK (requests >= 10),
  PRIMARY KEY (hour, path, status, latency)
);
CREATE TABLE error_totals (
  hour timestamptz NOT NULL,
  kind text NOT NULL,
  errors bigint NOT NULL CHECK (errors >= 10),
  PRIMARY KEY (hour, kind)
);
CREATE TABLE ledger_totals (
  year integer NOT NULL,
  kind text NOT NULL,
  currency text NOT NULL,
  entries bigint NOT NULL,
  amount_micros numeric(38) NOT NULL,
  PRIMARY KEY (year, kind, currency)
);
-- The last entry of each run that went with a year: what the next one that stays is linked to.
CREATE TABLE ledger_checkpoints (
  pseudonym uuid NOT NULL,
  seq bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (pseudonym, seq)
);
CREATE TABLE retention_runs (
  what text NOT NULL CHECK (length(what) <= 40),
  at timestamptz NOT NULL,
  rows bigint NOT NULL CHECK (rows >= 0),
  live_rows bigint NOT NULL DEFAULT 0 CHECK (live_rows >= 0),
  PRIMARY KEY (what, at)
);
"""

FUNCTIONS = """
CREATE FUNCTION studio_log_from() RETURNS timestamptz LANGUAGE sql STABLE AS
  -- Batches write yesterday and today only: those days are always there, and were never dropped.
  $$ SELECT ((studio_now() AT TIME ZONE 'UTC')::date - 1)::timestamp AT TIME ZONE 'UTC' $$;

CREATE FUNCTION studio_latency(ms integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN ms < 50 THEN 'under 50 ms' WHEN ms < 100 THEN 'under 100 ms' WHEN ms < 250 THEN 'under 250 ms'
    WHEN ms < 500 THEN 'under 500 ms' WHEN ms < 1000 THEN 'under 1 s' WHEN ms < 5000 THEN 'under 5 s'
    ELSE '5 s or more' END
$$;

CREATE FUNCTION studio_retire_day(log text, keep integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Adds up and drops the oldest day of `log` that is over: day D goes as soon as D + keep - 1 begins, so that it is
-- gone before D + keep. Returns how many rows went, or NULL when no day is over.
-- Names are compared as text: a plan may look at those of other tables first, and they are no dates.
DECLARE part text; gone bigint; last text := to_char((studio_now() AT TIME ZONE 'UTC')::date - keep + 1, 'YYYYMMDD');
BEGIN
  IF log NOT IN ('request_log', 'error_events') OR keep NOT BETWEEN 2 AND 30 THEN
    RAISE EXCEPTION 'no such log, or not 2 to 30 days';
  END IF;
  FOR again IN 1 .. 2 LOOP  -- the second look is under the lock: somebody else may have been faster
    SELECT c.relname INTO part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = log::regclass AND right(c.relname, 8) <= last ORDER BY right(c.relname, 8) LIMIT 1;
    IF part IS NULL THEN RETURN NULL; END IF;
    IF again = 1 THEN EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', log); END IF;
  END LOOP;
  EXECUTE format('SELECT count(*) FROM %I', part) INTO gone;
  IF log = 'request_log' THEN
    EXECUTE format($q$
      WITH cells AS (
        SELECT date_trunc('hour', at, 'UTC') AS hour, path,
          CASE WHEN status BETWEEN 100 AND 599 THEN status / 100 || 'xx' ELSE 'any' END AS status,
          studio_latency(latency_ms) AS latency, count(*) AS n
        FROM %I GROUP BY 1, 2, 3, 4
      ), merged AS (
        SELECT hour, CASE WHEN n < 10 THEN 'other' ELSE path END AS path, CASE WHEN n < 10 THEN 'any' ELSE status END
          AS status, CASE WHEN n < 10 THEN 'any' ELSE latency END AS latency, sum(n)::bigint AS n
        FROM cells GROUP BY 1, 2, 3, 4
      )
      INSERT INTO request_totals AS t SELECT * FROM merged WHERE n >= 10
      ON CONFLICT (hour, path, status, latency) DO UPDATE SET requests = t.requests + excluded.requests $q$, part);
  ELSE
    EXECUTE format($q$
      WITH cells AS (
        SELECT date_trunc('hour', at, 'UTC') AS hour, kind, sum(1 + repeats) AS n FROM %I GROUP BY 1, 2
      ), merged AS (
        SELECT hour, CASE WHEN n < 10 THEN 'other' ELSE kind END AS kind, sum(n)::bigint AS n FROM cells GROUP BY 1, 2
      )
      INSERT INTO error_totals AS t SELECT * FROM merged WHERE n >= 10
      ON CONFLICT (hour, kind) DO UPDATE SET errors = t.errors + excluded.errors $q$, part);
  END IF;
  EXECUTE format('DROP TABLE %I', part);
  RETURN gone;
END $$;

CREATE FUNCTION studio_retire_year() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Turns the oldest year of the ledger that ended seven years ago into totals, notes where the chains go on, and drops
-- it. Returns how many entries went, or NULL when no year is that old.
DECLARE part text; gone bigint; last text := to_char(studio_now() AT TIME ZONE 'UTC' - interval '8 years', 'YYYY');
BEGIN
  FOR again IN 1 .. 2 LOOP
    SELECT c.relname INTO part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'ledger_entries'::regclass AND right(c.relname, 4) <= last
      ORDER BY right(c.relname, 4) LIMIT 1;
    IF part IS NULL THEN RETURN NULL; END IF;
    IF again = 1 THEN LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE; END IF;
  END LOOP;
  EXECUTE format('SELECT count(*) FROM %I', part) INTO gone;
  EXECUTE format(
    'INSERT INTO ledger_totals AS t SELECT %s, kind, currency, count(*), sum(amount_micros) FROM %I GROUP BY 2, 3 '
    'ON CONFLICT (year, kind, currency) DO UPDATE SET entries = t.entries + excluded.entries, '
    'amount_micros = t.amount_micros + excluded.amount_micros', right(part, 4), part);
  EXECUTE format(
    'INSERT INTO ledger_checkpoints SELECT pseudonym, seq, hash FROM %1$I e WHERE NOT EXISTS ('
    'SELECT 1 FROM %1$I n WHERE n.pseudonym = e.pseudonym AND n.seq = e.seq + 1) ON CONFLICT DO NOTHING', part);
  EXECUTE format('DROP TABLE %I', part);
  RETURN gone;
END $$;

REVOKE ALL ON FUNCTION studio_retire_day(text, integer), studio_retire_year() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION studio_retire_day(text, integer), studio_retire_year() TO studio_sys;
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['request_totals', 'error_totals', 'ledger_totals', 'ledger_checkpoints', 'retention_runs']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    -- Whoever owns the table, also after a restore under another name: the functions above write as them.
    EXECUTE format('CREATE POLICY owner ON %1$I USING (current_user = (SELECT r.rolname FROM pg_class c '
      'JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = %1$L::regclass))', t);
  END LOOP;
END $$;
GRANT SELECT ON request_totals, error_totals, ledger_totals TO studio_sys;
GRANT SELECT, DELETE ON ledger_checkpoints TO studio_sys;
GRANT SELECT, INSERT, DELETE ON retention_runs TO studio_sys;
"""

DOWN = """
DROP FUNCTION studio_retire_year();
DROP FUNCTION studio_retire_day(text, integer);
DROP FUNCTION studio_latency(integer);
DROP FUNCTION studio_log_from();
DROP TABLE request_totals, error_totals, ledger_totals, ledger_checkpoints, retention_runs;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, FUNCTIONS, POLICIES):
        run(statement)


def downgrade() -> None:
    op.execute(DOWN)
