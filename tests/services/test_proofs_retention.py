"""R1, R4 and R5 are green on a studio that keeps them, and each turns red when its promise is broken."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config
from studio.jobs import upkeep
from studio.services.proofs import Page
from studio.services.proofs import lasting as proofs
from studio.services.proofs.base import Probe
from tests.factories import image, person, submitted


@pytest.fixture
async def at(session: AsyncSession, settings: config.Settings) -> Probe:
    """A studio that is swept; what a test breaks is rolled back."""
    who = await person()
    await submitted(who, image())
    await upkeep.tidy(session)
    return Probe(session, settings, _nothing)


async def _nothing(_: str) -> Page:
    return Page(404, "")


async def broken(at: Probe, statement: str) -> None:
    """Somebody with the owner's rights breaks a promise."""
    await at.session.execute(text("SET LOCAL ROLE NONE"))
    await at.session.execute(text(statement))


async def test_all_three_are_kept_at_first(at: Probe):
    found = [await proof(at) for proof in (proofs.live_untouched, proofs.logs_end, proofs.ledger_ends)]
    assert [each.ok for each in found] == [True] * 3, found
    assert "0 rows of the" in found[0].figure
    assert "0 broken" in found[2].figure


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO retention_runs VALUES ('jobs', studio_now() - interval '1 hour', 5, 2)",
        "DELETE FROM retention_runs WHERE at > studio_now() - interval '26 hours'",
        "SET LOCAL track_counts = off",
    ],
)
async def test_content_that_a_sweep_changed_or_sweeps_that_stopped_are_seen(at: Probe, statement: str):
    await broken(at, statement)
    assert not (await proofs.live_untouched(at)).ok


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE request_log_20200101 PARTITION OF request_log FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')",
        "INSERT INTO studio_clock VALUES (true, 86400 * 32)",
        "ALTER TABLE request_totals ADD COLUMN account_id uuid",
        "ALTER TABLE error_totals ADD COLUMN reference uuid",
        "INSERT INTO request_totals VALUES (now(), '/media/' || gen_random_uuid(), '2xx', 'under 1 s', 20)",
        "INSERT INTO error_totals VALUES (now(), 'somebody@example.org', 20)",
    ],
)
async def test_a_log_that_was_kept_or_a_total_with_somebody_in_it_is_seen(at: Probe, statement: str):
    await broken(at, statement)
    assert not (await proofs.logs_end(at)).ok


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE ledger_entries_2009 PARTITION OF ledger_entries FOR VALUES FROM ('2009-01-01') TO ('2010-01-01')",
        "ALTER TABLE ledger_entries ADD COLUMN account_id uuid",
        "ALTER TABLE ledger_pseudonyms DROP CONSTRAINT ledger_pseudonyms_account_id_fkey",
        "UPDATE ledger_heads SET hash = 'x'",
    ],
)
async def test_a_ledger_that_was_kept_too_long_names_somebody_or_does_not_verify_is_seen(at: Probe, statement: str):
    await broken(at, statement)
    assert not (await proofs.ledger_ends(at)).ok


async def test_a_pseudonym_that_is_the_accounts_own_id_is_seen(at: Probe):
    who = await person()
    await broken(
        at,
        "INSERT INTO ledger_entries (pseudonym, kind, generation_kind, amount_micros, month, reservation, "
        f"idempotency_key) VALUES ('{who.account_id}', 'reserve', 'image', 1, studio_month(), gen_random_uuid(), 'z')",
    )
    found = await proofs.ledger_ends(at)
    assert (found.ok, "1 entries that name" in found.figure) == (False, True)
