"""Each promise is broken on purpose, and its proof turns red. On a real database, with nothing in place of a check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config, egress
from studio.config import OidcSettings
from studio.models.accounts import Account
from studio.services import consent, guard_counts, guards, registry, usage
from studio.services.proofs import PROOFS, Page
from studio.services.proofs.telling import LEGAL_PAGES
from tests.services.proofbench import Bench, opened

ALL = (
    *("D1", "D2", "D3", "W1", "W2", "W3", "T1", "L1", "R1", "R2", "R3", "R4", "R5"),
    *("G1", "G2", "G3", "G4", "C1", "C2", "K1", "V1", "X1"),
)


@pytest.fixture(scope="module")
def url(database) -> str:
    return database.fresh()


@pytest.fixture
async def bench(url: str, settings: config.Settings) -> AsyncIterator[Bench]:
    async with opened(url, settings) as made:
        yield made


async def red(bench: Bench, name: str, words: str = "") -> None:
    """The proof has turned red, and says why."""
    found = await bench.prove(name)
    assert not found.ok, found.figure
    assert words in found.figure, found.figure


async def green(bench: Bench, name: str) -> None:
    found = await bench.prove(name)
    assert found.ok, found.figure
    assert any(letter.isdigit() for letter in found.figure), "a proof has a figure"


def test_every_promise_of_the_contract_has_its_proof():
    assert tuple(each.id for each in PROOFS) == ALL
    assert len(ALL) == 22
    assert all(each.promise and each.how and 1 <= each.section <= 10 for each in PROOFS)


async def test_a_check_that_cannot_run_is_not_ok_and_says_so_without_sql(bench: Bench):
    await bench.run("ALTER TABLE accounts RENAME TO accounts_away")
    found = await bench.prove("K1")
    assert (found.ok, found.figure) == (False, "could not run")
    await green(bench, "W3")  # and it has spoiled nothing for the next one


# D: what is held


@pytest.mark.parametrize("name", ["D1", "D2", "D3"])
async def test_a_column_nobody_listed_turns_it_red(bench: Bench, name: str):
    await green(bench, name)
    await bench.run("ALTER TABLE workspaces ADD COLUMN mood text")
    await red(bench, name, "1 column of the database not as listed")


async def test_a_column_for_an_address_turns_d1_red_even_where_it_is_listed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    await green(bench, "D1")
    for name, kind in (("last_ip", "text"), ("came_from", "inet")):
        await bench.run(f"ALTER TABLE accounts ADD COLUMN {name} {kind}")
        column = Column(name, Text, info=Account.__table__.c.email.info)  # type: ignore[attr-defined]  # a table's own
        table = Account.__table__  # type: ignore[attr-defined]
        table.append_column(column)
        try:
            await red(bench, "D1", "1 column of the database not as listed")
        finally:
            table._columns.remove(column)
        await bench.run(f"ALTER TABLE accounts DROP COLUMN {name}")
    await green(bench, "D1")


@pytest.mark.parametrize("said", ["/media/198.51.100.23", "Mozilla/5.0 (X11)"])
async def test_an_address_or_a_browser_in_the_log_turns_d1_red(bench: Bench, said: str):
    await log(bench, said)
    await red(bench, "D1", "; 1 with")


async def test_a_model_without_a_class_turns_all_three_red(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    registry.entities.cache_clear()
    monkeypatch.setitem(Account.__table__.c.name.info, "held", None)  # type: ignore[attr-defined]  # a table's own
    try:
        for name in ("D1", "D2", "D3"):
            await red(bench, name, "could not run")
    finally:
        registry.entities.cache_clear()


async def test_a_file_outside_the_listed_places_turns_d2_red(bench: Bench):
    who = await bench.account()
    for key, small in (("o/aa/1", "t/aa/1"), ("y/secret", "t/aa/2"), ("o/aa/3", "cache/3")):
        await bench.run(
            "INSERT INTO assets (id, account_id, kind, mime, object_key, size_bytes, sha256, crc32, width, height, "
            "thumbnails) VALUES (:id, :who, 'upload', 'image/png', :key, 1, repeat('0', 64), 1, 1, 1, "
            "jsonb_build_object('256', CAST(:small AS text)))",
            id=uuid4(),
            who=who,
            key=key,
            small=small,
        )
    await red(bench, "D2", "2 of 3 files in an unlisted place")


async def log(bench: Bench, path: str) -> None:
    await bench.run(
        "INSERT INTO request_log (request_id, at, path, status, latency_ms) VALUES (:id, studio_now(), :path, 200, 1)",
        id=uuid4(),
        path=path,
    )


async def test_every_route_of_ours_is_a_template(bench: Bench):
    from studio.http.requestlog import template
    from studio.http.routes import ROUTES

    for route in ROUTES:
        await log(bench, template(route.path.replace("{asset}", "a1").replace("{token}", "b2")))
    await green(bench, "D3")


@pytest.mark.parametrize("path", ["/library?q=canary", "/media/4f2c/256", "/signin/Zk3-x", "/Someone@example.org"])
async def test_more_than_a_route_in_the_log_turns_d3_red(bench: Bench, path: str):
    await log(bench, path)
    await red(bench, "D3", "; 1 with more than a route in it")


async def test_a_log_with_one_column_less_or_more_turns_d3_red(bench: Bench):
    await bench.run("ALTER TABLE request_log DROP COLUMN latency_ms")
    await red(bench, "D3")


# W: what it is used for


async def test_a_connection_to_another_host_turns_w1_red(bench: Bench):
    await green(bench, "W1")
    await guards.write(bench.session, guard="egress", process="worker", allowed=0, refused=1)
    await red(bench, "W1", "; 1 to any other")


@pytest.mark.parametrize("process", ["web", "worker"])
async def test_a_guard_that_does_not_report_turns_w1_red(bench: Bench, process: str):
    await bench.run(
        "UPDATE guard_counts SET reported_at = studio_now() - interval '27 hours' "
        "WHERE guard = 'egress' AND process = :process",
        process=process,
    )
    await red(bench, "W1", f"no {process} process has reported")


async def test_a_guard_with_another_list_turns_w1_red(bench: Bench):
    await green(bench, "W1")
    bench.ours = replace(bench.ours, smtp_url="smtp://mail.example.net")
    await red(bench, "W1", "not that of the settings")


async def test_a_process_of_the_proofs_without_a_guard_turns_w1_red(bench: Bench):
    egress.stand_down()
    await red(bench, "W1", "no guard stands over the process of the proofs")


async def test_a_backup_that_did_not_report_turns_w1_red(bench: Bench):
    await bench.run("DELETE FROM guard_counts WHERE process = 'backup'")
    await bench.run(
        "INSERT INTO backups (id, kind, snapshot, started_at, ended_at, ok) VALUES (gen_random_uuid(), 'verify', "
        "gen_random_uuid(), studio_now() - interval '3 hours', studio_now() - interval '2 hours', true)"
    )
    await red(bench, "W1", "the process of a backup has not reported")
    await guards.write(bench.session, guard="egress", process="backup", allowed=1, refused=0)
    await green(bench, "W1")
    await guards.write(bench.session, guard="egress", process="backup", allowed=0, refused=1)
    await red(bench, "W1", "; 1 to any other")


async def budget(bench: Bench) -> None:
    await bench.run(
        "INSERT INTO budgets (account_id, month, cap_micros) VALUES (:who, studio_month(), 100)",
        who=await bench.account(),
    )


async def test_a_reservation_past_its_cap_turns_w2_red(bench: Bench):
    await budget(bench)
    await green(bench, "W2")
    await bench.run("UPDATE budgets SET held_micros = 101")
    await bench.run("UPDATE budgets SET held_micros = 0")  # it is remembered, although all is as before
    await red(bench, "W2", "1 of 1 monthly cap passed")


async def test_a_cap_that_is_lowered_below_what_was_used_is_no_overspending(bench: Bench):
    await budget(bench)
    await bench.run("UPDATE budgets SET held_micros = 90")
    await bench.run("UPDATE budgets SET cap_micros = 50")
    await bench.run("UPDATE budgets SET held_micros = 0, spent_micros = 80")
    assert await bench.run("SELECT max(overspent_micros) FROM budgets") == 0


async def test_a_database_that_does_not_watch_the_caps_turns_w2_red(bench: Bench):
    await bench.run("ALTER TABLE budgets DISABLE TRIGGER budget_overspent")
    await red(bench, "W2", "does not watch")


async def test_a_budget_without_its_entries_turns_w2_red(bench: Bench):
    await budget(bench)
    await bench.run("UPDATE budgets SET spent_micros = 10")
    await red(bench, "W2", "1 difference")


async def test_a_broken_chain_turns_w2_red(bench: Bench):
    await bench.run(
        "INSERT INTO ledger_entries (pseudonym, kind, generation_kind, amount_micros, month, reservation, "
        "idempotency_key) VALUES (:p, 'reserve', 'image', 1, studio_month(), :r, 'k')",
        p=uuid4(),
        r=uuid4(),
    )
    await green(bench, "W2")
    await bench.run("ALTER TABLE ledger_entries DISABLE TRIGGER ledger_append_only")
    await bench.run("UPDATE ledger_entries SET amount_micros = 2")
    await red(bench, "W2", "1 broken link")


async def letter(bench: Bench, *, category: str, template: str) -> None:
    who = uuid4()
    await bench.run(
        "INSERT INTO mails (id, account_id, recipient, template, category, rank, data, message_id) "
        "VALUES (:id, :who, 'a@example.org', :template, :category, 0, '{}', :message)",
        id=who,
        who=await bench.account(),
        template=template,
        category=category,
        message=str(who),
    )


async def test_news_that_nobody_asked_for_turn_w3_red(bench: Bench):
    await letter(bench, category="marketing", template="news")
    await red(bench, "W3", "; 1 without a yes")
    await bench.run(
        "INSERT INTO mail_optins (id, account_id, text_version) SELECT gen_random_uuid(), account_id, '1' FROM mails"
    )
    await green(bench, "W3")
    await bench.run("UPDATE mail_optins SET given_at = studio_now() - interval '9 days', "
                    "withdrawn_at = studio_now() - interval '2 days'")  # fmt: skip
    await red(bench, "W3", "; 1 without a yes")


async def test_news_passed_off_as_something_else_turn_w3_red(bench: Bench):
    await letter(bench, category="account", template="news")
    await red(bench, "W3", ", 1 in a wrong category")


async def test_a_category_that_is_none_turns_w3_red(bench: Bench):
    await bench.run("ALTER TABLE mails DROP CONSTRAINT mails_category_check")
    await letter(bench, category="fun", template="welcome")
    await red(bench, "W3", "1 in a wrong category")


# T, L, X: what the pages say


async def test_a_vendor_that_is_not_listed_turns_t1_red(bench: Bench):
    await green(bench, "T1")
    elsewhere = OidcSettings("oidc", "Elsewhere", "https://id.elsewhere.net", "client", "secret")
    bench.ours = replace(bench.ours, oidc=(elsewhere,))
    await red(bench, "T1", "1 vendor in the settings; 1 not fully listed, 1 not on the page")


async def test_a_page_of_processors_that_is_gone_turns_t1_red(bench: Bench):
    del bench.pages["/subprocessors"]
    await red(bench, "T1", "could not run")


@pytest.mark.parametrize("path", ["/privacy", "/dpa"])
async def test_a_page_without_the_region_turns_l1_red(bench: Bench, path: str):
    await green(bench, "L1")
    bench.pages[path] = Page(200, "somewhere")
    await red(bench, "L1", "on 1 of 2 pages")


async def test_a_public_studio_that_names_no_region_turns_l1_red(bench: Bench):
    bench.ours = replace(bench.ours, public_url="https://studio.example.net")
    await red(bench, "L1", "not named")
    bench.ours = replace(bench.ours, region="Frankfurt")
    bench.pages = {path: Page(200, "stored in Frankfurt") for path in bench.pages}
    await green(bench, "L1")


@pytest.mark.parametrize("path", LEGAL_PAGES)
async def test_a_legal_page_without_a_contact_turns_x1_red(bench: Bench, path: str):
    await green(bench, "X1")
    bench.pages[path] = Page(200, f"mailto:{bench.ours.privacy_contact}")
    await red(bench, "X1", "on 6 of 7 pages")


async def test_a_public_studio_with_placeholders_for_contacts_turns_x1_red(bench: Bench):
    bench.ours = replace(bench.ours, public_url="https://studio.example.net")
    await red(bench, "X1", "placeholders")


# C: cookies


async def test_a_cookie_of_another_name_turns_c1_red(bench: Bench):
    await green(bench, "C1")
    assert not guards.Cookies().judge("tracker", seconds=0)
    assert not guards.Cookies().judge("theme", seconds=366 * 86_400)
    await guards.write(bench.session, guard="cookies", process="web", allowed=0, refused=1)
    await red(bench, "C1", ", 1 of another name")


@pytest.mark.parametrize("more", [{"tracker": 60}, {"theme": 731 * 86_400}])
async def test_a_longer_list_of_cookies_or_a_longer_life_turns_c1_red(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, more: dict[str, int]
):
    ages = guards.COOKIES.ages()
    monkeypatch.setattr(guards.COOKIES, "ages", lambda: {**ages, **more})
    await red(bench, "C1")


async def test_a_guard_over_cookies_that_is_silent_turns_c1_red(bench: Bench):
    await bench.run("DELETE FROM guard_counts WHERE guard = 'cookies'")
    await red(bench, "C1", "no web process has reported")


async def answer(bench: Bench, *, analytics: bool, experiments: bool, months: int = 6) -> None:
    await bench.run(
        "INSERT INTO consents (id, text_hash, analytics, experiments, despite_signal, kept_until) VALUES "
        "(:id, repeat('0', 64), :analytics, :experiments, false, studio_now() + make_interval(months => :months))",
        id=uuid4(),
        analytics=analytics,
        experiments=experiments,
        months=months,
    )


async def counted(bench: Bench, guard: str | None = None) -> None:
    """One use of a page, and one view of an arm, with or without a note of the yes behind it."""
    today = "(studio_now() AT TIME ZONE 'UTC')::date"
    if guard in (None, "analytics"):
        await bench.run(f"INSERT INTO usage_counts VALUES (:v, {today}, 'page', 1)", v=uuid4())
    if guard in (None, "experiments"):
        await bench.run(
            f"INSERT INTO experiment_counts AS e (experiment, arm, day, views) VALUES ('e', 'a', {today}, 1) "
            "ON CONFLICT (experiment, arm, day) DO UPDATE SET views = e.views + 1"
        )
    if guard is not None:
        await guard_counts.write(bench.session, guard=guard, process="web", allowed=1, refused=0)


async def test_an_optional_count_without_a_yes_turns_c2_red_whatever_others_said(bench: Bench):
    for guard in ("analytics", "experiments"):
        await counted(bench, guard)
    await green(bench, "C2")
    await answer(bench, analytics=True, experiments=True)
    await counted(bench)
    await red(bench, "C2", "; 2 uses counted without a yes")


async def test_an_answer_that_is_kept_for_too_long_turns_c2_red(bench: Bench):
    await answer(bench, analytics=False, experiments=False, months=9)
    await red(bench, "C2", "1 kept for more than 6 months")


async def test_the_only_one_who_agreed_may_leave_and_c2_stays_green(bench: Bench):
    await answer(bench, analytics=True, experiments=True)
    await counted(bench, "analytics")
    await bench.run("DELETE FROM consents")
    await green(bench, "C2")


async def test_a_withdrawal_that_leaves_something_turns_c2_red(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    async def nothing(session: AsyncSession, *, number: UUID) -> None:
        """Forgets to forget."""

    before = await bench.run("SELECT count(*) FROM consents"), await bench.run("SELECT count(*) FROM guard_counts")
    with monkeypatch.context() as broken:
        broken.setattr(usage, "forget", nothing)
        await red(bench, "C2", "after a withdrawal that was tried: 1 rows left, 0 purposes still on")
    standing, given = consent.standing, consent.Standing(allowed=consent.KEYS)

    async def deaf(*args: Any, **rest: Any) -> consent.Standing:
        found = await standing(*args, **rest)
        return given if found.answered_at else found  # whoever answered once agreed for ever

    with monkeypatch.context() as broken:
        broken.setattr(consent, "standing", deaf)
        await red(bench, "C2", "0 rows left, 2 purposes still on")
    await green(bench, "C2")
    after = await bench.run("SELECT count(*) FROM consents"), await bench.run("SELECT count(*) FROM guard_counts")
    assert before == after, "what is tried leaves nothing"


# G, K, V: rights


async def moved(bench: Bench, *, old: str, new: str, days: int = 7) -> None:
    await bench.run(
        "INSERT INTO address_changes (id, account_id, old_email, new_email, state, confirm_hash, stop_hash, undo_hash, "
        "expires_at, confirmed_at, undo_until) SELECT :id, a.id, :old, :new, 'confirmed', decode(:a, 'hex'), "
        "decode(:b, 'hex'), decode(:c, 'hex'), studio_now(), studio_now(), studio_now() + make_interval(days => :days) "
        "FROM accounts a WHERE a.email = :new",
        id=uuid4(),
        old=old,
        new=new,
        days=days,
        **{name: uuid4().hex for name in "abc"},
    )


async def test_an_address_that_changed_without_a_confirmation_turns_g2_red(bench: Bench):
    if not await bench.has("address_changes"):
        await red(bench, "G2", "could not run: the table address_changes is missing")
        return
    await bench.account("new@example.org")
    await moved(bench, old="old@example.org", new="new@example.org")
    await green(bench, "G2")
    await bench.run("UPDATE accounts SET email = 'third@example.org' WHERE email = 'new@example.org'")
    await red(bench, "G2", "; 1 addresses changed without a confirmation")


async def test_a_shorter_time_to_undo_turns_g2_red(bench: Bench):
    if not await bench.has("address_changes"):
        return
    await bench.account("new@example.org")
    await moved(bench, old="old@example.org", new="new@example.org", days=6)
    await red(bench, "G2", "1 with less than 7 days to undo")


async def test_a_database_that_does_not_watch_addresses_turns_g2_red(bench: Bench):
    if not await bench.has("address_changes"):
        return
    await bench.run("ALTER TABLE accounts DISABLE TRIGGER accounts_keep_address")
    await red(bench, "G2", "does not watch")


async def restricted_account(bench: Bench) -> str:
    who = await bench.account()
    await bench.run(
        "UPDATE accounts SET restricted_at = studio_now() - interval '1 hour', restricted_for = 'person' "
        "WHERE id = :id",
        id=who,
    )
    return str(who)


async def restriction_exists(bench: Bench) -> bool:
    return bool(
        await bench.run(
            "SELECT true FROM pg_attribute WHERE attrelid = 'accounts'::regclass AND attname = 'restricted_at'"
        )
    )


async def test_work_of_a_restricted_account_turns_g4_red(bench: Bench):
    if not await restriction_exists(bench):
        await red(bench, "G4", "could not run")
        return
    who = await restricted_account(bench)
    await green(bench, "G4")
    await bench.run("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :who, 'w')", id=uuid4(), who=who)
    await bench.run(
        "INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params) "
        "SELECT :id, account_id, id, 'image', 'm', '', '{}' FROM workspaces WHERE account_id = :who",
        id=uuid4(),
        who=who,
    )
    await red(bench, "G4", "1 thing done for them")


async def test_a_request_past_its_date_turns_g4_red(bench: Bench):
    await bench.run(
        "INSERT INTO privacy_requests (id, kind, address, received_at, due_at) VALUES (:id, 'access', 'a@example.org', "
        "studio_now() - interval '40 days', studio_now() - interval '9 days')",
        id=uuid4(),
    )
    await red(bench, "G4", "1 overdue" if await restriction_exists(bench) else "could not run")


async def test_a_database_that_does_not_watch_restrictions_turns_g4_red(bench: Bench):
    if not await restriction_exists(bench):
        return
    await bench.run("ALTER TABLE generations DISABLE TRIGGER restricted")
    await red(bench, "G4", "does not watch")


async def test_an_account_without_a_word_about_age_turns_k1_red(bench: Bench):
    await bench.account()
    await green(bench, "K1")
    await bench.run("UPDATE accounts SET attested_at = NULL")
    await red(bench, "K1", "1 of 1 account without a word about age")


async def version(bench: Bench, *, minor: int, days: int) -> None:
    """A version of the policy that takes effect `days` after it was published."""
    body = f"text {minor}"
    await bench.run(
        "INSERT INTO policy_versions (kind, major, minor, source, sha256) "
        "VALUES ('privacy', 9, :minor, CAST(:body AS text), "
        "encode(sha256(convert_to(CAST(:body AS text), 'UTF8')), 'hex'))",
        minor=minor,
        body=body,
    )
    await bench.run(
        "INSERT INTO policy_dates (kind, major, minor, published_at, announced_for, effective_at, told_at, "
        "in_force_at) "
        "SELECT 'privacy', 9, :minor, p, p + d, p + d, p, p + d FROM (SELECT studio_now() - interval '30 days' AS p, "
        "make_interval(days => :days) AS d) x",
        minor=minor,
        days=days,
    )


async def test_a_version_that_took_effect_too_early_turns_v1_red(bench: Bench):
    if not await bench.has("policy_dates"):
        await red(bench, "V1", "could not run: the table policy_versions is missing")
        return
    await version(bench, minor=1, days=14)
    await green(bench, "V1")
    await bench.run("ALTER TABLE policy_dates DROP CONSTRAINT fourteen_days")
    await version(bench, minor=2, days=13)
    await red(bench, "V1", "; 1 with less than 14 days")


async def test_an_account_that_was_not_told_turns_v1_red(bench: Bench):
    if not await bench.has("policy_dates"):
        return
    who = await bench.account()
    await bench.run("UPDATE accounts SET created_at = studio_now() - interval '1 year'")
    await version(bench, minor=1, days=20)
    await red(bench, "V1", "1 accounts not told in time")
    notice = (
        "INSERT INTO policy_notices (kind, major, minor, account_id, outcome, noticed_at) VALUES "
        "('privacy', 9, 1, :who, 'delivered', studio_now() - make_interval(days => :ago))"
    )
    await bench.run(notice, who=who, ago=29)
    await green(bench, "V1")
    await bench.run("UPDATE policy_notices SET noticed_at = studio_now() - interval '12 days'")
    await red(bench, "V1", "1 accounts not told in time")


async def test_a_text_that_was_changed_turns_v1_red(bench: Bench):
    if not await bench.has("policy_dates"):
        return
    await version(bench, minor=1, days=14)
    await bench.run("ALTER TABLE policy_versions DISABLE TRIGGER policy_versions_stay")
    for name in ("policy_versions_check", "policy_versions_sha256_check"):
        await bench.run(f"ALTER TABLE policy_versions DROP CONSTRAINT IF EXISTS {name}")
    await bench.run("UPDATE policy_versions SET source = source || '!' WHERE major = 9")
    await red(bench, "V1", "1 texts altered")
