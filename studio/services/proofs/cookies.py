"""C1, C2: which cookies can be set at all, and that nothing optional exists without a yes."""

from __future__ import annotations

from uuid import uuid4

from studio.services import consent, cookies, guards, usage
from studio.services.proofs.base import CouldNotRunError, Finding, Probe, number
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


async def _unseen(at: Probe, purpose: str, counted: str) -> int:
    """Optional counts of a purpose beyond those behind which a yes stood at that moment, day by day."""
    return await at.count(
        f"SELECT sum(greatest(0, u.n - coalesce(g.seen, 0))) FROM ({counted} GROUP BY day) u LEFT JOIN "  # noqa: S608  # constants
        "(SELECT day, sum(allowed) AS seen FROM guard_counts WHERE guard = :guard GROUP BY day) g ON g.day = u.day",
        guard=purpose,
    )


async def _withdrawn(at: Probe) -> tuple[int, int]:
    """A yes, a count and a no that are tried out and rolled back: (rows that are left, purposes that still count)."""
    trial = await at.session.begin_nested()
    try:
        shown = consent.text_hash()
        given = await consent.answer(at.session, token="", allowed=consent.KEYS, shown=shown, signal=False)
        visitor = uuid4()
        for purpose in consent.KEYS:
            if not await consent.witness(at.session, token=given.token, signal=False, purpose=purpose):
                raise CouldNotRunError("a yes that was tried out did not count")
        await usage.count(at.session, number=visitor, name=usage.page_name("/"))
        await consent.answer(at.session, token=given.token, allowed=frozenset(), shown=shown, signal=False)
        await usage.forget(at.session, number=visitor)
        left = await at.count("SELECT count(*) FROM usage_counts WHERE visitor = :visitor", visitor=visitor)
        on = [
            purpose
            for purpose in consent.KEYS
            if await consent.witness(at.session, token=given.token, signal=False, purpose=purpose)
        ]
        return left, len(on)
    finally:
        await trial.rollback()


async def after_a_yes(at: Probe) -> Finding:
    """C2: nothing optional was counted without a yes that stood at that moment, and a withdrawal leaves nothing."""
    await at.needs("consents", "usage_counts", "experiment_counts", "guard_counts")
    uses = await _unseen(at, "analytics", "SELECT day, sum(uses) AS n FROM usage_counts")
    arms = await _unseen(
        at,
        "experiments",
        "SELECT day, sum(views + starts) AS n FROM experiment_counts "
        "WHERE day > (studio_now() AT TIME ZONE 'UTC')::date - 30",
    )
    unclear = await at.count("SELECT count(*) FROM consents WHERE kept_until > answered_at + interval '6 months 1 day'")
    left, on = await _withdrawn(at)
    yes = await at.count(
        "SELECT count(*) FROM (SELECT DISTINCT ON (session_id) analytics OR experiments AS said FROM consents "
        "WHERE kept_until > studio_now() AND session_id IS NOT NULL ORDER BY session_id, answered_at DESC) c WHERE said"
    )
    rows = await at.count("SELECT count(*) FROM usage_counts")
    return Finding(
        uses + arms + unclear + left + on == 0,
        f"{number(yes, 'yes', 'yeses')} in force, {number(rows, 'optional row')}; {uses + arms:,} uses counted without "
        f"a yes, {unclear:,} kept for more than 6 months; after a withdrawal that was tried: {left:,} rows left, "
        f"{on:,} purposes still on",
    )
