"""The ledger as a file: one's own rows, exact amounts, nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from studio.services.cells import plain, usd
from tests.http.people import Guest, rows, sign_in, visitor
from tests.system import System

FORMULA = '=HYPERLINK("https://evil.example","click")'


def month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


def entered(guest: Guest, prompt: str, *amounts: int) -> None:
    """A batch of held outputs with these amounts."""
    system, account, batch, pseudonym = guest.system, guest.account_id, uuid4(), uuid4()
    rows(
        system,
        "INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params) SELECT %s, %s, id, 'image', "
        "'seedream-4-5-251128', %s, '{}' FROM workspaces WHERE account_id = %s",
        batch, account, prompt, account,
    )  # fmt: skip
    rows(system, "INSERT INTO ledger_pseudonyms VALUES (%s, %s) ON CONFLICT DO NOTHING", account, pseudonym)
    made = [uuid4() for _ in amounts]
    rows(
        system,
        "INSERT INTO generations (id, account_id, batch_id, position, kind, model, state, month, reserved_micros, "
        "charged_micros, ended_at) SELECT id, %s, %s, position, 'image', 'seedream-4-5-251128', 'cancelled', "
        "studio_month(), amount, 0, studio_now() "
        "FROM unnest(%s::uuid[], %s::bigint[]) WITH ORDINALITY AS held (id, amount, position)",
        account, batch, made, list(amounts),
    )  # fmt: skip
    rows(
        system,
        "INSERT INTO ledger_entries (pseudonym, kind, generation_kind, amount_micros, month, reservation, "
        "idempotency_key) SELECT p.pseudonym, 'reserve', 'image', amount, studio_month(), id, 'reserve:' || id "
        "FROM unnest(%s::uuid[], %s::bigint[]) WITH ORDINALITY AS held (id, amount, position), ledger_pseudonyms p "
        "WHERE p.account_id = %s ORDER BY position",
        made, list(amounts), account,
    )  # fmt: skip


async def table(guest: Guest, wanted: str) -> list[dict[str, str]]:
    async with guest.client() as client:
        answer = await client.get("/spend.csv", params={"month": wanted})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="studio-spend-{wanted}.csv"'
    assert answer.headers["cache-control"] == "no-store"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_the_file_has_every_own_entry_with_exact_amounts_and_nobody_elses(guest: Guest, system: System):
    stranger = await sign_in(system)
    entered(stranger, "a stranger's secret", 1)
    entered(guest, 'a lake, "still"\nbefore sunrise', 1, 40_000, 123_456_789)
    found = await table(guest, month())
    assert sorted(Decimal(row["amount_usd"]) for row in found) == [
        Decimal("0.000001"), Decimal("0.040000"), Decimal("123.456789")
    ]  # fmt: skip
    assert {row["prompt"] for row in found} == {'a lake, "still"\nbefore sunrise'}
    assert {(row["entry"], row["media"], row["month"]) for row in found} == {("reserve", "image", month())}
    assert "secret" not in str(found)


async def test_a_prompt_that_looks_like_a_formula_is_only_text(guest: Guest):
    entered(guest, FORMULA, 40_000)
    (row,) = await table(guest, month())
    assert row["prompt"] == f"'{FORMULA}"


async def test_more_than_one_read_of_the_ledger_is_joined_without_a_gap(guest: Guest):
    entered(guest, "many", *range(1, 1203))
    found = await table(guest, month())
    assert [Decimal(row["amount_usd"]) * 1_000_000 for row in found] == list(range(1202, 0, -1))


@pytest.mark.parametrize("wanted", ["", "2026-13", "1999-01", "2026-11-01", "x", "2026-11'--", "%00"])
async def test_a_month_without_anything_is_not_there(guest: Guest, wanted: str):
    async with guest.client() as client:
        answer = await client.get("/spend.csv", params={"month": wanted})
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


async def test_nobody_gets_no_file(system: System):
    async with visitor(system) as client:
        answer = await client.get("/spend.csv", params={"month": month()})
    assert answer.status_code == 401
    assert "amount_usd" not in answer.text


async def test_the_settings_address_leads_to_the_profile(guest: Guest, system: System):
    async with guest.client() as client:
        for path in ("/settings", "/settings/"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings/profile")
    async with visitor(system) as client:
        for path in ("/settings/profile", "/settings/spend", "/settings/sessions"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u00a0=1", "|calc", "%0A=1"])
def test_whatever_could_begin_a_formula_is_held_down(text: str):
    assert plain(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a = b", "1+1", "lake", "“=1”"])
def test_other_text_is_left_as_it_is(text: str):
    assert plain(text) == text


def test_an_amount_has_six_decimals_and_no_exponent():
    assert [usd(n) for n in (0, 1, -40_000, 10**15)] == ["0.000000", "0.000001", "-0.040000", "1000000000.000000"]
