"""What people do with what they made: ratings, labels, trash, saved views, and where a picture was taken from.

What the library sorts and filters by is kept on the asset itself, so that a window over a hundred thousand of them
reads one index and no join.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

TABLES = """
ALTER TABLE assets
  ADD COLUMN batch_id uuid REFERENCES batches ON DELETE CASCADE,
  ADD COLUMN model text,
  ADD COLUMN cost_micros bigint CHECK (cost_micros >= 0),
  ADD COLUMN rating smallint CHECK (rating BETWEEN 1 AND 5),
  ADD COLUMN trashed_at timestamptz,
  ADD COLUMN derived_from uuid REFERENCES assets ON DELETE SET NULL;
UPDATE assets a SET batch_id = g.batch_id, model = g.model, cost_micros = g.charged_micros
  FROM generations g WHERE g.id = a.generation_id;
ALTER TABLE assets ADD CHECK (generation_id IS NULL OR (batch_id IS NOT NULL AND model IS NOT NULL));
CREATE INDEX assets_batch ON assets (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX assets_derived ON assets (derived_from) WHERE derived_from IS NOT NULL;
CREATE INDEX assets_trash ON assets (trashed_at) WHERE trashed_at IS NOT NULL;

ALTER TABLE workspaces
  ADD COLUMN defaults jsonb,
  ADD COLUMN trashed_at timestamptz;
CREATE INDEX workspaces_trash ON workspaces (trashed_at) WHERE trashed_at IS NOT NULL;

CREATE TABLE labels (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
  color text NOT NULL CHECK (color IN ('gray', 'iris', 'blue', 'teal', 'jade', 'amber', 'red', 'plum')),
  created_at timestamptz NOT NULL DEFAULT studio_now()
);
CREATE UNIQUE INDEX labels_name ON labels (account_id, lower(name));

CREATE TABLE asset_labels (
  asset_id uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
  label_id uuid NOT NULL REFERENCES labels ON DELETE CASCADE,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT studio_now(),
  PRIMARY KEY (asset_id, label_id)
);
CREATE INDEX asset_labels_label ON asset_labels (label_id);

CREATE TABLE saved_views (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  query text NOT NULL CHECK (length(query) <= 2000),
  created_at timestamptz NOT NULL DEFAULT studio_now()
);
CREATE UNIQUE INDEX saved_views_name ON saved_views (account_id, lower(name));
"""

POLICIES = """
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['labels', 'asset_labels', 'saved_views'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY sys ON %I TO studio_sys USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY own ON %I TO studio_app USING (account_id = studio_account())', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO studio_app, studio_sys', t);
    EXECUTE format('CREATE TRIGGER restricted BEFORE INSERT OR UPDATE OR DELETE ON %I '
      'FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not()', t);
  END LOOP;
END $$;
CREATE TRIGGER restricted_change BEFORE UPDATE OF rating, trashed_at, workspace_id ON assets
  FOR EACH ROW EXECUTE FUNCTION restricted_account_may_not();

-- A policy looks at the row that is written, never at what it points to: a label and what it is on are of one account.
CREATE FUNCTION asset_label_is_of_one_account() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM assets WHERE id = NEW.asset_id AND account_id = NEW.account_id)
     OR NOT EXISTS (SELECT 1 FROM labels WHERE id = NEW.label_id AND account_id = NEW.account_id) THEN
    RAISE EXCEPTION 'a label and what it is on belong to one account' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NEW;
END $$;
GRANT CREATE ON SCHEMA public TO studio_sys;  -- a function's new owner needs it once
ALTER FUNCTION asset_label_is_of_one_account() OWNER TO studio_sys;
REVOKE CREATE ON SCHEMA public FROM studio_sys;
CREATE TRIGGER one_account BEFORE INSERT OR UPDATE ON asset_labels
  FOR EACH ROW EXECUTE FUNCTION asset_label_is_of_one_account();
"""


def upgrade() -> None:
    run = op.get_bind().connection.driver_connection.execute  # type: ignore[union-attr]  # psycopg, always connected here
    for statement in (TABLES, POLICIES):
        run(statement)


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
