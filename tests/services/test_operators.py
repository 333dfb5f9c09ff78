"""Who is an operator, what operators see and do, and that every act of theirs is noted for good."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from studio import config
from studio.config import OidcSettings
from studio.db import SYSTEM, Actor, transaction
from studio.errors import NotFound, ValidationError
from studio.jobs import upkeep
from studio.services import (
    alarms,
    attempts,
    audit,
    checks,
    erasure,
    generations,
    journal,
    mail,
    operator_errors,
    operator_mail,
    operator_people,
    operator_work,
    operators,
    pause,
    sessions,
)
from studio.services.identity import joining
from studio.services.identity.joining import Arrival
from tests.factories import OPERATOR, Person, image, person, submitted
from tests.fixtures_mail import rows_of
from tests.system import ROOT

ISSUER = "https://id.example.org"


@pytest.fixture
def with_settings(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Other settings for the length of a test."""

    def change(**values: Any) -> None:
        monkeypatch.setattr(operators, "settings", lambda: replace(settings, **values))

    return change


async def is_operator(who: Person) -> bool:
    async with transaction(SYSTEM) as session:
        return await operators.is_operator(session, account_id=who.account_id)


async def proved(who: Person, email: str, subject: str | None = None, issuer: str = ISSUER) -> None:
    """The same two rows that a sign-in writes."""
    async with transaction(SYSTEM) as session:
        if subject is not None:
            await joining.link(
                session,
                account_id=who.account_id,
                arrival=Arrival(email=email, issuer=issuer, subject=subject),
            )
        else:
            await operators.note_proof(session, account_id=who.account_id, email=email)


async def set_address(who: Person, email: str) -> None:
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM accounts WHERE lower(email) = :email"), {"email": email})
        await session.execute(
            text("UPDATE accounts SET email = :email WHERE id = :id"), {"email": email, "id": who.account_id}
        )


async def test_an_operator_is_who_came_with_a_link_to_a_listed_address(boss: Person, someone: Person):
    assert boss.identity.operator
    assert not someone.identity.operator
    assert not await is_operator(someone)


async def test_an_address_that_nobody_proved_makes_no_operator(someone: Person):
    await set_address(someone, OPERATOR)
    assert not await is_operator(someone)
    await proved(someone, OPERATOR)
    assert await is_operator(someone)
    await set_address(someone, f"{uuid4().hex}@example.org")  # changed meanwhile: the proof is of the old one
    assert not await is_operator(someone)
    await set_address(someone, OPERATOR)
    await proved(someone, "somebody.else@example.org")  # and a proof of another address is no proof of this one
    assert not await is_operator(someone)


async def test_a_provider_vouches_for_an_address_only_while_it_is_configured(someone: Person, with_settings: Any):
    await proved(someone, OPERATOR, subject=uuid4().hex)
    assert not await is_operator(someone)
    with_settings(oidc=(OidcSettings("oidc", "Ours", f"{ISSUER}/", "c", "s"),))
    assert await is_operator(someone)
    with_settings(oidc=(OidcSettings("oidc", "Another", "https://other.example.org", "c", "s"),))
    assert not await is_operator(someone)


async def test_an_identity_that_the_settings_name_is_an_operator_and_is_let_in(someone: Person, with_settings: Any):
    subject = uuid4().hex
    await proved(someone, someone.email, subject=subject)
    with_settings(operators=(), operator_identities=((ISSUER, subject),))
    assert await is_operator(someone)
    arrival = Arrival(email="new.boss@example.net", issuer=ISSUER, subject="another")
    async with transaction(SYSTEM) as session:
        with pytest.raises(joining.accounts.SignupClosed):
            await joining.arrive(session, arrival=arrival, old_token="")
    with_settings(operators=(), operator_identities=((ISSUER, "another"),))
    async with transaction(SYSTEM) as session:
        assert (await joining.arrive(session, arrival=arrival, old_token="")).path == joining.JOIN
    with_settings(operators=(), operator_identities=((ISSUER, subject.upper()), ("https://evil.example", subject)))
    assert not await is_operator(someone)


async def test_the_local_account_operates_an_embedded_studio_unless_somebody_is_named(
    settings: config.Settings, with_settings: Any
):
    local = await person(email=operators.DEFAULT_ADDRESS)
    with_settings(operators=(), embedded=True)
    assert not await is_operator(local)
    await proved(local, operators.DEFAULT_ADDRESS)
    assert await is_operator(local)
    with_settings(operators=(), embedded=False)
    assert not await is_operator(local)
    with_settings(operators=(OPERATOR,), embedded=True)
    assert not await is_operator(local)


