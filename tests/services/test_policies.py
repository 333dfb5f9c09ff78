"""The texts stay as they were published, and nothing takes effect before everybody was told for 14 days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from studio import config, db
from studio.config import Settings
from studio.db import SYSTEM, Actor, transaction
from studio.errors import NotFound, ValidationError
from studio.jobs import notices
from studio.legal import texts
from studio.services import accounts, mail_outbox, policies, policy_notices
from studio.services.backups import replay
from studio.services.policies import Version
from tests.conftest import Database

LINES = "kind: {kind}\nversion: {version}\nupdated: 2026-11-25\naccept: {accept}\nsummary: Less is kept.\n---\n"


def source(version: str = "1.1", *, kind: str = "privacy", accept: str = "no", body: str = "## 1. All\n\nNew.") -> str:
    return LINES.format(kind=kind, version=version, accept=accept) + body


@pytest.fixture
async def alone(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A database of its own, whose clock may be moved; nobody else is told of what is published here."""
    await db.dispose()
    url = database.fresh()
    monkeypatch.setenv("DATABASE_URL", url)
    config.settings.cache_clear()
    yield url
    await db.dispose()
    monkeypatch.undo()
    config.settings.cache_clear()


def later(url: str, **by: float) -> None:
    """Move the database's clock on."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO studio_clock VALUES (true, %s) "
            "ON CONFLICT (single) DO UPDATE SET offset_seconds = studio_clock.offset_seconds + excluded.offset_seconds",
            (timedelta(**by).total_seconds(),),
        )


async def now() -> datetime:
    async with transaction(SYSTEM) as session:
        return (await session.execute(text("SELECT studio_now()"))).scalar_one()


async def account(name: str) -> UUID:
    async with transaction(SYSTEM) as session:
        return await accounts.ensure(session, email=f"{name}@example.org")


async def publish(said: str = "", *, effective: date | None = None) -> Version:
    day = effective or policies.first_day(await now())
    async with transaction(SYSTEM) as session:
        return await policies.publish(session, source=said or source(), effective=day)


async def post(state: str = "sent", **but: str) -> None:
    """As if the postman had been round: `but` names people whose mail ended otherwise."""
    async with transaction(SYSTEM) as session:
        for ending, who in [*((ending, f"{name}@%") for name, ending in but.items()), (state, "%")]:
            await session.execute(
                text(
                    "UPDATE mails SET state = :state, ended_at = studio_now(), reason = CASE :state WHEN 'failed' THEN "
                    "'not_written' END WHERE template = 'policy_change' AND state = 'queued' AND recipient LIKE :who"
                ),
                {"state": ending, "who": who},
            )


async def version_of(kind: str = "privacy") -> tuple[str, Version | None]:
    async with transaction(SYSTEM) as session:
        found = await policies.in_force(session, kind=kind)
        return str(found.number), await policies.upcoming(session, kind=kind)


async def outcomes() -> dict[str, str]:
    async with transaction(SYSTEM) as session:
        rows = await session.execute(
            text(
                "SELECT split_part(email, '@', 1) AS name, outcome "
                "FROM policy_notices n JOIN accounts a ON a.id = n.account_id"
            )
        )
        return {row.name: row.outcome for row in rows}


async def mails() -> int:
    async with transaction(SYSTEM) as session:
        return await session.scalar(text("SELECT count(*) FROM mails WHERE template = 'policy_change'")) or 0


async def test_the_shipped_texts_are_in_force_from_the_start(alone: str):
    async with transaction(SYSTEM) as session:
        await policies.check(session)
        for shipped in texts.shipped():
            found = await policies.in_force(session, kind=shipped.kind)
            assert (found.text, found.sha256, found.first) == (shipped, shipped.sha256, True)
        assert await policy_notices.open_versions(session) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE policy_versions SET source = source || ' '", "DELETE FROM policy_versions WHERE kind = 'dpa'"]
)
def test_not_even_the_owner_changes_a_text(alone: str, statement: str):
    with psycopg.connect(alone) as owner, pytest.raises(psycopg.Error, match="a policy text never changes"):
        owner.execute(statement)  # type: ignore[arg-type]  # one of the two above


def test_a_text_that_was_changed_after_it_was_registered_stops_the_start(
    alone: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for each in texts.shipped():
        (tmp_path / each.kind).mkdir()
        (tmp_path / each.kind / f"{each.number}.md").write_text(each.source)
    (tmp_path / "terms" / "1.0.md").write_text(texts.shipped()[-1].source.replace("yours", "ours"))
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    texts.shipped.cache_clear()
    try:
        with pytest.raises(texts.TextChangedError, match=r"terms/1\.0\.md: this text was changed"):
            db.migrate(alone)
    finally:
        monkeypatch.undo()
        texts.shipped.cache_clear()
    db.migrate(alone)


@pytest.mark.parametrize("days", [-400, 0, 13])
async def test_less_than_14_days_is_refused(alone: str, days: int):
    with pytest.raises(policies.TooSoon, match="The first day it can take effect is"):
        await publish(effective=(await now()).astimezone(UTC).date() + timedelta(days=days))
    assert (await version_of())[1] is None


async def test_the_database_refuses_13_days_as_well(alone: str):
    await publish()
    for change in (
        "effective_at = published_at + interval '13 days'",
        "in_force_at = studio_now()",
        "in_force_at = effective_at, told_at = studio_now(), last_notice_at = effective_at - interval '13 days'",
    ):
        with pytest.raises(DBAPIError):
            async with transaction(SYSTEM) as session:
                await session.execute(text(f"UPDATE policy_dates SET {change} WHERE in_force_at IS NULL"))
    too_soon = text(
        "WITH v AS (INSERT INTO policy_versions (kind, major, minor, source, sha256) "
        "VALUES ('terms', 2, 0, 'x', encode(sha256('x'), 'hex'))) INSERT INTO policy_dates "
        "(kind, major, minor, announced_for, effective_at) VALUES ('terms', 2, 0, studio_now() + interval '13 days', "
        "studio_now() + interval '13 days')"
    )
    with pytest.raises(DBAPIError, match="fourteen_days"):
        async with transaction(SYSTEM) as session:
            await session.execute(too_soon)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "Expected a head"),
        (source(body=" \n"), "The text is empty"),
        (source("1"), "higher number"),
        (source("0.9"), "expected a number"),
        (source(kind="prices"), "Kind: expected one of"),
        (source(accept="maybe"), "expected yes or no"),
        (source(body="{{ nothing_like_this }}"), "cannot be filled in"),
        (source(body="{{ ''.__class__.__mro__ }}"), "cannot be filled in"),
        (source(body="x" * 200_001), "longer than"),
    ],
)
async def test_a_text_that_does_not_fit_is_refused_with_a_reason(alone: str, said: str, why: str):
    with pytest.raises((ValidationError, policies.NotNewer), match=why):
        await publish(said or "nothing")
    assert (await version_of())[1] is None


async def test_versions_follow_one_another(alone: str):
    await publish(source("1.9"))
    with pytest.raises(policies.OneAtATime):
        await publish(source("1.10"))
    await publish(source("1.1", kind="terms"))  # another document does not wait
    later(alone, days=16)
    await notices.look_after()
    assert (await version_of())[0] == "1.9"
    with pytest.raises(policies.NotNewer):
        await publish(source("1.2"))
    assert str((await publish(source("1.10"))).number) == "1.10"


async def test_everybody_is_told_once_and_then_it_takes_effect_by_itself(alone: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(policy_notices, "AT_ONCE", 2)
    for name in ("ada", "ben", "cleo", "dan", "eve"):
        await account(name)
    made = await publish()
    for _ in range(3):
        await notices.look_after()
    assert await mails() == 5
    assert set((await outcomes()).values()) == {"queued"}
    await post(ben="bounced")
    await notices.look_after()
    assert await outcomes() == {name: "bounced" if name == "ben" else "delivered" for name in await outcomes()}
    later(alone, days=13)
    await notices.look_after()
    assert await version_of() == ("1.0", (await version_of())[1])
    assert (await version_of())[1] is not None
    later(alone, days=2)
    await notices.look_after()
    number, coming = await version_of()
    assert (number, coming, await mails()) == ("1.1", None, 5)
    async with transaction(SYSTEM) as session:
        done = await policies.in_force(session, kind="privacy")
    assert done.in_force_at is not None
    assert done.last_notice_at is not None
    assert done.in_force_at - done.last_notice_at >= timedelta(days=14)
    assert (done.moves, done.effective_at) == (0, made.effective_at)


async def test_a_restore_while_people_are_being_told_tells_the_rest_again_and_blocks_nothing(alone: str):
    for name in ("ada", "ben"):
        await account(name)
    await publish()
    await notices.look_after()
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE mails SET state = 'sent', ended_at = studio_now() WHERE recipient LIKE 'ada@%'")
        )
    async with db.elsewhere(alone) as begin:
        await replay.forget(begin)
    await notices.look_after()
    assert await outcomes() == {"ada": "delivered", "ben": "queued"}
    assert await mails() == 2
    await post()
    later(alone, days=16)
    await notices.look_after()
    assert await version_of() == ("1.1", None)


async def test_while_somebody_is_not_told_the_day_moves_and_nothing_takes_effect(alone: str):
    for name in ("ada", "ben"):
        await account(name)
    made = await publish()
    await notices.look_after()
    await post(ben="failed")  # a fault of ours: it could not be written
    coming: Version | None = made
    for day in range(1, 31):
        later(alone, days=1)
        await notices.look_after()
        number, coming = await version_of()
        assert number == "1.0", day
        assert coming is not None
        assert coming.effective_at - await now() >= timedelta(days=14)
    assert (coming.announced_for, coming.moves >= 29, coming.told_at) == (made.effective_at, True, None)
    async with transaction(SYSTEM) as session:
        failed = await mail_outbox.listed(session, state="failed")
        await mail_outbox.send_again(session, mail_id=failed[0].id)
    await post()
    await notices.look_after()
    last = await now()
    later(alone, days=13, hours=23)
    await notices.look_after()
    assert (await version_of())[0] == "1.0"
    later(alone, days=1, hours=1)
    await notices.look_after()
    assert (await version_of())[0] == "1.1"
    assert await now() - last >= timedelta(days=14)


async def test_an_address_that_no_mail_reaches_is_told_by_the_banner(alone: str):
    who = await account("odd")
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE accounts SET email = 'no address' WHERE id = :id"), {"id": who})
    await publish()
    await notices.look_after()
    assert (await mails(), await outcomes()) == (0, {"no address": "unreachable"})
    async with transaction(Actor(who)) as session:
        found = await policy_notices.banner(session, actor=Actor(who))
    assert found is not None
    assert (found.title, found.version, found.in_force) == ("Privacy policy", "1.1", False)


async def test_a_banner_is_shown_until_it_is_seen_and_to_nobody_else(alone: str):
    ada, ben = Actor(await account("ada")), Actor(await account("ben"))
    await publish()
    await notices.look_after()
    for who, expected in ((ada, False), (ben, True)):
        async with transaction(ada) as session:
            if who is ada:
                await policy_notices.seen(session, actor=ada, kind="privacy", version="1.1")
        async with transaction(who) as session:
            assert (await policy_notices.banner(session, actor=who) is not None) == expected
    async with transaction(ada) as session:
        assert await session.scalar(text("SELECT count(*) FROM policy_notices")) == 1
        for nothing in ("7.7", "x", ""):
            with pytest.raises(NotFound):
                await policy_notices.seen(session, actor=ada, kind="privacy", version=nothing)


async def test_new_terms_are_accepted_where_people_are_asked(alone: str):
    ada = Actor(await account("ada"))
    await publish(source(kind="terms", accept="yes"))
    await notices.look_after()
    for _ in range(2):
        async with transaction(ada) as session:
            await policy_notices.seen(session, actor=ada, kind="terms", version="1.1", accept=True)
    async with transaction(SYSTEM) as session:
        rows = await session.execute(text("SELECT kind, version FROM agreements"))
        assert [tuple(row) for row in rows] == [("terms", "1.1")]
        assert await session.scalar(text("SELECT accepted_at IS NOT NULL FROM policy_notices"))


async def test_who_comes_after_the_publication_counts_as_told(alone: str):
    await account("ada")
    await publish()
    later(alone, minutes=1)
    new = await account("new")
    async with transaction(SYSTEM) as session:
        await policy_notices.joined(session, account_id=new)
    await notices.look_after()
    assert await outcomes() == {"ada": "queued", "new": "joined"}
    async with transaction(Actor(new)) as session:
        assert await policy_notices.banner(session, actor=Actor(new)) is None
    await post()
    later(alone, days=16)
    await notices.look_after()
    later(alone, days=16)
    await notices.look_after()
    assert (await version_of())[0] == "1.1"
