"""A deletion: 72 hours, one winner, then nothing anywhere, however often the purge is killed."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from studio.db import SYSTEM, transaction
from studio.errors import Conflict, Restricted, ValidationError
from studio.jobs import orphaned
from studio.jobs.erasing import Eraser
from studio.jobs.exporting import Builder
from studio.runtime import journal as journal_store
from studio.runtime import storage
from studio.services import assets, checks, erasure, journal, ledger, orphans, purge, registry
from studio.services.byteplus.errors import TaskNotFound
from studio.services.erasure import HOURS
from studio.services.exports import archives
from studio.services.generations import Input
from studio.services.sessions import ReauthNeeded
from studio.services.storage import key_for
from tests.factories import Person, fresh, image, person, submitted

LOCK = 730_599_555


class Provider:
    """What the purge asks of the provider."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def delete_task(self, task: str) -> None:
        if task in self.deleted:
            raise TaskNotFound
        self.deleted.append(task)


@pytest.fixture
async def eraser(settings) -> AsyncIterator[Eraser]:
    async with transaction(SYSTEM) as alive:
        await alive.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield Eraser(lock=LOCK, client=Provider())  # type: ignore[arg-type]  # the one call it makes


async def leaving(who: Person) -> None:
    await fresh(who)
    async with transaction(SYSTEM) as session:
        await erasure.request(session, actor=who.actor, typed=who.email.upper())


async def over(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE erasures SET due_at = studio_now() WHERE account_id = :id AND state = 'waiting'"),
            {"id": who.account_id},
        )


async def stored(who: Person, canary: bytes) -> UUID:
    asset_id = uuid4()
    objects = await assets.write_objects(
        storage(), owner=asset_id, data=canary, mime="image/png", thumbnails=dict.fromkeys(assets.THUMBNAILS, canary)
    )
    async with transaction(who.actor) as session:
        await assets.add_upload(session, actor=who.actor, asset_id=asset_id, objects=objects, width=8, height=8)
    return asset_id


async def everything() -> str:
    """Every row of every table as text, the framework's own and the queue's included."""
    async with transaction(SYSTEM) as session:
        tables = await session.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace "
                "AND NOT relispartition AND has_table_privilege(oid, 'SELECT')"
            )
        )
        parts = [
            str(await session.scalar(text(f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} t")))
            for table in tables
        ]
    return "\n".join(parts)


async def all_objects() -> bytes:
    found = []
    for kind in ("o/", "t/", "p/", "x/", "j/"):
        async for item in storage().list(kind):
            async with await storage().open(item.key) as stream:
                found.append(b"".join([chunk async for chunk in stream]))
    return b"\n".join(found)


async def state_of(who: Person) -> Any:
    async with transaction(SYSTEM) as session:
        return await session.scalar(
            text("SELECT state FROM erasures WHERE account_id = :id ORDER BY asked_at DESC LIMIT 1"),
            {"id": who.account_id},
        )


async def a_life(who: Person) -> tuple[str, bytes]:
    """An account with something in every corner, each with a canary."""
    word, data = f"canary{uuid4().hex}", f"canary-bytes-{uuid4().hex}".encode()
    picture = await stored(who, data)
    waiting = await submitted(who, image(word, count=2), (Input("reference", picture),))
    async with transaction(SYSTEM) as session:  # one of them is at the provider, and a mail waits
        await session.execute(
            text(
                "UPDATE generations SET state = 'running', task_id = :task, attempt_id = gen_random_uuid() "
                "WHERE id = :id"
            ),
            {"task": f"cgt-{word}", "id": waiting.generation_ids[0]},
        )
        await session.execute(
            text("UPDATE accounts SET name = :word WHERE id = :id"), {"word": word, "id": who.account_id}
        )
        await session.execute(
            text("UPDATE workspaces SET name = :word WHERE account_id = :id"), {"word": word, "id": who.account_id}
        )
    await fresh(who)
    async with transaction(who.actor) as session:
        await archives.request(session, actor=who.actor)
    await Builder(lock=LOCK).run()
    return word, data


async def test_the_countdown_is_72_hours_of_the_databases_clock_and_needs_the_address(someone: Person):
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE sessions SET reauth_at = NULL WHERE id = :id"), {"id": someone.actor.session_id}
        )
    with pytest.raises(ReauthNeeded):
        async with transaction(SYSTEM) as session:
            await erasure.request(session, actor=someone.actor, typed=someone.email)
    await fresh(someone)
    with pytest.raises(ValidationError, match=re.escape(someone.email)):
        async with transaction(SYSTEM) as session:
            await erasure.request(session, actor=someone.actor, typed="delete")
    await leaving(someone)
    async with transaction(SYSTEM) as session:
        hours = await session.scalar(
            text("SELECT extract(epoch FROM due_at - asked_at) / 3600 FROM erasures WHERE account_id = :id"),
            {"id": someone.account_id},
        )
        assert hours == HOURS
        assert await session.scalar(
            text("SELECT count(*) FROM mails WHERE account_id = :id AND template = 'deletion_started'"),
            {"id": someone.account_id},
        )
    with pytest.raises(Conflict):
        await leaving(someone)


async def test_during_the_countdown_nothing_new_begins_and_keeping_it_undoes_that(someone: Person):
    batch = await submitted(someone, image(count=2))
    await leaving(someone)
    async with transaction(someone.actor) as session:
        assert (await ledger.budget(session, account_id=someone.account_id)).held == 0
        states = await session.scalars(
            text("SELECT state FROM generations WHERE batch_id = :id"), {"id": batch.batch_id}
        )
        assert set(states) == {"cancelled"}
    with pytest.raises(Restricted, match="going to be deleted"):
        await submitted(someone, image())
    async with transaction(SYSTEM) as session:
        await erasure.cancel(session, actor=someone.actor)
    await submitted(someone, image())
    with pytest.raises(Conflict):
        async with transaction(SYSTEM) as session:
            await erasure.cancel(session, actor=someone.actor)


async def test_it_is_never_early(someone: Person, eraser: Eraser):
    await leaving(someone)
    await eraser.run()
    assert await state_of(someone) == "waiting"
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE erasures SET due_at = studio_now() + interval '1 second' WHERE account_id = :id"),
            {"id": someone.account_id},
        )
    async with transaction(SYSTEM) as session:
        assert await erasure.fire(session, worker_lock=LOCK) is None


