"""The library's windows and its search: indexes that hold what it sorts and filters by, and words over prompts.

Full-text and trigram indexes are not used under row-level security, for their operators are not leakproof: the search
is a function of the system's role that takes the account and answers only to it.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

EXTENSIONS = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
"""

# A window over a hundred thousand outputs reads one index and no row.
WINDOWS = """
CREATE INDEX assets_newest ON assets (account_id, created_at DESC, id DESC)
  INCLUDE (width, height, kind, model, rating, cost_micros, workspace_id, batch_id)
  WHERE generation_id IS NOT NULL AND trashed_at IS NULL;
CREATE INDEX assets_rated ON assets (account_id, rating DESC NULLS LAST, created_at DESC, id DESC)
  INCLUDE (width, height, kind, model, cost_micros, workspace_id, batch_id)
  WHERE generation_id IS NOT NULL AND trashed_at IS NULL;
CREATE INDEX assets_costly ON assets (account_id, cost_micros DESC NULLS LAST, created_at DESC, id DESC)
  INCLUDE (width, height, kind, model, rating, workspace_id, batch_id)
  WHERE generation_id IS NOT NULL AND trashed_at IS NULL;
CREATE INDEX assets_trashed ON assets (account_id, created_at DESC, id DESC)
  WHERE generation_id IS NOT NULL AND trashed_at IS NOT NULL;
DROP INDEX assets_library;
"""

SEARCH = """
CREATE INDEX batches_words ON batches USING gin (account_id, to_tsvector('english', prompt));
CREATE INDEX batches_letters ON batches USING gin (account_id, prompt gin_trgm_ops);

-- The batches of an account whose prompt has every word (or its beginning), or the letters as they stand; when there
-- is none, those with something alike. `words` is a tsquery and `letters` a LIKE pattern; either may be empty.
CREATE FUNCTION library_search(wanted uuid, words text, letters text, alike text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000
SET search_path = public SET plan_cache_mode = force_custom_plan SET pg_trgm.word_similarity_threshold = 0.4 AS $$
BEGIN
  IF wanted IS DISTINCT FROM studio_account() THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT id FROM batches
      WHERE words <> '' AND account_id = wanted AND to_tsvector('english', prompt) @@ to_tsquery('english', words)
    UNION
    SELECT id FROM batches WHERE letters <> '' AND account_id = wanted AND prompt ILIKE letters;
  IF NOT FOUND AND length(alike) >= 4 THEN
    RETURN QUERY SELECT id FROM batches WHERE account_id = wanted AND alike <% prompt;
  END IF;
END $$;
GRANT CREATE ON SCHEMA public TO studio_sys;  -- a function's new owner needs it once
ALTER FUNCTION library_search(uuid, text, text, text) OWNER TO studio_sys;
REVOKE CREATE ON SCHEMA public FROM studio_sys;
REVOKE EXECUTE ON FUNCTION library_search(uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION library_search(uuid, text, text, text) TO studio_app, studio_sys;
"""

# A trigger before DELETE that returns NEW, which is nothing then, undoes the deletion without a word.
DELETES = """
CREATE OR REPLACE FUNCTION restricted_account_may_not() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE why text;
BEGIN
  IF current_user = 'studio_app' THEN
    SELECT restricted_for INTO why FROM accounts WHERE id = studio_account();
    IF why IS NULL AND EXISTS (SELECT 1 FROM erasures
        WHERE account_id = studio_account() AND state IN ('waiting', 'purging')) THEN
      why := 'leaving';
    END IF;
    IF why IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = 'ST001', MESSAGE = why; END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  RETURN NEW;
END $$;
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (EXTENSIONS, WINDOWS, SEARCH, DELETES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
