"""The worker's steps against the simulator: every way an answer can come, be late, be lost or not be kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.jobs import steps
from studio.jobs.steps import Worker
from studio.runtime import storage
from studio.services import attempts, generations, lineage, purge
from studio.services.byteplus.client import ModelArkClient
from studio.services.byteplus.params import VideoParams
from studio.services.storage import StorageUnavailable, key_for
from tests.factories import Person, image, state_of, submitted, video
from tests.jobs.bench import LOCK, Provider, due_now, money, row, sent, swept_until
from tests.system import free_port

SEEDANCE_2_5 = "dreamina-seedance-2-5-260628"


async def test_a_picture_is_made_checked_stored_and_charged_once(someone: Person, worker: Worker, provider: Provider):
    made = await sent(someone, image("a jetty in the rain"))
    await worker.run_next()
    found = await row(made)
    assert (found.state, found.charged_micros) == ("succeeded", 40_000)
    stream = await storage().open(found.object_key)
    assert hashlib.sha256(b"".join([part async for part in stream])).hexdigest() == found.sha256
    assert found.result is None, "the provider's link is not kept"
    assert await money(someone) == (0, 40_000)
    await worker.run_next()
    await worker.sweep()
    assert provider.posts("a jetty in the rain") == 1
    assert await money(someone) == (0, 40_000)


async def test_of_several_pictures_one_may_fail_and_only_the_others_are_charged(someone: Person, worker: Worker):
    batch = await submitted(someone, image("three [[sim:refuse=InputTextSensitiveContentDetected*1]]", count=3))
    for _ in range(3):
        await worker.run_next()
    states = sorted([await state_of(each) for each in batch.generation_ids])
    assert states == ["failed", "succeeded", "succeeded"]
    assert await money(someone) == (0, 80_000)


async def test_a_clip_is_followed_until_it_is_there(someone: Person, worker: Worker, provider: Provider):
    made = await sent(someone, video("a ferry leaves"))
    await worker.run_next()
    assert await state_of(made) == "running"
    await swept_until(worker, made, "succeeded", "failed")
    found = await row(made)
    assert found.state == "succeeded"
    assert 0 < found.charged_micros <= found.reserved_micros
    assert await money(someone) == (0, found.charged_micros)
    assert provider.posts("a ferry leaves") == 1


async def test_a_draft_is_rendered_again_from_the_providers_own_record(someone: Person, worker: Worker):
    asked = replace(video("a ferry leaves", model=SEEDANCE_2_5), draft=True, duration=4)
    draft = await row(await made_of(worker, someone, asked))
    async with transaction(someone.actor) as session:
        final = (await generations.draft(session, actor=someone.actor, asset_id=draft.asset)).params
    given = generations.Input("draft", draft.asset)
    found = await row(await made_of(worker, someone, final, given))
    assert (found.state, found.width, found.height) == ("succeeded", 1920, 1080)
    async with transaction(someone.actor) as session:
        line = await lineage.of(session, actor=someone.actor, asset_id=found.asset)
    assert [step.id for step in line.steps] == [draft.asset, found.asset]
    assert line.so_far_micros == draft.charged_micros + found.charged_micros


async def test_a_draft_that_is_deleted_before_the_final_clip_is_sent_costs_nothing(someone: Person, worker: Worker):
    draft = await row(await made_of(worker, someone, replace(video(model=SEEDANCE_2_5), draft=True, duration=4)))
    async with transaction(someone.actor) as session:
        final = (await generations.draft(session, actor=someone.actor, asset_id=draft.asset)).params
    sent = await submitted(someone, final, (generations.Input("draft", draft.asset),))
    async with transaction(SYSTEM) as session:
        await purge.erase_outputs(session, actor=someone.actor, asset_ids=[draft.asset])
    await worker.run_next()
    found = await row(sent.generation_ids[0])
    assert (found.state, found.charged_micros) == ("failed", 0)
    assert found.error_message == "The draft is gone, so it cannot be made final. Send its prompt as a new request."


async def made_of(worker: Worker, who: Person, params: VideoParams, *inputs: generations.Input) -> UUID:
    """One clip, sent and followed to its end."""
    sent = await submitted(who, params, inputs)
    await worker.run_next()
    await swept_until(worker, sent.generation_ids[0], "succeeded", "failed")
    return sent.generation_ids[0]


@pytest.mark.parametrize(
    ("tag", "state", "title"),
    [
        ("expired", "expired", "Not made in time"),
        ("fail=OutputVideoSensitiveContentDetected", "failed", "Declined by the content filter"),
    ],
)
async def test_a_task_that_ends_without_a_clip_is_not_charged(
    someone: Person, worker: Worker, tag: str, state: str, title: str
):
    made = await sent(someone, video(f"nothing comes [[sim:{tag}]]"))
    await worker.run_next()
    await swept_until(worker, made, "succeeded", "failed", "expired")
    found = await row(made)
    assert (found.state, found.error_title, found.charged_micros) == (state, title, 0)
    assert await money(someone) == (0, 0)


def refusals(provider: Provider, prompt: str) -> int:
    """How often a prompt was asked for, accepted or not."""
    return sum(prompt in str(post.get("prompt")) for post in provider.ask("/_sim/stats")["requests"])


async def test_a_busy_provider_is_asked_again_and_charged_once(someone: Person, worker: Worker, provider: Provider):
    made = await sent(someone, image("patience [[sim:429*2]]"))
    for _ in range(3):
        await due_now(made)
        await worker.run_next()
    assert await state_of(made) == "succeeded"
    assert provider.posts("patience") == 1
    assert await money(someone) == (0, 40_000)


async def test_a_refused_request_is_not_sent_again_before_its_time(someone: Person, worker: Worker, provider: Provider):
    made = await sent(someone, image("not yet [[sim:429]]"))
    await worker.run_next()
    found, asked = await row(made), refusals(provider, "not yet")
    assert (found.state, found.tries, found.attempt_id, found.submitted_at) == ("queued", 1, None, None)
    await worker.run_next()
    await worker.sweep()
    assert refusals(provider, "not yet") == asked
    assert await money(someone) == (40_000, 0)


async def test_after_three_refusals_it_is_given_up_and_released(someone: Person, worker: Worker, provider: Provider):
    made = await sent(someone, image("never [[sim:429]]"))
    for _ in range(5):
        await due_now(made)
        await worker.run_next()
    found = await row(made)
    assert (found.state, found.error_title) == ("failed", "The provider is busy")
    assert await money(someone) == (0, 0)
    assert refusals(provider, "never") == 3, "the page says: tried 3 times"


async def test_a_provider_that_cannot_be_reached_was_sent_nothing(someone: Person, worker: Worker):
    made = await sent(someone, image("nobody home"))
    worker.client = ModelArkClient(
        f"http://127.0.0.1:{free_port()}/api/v3", "simulator", limiter=worker.limiter, post_tries=1
    )
    await worker.run_next()
    found = await row(made)
    assert (found.state, found.tries) == ("queued", 1)
    await worker.client.aclose()


async def test_a_lost_clip_is_found_in_the_list_and_not_sent_twice(someone: Person, worker: Worker, provider: Provider):
    made = await sent(someone, video("lost and found [[sim:lost]]"))
    await worker.run_next()
    assert await state_of(made) == "unknown"
    held, _ = await money(someone)
    assert held > 0
    await swept_until(worker, made, "succeeded", "failed")
    assert (await row(made)).state == "succeeded"
    assert provider.posts("lost and found") == 1


@pytest.fixture
async def a_day_later(settings: config.Settings) -> AsyncIterator[Any]:
    """Sets the database's clock forward by 24 hours; it goes back afterwards."""
    assert settings.database_url

    async def move(hours: float) -> None:
        async with await psycopg.AsyncConnection.connect(settings.database_url or "", autocommit=True) as owner:
            await owner.execute("DELETE FROM studio_clock")
            if hours:
                await owner.execute("INSERT INTO studio_clock (offset_seconds) VALUES (%s)", (hours * 3600,))

    yield move
    await move(0)


