"""G1 to G4, K1: archives, addresses, deletions and restrictions keep to their promise; all here are old enough."""

from __future__ import annotations

from studio.services import registry
from studio.services.erasure import HOURS
from studio.services.exports import archives
from studio.services.proofs import holding
from studio.services.proofs.base import Finding, Probe, number

UNDO_DAYS = 7
WAIT_HOURS = 24  # for an archive
LATE_MINUTES = 15
PURGE_HOURS = 12  # of one account: many files take hours, and more than that is a store that does not answer


async def own_copy(at: Probe) -> Finding:
    """G1: every column of a person but secrets is in the archive; none waits for a day, none outlives its week."""
    found = await holding.schema(at, "account", "content", "operational")
    owned = [entity for entity in registry.entities() if entity.owned_by is not None]
    copied = sum(len(entity.exported) for entity in owned)
    empty = [
        entity.table
        for entity in owned
        if not entity.exported and any(held.fate != "retain" for held in entity.columns.values())
    ]
    made = await at.count("SELECT count(*) FROM exports WHERE created_at > studio_now() - interval '30 days'")
    waiting = await at.count(
        "SELECT count(*) FROM exports WHERE state IN ('queued', 'building') "
        "AND created_at < studio_now() - make_interval(hours => :hours)",
        hours=WAIT_HOURS,
    )
    past = await at.count(
        "SELECT count(*) FROM exports WHERE (state = 'ready' AND (expires_at IS NULL "
        "OR expires_at > ended_at + make_interval(days => :days) + interval '1 minute' "
        "OR expires_at < studio_now() - interval '1 hour')) "
        "OR (state NOT IN ('queued', 'building', 'ready') AND plan IS NOT NULL AND ended_at < studio_now() - "
        "make_interval(days => :days) - interval '1 day')",
        days=archives.DAYS,
    )
    if found.wrong or empty:
        return Finding(False, f"{number(len({*found.wrong, *empty}), 'place')} of the database not in the archive")
    return Finding(
        waiting + past == 0,
        f"{number(copied, 'column')} of {number(len(owned), 'table')} in each; {number(made, 'archive')} in 30 days, "
        f"{waiting:,} waiting for more than {WAIT_HOURS} hours, {past:,} kept past {archives.DAYS} days",
    )


async def deletion(at: Probe) -> Finding:
    """G3: no deletion began before its time or is late, and during the countdown and after it nothing goes on."""
    early = await at.count("SELECT count(*) FROM erasures WHERE fired_at < due_at")
    late = await at.count(
        "SELECT count(*) FROM erasures WHERE state = 'waiting' "
        "AND due_at < studio_now() - make_interval(mins => :minutes)",
        minutes=LATE_MINUTES,
    )
    slow = await at.count(
        "SELECT count(*) FROM erasures WHERE state = 'purging' "
        "AND coalesce(fired_at, due_at) < studio_now() - make_interval(hours => :hours)",
        hours=PURGE_HOURS,
    )
    begun = await at.count(
        "SELECT count(*) FROM erasures e JOIN generations g ON g.account_id = e.account_id "
        "WHERE (e.state = 'waiting' AND g.created_at > e.asked_at) "
        "OR (e.state = 'purging' AND g.created_at > e.fired_at)"
    )
    entered = await at.count(
        "SELECT count(*) FROM erasures e JOIN sessions s ON s.account_id = e.account_id "
        "WHERE e.state = 'purging' AND s.revoked_at IS NULL"
    )
    waiting = await at.count("SELECT count(*) FROM erasures WHERE state = 'waiting'")
    done = await at.count("SELECT count(*) FROM erasures WHERE state = 'done'")
    return Finding(
        early + late + slow + begun + entered == 0,
        f"{waiting:,} of {HOURS} hours running, {done:,} done; {early:,} too early, {late:,} more than "
        f"{LATE_MINUTES} minutes late, {slow:,} not finished for {PURGE_HOURS} hours, "
        f"{begun + entered:,} things begun meanwhile",
    )


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
