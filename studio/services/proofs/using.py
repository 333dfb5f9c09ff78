"""W1, W2, W3: data goes nowhere else, a cap is never passed, and news go to who asked for them."""

from __future__ import annotations

from studio import egress
from studio.services import ledger
from studio.services.ledger import dollars
from studio.services.mail import TEMPLATES
from studio.services.proofs.base import CouldNotRunError, Finding, Probe, number

CATEGORIES = frozenset({"account", "billing", "security", "marketing"})
SILENT_HOURS = 26


async def guarded(at: Probe, guard: str, *processes: str) -> tuple[int, int]:
    """What a guard let through and refused in 30 days.

    Raises:
        CouldNotRunError: a kind of process has not reported for 26 hours, so nobody stood there.
    """
    for process in processes:
        if not await at.value(
            "SELECT EXISTS (SELECT 1 FROM guard_counts WHERE guard = :guard AND process = :process "
            "AND reported_at > studio_now() - make_interval(hours => :hours))",
            guard=guard,
            process=process,
            hours=SILENT_HOURS,
        ):
            raise CouldNotRunError(f"no {process} process has reported within {SILENT_HOURS} hours")
    rows = "FROM guard_counts WHERE guard = :guard AND day > (studio_now() AT TIME ZONE 'UTC')::date - 30"
    allowed = await at.count(f"SELECT coalesce(sum(allowed), 0) {rows}", guard=guard)  # a constant
    refused = await at.count(f"SELECT coalesce(sum(refused), 0) {rows}", guard=guard)  # a constant
    return allowed, refused


async def egress_only(at: Probe) -> Finding:
    """W1: the guards of web, workers, backups and proofs know the hosts of the settings, and refused nothing."""
    hosts = egress.places(at.ours)
    standing = egress.guard()
    if standing is None:
        raise CouldNotRunError("no guard stands over the process of the proofs")
    if set(standing.places) != set(hosts):
        return Finding(False, "the guard's list is not that of the settings in force")
    # A backup reports as it ends; one that was killed, or that a restore found unfinished, could not.
    silent = await at.value(
        "SELECT EXISTS (SELECT 1 FROM backups b WHERE coalesce(b.reason, '') NOT IN ('killed', 'restored') "
        "AND b.ended_at BETWEEN studio_now() - interval '30 days' AND studio_now() - interval '1 hour' "
        "AND NOT EXISTS (SELECT 1 FROM guard_counts WHERE guard = 'egress' AND process = 'backup' "
        "AND reported_at >= b.ended_at))"
    )
    if silent:
        raise CouldNotRunError("the process of a backup has not reported")
    allowed, refused = await guarded(at, "egress", "web", "worker")
    return Finding(
        refused == 0,
        f"{number(allowed, 'connection')} in 30 days to the {number(len(hosts), 'host')} of the settings; "
        f"{refused:,} to any other",
    )


async def caps(at: Probe) -> Finding:
    """W2: no reservation ever passed its cap, and the ledger says the same as the budgets."""
    if not await at.needs_trigger("budgets", "budget_overspent"):
        return Finding(False, "the database does not watch the caps")
    budgets = await at.count("SELECT count(*) FROM budgets")
    over = await at.count("SELECT count(*) FROM budgets WHERE overspent_micros > 0")
    most = await at.count("SELECT coalesce(max(overspent_micros), 0) FROM budgets")
    report = await ledger.check(at.session)
    told = f"; at most {dollars(most)} over" if over else ""
    return Finding(
        over == 0 and report.ok,
        f"{over:,} of {number(budgets, 'monthly cap')} passed{told}; "
        f"{number(report.entries, 'ledger entry', 'ledger entries')}, "
        f"{number(report.broken, 'broken link')}, {number(report.mismatched, 'difference')}",
    )


async def mail_categories(at: Probe) -> Finding:
    """W3: every mail has one of four categories, its template's own; news only while somebody wanted them."""
    wrong = await at.count(
        "SELECT count(*) FROM mails m LEFT JOIN unnest(CAST(:names AS text[]), CAST(:categories AS text[])) "
        "AS t(name, category) ON t.name = m.template "
        "WHERE m.category <> ALL(CAST(:known AS text[])) OR m.category <> t.category",
        names=list(TEMPLATES),
        categories=[each.category for each in TEMPLATES.values()],
        known=sorted(CATEGORIES),
    )
    unasked = await at.count(
        "SELECT count(*) FROM mails m WHERE m.category = 'marketing' AND m.state <> 'dropped' AND NOT EXISTS ("
        "SELECT 1 FROM mail_optins o WHERE o.account_id = m.account_id AND o.given_at <= m.created_at "
        "AND (o.withdrawn_at IS NULL OR o.withdrawn_at >= CASE WHEN m.state = 'queued' THEN m.created_at "
        # a letter that was on its way when its reader withdrew could not be called back
        "ELSE m.ended_at - interval '5 minutes' END))"
    )
    news = await at.count("SELECT count(*) FROM mails WHERE category = 'marketing'")
    mails = await at.count("SELECT count(*) FROM mails")
    closed = {each.category for each in TEMPLATES.values()} <= CATEGORIES
    return Finding(
        closed and wrong + unasked == 0,
        f"{number(mails, 'mail')} in 92 days, {news:,} of them news; {unasked:,} without a yes, "
        f"{wrong:,} in a wrong category",
    )
