"""What a deletion leaves to others: the provider's records, many accounts at once, and a receipt that counts right."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import Conflict
from studio.jobs import erasing, orphaned
from studio.jobs.erasing import PROVIDER_TRIES, Eraser
from studio.jobs.exporting import Builder
from studio.runtime import storage
from studio.services import assets, attempts, checks, erasure, orphans, purge
from studio.services.byteplus.errors import ProviderError, ProviderUnreachable, TaskNotFound, TaskRunning
from studio.services.exports import archives, bag
from studio.services.storage import key_for
from tests.factories import Person, fresh, image, operator, person, stored_asset, submitted
from tests.jobs.test_erasing import LOCK, KilledError, leaving, over, state_of, stored


class Provider:
    """What the purge asks of the provider, and what it answers: an error for all of them, or for some."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.asked = 0
        self.down: type[ProviderError] | None = None
        self.running: set[str] = set()

    async def delete_task(self, task: str) -> None:
        self.asked += 1
        if self.down:
            raise self.down
        if task in self.running:
            raise TaskRunning
        if task in self.deleted:
            raise TaskNotFound
        self.deleted.append(task)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def eraser(settings, provider: Provider) -> AsyncIterator[Eraser]:
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM provider_removals"))
    async with transaction(SYSTEM) as alive:
        await alive.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield Eraser(lock=LOCK, client=provider)  # type: ignore[arg-type]  # the one call it makes


async def value(statement: str, **known: Any) -> Any:
    async with transaction(SYSTEM) as session:
        return await session.scalar(text(statement), known)


async def change(statement: str, **known: Any) -> None:
    async with transaction(SYSTEM) as session:
        await session.execute(text(statement), known)


async def with_tasks(who: Person, count: int) -> list[str]:
    """Outputs at the provider; the names of their records there."""
    sent = await submitted(who, image(count=count))
    tasks = [f"cgt-{each}" for each in sent.generation_ids]
    for each, task in zip(sent.generation_ids, tasks, strict=True):
        await change(
            "UPDATE generations SET state = 'running', attempt_id = gen_random_uuid(), submitted_at = studio_now(), "
            "task_id = :task WHERE id = :id",
            id=each,
            task=task,
        )
    return tasks


async def noted() -> list[str]:
    async with transaction(SYSTEM) as session:
        return list(await session.scalars(text("SELECT task_id FROM provider_removals ORDER BY task_id")))


async def due_again(who: Person) -> None:
    await change(
        "UPDATE erasures SET retry_at = studio_now() WHERE account_id = :id AND state = 'purging'", id=who.account_id
    )
    await change("UPDATE provider_removals SET due_at = studio_now()")


async def accounts_left(who: Person) -> int:
    return int(await value("SELECT count(*) FROM accounts WHERE id = :id", id=who.account_id))


async def removed_of(who: Person) -> str:
    """What the receipt says."""
    return str(
        await value(
            "SELECT data ->> 'removed' FROM mails WHERE template = 'deletion_done' AND recipient = :email",
            email=who.email,
        )
    )


async def test_a_provider_that_is_down_puts_the_purge_off_and_in_the_end_is_asked_without_the_account(
    someone: Person, eraser: Eraser, provider: Provider
):
    tasks = await with_tasks(someone, 2)
    await leaving(someone)
    await change("UPDATE generations SET task_id = 'cgt-' || id WHERE account_id = :id", id=someone.account_id)
    await over(someone)
    provider.down = ProviderUnreachable
    for turn in range(1, PROVIDER_TRIES):
        await eraser.run()
        assert (await state_of(someone), await accounts_left(someone), provider.asked) == ("purging", 1, turn)
        await due_again(someone)
    await eraser.run()
    assert await accounts_left(someone) == 0
    assert await noted() == sorted(tasks)
    asked = provider.asked
    await change("UPDATE provider_removals SET due_at = studio_now()")
    await eraser.run()
    assert provider.asked == asked + 1, "one that does not answer is not asked for each of them"
    assert not await value("SELECT count(*) FROM provider_removals WHERE due_at <= studio_now()")
    provider.down = None
    await change("UPDATE provider_removals SET due_at = studio_now()")
    await eraser.run()
    assert sorted(provider.deleted) == sorted(tasks)
    assert await noted() == []


async def test_a_record_of_what_still_runs_is_deleted_once_it_is_done(
    someone: Person, eraser: Eraser, provider: Provider
):
    tasks = await with_tasks(someone, 2)
    await leaving(someone)
    await over(someone)
    provider.running = {tasks[0]}
    await eraser.run()
    assert await accounts_left(someone) == 0
    assert (await noted(), provider.deleted) == ([tasks[0]], [tasks[1]])
    provider.running.clear()
    await change("UPDATE provider_removals SET due_at = studio_now()")
    async with transaction(SYSTEM) as session:
        assert await erasure.due(session)
    await eraser.run()
    assert (await noted(), provider.deleted) == ([], tasks[::-1])