async def test_a_person_cannot_make_themselves_an_operator_nor_lift_a_restriction(someone: Person):
    for column, value in (("proved_email", OPERATOR), ("restricted_at", None), ("restricted_for", None)):
        with pytest.raises(DBAPIError, match="only the system"):
            async with transaction(someone.actor) as session:
                await session.execute(text(f"UPDATE accounts SET {column} = :value"), {"value": value})


NOBODY = uuid4()
CALLS: dict[str, Any] = {
    "overview": lambda s, a: operator_work.overview(s, actor=a, span="24h"),
    "workers": lambda s, a: operator_work.workers(s, actor=a),
    "limits": lambda s, a: operator_work.provider_limits(s, actor=a),
    "queue_counts": lambda s, a: operator_work.queue_counts(s, actor=a),
    "requests": lambda s, a: operator_work.requests(s, actor=a),
    "reverse": lambda s, a: operator_work.reverse(s, by=a, generation_id=NOBODY),
    "error groups": lambda s, a: operator_errors.groups(s, actor=a),
    "error": lambda s, a: operator_errors.find(s, actor=a, reference=NOBODY),
    "mails": lambda s, a: operator_mail.listed(s, actor=a),
    "mail counts": lambda s, a: operator_mail.counts(s, actor=a),
    "mail": lambda s, a: operator_mail.read(s, actor=a, mail_id=NOBODY),
    "resend": lambda s, a: operator_mail.resend(s, by=a, mail_id=NOBODY),
    "people": lambda s, a: operator_people.people(s, actor=a),
    "cap": lambda s, a: operator_people.set_cap(s, by=a, account_id=a.account_id, cap_micros=1),
    "sign out": lambda s, a: operator_people.sign_out(s, by=a, account_id=a.account_id),
    "invitations": lambda s, a: operator_people.invitations(s, actor=a),
    "invite": lambda s, a: operator_people.invite(s, by=a, email="friend@example.org"),
    "uninvite": lambda s, a: operator_people.uninvite(s, by=a, invitation_id=NOBODY),
    "audit": lambda s, a: audit.listed(s, actor=a),
    "retention": lambda s, a: operator_work.retention_runs(s, actor=a),
    "sweeps": lambda s, a: operator_work.run_sweeps(s, by=a),
    "purge": lambda s, a: erasure.ask_at_once(s, by=a, account_id=a.account_id),
}


@pytest.mark.parametrize("name", CALLS)
async def test_every_service_asks_who_acts_before_anything_else(someone: Person, name: str):
    async with transaction(SYSTEM) as session:
        before = await session.scalar(text("SELECT count(*) FROM audit_entries"))
        with pytest.raises(NotFound, match="There is nothing here"):
            await CALLS[name](session, someone.actor)
        assert await session.scalar(text("SELECT count(*) FROM audit_entries")) == before


# The audit log


async def acts(boss: Person, subject: object) -> list[audit.Entry]:
    async with transaction(SYSTEM) as session:
        return list(await audit.listed(session, actor=boss.actor, about=UUID(str(subject))))


async def test_the_audit_log_cannot_be_changed_by_anybody(boss: Person):
    subject = uuid4()
    async with transaction(SYSTEM) as session:
        await audit.write(session, by=boss.actor, action="account.cap", subject=subject, details={"micros": 5})
    for statement in ("UPDATE audit_entries SET actor = 'cli'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"):
        with pytest.raises(DBAPIError, match=r"permission denied|append-only"):
            async with transaction(SYSTEM) as session:
                await session.execute(text(statement))
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(boss.actor) as session:
            await session.execute(text("SELECT * FROM audit_entries"))
    (entry,) = await acts(boss, subject)
    assert (entry.actor, entry.details) == (str(boss.account_id), {"micros": 5})


