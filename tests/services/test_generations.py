"""The life of a generation: each transition happens once, whoever is killed and whoever comes late."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import Conflict, NotFound, ValidationError
from studio.services import attempts, generations, ledger
from studio.services.attempts import Work
from studio.services.generations import Input
from tests.factories import VIDEO_MODEL, Person, image, person, state_of, submitted, upload, video

WORKER = 4242
NO_LIMIT: dict[str, int] = {}


@pytest.fixture(autouse=True)
async def empty_queue(settings):
    """Other tests' rows would be claimed first."""
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE generations SET worker_lock = NULL, due_at = now() + interval '1 day' WHERE state = 'queued'")
        )


async def claim(worker: int = WORKER, concurrency: dict[str, int] | None = None) -> Work | None:
    async with transaction(SYSTEM) as session:
        return await attempts.claim(session, worker_lock=worker, concurrency=concurrency or NO_LIMIT)


async def begin(work: Work, worker: int = WORKER) -> Work | None:
    async with transaction(SYSTEM) as session:
        attempt_id = await attempts.begin(session, work=work, worker_lock=worker)
    return dataclasses.replace(work, attempt_id=attempt_id, state="submitting") if attempt_id else None


async def sending(who: Person, params=None) -> Work:
    await submitted(who, params)
    work = await claim()
    assert work is not None
    begun = await begin(work)
    assert begun is not None
    return begun


async def held(who: Person) -> int:
    async with transaction(who.actor) as session:
        return (await ledger.budget(session, account_id=who.account_id)).held


def asset(work: Work) -> dict:
    return {
        "key": f"o/{work.id.hex[:2]}/{work.id.hex}",
        "mime": "image/jpeg",
        "size": 5,
        "sha256": "a" * 64,
        "crc32": 1,
        "width": 2048,
        "height": 2048,
        "duration": None,
        "thumbnails": {},
    }


async def test_a_batch_holds_the_worst_case_of_each_image_and_queues_a_job_for_each(someone: Person):
    sent = await submitted(someone, image(count=3))
    assert len(sent.generation_ids) == 3
    assert sent.held_micros == await held(someone) == 120_000
    async with transaction(SYSTEM) as session:
        jobs = await session.scalar(
            text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'generations.run' AND status = 'todo'")
        )
    assert jobs >= 3


async def test_a_refused_submit_leaves_no_row_no_hold_and_no_job(someone: Person):
    async with transaction(SYSTEM) as session:
        before = await session.scalar(text("SELECT count(*) FROM procrastinate_jobs"))
    with pytest.raises(ValidationError):
        await submitted(someone, image(prompt="  "))
    poor = await person(cap_micros=10_000)
    with pytest.raises(ledger.CapReached):
        await submitted(poor)
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == before
        left = text("SELECT count(*) FROM batches WHERE account_id = ANY(:ids)")
        assert await session.scalar(left, {"ids": [someone.account_id, poor.account_id]}) == 0


async def test_pictures_of_another_account_cannot_be_used(someone: Person, other: Person):
    theirs = await upload(other)
    with pytest.raises(NotFound):
        await submitted(someone, image(), (Input("reference", theirs),))
    mine = await upload(someone)
    sent = await submitted(someone, image(), (Input("reference", mine),))
    work = await claim()
    assert work is not None
    assert work.id == sent.generation_ids[0]
    assert [role for role, _, _ in work.inputs] == ["reference"]


async def test_the_queue_serves_accounts_in_turn_however_much_one_of_them_sent(settings):
    greedy, modest = await person(), await person()
    await submitted(greedy, image(count=6))
    await submitted(modest, image(count=2))
    order = [w.account_id for w in [await claim() for _ in range(4)] if w]
    assert Counter(order) == {greedy.account_id: 2, modest.account_id: 2}


async def test_a_model_that_is_full_at_the_provider_is_passed_over(someone: Person):
    await submitted(someone, video())
    await submitted(someone, image())
    first = await claim(concurrency={VIDEO_MODEL: 0})
    assert first is not None
    assert first.kind == "image"
    assert await claim(concurrency={VIDEO_MODEL: 0}) is None