async def test_one_output_that_is_erased_is_forgotten_by_the_provider_too(
    someone: Person, eraser: Eraser, provider: Provider
):
    (task,) = await with_tasks(someone, 1)
    await change("UPDATE generations SET state = 'storing' WHERE task_id = :task", task=task)
    async with transaction(SYSTEM) as session:
        ident = await session.scalar(text("SELECT id FROM generations WHERE task_id = :task"), {"task": task})
        work = await attempts.load(session, generation_id=ident)
        assert work is not None
        await attempts.stored(session, work=work, asset=stored_asset(work.id), charged=1)
        file = await session.scalar(text("SELECT id FROM assets WHERE generation_id = :id"), {"id": ident})
    async with transaction(SYSTEM) as session:
        assert await purge.erase_outputs(session, actor=someone.actor, asset_ids=[file]) == 1
    assert await noted() == [task]
    await eraser.run()
    assert (await noted(), provider.deleted) == ([], [task])


async def test_a_task_whose_account_went_while_it_was_sent_is_noted(
    someone: Person, eraser: Eraser, provider: Provider
):
    await with_tasks(someone, 2)
    await change(
        "UPDATE generations SET state = 'submitting', task_id = NULL WHERE account_id = :id", id=someone.account_id
    )
    async with transaction(SYSTEM) as session:
        first, second = list(
            await session.scalars(
                text("SELECT attempt_id FROM generations WHERE account_id = :id"), {"id": someone.account_id}
            )
        )
        await purge.close_holds(session, account_id=someone.account_id)
        assert not await attempts.accepted_task(session, attempt_id=first, task_id="late-1")
    await leaving(someone)
    await over(someone)
    await eraser.run()
    async with transaction(SYSTEM) as session:
        assert not await attempts.accepted_task(session, attempt_id=second, task_id="late-2")
    await eraser.run()
    assert (await noted(), provider.deleted) == ([], ["late-1", "late-2"])


async def test_an_account_with_many_files_keeps_nobody_else_waiting(eraser: Eraser, monkeypatch: pytest.MonkeyPatch):
    big, small, later = [await person() for _ in range(3)]
    held, begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    key = key_for("o", await stored(big, b"big"))
    real, purge_one = storage().delete, Eraser.purge

    async def told(self: Eraser, fired: erasure.Fired) -> None:
        await purge_one(self, fired)
        if fired.account_id == later.account_id:
            ended.set()

    async def slow(name: str) -> None:
        if name == key:
            begun.set()
            await held.wait()
        await real(name)

    monkeypatch.setattr(storage(), "delete", slow)
    monkeypatch.setattr(Eraser, "purge", told)
    for who in (big, small):
        await leaving(who)
        await over(who)
    running = asyncio.create_task(eraser.run())
    await begun.wait()
    await leaving(later)
    await over(later)
    await eraser.run()  # the next wake-up, while the first is at work; either of the two may take it up
    async with asyncio.timeout(20):
        await ended.wait()
    assert await accounts_left(later) == 0
    assert await accounts_left(big) == 1
    held.set()
    await running
    assert [await accounts_left(who) for who in (big, small)] == [0, 0]


async def test_every_end_has_come_before_the_first_file_is_deleted(eraser: Eraser, monkeypatch: pytest.MonkeyPatch):
    people = [await person() for _ in range(erasing.PURGES + 2)]
    for who in people:
        await leaving(who)
        await over(who)
    seen: list[int] = []
    real = Eraser.purge

    async def looking(self: Eraser, fired: erasure.Fired) -> None:
        seen.append(
            int(await value("SELECT count(*) FROM erasures WHERE state = 'waiting' AND due_at <= studio_now()"))
        )
        await real(self, fired)

    monkeypatch.setattr(Eraser, "purge", looking)
    await eraser.run()
    assert seen == [0] * len(people)
    assert [await accounts_left(who) for who in people] == [0] * len(people)


async def test_what_the_operator_ended_at_once_cannot_be_cancelled(someone: Person, eraser: Eraser):
    boss = await operator()
    await leaving(someone)
    async with transaction(SYSTEM) as session:
        await erasure.ask_at_once(session, by=boss.actor, account_id=someone.account_id)
    with pytest.raises(Conflict):
        async with transaction(SYSTEM) as session:
            await erasure.cancel(session, actor=someone.actor)
    assert await state_of(someone) == "waiting"
    await eraser.run()
    assert await accounts_left(someone) == 0