async def test_not_even_the_owner_changes_it_before_two_years_have_passed(boss: Person, settings: config.Settings):
    import psycopg

    young, old = uuid4(), uuid4()
    async with transaction(SYSTEM) as session:
        for subject, days in ((young, 729), (old, 731)):
            await session.execute(
                text(
                    "INSERT INTO audit_entries (at, actor, action, subject) VALUES "
                    "(studio_now() - make_interval(days => :days), 'cli', 'account.cap', :subject)"
                ),
                {"days": days, "subject": str(subject)},
            )
    assert settings.database_url
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        for statement in (
            "UPDATE audit_entries SET actor = 'cli'",
            "DELETE FROM audit_entries",
            "TRUNCATE audit_entries",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                owner.execute(statement)
    async with transaction(SYSTEM) as session:
        await upkeep.tidy(session)
    assert len(await acts(boss, young)) == 1
    assert await acts(boss, old) == []


@pytest.mark.parametrize("details", [{"to": "mara@example.org"}, {"why": "she asked me to"}, {"x": "a" * 61}])
async def test_it_takes_no_text_that_somebody_wrote(settings: config.Settings, details: dict[str, str]):
    async with transaction(SYSTEM) as session:
        with pytest.raises(ValueError, match="does not take"):
            await audit.write(session, by=None, action="account.cap", subject=uuid4(), details=details)


async def test_an_act_that_rolls_back_is_not_noted(boss: Person, someone: Person):
    async def stops_halfway() -> None:
        async with transaction(SYSTEM) as session:
            await operator_people.set_cap(session, by=boss.actor, account_id=someone.account_id, cap_micros=7)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await stops_halfway()
    assert await acts(boss, someone.account_id) == []


async def test_pages_follow_the_last_row_seen(boss: Person):
    subject = uuid4()
    async with transaction(SYSTEM) as session:
        for number in range(5):
            await audit.write(session, by=None, action="account.cap", subject=subject, details={"micros": number})
        first = await audit.listed(session, actor=boss.actor, about=subject, limit=2)
        await audit.write(session, by=None, action="account.cap", subject=subject, details={"micros": 9})
        second = await audit.listed(session, actor=boss.actor, about=subject, before=first[-1].id, limit=2)
    assert [row.details["micros"] for row in (*first, *second)] == [4, 3, 2, 1]


# What operators see and do


async def test_the_queue_shows_state_and_age_but_neither_prompt_nor_name(boss: Person, someone: Person):
    sent = await submitted(someone, image("a secret lighthouse"))
    async with transaction(SYSTEM) as session:
        seen: list[operator_work.Request] = []
        while page := await operator_work.requests(
            session, actor=boss.actor, state="queued", after=seen[-1].id if seen else None, limit=200
        ):
            seen += page
        overview = await operator_work.overview(session, actor=boss.actor, span="24h")
    (row,) = [each for each in seen if each.id == sent.generation_ids[0]]
    assert (row.account_id, row.state, row.reserved_micros) == (someone.account_id, "queued", 40_000)
    assert "lighthouse" not in repr(seen) + repr(overview)
    assert someone.email not in repr(seen) + repr(overview)
    assert overview.states["queued"].count == len(seen)
    assert [each.created_at for each in seen] == sorted(each.created_at for each in seen)


async def test_a_charge_is_given_back_once_and_noted(boss: Person, someone: Person):
    sent = await submitted(someone)
    (ident,) = sent.generation_ids
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE generations SET state = 'unknown', attempt_id = :a, unknown_at = studio_now() WHERE id = :id"),
            {"a": uuid4(), "id": ident},
        )
        work = await attempts.load(session, generation_id=ident)
        assert work is not None
        assert await attempts.written_off(session, work=work)
        listed = await operator_work.requests(session, actor=boss.actor, state="settled", limit=200)
        assert ident in [row.id for row in listed]
        assert await operator_work.reverse(session, by=boss.actor, generation_id=ident) == 40_000
        with pytest.raises(NotFound):
            await operator_work.reverse(session, by=boss.actor, generation_id=ident)
        assert ident not in [
            row.id for row in await operator_work.requests(session, actor=boss.actor, state="settled", limit=200)
        ]
    assert [(e.action, e.details) for e in await acts(boss, ident)] == [("generation.reverse", {"micros": 40_000})]


async def test_workers_are_alive_by_their_heartbeat(boss: Person):
    async with transaction(SYSTEM) as session:
        for seconds in (2, 90):
            await session.execute(
                text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => :s))"),
                {"s": seconds},
            )
        found = await operator_work.workers(session, actor=boss.actor)
        await session.rollback()
    assert [row.alive for row in found] == [True, False]


