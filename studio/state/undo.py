"""Into the trash, with the way back for as long as the message stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from studio.services import trash
from studio.state import guard
from studio.state.guard import action
from studio.state.settings_views import count_words
from studio.state.toasts import ToastMixin


class UndoMixin(ToastMixin, mixin=True):
    """What deletes on a page: everything goes to the trash first, and the last act can be undone."""

    _undo_at: datetime | None = None

    async def _throw(self, ids: Sequence[UUID]) -> None:
        """Put outputs into the trash and offer the way back."""
        async with guard.work() as session:
            gone = await trash.put(session, actor=guard.actor(), asset_ids=ids)
        self._offer_undo(gone.at, f"{count_words(gone.count, 'output')} moved to the trash")

    def _offer_undo(self, at: datetime, words: str) -> None:
        self._undo_at = at
        self._settle_undo()
        self._say("success", words, undo=True)

    def _settle_undo(self) -> None:
        """Only the last act can be undone, so only its message offers it."""
        self.toasts = [t for t in self.toasts if not t.undo]

    async def _changed(self) -> None:
        """What was kept, moved or deleted has changed: the page reads anew what it shows of it."""

    @action
    async def undo(self):
        """Bring back what the last act put into the trash."""
        at, self._undo_at = self._undo_at, None
        if at is None:
            return
        self._settle_undo()
        await guard.limit("keep")
        async with guard.work() as session:
            await trash.undo(session, actor=guard.actor(), at=at)
        self._say("success", "Restored")
        await self._changed()
