"""Counters of attempts, each for no longer than its window."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

# Unlogged: a counter is worth nothing after a crash, and must be in no archive of the write-ahead log.
UP = """
CREATE UNLOGGED TABLE rate_salts (
  seconds integer NOT NULL,
  ends_at timestamptz NOT NULL,
  salt bytea NOT NULL,
  PRIMARY KEY (seconds, ends_at)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
CREATE UNLOGGED TABLE rate_counts (
  key bytea PRIMARY KEY,
  used integer NOT NULL CHECK (used > 0),
  ends_at timestamptz NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX rate_counts_ends ON rate_counts (ends_at);

CREATE FUNCTION studio_forget_counts() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  -- Drops every window that is over, its salt with it: from then on nobody can tell whom a copied key belonged to.
  WITH s AS (DELETE FROM rate_salts WHERE ends_at <= studio_now() RETURNING 1),
       c AS (DELETE FROM rate_counts WHERE ends_at <= studio_now() RETURNING 1)
  SELECT (SELECT count(*) FROM s) + (SELECT count(*) FROM c)
$$;

CREATE FUNCTION studio_count(who bytea, most integer, per_seconds integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
-- Counts one try of `who`, a keyed hash, in the window that is open. Returns 0, or the seconds to wait.
-- What is kept is a hash of that hash and of the window's salt, so it differs from window to window.
DECLARE
  ends timestamptz := to_timestamp((floor(extract(epoch FROM studio_now()) / per_seconds) + 1) * per_seconds);
  spice bytea := (SELECT salt FROM rate_salts WHERE seconds = per_seconds AND ends_at = ends);
  counted integer;
BEGIN
  IF spice IS NULL THEN
    PERFORM studio_forget_counts();
    INSERT INTO rate_salts VALUES (per_seconds, ends, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
      ON CONFLICT DO NOTHING;
    spice := (SELECT salt FROM rate_salts WHERE seconds = per_seconds AND ends_at = ends);
  END IF;
  INSERT INTO rate_counts AS c (key, used, ends_at) VALUES (sha256(spice || who), 1, ends)
    ON CONFLICT (key) DO UPDATE SET used = c.used + 1 WHERE c.used < most RETURNING used INTO counted;
  RETURN CASE WHEN counted IS NULL THEN greatest(1, ceil(extract(epoch FROM ends - studio_now())))::integer ELSE 0 END;
END $$;

ALTER TABLE rate_salts ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_salts FORCE ROW LEVEL SECURITY;
ALTER TABLE rate_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY sys ON rate_salts TO studio_sys USING (true) WITH CHECK (true);
CREATE POLICY sys ON rate_counts TO studio_sys USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_salts, rate_counts TO studio_sys;

GRANT CREATE ON SCHEMA public TO studio_sys;  -- taken back below: a function's new owner needs it once
ALTER FUNCTION studio_forget_counts() OWNER TO studio_sys;
ALTER FUNCTION studio_count(bytea, integer, integer) OWNER TO studio_sys;
REVOKE CREATE ON SCHEMA public FROM studio_sys;
REVOKE ALL ON FUNCTION studio_forget_counts() FROM PUBLIC;
REVOKE ALL ON FUNCTION studio_count(bytea, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION studio_count(bytea, integer, integer) TO studio_app;

-- The same error again and again is one row that counts.
ALTER TABLE error_events ADD COLUMN repeats integer NOT NULL DEFAULT 0 CHECK (repeats >= 0);
"""

DOWN = """
ALTER TABLE error_events DROP COLUMN repeats;
DROP FUNCTION studio_count(bytea, integer, integer);
DROP FUNCTION studio_forget_counts();
DROP TABLE rate_counts, rate_salts;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