async def test_a_clip_the_provider_never_had_is_released_after_a_day_and_not_before(
    someone: Person, worker: Worker, provider: Provider, a_day_later: Any
):
    made = await sent(someone, video("gone for good [[sim:lost]]"))
    await worker.run_next()
    provider.ask("/_sim/reset", {})
    await a_day_later(23.9)
    await due_now(made)
    await worker.sweep()
    assert await state_of(made) == "unknown"
    await a_day_later(24.1)
    await due_now(made)
    await worker.sweep()
    found = await row(made)
    assert (found.state, found.error_title, found.charged_micros) == ("failed", "Never received", 0)
    assert await money(someone) == (0, 0)


async def test_a_lost_picture_cannot_be_looked_up_and_is_charged_after_a_day(
    someone: Person, worker: Worker, provider: Provider, a_day_later: Any
):
    made = await sent(someone, image("lost picture [[sim:lost]]"))
    await worker.run_next()
    await due_now(made)
    await worker.sweep()
    assert await state_of(made) == "unknown"
    await a_day_later(24.1)
    await due_now(made)
    await worker.sweep()
    found = await row(made)
    assert (found.state, found.charged_micros) == ("settled", 40_000)
    assert await money(someone) == (0, 40_000)
    assert provider.posts("lost picture") == 1


