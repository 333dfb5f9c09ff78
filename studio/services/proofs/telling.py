"""T1, L1, V1, X1: what the public pages say agrees with the settings in force, and changes are announced in time."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from studio import runtime
from studio.services import processors
from studio.services.backups import proof as backups
from studio.services.backups.errors import NoSnapshot
from studio.services.proofs.base import CouldNotRunError, Finding, Probe, number

# Every document of the footer.
LEGAL_PAGES = ("/privacy", "/terms", "/cookies", "/security", "/dpa", "/subprocessors", "/privacy/proof")
REGION_PAGES = ("/privacy", "/dpa")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
NOTICE_DAYS = 14


def _public(at: Probe) -> bool:
    """Whether others than the person at this machine can be meant: only then is a placeholder a broken promise."""
    return (urlsplit(at.ours.public_url).hostname or "") not in LOOPBACK


async def listed_processors(at: Probe) -> Finding:
    """T1: every vendor that the settings name is on /subprocessors with region and DPA."""
    missing = processors.missing(at.ours)
    used = len(processors.vendors(at.ours))
    page = await at.look("/subprocessors")
    unseen = [each for each in processors.vendors(at.ours) if escape(each.name) not in page.text]
    if page.status != 200:
        raise CouldNotRunError("the page /subprocessors does not answer")
    return Finding(
        not missing and not unseen,
        f"{number(used, 'vendor')} in the settings; {len(missing):,} not fully listed, {len(unseen):,} not on the page",
    )


async def region(at: Probe) -> Finding:
    """L1: the pages name the region of the settings, and the newest backup does not open without its key."""
    stated = 0
    for path in REGION_PAGES:
        page = await at.look(path)
        stated += page.status == 200 and escape(at.ours.region) in page.text
    named = at.ours.region != "unspecified"
    said = f"the region is on {stated} of {number(len(REGION_PAGES), 'page')}"
    if not named:
        said += "; not named yet: only this machine can open them" if not _public(at) else "; but it is not named"
    opened = False
    if at.ours.backup is None:
        said += "; no backups are made"
    else:
        place = runtime.open_place(at.ours.backup)
        try:
            opened = await backups.opens_without_the_key(place)
            said += f"; the newest backup opened with {int(opened)} of 1 other keys"
        except NoSnapshot:
            said += "; 0 backups yet"
        finally:
            await place.close()
    return Finding(stated == len(REGION_PAGES) and (named or not _public(at)) and not opened, said)


async def contacts(at: Probe) -> Finding:
    """X1: both contacts of the settings are on every legal page."""
    with_both = 0
    for path in LEGAL_PAGES:
        page = await at.look(path)
        both = all(f"mailto:{escape(c)}" in page.text for c in (at.ours.privacy_contact, at.ours.legal_contact))
        with_both += page.status == 200 and both
    placeholder = any(c.endswith("@example.com") for c in (at.ours.privacy_contact, at.ours.legal_contact))
    said = f"both contacts on {with_both} of {number(len(LEGAL_PAGES), 'page')}"
    if placeholder:
        said += "; still placeholders: only this machine can open them" if not _public(at) else "; but as placeholders"
    return Finding(with_both == len(LEGAL_PAGES) and not (placeholder and _public(at)), said)


async def notice(at: Probe) -> Finding:
    """V1: each version was announced 14 days ahead, everybody was told 14 days ahead, and no text was changed."""
    await at.needs("policy_versions", "policy_dates", "policy_notices")
    early = await at.count(
        "SELECT count(*) FROM policy_dates WHERE NOT first "
        "AND (effective_at < published_at + make_interval(days => :days) "
        "OR in_force_at < published_at + make_interval(days => :days) OR in_force_at < effective_at)",
        days=NOTICE_DAYS,
    )
    unhandled = await at.count(
        "SELECT count(*) FROM policy_notices n JOIN policy_dates d USING (kind, major, minor) "
        "WHERE NOT d.first AND d.in_force_at IS NOT NULL AND (n.noticed_at IS NULL "
        "OR (n.outcome <> 'joined' AND n.noticed_at > d.in_force_at - make_interval(days => :days)))",
        days=NOTICE_DAYS,
    )
    # Told that it changed: by a row of their own, unless they came after it was announced.
    untold = await at.count(
        "SELECT count(*) FROM policy_dates d CROSS JOIN accounts a WHERE NOT d.first AND d.in_force_at IS NOT NULL "
        "AND a.created_at <= d.published_at AND NOT EXISTS (SELECT 1 FROM policy_notices n "
        "WHERE (n.kind, n.major, n.minor, n.account_id) = (d.kind, d.major, d.minor, a.id))"
    )
    changed = await at.count(
        "SELECT count(*) FROM policy_versions WHERE sha256 <> encode(sha256(convert_to(source, 'UTF8')), 'hex')"
    )
    versions = await at.count("SELECT count(*) FROM policy_versions")
    if versions == 0:
        raise CouldNotRunError("no text is registered")
    coming = await at.count("SELECT count(*) FROM policy_dates WHERE in_force_at IS NULL")
    return Finding(
        early + unhandled + untold + changed == 0,
        f"{number(versions, 'version')}, {coming:,} to come; {early:,} with less than {NOTICE_DAYS} days, "
        f"{unhandled + untold:,} accounts not told in time, {changed:,} texts altered",
    )
