"""C1, C2: which cookies can be set at all, and that nothing optional exists without a yes."""

from __future__ import annotations

from studio.services import cookies, guards
from studio.services.proofs.base import Finding, Probe, number
from studio.services.proofs.using import guarded


async def necessary_only(at: Probe) -> Finding:
    """C1: three necessary names, at most two optional ones, and no answer tried to set another or a longer one."""
    table = cookies.cookies(at.ours)
    needed = [each.name for each in table if each.category == "necessary"]
    optional = [each.name for each in table if each.category != "necessary"]
    allowed, refused = await guarded(at, "cookies", "web")
    same = dict(guards.COOKIES.ages()) == {each.name: each.most for each in table}
    return Finding(
        refused == 0 and same and len(needed) == 3 and len(optional) <= 2,
        f"{len(needed)} necessary and {len(optional)} optional names; {number(allowed, 'cookie')} set in 30 days, "
        f"{refused:,} of another name or for longer than listed",
    )


async def after_a_yes(at: Probe) -> Finding:
    """C2: no count of use and no experiment on a day on which nobody had agreed to it."""
    await at.needs("consents", "usage_counts", "experiment_counts")
    # The day it happened on was covered by some answer of that kind; a day without any yes has no row.
    agreed = (
        "EXISTS (SELECT 1 FROM consents c WHERE c.{purpose} AND (c.answered_at AT TIME ZONE 'UTC')::date <= u.day "
        "AND (c.kept_until AT TIME ZONE 'UTC')::date >= u.day)"
    )
    usage = await at.count(f"SELECT count(*) FROM usage_counts u WHERE NOT {agreed.format(purpose='analytics')}")  # noqa: S608
    arms = await at.count(
        f"SELECT count(*) FROM experiment_counts u WHERE views + starts > 0 "  # noqa: S608  # a constant
        f"AND u.day > (studio_now() AT TIME ZONE 'UTC')::date - 30 AND NOT {agreed.format(purpose='experiments')}"
    )
    unclear = await at.count("SELECT count(*) FROM consents WHERE kept_until > answered_at + interval '6 months 1 day'")
    yes = await at.count("SELECT count(*) FROM consents WHERE (analytics OR experiments) AND kept_until > studio_now()")
    rows = await at.count("SELECT count(*) FROM usage_counts")
    return Finding(
        usage + arms + unclear == 0,
        f"{number(yes, 'yes', 'yeses')} in force, {number(rows, 'optional row')}; {usage + arms:,} without a yes, "
        f"{unclear:,} kept for more than 6 months",
    )