async def test_after_it_no_canary_is_left_anywhere_and_the_ledger_still_adds_up(
    someone: Person, other: Person, eraser: Eraser
):
    word, data = await a_life(someone)
    theirs = await stored(other, b"theirs")
    email, account = someone.email, str(someone.account_id)
    assert word in await everything()
    assert data in await all_objects()
    await leaving(someone)
    await over(someone)
    await eraser.run()
    left = await everything()
    for canary in (word, account, str(someone.actor.session_id)):
        assert canary not in left, canary
    assert data not in await all_objects()
    assert await storage().stat(key_for("o", theirs)) is not None
    async with transaction(SYSTEM) as session:
        receipt = (
            await session.execute(
                text("SELECT recipient, data FROM mails WHERE template = 'deletion_done' AND recipient = :email"),
                {"email": email},
            )
        ).one()
        assert receipt.data["signature"] == erasure.sign(UUID(receipt.data["receipt"]), receipt.data["removed"])
        assert "files" in receipt.data["removed"]
        assert (await ledger.check(session)).ok
    assert email not in left.replace(f'"{email}"', "", 1).replace(email, "", 1), "only the receipt's address is left"
    assert [entry async for entry in journal.entries(store=journal_store()) if entry.id == someone.account_id]
    assert eraser.client.deleted == [f"cgt-{word}"]  # type: ignore[attr-defined]  # our own provider


async def test_the_same_person_comes_back_to_a_new_and_empty_account(someone: Person, eraser: Eraser):
    await stored(someone, b"old")
    await leaving(someone)
    await over(someone)
    await eraser.run()
    async with transaction(SYSTEM) as session:
        from studio.services import accounts

        again = await accounts.ensure(session, email=someone.email)
        assert again != someone.account_id
        assert not await session.scalar(text("SELECT count(*) FROM assets WHERE account_id = :id"), {"id": again})


