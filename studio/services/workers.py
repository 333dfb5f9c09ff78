"""Which workers live: each holds an advisory lock under its number, and the database drops it with the connection."""

from __future__ import annotations

# A subquery of the numbers of living workers. A dead worker is told from a slow one at once (decision 0003).
ALIVE = """
SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
