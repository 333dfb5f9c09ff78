"""Deleting one output or a whole batch for good: asked first, then gone from every tab, the store and the archives."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from studio.errors import Conflict, NotFound
from studio.services import journal, purge, trash
from studio.state import guard
from studio.state.guard import action
from studio.state.settings_views import files_words
from studio.state.toasts import ToastMixin
from studio.state.views import ErasingView

OUTPUT, BATCH = "output", "batch"
LAST = "Archives that list it are taken back. Nothing brings it back."


class ErasingMixin(ToastMixin, mixin=True):
    """The question before something is deleted for good, and the act."""

    erasing: ErasingView = ErasingView()  # what the open question is about; without an id it is closed

    @action
    async def ask_erase(self, what: str, ident: str):
        """Ask whether an output (by its file) or a batch is to go for good."""
        if what not in (OUTPUT, BATCH):
            return
        async with guard.work() as session:
            ids = await self._meant(session, what, ident)
        if what == BATCH:
            words = f"{files_words(len(ids))} and the prompt are deleted now. {LAST}"
            self.erasing = ErasingView(id=ident, what=what, title="Delete this batch for good?", words=words)
        else:
            words = f"The file is deleted now, and its prompt with the last output that was made from it. {LAST}"
            self.erasing = ErasingView(id=ident, what=what, title="Delete this output for good?", words=words)

    async def _meant(self, session: AsyncSession, what: str, ident: str) -> Sequence[UUID]:
        """The files that would go. Raises NotFound, and Conflict while a batch is under way."""
        known = guard.uuid(ident)
        if what == BATCH:
            if await purge.under_way(session, actor=guard.actor(), batch_id=known):
                raise Conflict("Something of this batch is still under way. Cancel it, or wait until it has ended.")
            return await purge.chosen(session, actor=guard.actor(), batch_id=known)
        found = await purge.chosen(session, actor=guard.actor(), asset_ids=[known]) if what == OUTPUT else []
        if not found:
            raise NotFound("This is gone already.")
        return found

    @action
    async def erase(self):
        """Delete what was asked about: outputs are out of reach with the answer, and a worker erases them at once."""
        asked = self.erasing
        if not asked.id:
            return
        await guard.limit("keep")
        self.erasing = ErasingView()
        async with guard.work() as session:
            ids = await self._meant(session, asked.what, asked.id)
        if asked.what == BATCH:
            await self._erase_batch(asked, ids)
        else:
            await self._out_of_reach(asked, ids)
        self._say("success", "Deleted for good")
        await self._erased(asked)

    async def _out_of_reach(self, asked: ErasingView, ids: Sequence[UUID]) -> None:
        """Put out of reach what a worker is to erase. `asked`: for pages that ask about more than outputs."""
        del asked
        async with guard.system_work() as session:
            await trash.for_good(session, actor=guard.actor(), asset_ids=ids)

    async def _erase_batch(self, asked: ErasingView, ids: Sequence[UUID]) -> None:
        """A few outputs with what failed, and the prompt. The journal comes first, so that no backup brings it back.

        Before it the outputs are put out of reach, so that what it notes goes in the end whatever happens here.
        """
        async with guard.system_work() as session:
            await trash.for_good(session, actor=guard.actor(), asset_ids=ids)
        await journal.write("batch", guard.uuid(asked.id))
        for each in ids:
            await journal.write("output", each)
        async with guard.system_work() as session:
            await purge.erase_outputs(session, actor=guard.actor(), asset_ids=ids)
            await purge.erase_rest(session, actor=guard.actor(), batch_id=guard.uuid(asked.id))

    async def _erased(self, asked: ErasingView) -> None:
        """It is gone: the page closes what showed it."""

    @action
    async def keep(self):
        """Close the question; nothing goes."""
        self.erasing = ErasingView()