async def test_a_request_that_came_by_mail_alone_goes_with_whoever_wrote_it(
    someone: Person, other: Person, eraser: Eraser
):
    word = f"canary{uuid4().hex}"
    async with transaction(SYSTEM) as session:
        for address in (someone.email, other.email):
            await session.execute(
                text(
                    "INSERT INTO privacy_requests (id, kind, account_id, address, note, received_at, due_at) VALUES "
                    "(gen_random_uuid(), 'access', NULL, :address, :note, studio_now(), "
                    "studio_now() + interval '1 month')"
                ),
                {"address": address, "note": word},
            )
    await leaving(someone)
    await over(someone)
    await eraser.run()
    async with transaction(SYSTEM) as session:
        left = await session.scalars(text("SELECT address FROM privacy_requests WHERE note = :word"), {"word": word})
        assert list(left) == [other.email]


class KilledError(BaseException):
    """What a kill looks like from inside."""


async def test_a_purge_that_is_killed_at_every_step_converges_with_one_receipt(
    someone: Person, eraser: Eraser, monkeypatch: pytest.MonkeyPatch
):
    await a_life(someone)
    await leaving(someone)
    await over(someone)
    steps = [
        (journal, "write"),
        (purge, "close_holds"),
        (purge, "provider_tasks"),
        (purge, "task_forgotten"),
        (purge, "exports_of"),
        (purge, "object_keys"),
        (purge, "erase_account_rows"),
        (purge, "finish"),
    ]
    for place, name in steps:
        for after in (False, True):
            real = getattr(place, name)

            async def dies(*args: Any, _real: Any = real, _after: bool = after, **kwargs: Any) -> None:
                if _after:
                    await _real(*args, **kwargs)
                raise KilledError

            with monkeypatch.context() as patch:
                patch.setattr(place, name, dies)
                with pytest.raises(KilledError):
                    await Eraser(lock=LOCK, client=eraser.client).run()
            async with transaction(SYSTEM) as session:  # its lock is gone with it
                await session.execute(
                    text("UPDATE erasures SET worker_lock = NULL WHERE account_id = :id"), {"id": someone.account_id}
                )
    await eraser.run()
    async with transaction(SYSTEM) as session:
        assert (
            await session.scalar(
                text("SELECT count(*) FROM mails WHERE template = 'deletion_done' AND recipient = :email"),
                {"email": someone.email},
            )
            == 1
        )
        assert not await session.scalar(
            text("SELECT count(*) FROM accounts WHERE id = :id"), {"id": someone.account_id}
        )


