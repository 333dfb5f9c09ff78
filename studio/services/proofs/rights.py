"""G2, G4, K1: an address changes by its confirmation only, a restriction holds, and everybody here is old enough."""

from __future__ import annotations

from studio.services.proofs.base import Finding, Probe, number

UNDO_DAYS = 7


async def address_changes(at: Probe) -> Finding:
    """G2: no account has an address that differs from its last confirmed change, and each can be undone for a week."""
    await at.needs("address_changes")
    watched = await at.needs_trigger("accounts", "accounts_keep_address")
    changes = await at.count("SELECT count(*) FROM address_changes WHERE state IN ('confirmed', 'undone')")
    # A chain a -> b -> c is undone as a whole by its first link, so the newest row that still stands says the address.
    elsewhere = await at.count(
        "SELECT count(*) FROM (SELECT DISTINCT ON (account_id) account_id, state, old_email, new_email "
        "FROM address_changes WHERE confirmed_at IS NOT NULL ORDER BY account_id, (state = 'confirmed') DESC, "
        "CASE WHEN state = 'confirmed' THEN confirmed_at END DESC, confirmed_at ASC) c "
        "JOIN accounts a ON a.id = c.account_id "
        "WHERE lower(a.email) <> lower(CASE c.state WHEN 'confirmed' THEN c.new_email ELSE c.old_email END)"
    )
    short = await at.count(
        "SELECT count(*) FROM address_changes WHERE confirmed_at IS NOT NULL "
        "AND undo_until < confirmed_at + make_interval(days => :days)",
        days=UNDO_DAYS,
    )
    if not watched:
        return Finding(False, "the database does not watch the addresses")
    return Finding(
        elsewhere + short == 0,
        f"{number(changes, 'change')} within {UNDO_DAYS} days; {elsewhere:,} addresses changed without a confirmation, "
        f"{short:,} with less than {UNDO_DAYS} days to undo",
    )


async def restriction(at: Probe) -> Finding:
    """G4: nothing was begun for a restricted account, nothing of one waits, and no request is past its date."""
    watched = all([await at.needs_trigger(table, "restricted") for table in ("batches", "generations", "assets")])
    restricted = await at.count("SELECT count(*) FROM accounts WHERE restricted_at IS NOT NULL")
    processed = await at.count(
        "SELECT (SELECT count(*) FROM generations g JOIN accounts a ON a.id = g.account_id "
        "  WHERE g.state = 'queued' AND a.restricted_at IS NOT NULL "
        "    OR g.created_at > a.restricted_at OR g.submitted_at > a.restricted_at)"
        " + (SELECT count(*) FROM batches b JOIN accounts a ON a.id = b.account_id "
        "  WHERE b.created_at > a.restricted_at)"
    )
    waiting = await at.count("SELECT count(*) FROM privacy_requests WHERE closed_at IS NULL")
    overdue = await at.count("SELECT count(*) FROM privacy_requests WHERE closed_at IS NULL AND due_at < studio_now()")
    if not watched:
        return Finding(False, "the database does not watch restricted accounts")
    return Finding(
        processed + overdue == 0,
        f"{number(restricted, 'restricted account')}, {number(processed, 'thing')} done for them; "
        f"{number(waiting, 'open request')}, {overdue:,} overdue",
    )


async def attested(at: Probe) -> Finding:
    """K1: every account said that its person is 16 or older, before there was an account."""
    accounts = await at.count("SELECT count(*) FROM accounts")
    silent = await at.count("SELECT count(*) FROM accounts WHERE attested_at IS NULL")
    return Finding(silent == 0, f"{silent:,} of {number(accounts, 'account')} without a word about age")
