"""The worker's part of a deletion: each step repeats without harm, so it converges however often it is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from studio.db import SYSTEM, transaction
from studio.errors import StudioError
from studio.runtime import storage
from studio.services import erasure, journal, purge
from studio.services.byteplus.client import ModelArkClient
from studio.services.byteplus.errors import ProviderError, TaskNotFound
from studio.services.erasure import PURGE, Fired
from studio.services.eventlog import WRITER
from studio.services.exports import archives

DELETERS = 8  # requests to the object store at once


class Eraser:
    """Purges for one worker process, one account at a time. `lock` names the advisory lock the worker holds."""

    def __init__(self, *, lock: int, client: ModelArkClient) -> None:
        self.lock, self.client = lock, client
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Everything whose time has come; does nothing while another job of this worker does."""
        if self._turn.locked():
            return
        async with self._turn:
            await self.remove_objects()
            while True:
                async with transaction(SYSTEM) as session:
                    fired = await erasure.fire(session, worker_lock=self.lock)
                if fired is None:
                    return
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
        removed = await self._objects(fired)
        async with transaction(SYSTEM) as session:
            await purge.finish(session, fired=fired, worker_lock=self.lock, objects=removed)

    async def _forget_at_provider(self, fired: Fired) -> None:
        """Delete the provider's records of tasks, where it lets us: it keeps none of a finished task for long."""
        async with transaction(SYSTEM) as session:
            tasks = await purge.provider_tasks(session, account_id=fired.account_id)
        for task_id in tasks:
            try:
                await self.client.delete_task(task_id)
            except TaskNotFound:
                pass
            except ProviderError as error:
                WRITER.error(PURGE, error)  # it refuses for a running one; its own retention ends it
                continue
            async with transaction(SYSTEM) as session:
                await purge.task_forgotten(session, task_id=task_id)

    async def _objects(self, fired: Fired) -> int:
        """Every object, with all versions. Returns how many were there."""
        async with transaction(SYSTEM) as session:
            exports = await purge.exports_of(session, account_id=fired.account_id)
            keys = await purge.own_objects(session, account_id=fired.account_id)
        for export_id, plan in exports:
            await archives.remove_files(storage(), export_id=export_id, plan=plan)
        count, after = await self._delete(keys), None
        while True:
            async with transaction(SYSTEM) as session:
                keys, after = await purge.object_keys(session, account_id=fired.account_id, after=after)
            if after is None:
                return count
            count += await self._delete(keys)

    async def _delete(self, keys: Sequence[str]) -> int:
        gate, found = asyncio.Semaphore(DELETERS), 0

        async def one(key: str) -> None:
            nonlocal found
            async with gate:
                found += await storage().stat(key) is not None
                await storage().delete(key)

        await asyncio.gather(*map(one, keys))
        return found

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
