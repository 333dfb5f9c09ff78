"""A series: several rows, one POST, and a picture for each row as it comes.

Each row has its own hold, attempt and outcome, so whatever ends the stream early leaves every row with an answer of its
own: made, declined, not made, or unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.db import SYSTEM, transaction
from studio.errors import StudioError
from studio.services import attempts
from studio.services import series as rows_of
from studio.services.attempts import Work
from studio.services.byteplus.client import ImageRequest, Picture
from studio.services.byteplus.errors import OutcomeUnknown, ProviderError
from studio.services.byteplus.params import ImageParams
from studio.services.byteplus.results import ImageItem

if TYPE_CHECKING:
    from studio.jobs.steps import Worker


class FewerMade(ProviderError):
    """The model made fewer pictures than the series had room for."""

    code = "fewer_made"
    title = "Not part of the series"


async def send(
    worker: Worker, work: Work, pictures: Sequence[tuple[str, Picture]], problem: StudioError | None
) -> None:
    """Send the rows of a series that wait; one that stands alone, as after a retry, goes as a single picture."""
    async with transaction(SYSTEM) as session:
        rows = list(await rows_of.begin(session, work=work, worker_lock=worker.lock))
    if not rows:
        return
    if problem is not None:
        for row in rows:
            await worker.fail(row, problem)
        return
    await _Run(worker, rows, tuple(picture for _, picture in pictures)).go()


class _Run:
    """One POST and the rows it answers for."""

    def __init__(self, worker: Worker, rows: list[Work], references: tuple[Picture, ...]) -> None:
        params = rows[0].params
        assert isinstance(params, ImageParams)
        self.worker, self.rows, self.open = worker, rows, dict(enumerate(rows))
        self.request = ImageRequest(
            params=replace(params, count=len(rows), series=len(rows) > 1),
            attempt_id=str(rows[0].attempt_id),
            references=references,
        )
        self.saving: list[asyncio.Task[None]] = []

    async def go(self) -> None:
        """Send, record what comes, and leave no row without an answer."""
        try:
            await self._stream()
        except OutcomeUnknown:
            await self._lost()
        except ProviderError as error:
            await self._refused(error)
        except StudioError as error:  # the catalogue refused it: nothing was sent
            for row in self.open.values():
                await self.worker.fail(row, error)
        except BaseException:
            await self._lost()
            raise
        finally:
            if self.saving:
                await asyncio.wait(self.saving)
        for task in self.saving:
            task.result()

    async def _stream(self) -> None:
        if len(self.rows) == 1:
            answer = await self.worker.client.generate_image(self.request)
            await self._item(replace(answer.items[0], index=0))
            return
        async with aclosing(self.worker.client.stream_images(self.request)) as steps:
            async for step in steps:
                if step.item is not None:
                    await self._item(step.item)
        for row in self.open.values():
            await self.worker.fail(row, FewerMade())

    async def _item(self, item: ImageItem) -> None:
        row = self.open.pop(item.index, None)
        if row is None:
            return  # more than was asked for: nothing of ours stands for it
        if item.url is None:
            await self.worker.fail(row, item.error or ProviderError())
            return
        assert row.attempt_id is not None
        async with transaction(SYSTEM) as session:
            made = await attempts.made(
                session, attempt_id=row.attempt_id, result={"url": item.url, "usage": {"generated_images": 1}}
            )
        if made is not None:  # saved beside the stream, which must not wait for it
            self.saving.append(asyncio.create_task(self.worker.save_one(made)))

    async def _refused(self, error: ProviderError) -> None:
        rows = list(self.open.values())
        if len(rows) == len(self.rows):
            await self.worker.refused(rows, error)
            return
        for row in rows:  # some were made, so the POST was taken: it is never sent again
            await self.worker.fail(row, error)

    async def _lost(self) -> None:
        async with transaction(SYSTEM) as session:
            for row in self.open.values():
                assert row.attempt_id is not None
                await attempts.lost_touch(session, attempt_id=row.attempt_id)