async def test_the_ledgers_last_check_is_kept(boss: Person, someone: Person):
    await submitted(someone)
    async with transaction(SYSTEM) as session:
        report = await upkeep.check_ledger(session)
        found = (await operator_work.overview(session, actor=boss.actor, span="1h")).ledger
    assert found == checks.Result(
        "ledger",
        report.checked_at,
        True,
        {"entries": report.entries, "broken": 0, "mismatched": 0},
    )


async def test_errors_are_grouped_and_found_by_their_reference(boss: Person):
    kind, references = f"Kind{uuid4().hex}", [uuid4() for _ in range(3)]
    now = datetime.now(UTC)
    async with transaction(SYSTEM) as session:
        for number, reference in enumerate(references):
            await session.execute(
                text("INSERT INTO error_events VALUES (:reference, :at, 'event', :kind, 'state/studio.py:1')"),
                {"reference": reference, "at": now - timedelta(seconds=number), "kind": kind},
            )
        groups = await operator_errors.groups(session, actor=boss.actor, limit=200)
        (group,) = [each for each in groups if each.kind == kind]
        older = await operator_errors.groups(session, actor=boss.actor, before=group.reference, limit=200)
        event = await operator_errors.find(session, actor=boss.actor, reference=references[2])
        assert await operator_errors.find(session, actor=boss.actor, reference=uuid4()) is None
    assert (group.count, group.reference, group.last_at) == (3, references[0], now)
    assert kind not in [each.kind for each in older]
    assert event is not None
    assert (event.kind, event.location) == (kind, "state/studio.py:1")