class Down:
    """An object store that refuses everything."""

    async def put(self, *_: Any, **__: Any) -> Any:
        raise StorageUnavailable


async def test_when_the_store_is_down_the_result_waits_and_is_saved_when_it_is_back(
    someone: Person, worker: Worker, provider: Provider, monkeypatch: pytest.MonkeyPatch
):
    made = await sent(someone, image("saved later"))
    with monkeypatch.context() as patch:
        patch.setattr(steps, "storage", Down)
        await worker.run_next()
        assert await state_of(made) == "storing"
        await due_now(made)
        await worker.sweep()
        assert await state_of(made) == "storing"
    assert await money(someone) == (40_000, 0)
    await due_now(made)
    await worker.sweep()
    assert await state_of(made) == "succeeded"
    assert provider.posts("saved later") == 1
    assert await money(someone) == (0, 40_000)


async def test_of_a_result_whose_account_went_while_it_was_saved_no_part_stays(
    someone: Person, worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    class Half:
        """A store that takes the small pictures; by the time it refuses the large one, the account is gone."""

        async def put(self, key: str, *rest: Any, **more: Any) -> Any:
            if key.startswith("t/"):
                return await storage().put(key, *rest, **more)
            async with transaction(SYSTEM) as session:
                await purge.close_holds(session, account_id=someone.account_id)
                await purge.erase_account_rows(session, account_id=someone.account_id)
            raise StorageUnavailable

    made = await sent(someone, image("half of it"))
    with monkeypatch.context() as patch:
        patch.setattr(steps, "storage", Half)
        await worker.run_next()
    small = key_for("t", made, suffix="w256")
    assert await storage().stat(small) is not None
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT true FROM object_removals WHERE key = :key"), {"key": small})


async def test_a_link_that_expired_before_the_store_came_back_is_written_off(
    someone: Person, worker: Worker, provider: Provider, monkeypatch: pytest.MonkeyPatch
):
    made = await sent(someone, image("too late"))
    with monkeypatch.context() as patch:
        patch.setattr(steps, "storage", Down)
        await worker.run_next()
        assert await state_of(made) == "storing"
    provider.ask("/_sim/urls", {"ahead": 86_401})
    try:
        await due_now(made)
        await worker.sweep()
    finally:
        provider.ask("/_sim/urls", {"ahead": 0})
    found = await row(made)
    assert (found.state, found.charged_micros) == ("settled", 40_000)


@pytest.mark.parametrize("tag", ["flaky_download=1", "cut_download=1"])
async def test_a_download_that_breaks_is_made_again(someone: Person, worker: Worker, provider: Provider, tag: str):
    made = await sent(someone, image(f"broken line {tag} [[sim:{tag}]]"))
    await worker.run_next()
    await swept_until(worker, made, "succeeded", "failed", "settled")
    assert await state_of(made) == "succeeded"
    assert provider.posts(f"broken line {tag}") == 1


async def test_saving_twice_writes_the_same_objects_and_one_row(someone: Person, worker: Worker):
    made = await sent(someone, image("twice"))
    async with transaction(SYSTEM) as session:
        work = await attempts.claim(session, worker_lock=LOCK, concurrency={})
        assert work is not None
        attempt = await attempts.begin(session, work=work, worker_lock=LOCK)
    assert attempt is not None
    answer = await worker.client.generate_image(
        steps.ImageRequest(params=work.params, attempt_id=str(attempt), references=())  # type: ignore[arg-type]
    )
    async with transaction(SYSTEM) as session:
        await attempts.made(session, attempt_id=attempt, result={"url": answer.items[0].url, "usage": {}})
        storing = await attempts.load(session, generation_id=made)
    assert storing is not None
    await asyncio.gather(worker._save(storing), worker._save(storing))
    await worker._save(storing)
    async with transaction(SYSTEM) as session:
        count = await session.scalar(text("SELECT count(*) FROM assets WHERE generation_id = :id"), {"id": made})
    assert count == 1
    assert (await row(made)).object_key.endswith(made.hex)
    assert await money(someone) == (0, 40_000)
