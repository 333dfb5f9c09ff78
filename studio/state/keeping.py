"""What a person does with the outputs they selected: rate, label, move, trash, restore, erase, download."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import reflex as rx
from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import labels, moving, purge, ratings, selections, trash
from studio.state import guard
from studio.state.erasing import LAST, ErasingMixin
from studio.state.guard import action
from studio.state.keeping_views import LabelView
from studio.state.selection import SelectionMixin
from studio.state.settings_views import count_words
from studio.state.undo import UndoMixin
from studio.state.views import ErasingView

SELECTED = "selected"
MENUS = {"l": "label", "m": "move"}  # keys, and the menus of the selection that they open
MOST_COMPARED = 4
MOST_ERASED = 5000  # each has its own entry in the journal before it goes


def label_view(label: labels.Label, *, on: bool = False) -> LabelView:
    """A label as a chip or a line shows it."""
    count = count_words(label.count, "output")
    return LabelView(id=str(label.id), name=label.name, color=label.color, count=count, on=on)


class KeepingMixin(SelectionMixin, UndoMixin, ErasingMixin, mixin=True):
    """Acts on what is selected, or on the output the keyboard is on. The page reads anew in `_changed`."""

    labels: list[LabelView] = []
    menu: str = ""  # which menu of the selection is open

    def _choose(self, ids: list[str]) -> None:
        super()._choose(ids)
        if not ids:  # a menu goes with what it was on, and does not spring open on the next
            self.menu = ""

    async def _read_labels(self) -> None:
        """All labels, for the menus that offer them."""
        async with guard.work() as session:
            found = await labels.listed(session, actor=guard.actor())
        self.labels = [label_view(each) for each in found]

    @action
    async def rate_selected(self, value: int):
        """1 to 5 stars on everything selected, or 0 for none."""
        await guard.limit("keep")
        ids = await self._targets()
        async with guard.work() as session:
            count = await ratings.rate(session, actor=guard.actor(), asset_ids=ids, stars=value)
        if count:
            if count > 1:  # one shows it on its tile; of many, most are out of sight
                words = f"{value} of 5" if value else "no rating any more"
                self._say("success", f"{count_words(count, 'output')}: {words}")
            await self._changed()

    @action
    async def label_selected(self, label_id: str, on: bool):
        """Put a label on everything selected, or take it off."""
        await guard.limit("keep")
        known, ids = guard.uuid(label_id), await self._targets()
        async with guard.work() as session:
            act = labels.put_on if on else labels.take_off
            await act(session, actor=guard.actor(), label_id=known, asset_ids=ids)
        await self._read_labels()
        await self._changed()

    @action
    async def new_label_selected(self, form: dict):
        """A label of the name that was typed, on everything selected. `form`: {"label": its name}."""
        await guard.limit("keep")
        name, ids = form.get("label", ""), await self._targets()
        async with guard.work() as session:
            made = await labels.create(session, actor=guard.actor(), name=name if isinstance(name, str) else "")
            await labels.put_on(session, actor=guard.actor(), label_id=made, asset_ids=ids)
        await self._read_labels()
        await self._changed()

    @action
    async def open_menu(self, name: str, on: bool):
        """Open a menu of the selection, with what it offers as it is now; or close it."""
        if name not in MENUS.values():
            return
        if on and name == "label":
            await self._read_labels()
        self.menu = name if on else ""

    @action
    async def compare_selected(self):
        """Two to four side by side."""
        ids = [] if self.selected_count > MOST_COMPARED else await self._targets()
        if not 2 <= len(ids) <= MOST_COMPARED:
            self._say("info", "Select two to four outputs to compare them.")
            return None
        return rx.redirect(f"/compare?ids={','.join(map(str, ids))}")

    @action
    async def move_selected(self, workspace_id: str):
        """Everything selected into another workspace."""
        await guard.limit("keep")
        to, ids = guard.uuid(workspace_id), await self._targets()
        async with guard.work() as session:
            count = await moving.move(session, actor=guard.actor(), asset_ids=ids, workspace_id=to)
        self.menu = ""
        if count:
            self._say("success", f"{count_words(count, 'output')} moved")
            await self._changed()

    @action
    async def trash_selected(self):
        """Everything selected into the trash, with the way back."""
        await guard.limit("keep")
        if ids := await self._targets():
            await self._throw(ids)
            self._choose([])
            await self._changed()

    @action
    async def restore_selected(self):
        """Everything selected out of the trash."""
        await guard.limit("keep")
        ids = await self._targets()
        if not ids:
            return
        async with guard.work() as session:
            count = await trash.restore(session, actor=guard.actor(), asset_ids=ids)
        self._choose([])
        self._say("success", f"{count_words(count, 'output')} restored")
        await self._changed()

    @action
    async def erase_selected_asked(self):
        """Ask whether everything selected is to go for good."""
        async with guard.work() as session:
            ids = await self._meant(session, SELECTED, SELECTED)
        if ids:
            if self._everything:  # what comes in after the question does not go with it
                self._choose([str(each) for each in ids])
            words = f"{count_words(len(ids), 'file')} and what is known of them are deleted now. {LAST}"
            title = f"Delete {count_words(len(ids), 'output')} for good?"
            self.erasing = ErasingView(id=SELECTED, what=SELECTED, title=title, words=words)

    async def _meant(self, session: AsyncSession, what: str, ident: str) -> Sequence[UUID]:
        if what == SELECTED:
            named = await self._targets("Deleting for good", MOST_ERASED)
            return await purge.chosen(session, actor=guard.actor(), asset_ids=named)
        return await super()._meant(session, what, ident)

    async def _erased(self, asked: ErasingView) -> None:
        if asked.what == SELECTED:
            self._choose([])
        await self._changed()

    @action
    async def download_selected(self):
        """Everything selected as a zip that the browser fetches."""
        await guard.limit("zip")
        ids = await self._targets("A download", selections.MOST)
        async with guard.work() as session:
            made = await selections.pick(session, actor=guard.actor(), asset_ids=ids)
        return rx.download(url=f"/zip/{made}")
