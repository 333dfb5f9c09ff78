"""A draft goes into a request for its final clip, as pictures do: the provider renders it again from its own record."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"

TABLES = """
ALTER TABLE batch_inputs DROP CONSTRAINT batch_inputs_role_check;
ALTER TABLE batch_inputs ADD CONSTRAINT batch_inputs_role_check
  CHECK (role IN ('reference', 'first_frame', 'last_frame', 'draft')) NOT VALID;
ALTER TABLE batch_inputs VALIDATE CONSTRAINT batch_inputs_role_check;
"""


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(TABLES)  # type: ignore[union-attr]  # psycopg, always connected here


def downgrade() -> None:
    raise RuntimeError("Expand, then contract: restore a backup to go back.")
