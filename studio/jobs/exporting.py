"""Building archives: list once, then copy piece by piece; a kill costs the piece that was on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.runtime import storage
from studio.services.eventlog import WRITER
from studio.services.exports import archives, bag, tables
from studio.services.exports.archives import BUILD, Order
from studio.services.exports.stream import Assembler, FileDamaged
from studio.services.exports.zipmap import Member, ZipMap
from studio.services.storage import ObjectMissing, Storage, Upload, key_for

PIECE = 16 << 20  # bytes; also a part of the multipart upload
MOST_PIECES = 9_000  # of the 10,000 that S3 allows


class TakenBackError(Exception):
    """The archive was cancelled, or its account is going."""


class Builder:
    """Builds for one worker process, one archive at a time. `lock` names the advisory lock the worker holds."""

    def __init__(
        self, *, lock: int, store: Storage | None = None, piece: int = PIECE, part_bytes: int | None = None
    ) -> None:
        self.lock, self.piece = lock, piece
        self.part_bytes = part_bytes or settings().export_part_bytes
        self._store = store
        self._turn = asyncio.Lock()

    @property
    def storage(self) -> Storage:
        """Where archives go."""
        return self._store or storage()

    async def run(self) -> None:
        """Remove what is over, then build what is asked for; does nothing while another job of this worker does."""
        if self._turn.locked():
            return
        async with self._turn:
            await self.sweep()
            while True:
                async with transaction(SYSTEM) as session:
                    order = await archives.claim(session, worker_lock=self.lock)
                if order is None:
                    return
                await self._build(order)

    async def sweep(self) -> None:
        """The files of archives that expired or were taken back."""
        async with transaction(SYSTEM) as session:
            over = await archives.ended(session)
        for export_id, plan in over:
            await archives.remove_files(self.storage, export_id=export_id, plan=plan)
            async with transaction(SYSTEM) as session:
                await archives.emptied(session, export_id=export_id)

    async def _build(self, order: Order) -> None:
        plan: dict[str, Any] = {}
        try:
            plan = deepcopy(dict(order.plan or {}))
            if not plan.get("parts"):
                plan = deepcopy(dict(await self._list(order)))
            await self._copy(order, plan)
        except TakenBackError:
            async with transaction(SYSTEM) as session:
                await archives.let_go(session, order=order, worker_lock=self.lock)
            await self._leave_nothing(order, plan)
            await self.sweep()
        except FileDamaged as damaged:
            await self._begin_again(order, damaged)
        except Exception as error:  # noqa: BLE001  # recorded, and tried again later; an archive must not hold up others
            WRITER.error(BUILD, error)
            async with transaction(SYSTEM) as session:
                await archives.put_off(session, order=order, worker_lock=self.lock)
            await self._leave_nothing(order, plan)

    async def _leave_nothing(self, order: Order, plan: Mapping[str, Any]) -> None:
        """What was written for an archive that nobody waits for: its row may be gone, and named it alone."""
        async with transaction(SYSTEM) as session:
            waited_for = await archives.wanted(session, export_id=order.id)
        if not waited_for:
            await archives.remove_files(self.storage, export_id=order.id, plan=plan)

    async def _begin_again(self, order: Order, damaged: FileDamaged) -> None:
        await archives.remove_files(self.storage, export_id=order.id, plan=order.plan or {})
        async with transaction(SYSTEM) as session:
            kept = await archives.exclude(
                session, order=order, worker_lock=self.lock, key=damaged.key, reason=damaged.reason
            )
            await archives.let_go(session, order=order, worker_lock=self.lock)
        if not kept:
            await self.sweep()

    # Listing

    async def _list(self, order: Order) -> Mapping[str, Any]:
        """One moment of the database as documents in the store, and where everything will stand."""
        folder = settings().data_dir / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        await self.storage.delete_prefix(key_for("x", order.id))  # what a listing that was killed left
        async with transaction(SYSTEM) as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            rows, files = await tables.spool(session, account_id=order.account_id, folder=folder)
            picture = await tables.picture(session, account_id=order.account_id)
        bags, missing = await bag.build(
            self.storage,
            order=order,
            rows=rows,
            files=files,
            folder=folder,
            part_bytes=self.part_bytes,
            picture=picture,
        )
        index = await bag.save_index(self.storage, order, bags, folder)
        plan = {"index": index, "parts": [_part(order, n, each, self.piece) for n, each in enumerate(bags)]}
        async with transaction(SYSTEM) as session:
            if not await archives.planned(session, order=order, worker_lock=self.lock, plan=plan, missing=missing):
                raise TakenBackError
        return plan

    # Copying

    async def _copy(self, order: Order, plan: dict[str, Any]) -> None:
        members = await bag.load_index(self.storage, plan["index"], len(plan["parts"]))
        for part, listed in zip(plan["parts"], members, strict=True):
            if not part["done"]:
                await self._copy_part(order, plan, part, listed)
        async with transaction(SYSTEM) as session:
            if not await archives.finished(session, order=order, worker_lock=self.lock, plan=plan):
                raise TakenBackError
        await self._drop_documents(order)

    async def _copy_part(self, order: Order, plan: dict[str, Any], part: dict[str, Any], members: list[Member]) -> None:
        zipped = ZipMap(members)
        upload = await self._upload(order, plan, part)
        if upload is not None:
            assembler = Assembler(self.storage, zipped)
            await self._send(order, plan, part, upload, assembler, zipped)
            await upload.complete()
        part.update(done=True, token=None)
        await self._tell(order, plan, part, zipped, zipped.size)

    async def _upload(self, order: Order, plan: dict[str, Any], part: dict[str, Any]) -> Upload | None:
        """The part's upload, begun or gone on with; None when it was completed just before a kill."""
        if part["token"]:
            try:
                return await self.storage.upload(part["key"], part_size=part["chunk"], token=part["token"])
            except ObjectMissing:
                found = await self.storage.stat(part["key"])
                if found is not None and found.size == part["size"]:
                    return None
        upload = await self.storage.upload(part["key"], part_size=part["chunk"])
        part["token"] = upload.token
        async with transaction(SYSTEM) as session:
            kept = await archives.progressed(session, order=order, worker_lock=self.lock, plan=plan, files=0, size=0)
        if not kept:
            await upload.abort()
            raise TakenBackError
        return upload

    async def _send(
        self,
        order: Order,
        plan: dict[str, Any],
        part: dict[str, Any],
        upload: Upload,
        assembler: Assembler,
        zipped: ZipMap,
    ) -> None:
        """Every piece that has not arrived: the next one is read while one is on its way."""
        chunk, number = part["chunk"], await upload.arrived()
        sending: asyncio.Task[None] | None = None
        try:
            while number * chunk < zipped.size:
                data = await assembler.piece(number * chunk, (number + 1) * chunk)
                if sending is not None:
                    await sending
                    await self._tell(order, plan, part, zipped, number * chunk)
                number += 1
                sending = asyncio.create_task(upload.add(number, data))
            if sending is not None:
                await sending
        finally:
            if sending is not None and not sending.done():
                sending.cancel()
                await asyncio.wait([sending])

    async def _tell(self, order: Order, plan: dict[str, Any], part: dict[str, Any], zipped: ZipMap, size: int) -> None:
        """Record how far the archive is. Raises TakenBackError when nobody waits for it any more."""
        before = plan["parts"][: plan["parts"].index(part)]
        async with transaction(SYSTEM) as session:
            kept = await archives.progressed(
                session,
                order=order,
                worker_lock=self.lock,
                plan=plan,
                files=sum(each["files"] for each in before) + zipped.members_before(size),
                size=sum(each["size"] for each in before) + size,
            )
        if not kept:
            raise TakenBackError

    async def _drop_documents(self, order: Order) -> None:
        """The zips hold them now."""
        for suffix in ("d", "i"):
            await self.storage.delete_prefix(f"{key_for('x', order.id)}.{suffix}")


def _part(order: Order, number: int, made: bag.Bag, piece: int) -> dict[str, Any]:
    size = ZipMap(made.members()).size
    return {
        "key": key_for("x", order.id, suffix=f"z{number}"),
        "name": f"{made.name}.zip",
        "files": len(made.entries),
        "size": size,
        "chunk": max(piece, -(-size // MOST_PIECES)),
        "token": None,
        "done": False,
    }