async def test_a_mail_is_read_here_only_without_a_mail_server_and_that_is_noted(
    boss: Person, someone: Person, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    async with transaction(SYSTEM) as session:
        ident = await mail.enqueue(
            session, account_id=someone.account_id, to=someone.email, template="welcome", data={}
        )
        assert ident is not None
        (row,) = [m for m in await operator_mail.listed(session, actor=boss.actor, limit=200) if m.id == ident]
        assert (row.recipient, row.state, row.data) == (someone.email, "queued", {})
        letter = await operator_mail.read(session, actor=boss.actor, mail_id=ident)
    assert letter.subject == "Welcome to Studio"
    assert [(e.action, e.actor) for e in await acts(boss, ident)] == [("mail.read", str(boss.account_id))]
    monkeypatch.setattr(operator_mail, "settings", lambda: replace(settings, smtp_url="smtp://127.0.0.1"))
    async with transaction(SYSTEM) as session:
        with pytest.raises(NotFound, match="cannot be read"):
            await operator_mail.read(session, actor=boss.actor, mail_id=ident)
    assert len(await acts(boss, ident)) == 1


async def test_only_a_failed_mail_is_sent_again(boss: Person, someone: Person):
    async with transaction(SYSTEM) as session:
        ident = await mail.enqueue(
            session, account_id=someone.account_id, to=someone.email, template="welcome", data={}
        )
        assert ident is not None
        with pytest.raises(NotFound):
            await operator_mail.resend(session, by=boss.actor, mail_id=ident)
        await session.execute(
            text("UPDATE mails SET state = 'failed', ended_at = studio_now() WHERE id = :id"), {"id": ident}
        )
        await operator_mail.resend(session, by=boss.actor, mail_id=ident)
    (row,) = [each for each in await rows_of(someone.email) if each.id == ident]
    assert row.state == "queued"
    assert [e.action for e in await acts(boss, ident)] == ["mail.resend"]


async def test_accounts_are_found_by_address_and_paged_by_the_last_one_seen(boss: Person):
    mark = uuid4().hex[:10]
    made = [await person(email=f"{mark}-{number}@example.org") for number in range(5)]
    await submitted(made[2])
    async with transaction(SYSTEM) as session:
        first = await operator_people.people(session, actor=boss.actor, search=f" {mark.upper()} ", limit=3)
        rest = await operator_people.people(session, actor=boss.actor, search=mark, before=first[-1].id, limit=3)
        by_id = await operator_people.people(session, actor=boss.actor, search=str(made[0].account_id))
        wild = await operator_people.people(session, actor=boss.actor, search=f"{mark}%")
    assert [row.id for row in (*first, *rest)] == [who.account_id for who in reversed(made)]
    assert {row.id: row.held_micros for row in first}[made[2].account_id] == 40_000
    assert {row.devices for row in first} == {1}
    assert [row.id for row in by_id] == [made[0].account_id]
    assert wild == []  # what is typed is looked for as it stands


async def test_a_cap_is_set_within_its_bounds_for_this_month_and_the_next(boss: Person, someone: Person):
    await submitted(someone)
    async with transaction(SYSTEM) as session:
        for wrong in (-1, 500_000_001):
            with pytest.raises(ValidationError, match=r"from \$0\.00 to \$500\.00"):
                await operator_people.set_cap(session, by=boss.actor, account_id=someone.account_id, cap_micros=wrong)
        await operator_people.set_cap(session, by=boss.actor, account_id=someone.account_id, cap_micros=60_000_000)
        (row,) = await operator_people.people(session, actor=boss.actor, search=str(someone.account_id))
        kept = await session.scalar(text("SELECT cap_micros FROM accounts WHERE id = :id"), {"id": someone.account_id})
        with pytest.raises(NotFound):
            await operator_people.set_cap(session, by=boss.actor, account_id=uuid4(), cap_micros=1)
    assert (row.cap_micros, kept) == (60_000_000, 60_000_000)
    assert [(e.action, e.details) for e in await acts(boss, someone.account_id)] == [
        ("account.cap", {"micros": 60_000_000})
    ]


async def test_an_operator_signs_an_account_out_everywhere_and_it_is_told(boss: Person, someone: Person):
    async with transaction(SYSTEM) as session:
        await sessions.start(session, account_id=someone.account_id)
        assert await operator_people.sign_out(session, by=boss.actor, account_id=someone.account_id) == 2
        assert await sessions.identify(session, token=someone.token) is None
        assert await sessions.identify(session, token=boss.token) is not None
    assert "sessions_revoked" in [row.template for row in await rows_of(someone.email)]
    assert [e.details for e in await acts(boss, someone.account_id)] == [{"sessions": 2}]


async def test_an_invitation_is_made_listed_and_taken_back(boss: Person):
    email = f"{uuid4().hex}@example.net"
    async with transaction(SYSTEM) as session:
        assert await operator_people.invite(session, by=boss.actor, email=f" {email.upper()} ") == email
        (row,) = [
            i for i in await operator_people.invitations(session, actor=boss.actor, limit=200) if i.email == email
        ]
        await operator_people.uninvite(session, by=boss.actor, invitation_id=row.id)
        with pytest.raises(NotFound, match="gone"):
            await operator_people.uninvite(session, by=boss.actor, invitation_id=row.id)
        with pytest.raises(joining.accounts.SignupClosed):
            await joining.accounts.check_signup(session, email=email)
    entries = await acts(boss, row.id)
    assert [e.action for e in entries] == ["invitation.revoke", "invitation.create"]
    assert email not in repr(entries)


def studio(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The product's own command, with this test's settings."""
    command = [sys.executable, "-m", "studio", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)


async def test_the_command_line_is_noted_too(boss: Person, someone: Person):
    assert studio("privacy", "restrict", someone.email, "--reason", "authority").returncode == 0
    again = studio("privacy", "restrict", str(someone.account_id), "--reason", "person")
    assert (again.returncode, again.stderr) == (1, "studio privacy restrict: This account is restricted already.\n")
    assert studio("privacy", "unrestrict", str(someone.account_id)).returncode == 0
    assert studio("signin-link", someone.email).returncode == 0
    noted = [entry async for entry in journal.entries() if entry.id == someone.account_id]
    assert [e.kind for e in sorted(noted, key=lambda e: e.number)] == ["restrict", "unrestrict"]
    entries = await acts(boss, someone.account_id)
    assert [(e.actor, e.action) for e in entries] == [("cli", "account.unrestrict"), ("cli", "account.restrict")]
    assert entries[1].details == {"reason": "authority", "cancelled": 0}
    async with transaction(SYSTEM) as session:
        newest = await audit.listed(session, actor=boss.actor, action="signin.link", limit=1)
        link = await session.scalar(text("SELECT id FROM signin_links WHERE email = :email"), {"email": someone.email})
    assert [e.subject for e in newest] == [str(link)]


async def test_a_reported_account_is_due_at_once_and_that_is_noted(boss: Person, someone: Person):
    asked = studio("privacy", "purge", someone.email)
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    assert studio("privacy", "purge", someone.email, "--yes").returncode == 0
    assert studio("privacy", "purge", str(uuid4()), "--yes").returncode == 1
    assert [(e.actor, e.action) for e in await acts(boss, someone.account_id)] == [("cli", "account.purge")]
    async with transaction(SYSTEM) as session:
        assert await erasure.due(session)
        found = text("SELECT state, due_at <= studio_now() AS due FROM erasures WHERE account_id = :id")
        assert [tuple(row) for row in await session.execute(found, {"id": someone.account_id})] == [("waiting", True)]
        await erasure.ask_at_once(session, by=boss.actor, account_id=someone.account_id)  # twice is once
        change = text("UPDATE erasures SET state = :state WHERE account_id = :id")
        await session.execute(change, {"id": someone.account_id, "state": "purging"})
        await erasure.ask_at_once(session, by=boss.actor, account_id=someone.account_id)
        await session.execute(change, {"id": someone.account_id, "state": "cancelled"})


async def test_signing_out_by_the_command_line_is_noted_and_told(boss: Person, someone: Person, other: Person):
    assert studio("sign-out", someone.email).stdout == "1 session ended.\n"
    assert (await acts(boss, someone.account_id))[0].action == "account.sessions_revoked"
    assert [row.template for row in await rows_of(someone.email)] == ["welcome", "sessions_revoked"]
    assert studio("sign-out", "--all").returncode == 0
    assert [row.template for row in await rows_of(someone.email)] == ["welcome", "sessions_revoked"]
    assert [row.template for row in await rows_of(other.email)] == ["welcome", "sessions_revoked"]
    async with transaction(SYSTEM) as session:
        live = "SELECT count(*) FROM sessions WHERE account_id IS NOT NULL AND revoked_at IS NULL"
        assert await session.scalar(text(live)) == 0


async def test_while_new_work_is_paused_nothing_is_taken_what_waits_may_be_cancelled_and_then_it_goes_on(
    boss: Person, someone: Person
):
    sent = await submitted(someone, image(count=2))
    async with transaction(SYSTEM) as session:
        with pytest.raises(NotFound):
            await pause.hold(session, by=someone.actor)
        await session.execute(
            text("UPDATE generations SET due_at = studio_now() + interval '1 hour' WHERE account_id <> :id"),
            {"id": someone.account_id},
        )
        for _ in range(2):  # twice is once
            await pause.hold(session, by=boss.actor)
        assert await attempts.claim(session, worker_lock=1, concurrency={}) is None
    async with transaction(someone.actor) as session:
        assert await pause.paused(session)
        await generations.cancel(session, actor=someone.actor, generation_id=sent.generation_ids[0])
    async with transaction(SYSTEM) as session:
        await pause.go_on(session, by=boss.actor)
        work = await attempts.claim(session, worker_lock=1, concurrency={})
        assert work is not None
        assert work.id == sent.generation_ids[1]
        assert not await pause.paused(session)
        noted = await session.scalars(
            text("SELECT action FROM audit_entries WHERE subject = 'work' ORDER BY id DESC LIMIT 2")
        )
        assert list(noted) == ["work.resume", "work.pause"]


async def test_an_alarm_reaches_whoever_is_an_operator_once(settings, boss: Person, monkeypatch: pytest.MonkeyPatch):
    named = replace(settings, operators=(OPERATOR, "second@example.org"))
    monkeypatch.setattr(operators, "settings", lambda: named)
    monkeypatch.setattr(alarms, "settings", lambda: named)
    key = uuid4().hex
    async with transaction(SYSTEM) as session:
        told = [await alarms.tell(session, key=key, title="Late", what="Look.", link="/operator") for _ in range(2)]
    assert told == [2, 0]
    monkeypatch.setattr(alarms, "settings", lambda: replace(settings, operators=()))
    async with transaction(SYSTEM) as session:
        assert OPERATOR in await alarms.addresses(session), "an operator's account is told, whatever the settings name"


def test_an_actor_is_enough_to_be_refused():
    """`by=None` is the command line, so no web handler may ever pass it on."""
    import inspect

    from studio.services import restriction

    for call in (restriction.restrict, restriction.unrestrict, operator_work.reverse, operator_people.invite):
        assert inspect.signature(call).parameters["by"].default is inspect.Parameter.empty
    assert Actor(account_id=uuid4()).account_id
