"""The worker's part of a deletion: each step repeats without harm, so it converges however often it is killed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from studio.db import SYSTEM, transaction
from studio.errors import StudioError
from studio.runtime import storage
from studio.services import erasure, journal, provider_records, purge, trash
from studio.services.byteplus.client import ModelArkClient
from studio.services.byteplus.errors import ProviderError, TaskNotFound, TaskRunning
from studio.services.erasure import PURGE, Fired
from studio.services.eventlog import WRITER
from studio.services.exports import archives

DELETERS = 8  # requests to the object store at once
PURGES = 4  # at once: accounts with many files must not keep those with few waiting
PROVIDER_TRIES = 5  # of a purge, before it goes on without the provider's answer


class Eraser:
    """Purges for one worker process. `lock` names the advisory lock the worker holds."""

    def __init__(self, *, lock: int, client: ModelArkClient) -> None:
        self.lock, self.client = lock, client
        self._fired: deque[Fired] = deque()  # this worker's, and nobody has begun with them
        self._purging = 0
        self._turn = asyncio.Lock()  # of what is left to delete
        self._deleters = asyncio.Semaphore(DELETERS)

    async def run(self) -> None:
        """Everything whose time has come. Nobody's end waits until the files of others are gone."""
        async with transaction(SYSTEM) as session:
            fired = await erasure.fire(session, worker_lock=self.lock)
        while fired is not None:
            self._fired.append(fired)
            async with transaction(SYSTEM) as session:
                fired = await erasure.fire(session, worker_lock=self.lock)
        await asyncio.gather(self._leftovers(), *(self._purge_all() for _ in range(PURGES)))

    async def _purge_all(self) -> None:
        """One account after the other, until nobody is left; does nothing while enough others do."""
        if self._purging >= PURGES:
            return
        self._purging += 1
        try:
            while self._fired:
                await self._purge_or_put_off(self._fired.popleft())
        finally:
            self._purging -= 1

    async def _purge_or_put_off(self, fired: Fired) -> None:
        try:
            await self.purge(fired)
        except Exception as error:  # noqa: BLE001  # recorded, and gone on with later: others must not wait
            WRITER.error(PURGE, error)
            async with transaction(SYSTEM) as session:
                await erasure.put_off(session, fired=fired, worker_lock=self.lock)

    async def purge(self, fired: Fired) -> None:
        """From the journal to the receipt."""
        await journal.write("account", fired.account_id)
        async with transaction(SYSTEM) as session:
            await purge.close_holds(session, account_id=fired.account_id)
        await self._forget_at_provider(fired)
        await self._objects(fired)
        async with transaction(SYSTEM) as session:
            await purge.finish(session, fired=fired, worker_lock=self.lock)

    async def _forget_at_provider(self, fired: Fired) -> None:
        """Delete the provider's records of tasks.

        One that runs cannot be deleted yet, and a provider that does not answer must not keep the rest from being
        deleted for ever: what it still has when the rows go is noted by then, and asked for until it is gone.
        """
        async with transaction(SYSTEM) as session:
            tasks = await purge.provider_tasks(session, account_id=fired.account_id)
        for task_id in tasks:
            try:
                await self.client.delete_task(task_id)
            except TaskNotFound:
                pass
            except TaskRunning:
                continue
            except ProviderError as error:
                if fired.tries < PROVIDER_TRIES:
                    raise
                WRITER.error(PURGE, error)
                return
            async with transaction(SYSTEM) as session:
                await purge.task_forgotten(session, task_id=task_id)

    async def _objects(self, fired: Fired) -> None:
        """Every object, with all versions."""
        async with transaction(SYSTEM) as session:
            exports = await purge.exports_of(session, account_id=fired.account_id)
            keys = await purge.own_objects(session, account_id=fired.account_id)
        for export_id, plan in exports:
            await archives.remove_files(storage(), export_id=export_id, plan=plan)
        await self._page(fired, keys, upto=None)
        after: UUID | None = None
        while True:
            async with transaction(SYSTEM) as session:
                keys, after = await purge.object_keys(session, account_id=fired.account_id, after=after)
            if after is None:
                return
            await self._page(fired, keys, upto=after)

    async def _page(self, fired: Fired, keys: Sequence[str], *, upto: UUID | None) -> None:
        """Counted, then deleted: a kill in between leaves nothing out of the receipt."""
        found = sum(await asyncio.gather(*map(self._is_there, keys)))
        async with transaction(SYSTEM) as session:
            await purge.count_objects(session, fired=fired, worker_lock=self.lock, found=found, upto=upto)
        await self._delete(keys)

    async def _is_there(self, key: str) -> bool:
        async with self._deleters:
            return await storage().stat(key) is not None

    async def _delete(self, keys: Sequence[str]) -> None:
        async def one(key: str) -> None:
            async with self._deleters:
                await storage().delete(key)

        await asyncio.gather(*map(one, keys))

    async def _leftovers(self) -> None:
        """What is left of rows that are gone already; does nothing while another job of this worker does."""
        if self._turn.locked():
            return
        async with self._turn:
            try:
                await trash.erase_asked()
            except Exception as error:  # noqa: BLE001  # recorded; what is left of others must not wait for it
                WRITER.error(PURGE, error)
            await self.remove_objects()
            await self.remove_tasks()

    async def remove_objects(self) -> None:
        """Objects whose rows are gone already."""
        while True:
            async with transaction(SYSTEM) as session:
                keys = [key async for key in purge.removals(session)]
            if not keys:
                return
            try:
                await self._delete(keys)
            except StudioError as error:
                WRITER.error(PURGE, error)
                return
            async with transaction(SYSTEM) as session:
                await purge.removed(session, keys=keys)

    async def remove_tasks(self) -> None:
        """Records at the provider whose rows are gone already. One that is refused is asked for again later."""
        while True:
            async with transaction(SYSTEM) as session:
                tasks = await provider_records.due(session)
            if not tasks:
                return
            for place, task_id in enumerate(tasks):
                try:
                    await self.client.delete_task(task_id)
                except TaskNotFound:
                    pass
                except ProviderError as error:
                    silent = error.retryable != "no" or error.operator  # it answers none of them now
                    async with transaction(SYSTEM) as session:
                        await provider_records.put_off(session, task_ids=tasks[place:] if silent else [task_id])
                    if silent:
                        WRITER.error(PURGE, error)
                        break
                    continue
                async with transaction(SYSTEM) as session:
                    await provider_records.gone(session, task_id=task_id)
