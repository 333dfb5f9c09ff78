"""What is selected in the Library: ids in order, or everything but some. The page only hears of those it shows."""

from __future__ import annotations

import asyncio
from uuid import UUID

from studio.errors import ValidationError
from studio.services import keeping
from studio.services.library.layout import Layout
from studio.state import guard
from studio.state.guard import action
from studio.state.library_views import GridRow
from studio.state.toasts import ToastMixin

MOST_CHOSEN = 5000  # ids that a tab holds; more than these are "everything"
FEW = 20  # exceptions that are looked for anew in a layout of any size
MODES = ("one", "range", "all", "none")


class SelectionMixin(ToastMixin, mixin=True):
    """The selection, and the output that the keyboard is on."""

    rows: list[GridRow] = []
    selected: list[str] = []  # of those that are shown
    selected_count: int = 0
    selection: str = ""  # "4 selected"

    _chosen: list[str] = []
    _everything: bool = False  # all that the filters show is selected, however many, but these
    _but: list[str] = []
    _of: int = 0  # how many the filters show
    _pivot: str = ""  # where a range starts
    _here: str = ""  # what the keyboard is on

    @action
    async def choose(self, mode: str, asset_id: str, pivot: str):
        """Select or unselect one, a range up to it, all, or none. `pivot`: where a range starts when none is set."""
        if mode not in MODES:
            return
        if mode == "none":
            self._choose([])
        elif mode == "one":
            self._choose_one(str(guard.uuid(asset_id)))
        else:
            await self._choose_many(await self._whole(), mode, asset_id, pivot)

    def _choose_one(self, asset_id: str) -> None:
        self._pivot = asset_id
        left_out = self._but if self._everything else self._chosen
        changed = [each for each in left_out if each != asset_id] + [asset_id] * (asset_id not in left_out)
        if self._everything:
            self._but = changed[-MOST_CHOSEN:]
            self._count_everything(self._of)
            self._mark()
        else:
            self._choose(changed)

    async def _choose_many(self, layout: Layout, mode: str, asset_id: str, pivot: str) -> None:
        first, last = 0, layout.count - 1
        if mode == "range":
            here = layout.place_of(guard.uuid(asset_id))
            start = layout.place_of(guard.uuid(self._pivot or pivot or asset_id))
            if here is None:
                return
            first, last = sorted((here, here if start is None else start))
            self._pivot = self._pivot or pivot
        elif layout.count > MOST_CHOSEN:
            self._choose([])
            self._everything = True
            self._count_everything(layout.count)
            self._mark()
            return
        if last - first + 1 > MOST_CHOSEN:
            self._say("info", f"The first {MOST_CHOSEN:,} of {last - first + 1:,} are selected.")
            last = first + MOST_CHOSEN - 1
        self._choose([str(each) for each in layout.ids_between(first, last)])

    async def _whole(self) -> Layout:
        """The layout of everything the filters show. Abstract: the page has it."""
        raise NotImplementedError

    def _choose(self, ids: list[str]) -> None:
        self._chosen, self._everything, self._but = ids[-MOST_CHOSEN:], False, []
        if not ids:
            self._pivot = ""
        self._count(len(self._chosen))
        self._mark()

    def _count(self, count: int) -> None:
        self.selected_count, self.selection = count, f"{count:,} selected"

    def _recount(self, layout: Layout) -> None:
        """What the filters show has changed: what was left out may be gone from there, or nothing may be left."""
        if not self._everything:
            return
        if len(self._but) <= FEW:
            self._but = [each for each in self._but if layout.place_of(UUID(each)) is not None]
        self._count_everything(layout.count)
        if not self.selected_count:
            self._choose([])

    def _count_everything(self, of: int) -> None:
        """Everything is selected, and there are so many now."""
        if self._everything:
            self._of = of
            self._count(max(0, of - len(self._but)))

    def _mark(self) -> None:
        """Tell the page which of its outputs are selected."""
        named = set(self._but if self._everything else self._chosen)
        self.selected = [t.id for row in self.rows for t in row.tiles if (t.id in named) is not self._everything]

    async def _targets(self, what: str = "", most: int = keeping.MOST) -> list[UUID]:
        """What an act is on: the selection, else the output that the keyboard is on.

        Raises:
            ValidationError: that is more than the act takes; `what` begins the sentence.
        """
        if not self._everything:
            ids = self._chosen or ([self._here] if self._here else [])
            return [UUID(each) for each in ids]
        if self.selected_count > most:  # before a list is made of them
            raise ValidationError(f"{what or 'This'} takes {most:,} outputs at a time. {self.selection}.")
        layout, but = await self._whole(), {UUID(each) for each in self._but}
        every = await asyncio.to_thread(layout.ids_between, 0, layout.count - 1)
        return [each for each in every if each not in but]