async def test_many_workers_claim_each_row_once(someone: Person):
    sent = await submitted(someone, image(count=10))
    claimed = await asyncio.gather(*(claim(worker) for worker in range(1, 16)))
    ids = [work.id for work in claimed if work]
    assert sorted(ids) == sorted(sent.generation_ids)


async def test_only_one_of_two_racing_workers_gets_to_post(someone: Person):
    await submitted(someone)
    work = await claim()
    assert work is not None
    both = await asyncio.gather(begin(work), begin(work))
    assert sum(b is not None for b in both) == 1


async def test_cancel_and_begin_have_one_winner(someone: Person):
    for _ in range(10):
        sent = await submitted(someone)
        work = await claim()
        assert work is not None

        async def cancel(generation_id: UUID = sent.generation_ids[0]) -> None:
            async with transaction(someone.actor) as session:
                await generations.cancel(session, actor=someone.actor, generation_id=generation_id)

        cancelled, begun = await asyncio.gather(cancel(), begin(work), return_exceptions=True)
        assert isinstance(cancelled, Conflict) == (begun is not None)
        assert await state_of(work.id) in ("cancelled", "submitting")


async def test_what_was_cancelled_is_given_back_and_cannot_be_cancelled_again(someone: Person, other: Person):
    sent = await submitted(someone)
    (generation_id,) = sent.generation_ids
    with pytest.raises(NotFound):
        async with transaction(other.actor) as session:
            await generations.cancel(session, actor=other.actor, generation_id=generation_id)
    async with transaction(someone.actor) as session:
        await generations.cancel(session, actor=someone.actor, generation_id=generation_id)
    assert await held(someone) == 0
    with pytest.raises(Conflict):
        async with transaction(someone.actor) as session:
            await generations.cancel(session, actor=someone.actor, generation_id=generation_id)


async def test_a_result_is_stored_and_charged_once_however_often_it_is_recorded(someone: Person):
    work = await sending(someone)
    assert work.attempt_id is not None
    async with transaction(SYSTEM) as session:
        assert await attempts.made(session, attempt_id=work.attempt_id, result={"url": "u"}) == work.id
    for expected in (True, False):
        async with transaction(SYSTEM) as session:
            assert await attempts.stored(session, work=work, asset=asset(work), charged=40_000) is expected
    async with transaction(someone.actor) as session:
        budget = await ledger.budget(session, account_id=someone.account_id)
    assert (budget.held, budget.spent) == (0, 40_000)


async def test_a_late_answer_after_an_unknown_outcome_still_counts(someone: Person):
    work = await sending(someone)
    assert work.attempt_id is not None
    async with transaction(SYSTEM) as session:
        assert await attempts.lost_touch(session, attempt_id=work.attempt_id)
    assert await state_of(work.id) == "unknown"
    assert await held(someone) == 40_000
    async with transaction(SYSTEM) as session:
        assert await attempts.made(session, attempt_id=work.attempt_id, result={"url": "u"}) == work.id
    assert await state_of(work.id) == "storing"


async def test_an_unknown_outcome_cannot_be_retried_or_cancelled(someone: Person):
    work = await sending(someone)
    assert work.attempt_id is not None
    async with transaction(SYSTEM) as session:
        await attempts.lost_touch(session, attempt_id=work.attempt_id)
    for ask in (generations.retry, generations.cancel):
        with pytest.raises(Conflict):
            async with transaction(someone.actor) as session:
                await ask(session, actor=someone.actor, generation_id=work.id)


async def test_after_24_hours_an_unknown_image_is_settled_at_its_worst_case(someone: Person):
    work = await sending(someone)
    assert work.attempt_id is not None
    async with transaction(SYSTEM) as session:
        await attempts.lost_touch(session, attempt_id=work.attempt_id)
        assert not await attempts.waited_long_enough(session, work=work)
        await session.execute(
            text("UPDATE generations SET unknown_at = studio_now() - interval '24 hours' WHERE id = :id"),
            {"id": work.id},
        )
        assert await attempts.waited_long_enough(session, work=work)
        assert await attempts.written_off(session, work=work)
    assert await state_of(work.id) == "settled"
    async with transaction(someone.actor) as session:
        assert (await ledger.budget(session, account_id=someone.account_id)).spent == 40_000