async def test_the_receipt_counts_what_went_before_the_purge_was_killed(
    someone: Person, eraser: Eraser, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(purge, "AT_ONCE", 1)
    for n in range(3):
        await stored(someone, b"%d" % n)
    await leaving(someone)
    await over(someone)
    real, left = storage().delete, 0

    async def dies(key: str) -> None:
        nonlocal left
        if left == 0:
            raise KilledError
        left -= 1
        await real(key)

    each = 1 + len(assets.THUMBNAILS)
    for alive in (each + 2, 0, each):  # within the second page, before it went on, and within the last
        left = alive
        with monkeypatch.context() as patch:
            patch.setattr(storage(), "delete", dies)
            with pytest.raises(KilledError):
                await Eraser(lock=LOCK, client=eraser.client).run()
        await change("UPDATE erasures SET worker_lock = NULL WHERE account_id = :id", id=someone.account_id)
    await Eraser(lock=LOCK, client=eraser.client).run()
    assert f"{3 * each} stored objects" in await removed_of(someone)
    assert await value("SELECT count(*) FROM erasures WHERE state = 'done' AND counts ? 'counted up to'") == 0


async def test_an_archive_that_was_being_listed_when_its_account_went_leaves_no_document(
    someone: Person, eraser: Eraser, monkeypatch: pytest.MonkeyPatch
):
    await stored(someone, b"listed")
    await fresh(someone)
    async with transaction(someone.actor) as session:
        export_id = await archives.request(session, actor=someone.actor)
    real = bag.save_index

    async def meanwhile(*args: Any) -> Any:
        await leaving(someone)
        await over(someone)
        await eraser.run()
        return await real(*args)

    monkeypatch.setattr(bag, "save_index", meanwhile)
    await Builder(lock=LOCK).run()
    assert await accounts_left(someone) == 0
    assert [item.key async for item in storage().list(key_for("x", export_id))] == []


async def test_a_file_that_no_row_names_for_a_day_is_told_of_and_deleted_unless_it_is_older_than_the_database(
    settings, eraser: Eraser
):
    lonely, ancient = key_for("o", uuid4()), key_for("t", uuid4(), suffix="w256")
    for key in (lonely, ancient):
        await storage().put(key, b"nobody's", content_type="image/png")
    path = storage().local_path(ancient)
    assert path is not None
    begun = await value("SELECT min(registered_at) FROM policy_versions")
    os.utime(path, (begun.timestamp() - 60,) * 2)
    found = await orphaned.look_for_orphans(seconds=0)
    assert {lonely, ancient} <= set(found.objects)
    await eraser.run()
    assert await storage().stat(lonely) is not None, "it may be on its way"
    found = await orphaned.look_for_orphans(seconds=0, old=timedelta(0))
    assert {lonely, ancient} <= set(found.objects)
    async with transaction(SYSTEM) as session:
        told = await checks.last(session, name=checks.ORPHANS)
    assert told is not None
    assert (told.ok, told.figures["removed"] >= 1) == (False, True)
    await eraser.run()
    assert await storage().stat(lonely) is None
    assert await storage().stat(ancient) is not None
    await storage().delete(ancient)


async def test_nothing_is_deleted_in_a_store_where_another_database_looked_since(settings, eraser: Eraser):
    await orphaned.look_for_orphans(seconds=0)
    lonely = key_for("o", uuid4())
    await storage().put(lonely, b"named by the other one", content_type="image/png")
    (mark,) = await orphans.marks(storage())
    theirs = key_for(orphans.MARK, uuid4())
    await storage().put(theirs, b"studio", content_type="text/plain")
    await storage().delete(mark)
    for times in (1, 2):
        found = await orphaned.look_for_orphans(seconds=0, old=timedelta(0))
        assert lonely in found.objects
        noted = await value("SELECT count(*) FROM object_removals WHERE key = :key", key=lonely)
        assert noted == (times == 2), "the store is ours alone again after a scan in which nobody else looked"
    assert await orphans.marks(storage()) != [theirs]
    await eraser.run()


async def test_very_many_files_without_a_row_are_told_of_and_none_is_deleted(settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(orphans, "MOST_REMOVED", 1)
    keys = [key_for("o", uuid4()) for _ in range(2)]
    for key in keys:
        await storage().put(key, b"nobody's", content_type="image/png")
    assert set(keys) <= set((await orphaned.look_for_orphans(seconds=0, old=timedelta(0))).objects)
    assert not await value("SELECT count(*) FROM object_removals WHERE key = ANY(:keys)", keys=keys)
    for key in keys:
        await storage().delete(key)
