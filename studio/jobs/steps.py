"""Jobs that talk to the provider: claim (transaction) → call (none open) → record (transaction).

Any of these may be killed at any line. What the rows say is enough to go on: see `studio.services.attempts`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.errors import StudioError
from studio.jobs import series
from studio.jobs.provider import SharedLimiter
from studio.jobs.saving import Saved, save
from studio.runtime import storage
from studio.services import asked_back, assets, attempts, purge
from studio.services.attempts import Work
from studio.services.byteplus import catalog
from studio.services.byteplus.client import ImageRequest, ModelArkClient, Picture, TaskView, VideoRequest
from studio.services.byteplus.errors import LinkExpired, OutcomeUnknown, ProviderError, TaskNotFound, TaskRunning
from studio.services.byteplus.params import ImageParams, VideoParams
from studio.services.erasure import PURGE
from studio.services.eventlog import WRITER

MOST_TRIES = 3
SAVE_LEASE = 120.0
POLL_LEASE = 30.0
log = logging.getLogger("studio")


class Worker:
    """What the jobs of one worker process share. `lock` names the advisory lock it holds while it lives."""

    def __init__(self, *, lock: int, client: ModelArkClient, limiter: SharedLimiter) -> None:
        self.lock, self.client, self.limiter = lock, client, limiter
        self.concurrency = attempts.provider_concurrency(settings().ark_tier)

    # Sending

    async def run_next(self) -> None:
        """Send the next queued row of all accounts, if there is one and the provider has room."""
        async with transaction(SYSTEM) as session:
            work = await attempts.claim(session, worker_lock=self.lock, concurrency=self.concurrency)
        if work is None:
            return
        problem: StudioError | None = None
        pictures: Sequence[tuple[str, Picture]] = ()
        try:
            pictures = [(role, Picture(data=await _read(key), media_type=mime)) for role, key, mime in work.inputs]
        except StudioError as error:
            problem = error
        await self._wait_for_room(work)
        if isinstance(work.params, ImageParams) and work.params.series:
            await series.send(self, work, pictures, problem)
            return
        async with transaction(SYSTEM) as session:
            attempt_id = await attempts.begin(session, work=work, worker_lock=self.lock)
        if attempt_id is None:
            return
        work = replace(work, attempt_id=attempt_id, state="submitting")
        if problem is not None:
            await self.fail(work, problem)
            return
        await self._post(work, attempt_id, pictures)

    async def _wait_for_room(self, work: Work) -> None:
        await self.limiter.wait(f"POST:{work.params.model}")
        if work.kind == "image":
            asked = work.params.count if isinstance(work.params, ImageParams) and work.params.series else 1
            await self.limiter.wait(f"IPM:{work.params.model}:{asked}")

    async def _post(self, work: Work, attempt_id: UUID, pictures: Sequence[tuple[str, Picture]]) -> None:
        """The one POST of an attempt. Whatever happens after it leaves is recorded, or becomes `unknown`."""
        try:
            if isinstance(work.params, ImageParams):
                await self._post_image(work, attempt_id, pictures)
            else:
                await self._post_video(work, attempt_id, pictures)
        except OutcomeUnknown:
            async with transaction(SYSTEM) as session:
                await attempts.lost_touch(session, attempt_id=attempt_id)
        except ProviderError as error:
            await self.refused([work], error)
        except StudioError as error:  # the catalogue refused it: nothing was sent
            await self.fail(work, error)
        except BaseException:
            # A fault of ours after the POST may have left: the row must not stay `submitting` under a live worker.
            async with transaction(SYSTEM) as session:
                await attempts.lost_touch(session, attempt_id=attempt_id)
            raise

    async def refused(self, works: Sequence[Work], error: ProviderError) -> None:
        """The provider took nothing: what was refused because it is busy waits, the rest has failed."""
        tries = works[0].tries
        if error.retryable != "backoff" or tries + 1 >= MOST_TRIES:
            for work in works:
                await self.fail(work, error)
            return
        wait = min(error.retry_after or 10 * 3**tries, 120) * random.uniform(1, 1.25)  # noqa: S311  # jitter
        async with transaction(SYSTEM) as session:
            for work in works:
                await attempts.refused_for_now(session, work=work, wait_seconds=wait)

    async def _post_image(self, work: Work, attempt_id: UUID, pictures: Sequence[tuple[str, Picture]]) -> None:
        params = work.params
        assert isinstance(params, ImageParams)
        answer = await self.client.generate_image(
            ImageRequest(
                params=replace(params, count=1),
                attempt_id=str(attempt_id),
                references=tuple(picture for _, picture in pictures),
            )
        )
        item = answer.items[0]
        if item.url is None:
            await self.fail(work, item.error or ProviderError())
            return
        async with transaction(SYSTEM) as session:
            made = await attempts.made(
                session, attempt_id=attempt_id, result={"url": item.url, "usage": dict(answer.usage or {})}
            )
        if made is not None:
            await self.save_one(made)

    async def _post_video(self, work: Work, attempt_id: UUID, pictures: Sequence[tuple[str, Picture]]) -> None:
        params = work.params
        assert isinstance(params, VideoParams)
        of = {role: picture for role, picture in pictures if role != "reference"}
        task_id = await self.client.create_task(
            VideoRequest(
                params=params,
                attempt_id=str(attempt_id),
                safety_identifier=attempts.tag(attempt_id),
                first_frame=of.get("first_frame"),
                last_frame=of.get("last_frame"),
                draft_task_id=work.draft_task_id,
                references=tuple(picture for role, picture in pictures if role == "reference"),
            )
        )
        async with transaction(SYSTEM) as session:
            await attempts.accepted_task(session, attempt_id=attempt_id, task_id=task_id)

    async def fail(self, work: Work, error: StudioError, *, state: str = "failed") -> None:
        title = getattr(error, "title", "It did not work")
        async with transaction(SYSTEM) as session:
            await attempts.failed(session, work=work, code=error.code, title=title, message=error.message, state=state)

    # Looking after what was sent

    async def sweep(self) -> None:
        """Everything that is due: rows of dead workers, running tasks, unsaved results, unknown outcomes."""
        async with transaction(SYSTEM) as session:
            await attempts.abandon_dead_workers(session)
        await self._each("running", POLL_LEASE, self._poll)
        await self._each("storing", SAVE_LEASE, self._save)
        await self._each("unknown", 60.0, self._reconcile)
        async with transaction(SYSTEM) as session:
            await attempts.wake(session, times=4)

    async def _each(self, state: str, lease: float, look: Callable[[Work], Awaitable[None]]) -> None:
        async with transaction(SYSTEM) as session:
            works = await attempts.due(session, state=state, worker_lock=self.lock, lease_seconds=lease)
        results = await asyncio.gather(*(look(work) for work in works), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                WRITER.error(f"sweep.{state}", result)

    async def _poll(self, work: Work) -> None:
        """Ask for a running task."""
        assert work.task_id is not None
        if work.cancel_at is not None and await self._ask_back(work):
            return
        try:
            task = await self.client.get_task(work.task_id)
        except TaskNotFound:
            async with transaction(SYSTEM) as session:
                await attempts.lost_task(session, work=work)
            return
        except ProviderError:
            await self._later(work, 10.0)
            return
        await self._take(work, task)

    async def _ask_back(self, work: Work) -> bool:
        """Ask the provider to give a clip up; whether it did. It does only while the clip waits in its queue."""
        assert work.task_id is not None
        try:
            await self.client.delete_task(work.task_id)
        except TaskRunning:
            async with transaction(SYSTEM) as session:
                await asked_back.runs_on(session, work=work)
            return False
        except (ProviderError, OutcomeUnknown, TaskNotFound):
            return False  # the look at the task tells; the next one asks again
        async with transaction(SYSTEM) as session:
            return await asked_back.given_up(session, work=work)

    async def _take(self, work: Work, task: TaskView) -> None:
        """Record what the provider says of a task."""
        assert work.attempt_id is not None
        if task.status == "succeeded" and task.video_url:
            usage = {**(task.usage or {}), "service_tier": task.service_tier}
            async with transaction(SYSTEM) as session:
                made = await attempts.made(
                    session, attempt_id=work.attempt_id, result={"url": task.video_url, "usage": usage}
                )
            if made is not None:
                await self.save_one(made)
        elif task.status == "failed":
            await self.fail(work, task.error or ProviderError())
        elif task.status in ("expired", "cancelled"):
            error = ProviderError("The provider gave up on this one before it was made.", title="Not made in time")
            await self.fail(work, error, state="expired")
        else:
            await self._later(work, min(1.0 + work.tries * 0.5, 5.0))

    async def _later(self, work: Work, seconds: float) -> None:
        async with transaction(SYSTEM) as session:
            await attempts.look_again(session, work=work, seconds=seconds)

    async def _reconcile(self, work: Work) -> None:
        """A video is looked for by its tag in every list; an image cannot be looked up and is settled after 24 h."""
        assert work.attempt_id is not None
        if work.kind == "video":
            try:
                task = await self.client.find_task(safety_identifier=attempts.tag(work.attempt_id))
            except ProviderError:
                await self._later(work, 30.0)
                return
            if task is not None:
                async with transaction(SYSTEM) as session:
                    await attempts.accepted_task(session, attempt_id=work.attempt_id, task_id=task.id)
                await self._take(replace(work, task_id=task.id, state="running"), task)
                return
        async with transaction(SYSTEM) as session:
            over = await attempts.waited_long_enough(session, work=work)
        if not over:
            await self._later(work, min(5.0 * 2**work.tries, 900.0) if work.kind == "video" else 900.0)
        elif work.kind == "video":
            await self.fail(work, ProviderError("The provider never received this one.", title="Never received"))
        else:
            async with transaction(SYSTEM) as session:
                await attempts.written_off(session, work=work)

    # Saving

    async def save_one(self, generation_id: UUID) -> None:
        """Save the result of one generation now, if nobody else does."""
        async with transaction(SYSTEM) as session:
            work = await attempts.lease(
                session,
                generation_id=generation_id,
                state="storing",
                worker_lock=self.lock,
                lease_seconds=SAVE_LEASE,
            )
        if work is not None:
            await self._save(work)

    async def _save(self, work: Work) -> None:
        """Copy the bytes, check them, then say it is done. A rerun writes the same objects."""
        try:
            saved = await save(work, client=self.client, storage=storage())
        except LinkExpired:
            async with transaction(SYSTEM) as session:
                await attempts.written_off(session, work=work)
                await self._unwanted(session, work)
            return
        except StudioError as error:
            log.warning("A result could not be saved yet: %s", error.code)
            await self._later(work, min(2.0 * 2**work.tries, 600.0))
            async with transaction(SYSTEM) as session:
                await self._unwanted(session, work)
            return
        async with transaction(SYSTEM) as session:
            if not await attempts.stored(session, work=work, asset=saved.columns, charged=charge(work, saved)):
                await self._unwanted(session, work)

    async def _unwanted(self, session: AsyncSession, work: Work) -> None:
        """What was erased, alone or with its account, while its bytes were on their way: no part of it may stay."""
        if not await attempts.wants_result(session, generation_id=work.id):
            await purge.note_removals(session, keys=assets.keys_of(work.id))
            await queue.defer(session, PURGE)


def charge(work: Work, saved: Saved) -> int:
    """Micro-USD for what was made, from the usage the provider reported; never more than was held."""
    usage: dict[str, Any] = dict(work.result.get("usage") or {})
    tier = usage.pop("service_tier", None)
    price = catalog.settle_price(
        work.params,
        usage or None,
        sizes=[(saved.columns["width"], saved.columns["height"])] if work.kind == "image" else (),
        service_tier=tier,
    )
    return min(price, work.reserved_micros)


async def _read(key: str) -> bytes:
    stream = await storage().open(key)
    return b"".join([chunk async for chunk in stream])