async def test_the_operator_gives_a_written_off_charge_back_once(someone: Person):
    work = await sending(someone)
    assert work.attempt_id is not None
    async with transaction(SYSTEM) as session:
        await attempts.lost_touch(session, attempt_id=work.attempt_id)
        await attempts.written_off(session, work=work)
    async with transaction(SYSTEM) as session:
        assert await attempts.reverse(session, generation_id=work.id) == 40_000
    with pytest.raises(NotFound):
        async with transaction(SYSTEM) as session:
            await attempts.reverse(session, generation_id=work.id)
    async with transaction(someone.actor) as session:
        assert (await ledger.budget(session, account_id=someone.account_id)).spent == 0
    async with transaction(SYSTEM) as session:
        assert (await ledger.check(session)).mismatched == 0


async def test_a_dead_workers_rows_move_on_and_a_living_ones_stay(someone: Person):
    await submitted(someone, image(count=3))
    works = [await claim() for _ in range(3)]
    assert all(works)
    begun = await begin(works[0])  # type: ignore[arg-type]
    saving = await begin(works[1])  # type: ignore[arg-type]
    assert begun is not None
    assert saving is not None
    assert saving.attempt_id is not None
    async with transaction(SYSTEM) as session:
        await attempts.made(session, attempt_id=saving.attempt_id, result={"url": "u"})
    async with transaction(SYSTEM) as alive:
        await alive.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": WORKER})
        async with transaction(SYSTEM) as session:
            await attempts.abandon_dead_workers(session)
        assert [await state_of(w.id) for w in works if w] == ["submitting", "storing", "queued"]
        await alive.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": WORKER})
    async with transaction(SYSTEM) as session:
        assert await attempts.abandon_dead_workers(session) >= 3
    assert [await state_of(w.id) for w in works if w] == ["unknown", "storing", "queued"]
    again = await claim()
    assert again is not None
    assert works[2] is not None
    assert again.id == works[2].id


async def test_a_row_claimed_a_moment_before_its_worker_died_does_not_wait_out_the_lease(someone: Person):
    await submitted(someone, image())
    work = await claim()
    assert work is not None
    async with transaction(SYSTEM) as session:  # rolled back: nothing else in this database may look due meanwhile
        await session.execute(
            text(
                "UPDATE generations SET worker_lock = NULL, due_at = studio_now() + interval '1 hour' "
                "WHERE ended_at IS NULL AND id <> :id"
            ),
            {"id": work.id},
        )
        async with transaction(SYSTEM) as alive:
            await alive.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WORKER})
            assert not await attempts.sweep_due(session)
        assert await attempts.sweep_due(session)
        await session.rollback()


async def test_a_busy_provider_puts_the_row_back_with_a_later_date(someone: Person):
    work = await sending(someone)
    async with transaction(SYSTEM) as session:
        assert await attempts.refused_for_now(session, work=work, wait_seconds=30)
    assert await state_of(work.id) == "queued"
    assert await claim() is None
    assert await held(someone) == 40_000


async def test_a_retry_takes_the_old_ones_place_with_a_hold_of_its_own(someone: Person):
    work = await sending(someone)
    async with transaction(SYSTEM) as session:
        assert await attempts.failed(session, work=work, code="x", title="Declined", message="Declined.")
    assert await held(someone) == 0
    async with transaction(someone.actor) as session:
        new_id = await generations.retry(session, actor=someone.actor, generation_id=work.id)
    assert await held(someone) == 40_000
    assert await state_of(new_id) == "queued"
    with pytest.raises(Conflict):
        async with transaction(someone.actor) as session:
            await generations.retry(session, actor=someone.actor, generation_id=work.id)


async def test_every_ended_generation_has_closed_its_reservation(someone: Person):
    async with transaction(SYSTEM) as session:
        open_ones = await session.scalar(
            text(
                "SELECT count(*) FROM generations g WHERE g.ended_at IS NOT NULL AND NOT EXISTS ("
                "SELECT 1 FROM ledger_entries e WHERE e.idempotency_key = 'close:' || g.id)"
            )
        )
    assert open_ones == 0


async def test_a_generation_that_does_not_exist_is_not_found(someone: Person):
    with pytest.raises(NotFound):
        async with transaction(someone.actor) as session:
            await generations.retry(session, actor=someone.actor, generation_id=uuid4())