async def test_cancel_and_the_end_have_one_winner(settings):
    people = [await person() for _ in range(12)]
    for who in people:
        await leaving(who)

    async def cancelled(who: Person) -> bool:
        try:
            async with transaction(SYSTEM) as session:
                await erasure.cancel(session, actor=who.actor)
        except Conflict:
            return False
        return True

    done = asyncio.Event()

    async def fired() -> list[UUID]:
        found = []
        while True:
            async with transaction(SYSTEM) as session:
                one = await erasure.fire(session, worker_lock=LOCK)
            if one is not None:
                found.append(one.account_id)
            elif done.is_set():
                return found

    async with transaction(SYSTEM) as alive:
        await alive.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        async with transaction(SYSTEM) as session:  # some are over, some end within this moment, some do not
            await session.execute(
                text(
                    "UPDATE erasures SET due_at = studio_now() + make_interval(secs => :secs) "
                    "WHERE account_id = :id AND state = 'waiting'"
                ),
                [{"id": who.account_id, "secs": (0.0, 0.04, 60.0)[place // 4]} for place, who in enumerate(people)],
            )
        ends = asyncio.create_task(fired())
        stops = await asyncio.gather(*(cancelled(who) for who in people))
        done.set()
        burnt = set(await ends)
    kept = {who.account_id for who, won in zip(people, stops, strict=True) if won}
    mine = {who.account_id for who in people}
    assert burnt & mine | kept == mine
    assert not burnt & kept
    assert {who.account_id for who in people[:4]} <= burnt
    assert {who.account_id for who in people[8:]} <= kept


async def test_a_result_that_comes_after_the_end_is_refused_and_its_file_goes(someone: Person, eraser: Eraser):
    batch = await submitted(someone, image())
    late = batch.generation_ids[0]
    await leaving(someone)
    await over(someone)
    await eraser.run()
    objects = await assets.write_objects(
        storage(), owner=late, data=b"late", mime="image/png", thumbnails={256: b"late"}
    )
    async with transaction(SYSTEM) as session:
        from studio.services import attempts

        assert not await attempts.wants_result(session, generation_id=late)
        await purge.note_removals(session, keys=[objects["key"], *objects["thumbnails"].values()])
    await eraser.run()
    assert await storage().stat(key_for("o", late)) is None


async def test_one_output_goes_for_good_with_its_archive(someone: Person, other: Person, eraser: Eraser):
    keep, go = await stored(someone, b"keep"), await stored(someone, b"gone-" + os.urandom(8).hex().encode())
    await fresh(someone)
    async with transaction(someone.actor) as session:
        export_id = await archives.request(session, actor=someone.actor)
    await Builder(lock=LOCK).run()
    async with transaction(SYSTEM) as session:
        assert await purge.chosen(session, actor=other.actor, asset_ids=[go]) == []
        assert await purge.erase_outputs(session, actor=other.actor, asset_ids=[go]) == 0
        assert await purge.chosen(session, actor=someone.actor, asset_ids=[go]) == [go]
        assert await purge.erase_outputs(session, actor=someone.actor, asset_ids=[go]) == 1
    await eraser.run()
    await Builder(lock=LOCK).run()
    assert await storage().stat(key_for("o", go)) is None
    assert await storage().stat(key_for("t", go, suffix="w256")) is None
    assert await storage().stat(key_for("o", keep)) is not None
    async with transaction(SYSTEM) as session:
        state = await session.scalar(text("SELECT state FROM exports WHERE id = :id"), {"id": export_id})
    assert state == "revoked"
    assert [item async for item in storage().list(key_for("x", export_id))] == []


async def test_the_scan_finds_what_is_alone_in_both_directions(someone: Person, eraser: Eraser):
    lonely = key_for("o", uuid4())
    await storage().put(lonely, b"nobody's", content_type="image/png")
    lost = await stored(someone, b"lost")
    await storage().delete(key_for("o", lost))
    async with transaction(SYSTEM) as session:
        found = await orphans.scan(session, storage=storage())
    assert lonely in found.objects
    assert str(lost) in found.rows
    kept = await stored(someone, b"kept")
    async with transaction(SYSTEM) as session:
        again = await orphans.scan(session, storage=storage())
    assert not {key_for("o", kept), *(key_for("t", kept, suffix=f"w{side}") for side in assets.THUMBNAILS)} & set(
        again.objects
    )
    await storage().delete(lonely)


async def test_the_daily_scan_is_kept_and_what_was_alone_for_a_moment_is_none(
    someone: Person, monkeypatch: pytest.MonkeyPatch
):
    lonely, soon = key_for("o", uuid4()), uuid4()
    await storage().put(lonely, b"nobody's", content_type="image/png")
    objects = await assets.write_objects(storage(), owner=soon, data=b"soon", mime="image/png", thumbnails={})
    first = orphaned._rows

    async def meanwhile() -> list[str]:  # between the two looks its row is written
        with suppress(IntegrityError):
            async with transaction(someone.actor) as session:
                await assets.add_upload(session, actor=someone.actor, asset_id=soon, objects=objects, width=8, height=8)
        return await first()

    monkeypatch.setattr(orphaned, "_rows", meanwhile)
    found = await orphaned.look_for_orphans(seconds=0)
    assert lonely in found.objects
    assert key_for("o", soon) not in found.objects
    async with transaction(SYSTEM) as session:
        kept = await checks.last(session, name=checks.ORPHANS)
        assert kept is not None
        assert (kept.ok, kept.figures["objects"]) == (False, len(found.objects))
        assert not await orphans.due(session)
        await session.execute(text("DELETE FROM check_results WHERE name = 'orphans'"))
        assert await orphans.due(session)
    await storage().delete(lonely)


def test_every_table_of_a_person_is_erased_or_says_why_not():
    kept = {entity.table for entity in registry.entities() if entity.owned_by} - {
        entity.table for entity in purge._leaving()
    }
    assert kept <= {"ledger_checkpoints", "ledger_entries", "ledger_heads", "audit_entries"}
