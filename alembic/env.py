"""Runs migrations on the connection that `studio.db.migrate` hands over, as the database's owner."""

from __future__ import annotations

from sqlmodel import SQLModel

import studio.models  # noqa: F401  (registers the tables)
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
