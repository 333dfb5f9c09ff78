"""A series against the simulator: one POST, a row for each picture; and clips that are asked back."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import Conflict
from studio.jobs.steps import Worker
from studio.services import generations
from studio.services.generations import Submitted
from tests.factories import Person, image, state_of, submitted, video
from tests.jobs.bench import Provider, money, row, sent, swept_until


async def series(who: Person, prompt: str, count: int = 3) -> Submitted:
    """A series in the queue."""
    return await submitted(who, replace(image(prompt, count=count), series=True))


async def states(batch: Submitted) -> list[str]:
    """The states of its rows, in their order."""
    return [await state_of(each) for each in batch.generation_ids]


async def test_a_series_is_one_request_held_at_its_worst_and_each_picture_has_its_own_place(
    someone: Person, worker: Worker, provider: Provider
):
    batch = await series(someone, "a paper boat, in three hours of the day")
    assert await money(someone) == (120_000, 0)
    await worker.run_next()
    assert await states(batch) == ["succeeded"] * 3
    assert provider.posts("a paper boat") == 1
    assert len({(await row(each)).object_key for each in batch.generation_ids}) == 3
    assert await money(someone) == (0, 120_000)
    await worker.run_next()
    assert provider.posts("a paper boat") == 1


async def test_a_declined_picture_of_a_series_leaves_its_place_and_the_others_stay(someone: Person, worker: Worker):
    batch = await series(someone, "one of them not [[sim:partial_failed=1]]")
    await worker.run_next()
    assert await states(batch) == ["succeeded", "failed", "succeeded"]
    assert (await row(batch.generation_ids[1])).error_title == "Declined by the content filter"
    assert await money(someone) == (0, 80_000)


async def test_a_series_that_stops_early_is_charged_for_what_came(someone: Person, worker: Worker):
    batch = await series(someone, "the last one breaks [[sim:fail=InternalServiceError]]")
    await worker.run_next()
    assert await states(batch) == ["succeeded", "succeeded", "failed"]
    assert await money(someone) == (0, 80_000)


async def test_a_series_whose_answer_is_lost_is_unknown_and_never_sent_twice(
    someone: Person, worker: Worker, provider: Provider
):
    batch = await series(someone, "gone on the way [[sim:lost]]")
    await worker.run_next()
    assert set(await states(batch)) == {"unknown"}
    await worker.run_next()
    await worker.sweep()
    assert provider.posts("gone on the way") == 1
    assert await money(someone) == (120_000, 0)


async def test_a_busy_provider_gets_the_whole_series_again(someone: Person, worker: Worker, provider: Provider):
    batch = await series(someone, "patient boats [[sim:429*1]]")
    await worker.run_next()
    assert await states(batch) == ["queued"] * 3
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE generations SET due_at = NULL WHERE batch_id = :id"), {"id": batch.batch_id})
    await worker.run_next()
    assert await states(batch) == ["succeeded"] * 3
    assert provider.posts("patient boats") == 1


async def test_a_cancelled_place_is_left_out_and_a_retry_makes_it_alone(
    someone: Person, worker: Worker, provider: Provider
):
    batch = await series(someone, "two boats then one")
    async with transaction(someone.actor) as session:
        await generations.cancel(session, actor=someone.actor, generation_id=batch.generation_ids[1])
    await worker.run_next()
    assert await states(batch) == ["succeeded", "cancelled", "succeeded"]
    async with transaction(someone.actor) as session:
        again = await generations.retry(session, actor=someone.actor, generation_id=batch.generation_ids[1])
    await worker.run_next()
    assert await state_of(again) == "succeeded"
    assert provider.posts("two boats then one") == 2
    assert await money(someone) == (0, 120_000)


async def ask_back(who: Person, generation_id: UUID) -> bool:
    """Cancel an output."""
    async with transaction(who.actor) as session:
        return await generations.cancel(session, actor=who.actor, generation_id=generation_id)


async def test_a_clip_that_waits_at_the_provider_is_given_up_and_not_charged(someone: Person, worker: Worker):
    made = await sent(someone, video("still in their line [[sim:queue=60]]"))
    await worker.run_next()
    assert not await ask_back(someone, made), "the worker asks, so it is not known yet"
    await swept_until(worker, made, "cancelled", "succeeded")
    assert await state_of(made) == "cancelled"
    assert await money(someone) == (0, 0)


async def test_a_clip_that_renders_runs_on_and_says_so(someone: Person, worker: Worker, provider: Provider):
    made = await sent(someone, video("too late to stop [[sim:hold]]"))
    await worker.run_next()
    for _ in range(3):
        await ask_back(someone, made)
        async with transaction(SYSTEM) as session:
            await session.execute(text("UPDATE generations SET due_at = NULL WHERE id = :id"), {"id": made})
        await worker.sweep()
        if (await row(made)).error_code == "runs_on":
            break
    found = await row(made)
    assert (found.state, found.error_code, found.cancel_at) == ("running", "runs_on", None)
    with pytest.raises(Conflict, match="runs on and is billed"):
        await ask_back(someone, made)
    provider.ask("/_sim/release", {})
    await swept_until(worker, made, "succeeded", "failed")
    assert (await row(made)).charged_micros > 0


async def test_a_picture_that_was_sent_cannot_be_asked_back(someone: Person, worker: Worker):
    made = await sent(someone, image("sent already [[sim:lost]]"))
    await worker.run_next()
    with pytest.raises(Conflict, match="runs on and is billed"):
        await ask_back(someone, made)
