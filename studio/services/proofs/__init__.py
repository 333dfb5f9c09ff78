"""The proofs: for each promise of the policy a live check, its figure, its time, and thirty days of history.

A check that could not run is not ok. Texts and figures are public, so they hold numbers and names of ours only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import Settings
from studio.services.proofs import cookies, holding, lasting, rights, telling, using
from studio.services.proofs.base import CouldNotRunError, Finding, Look, Page, Probe, Proof, Result

__all__ = ["PROOFS", "Look", "Page", "Proof", "Result", "measure"]

SECONDS_EACH = 60
log = logging.getLogger("studio")

PROOFS: tuple[Proof, ...] = (
    Proof(
        "D1",
        1,
        "Of your account we hold what the policy lists, and no address of your computer or name of your browser",
        "Compares every column of the database with the published list, and searches the logs for both",
        holding.account_data,
    ),
    Proof(
        "D2",
        1,
        "Of your work we hold what the policy lists",
        "Compares the database and the place of every stored file with the published list",
        holding.content,
    ),
    Proof(
        "D3",
        1,
        "Logs hold path, status, latency and a request id, and nothing you typed",
        "Compares the columns of the logs and the ledger, and every path in the log with our routes",
        holding.operational,
    ),
    Proof(
        "W1",
        2,
        "Your data goes to nobody but the services that run this studio",
        "Counts where web, workers, backups and proofs connect to, and refuses every host that is not in the settings",
        using.egress_only,
    ),
    Proof(
        "W2",
        2,
        "Your spend cap is never passed",
        "Adds up the ledger, follows its chain, and lets the database watch each reservation against its cap",
        using.caps,
        heavy=True,
    ),
    Proof(
        "W3",
        2,
        "Mail is about your account, billing and security; news come only after you asked for them",
        "Compares every mail with its kind, and every news mail with a yes that stood when it was written",
        using.mail_categories,
    ),
    Proof(
        "T1",
        3,
        "Every third party that handles data is listed with its region and agreement",
        "Compares the settings in use with the page of sub-processors",
        telling.listed_processors,
    ),
    Proof(
        "L1",
        4,
        "The region your data lives in is stated, and a backup is closed to whoever has not the key",
        "Reads the public pages, compares them with the settings, and tries the newest backup with another key",
        telling.region,
        heavy=True,
    ),
    Proof(
        "R1",
        5,
        "Your account and your work are kept as long as your account exists",
        "Lets the database count, in every sweep, the rows of live content that were changed",
        lasting.live_untouched,
    ),
    Proof(
        "R2",
        5,
        "Within 30 days of a deletion, everything that was yours is gone",
        "Looks for rows of deleted accounts in every table, and compares every stored file with the database",
        lasting.purged,
        heavy=True,
    ),
    Proof(
        "R3",
        5,
        "Backups expire on the schedule at /security, and nobody who was erased comes back out of one",
        "Looks at the oldest backup, and for everybody whom the journal of erasures names",
        lasting.backups_end,
        heavy=True,
    ),
    Proof(
        "R4",
        5,
        "Logs are kept for 30 days, then only as totals with nobody in them",
        "Looks at the oldest rows of the logs, and for ids and small numbers in the totals",
        lasting.logs_end,
    ),
    Proof(
        "R5",
        5,
        "The ledger is kept for seven years, and without what says whose it was once you are gone",
        "Looks at the oldest year, follows the chains, and looks for accounts in the entries",
        lasting.ledger_ends,
        heavy=True,
    ),
    Proof(
        "G1",
        6,
        "You can download everything that we hold of you",
        "Compares the columns of the database with the archive's, and looks for archives that wait or stay too long",
        rights.own_copy,
    ),
    Proof(
        "G2",
        6,
        "Your address changes only when the new one confirms, and you can undo it for 7 days",
        "Compares each account's address with its last confirmed change",
        rights.address_changes,
    ),
    Proof(
        "G3",
        6,
        "You can delete your account: 72 hours to think it over, then it goes for good",
        "Compares the time of each deletion with its due time, and looks for work of accounts that are going",
        rights.deletion,
    ),
    Proof(
        "G4",
        6,
        "Nothing is done with a restricted account, and requests are answered within a month",
        "Counts work of restricted accounts, and requests past their date",
        rights.restriction,
    ),
    Proof(
        "C1",
        7,
        "Without your consent there are three cookies: session, workspace, theme",
        "Looks at every cookie that any answer sets, and takes off those of another name",
        cookies.necessary_only,
    ),
    Proof(
        "C2",
        7,
        "Optional cookies stay off until you turn them on",
        "Compares every optional count with the answers that stood when it was made, and tries a withdrawal",
        cookies.after_a_yes,
    ),
    Proof(
        "K1",
        8,
        "Nobody has an account without having said that they are 16 or older",
        "Counts the accounts without that statement",
        rights.attested,
    ),
    Proof(
        "V1",
        9,
        "Changes of the policy are announced to every account 14 days before they take effect",
        "Compares the dates of every version, and of every notice of it",
        telling.notice,
    ),
    Proof(
        "X1",
        10,
        "You can reach us: both contacts are on every legal page",
        "Opens every legal page and looks for the addresses of the settings",
        telling.contacts,
    ),
)


async def _measure(probe: Probe, proof: Proof) -> Finding:
    """One check in a savepoint of its own: whatever goes wrong in it is a finding, and ends nothing else."""
    try:
        async with probe.session.begin_nested():
            await probe.session.execute(text(f"SET LOCAL statement_timeout = '{SECONDS_EACH}s'"))
            return await proof.check(probe)
    except CouldNotRunError as error:
        return Finding(False, f"could not run: {error}")
    except Exception as error:  # noqa: BLE001  # a check that breaks down has proved nothing, and says only so
        log.warning("The check of %s could not run: %s", proof.id, type(error).__name__)
        return Finding(False, "could not run")


async def measure(
    session: AsyncSession, *, ours: Settings, look: Look, proofs: Sequence[Proof] = PROOFS
) -> list[Result]:
    """Run checks now, one after the other; each has a minute. Runs as `sys` and writes nothing."""
    probe = Probe(session=session, ours=ours, look=look)
    found = []
    for proof in proofs:
        finding = await _measure(probe, proof)
        now = await session.scalar(text("SELECT date_trunc('second', studio_now())"))
        found.append(Result(id=proof.id, ok=finding.ok, figure=finding.figure[:500], checked_at=now))
    return found
