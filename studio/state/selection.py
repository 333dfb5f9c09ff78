"""What is selected in the Library: ids in order, of which the page only hears those it shows."""

from __future__ import annotations

from uuid import UUID

from studio.services.library.layout import Layout
from studio.state import guard
from studio.state.guard import action
from studio.state.library_views import GridRow
from studio.state.toasts import ToastMixin

MOST_CHOSEN = 5000
MODES = ("one", "range", "all", "none")


class SelectionMixin(ToastMixin, mixin=True):
    """The selection, and the output that the keyboard is on."""

    rows: list[GridRow] = []
    selected: list[str] = []  # of those that are shown
    selected_count: int = 0
    selection: str = ""  # "4 selected"

    _chosen: list[str] = []
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
            chosen = str(guard.uuid(asset_id))
            self._pivot = chosen
            self._choose([each for each in self._chosen if each != chosen] + [chosen] * (chosen not in self._chosen))
        else:
            layout = await self._whole()
            await self._choose_many(layout, mode, asset_id, pivot)

    async def _choose_many(self, layout: Layout, mode: str, asset_id: str, pivot: str) -> None:
        first, last = 0, layout.count - 1
        if mode == "range":
            here = layout.place_of(guard.uuid(asset_id))
            start = layout.place_of(guard.uuid(self._pivot or pivot or asset_id))
            if here is None:
                return
            first, last = sorted((here, here if start is None else start))
            self._pivot = self._pivot or pivot
        if last - first + 1 > MOST_CHOSEN:
            self._say("info", f"The first {MOST_CHOSEN:,} of {last - first + 1:,} are selected.")
            last = first + MOST_CHOSEN - 1
        self._choose([str(each) for each in layout.ids_between(first, last)])

    async def _whole(self) -> Layout:
        """The layout of everything the filters show. Abstract: the page has it."""
        raise NotImplementedError

    def _choose(self, ids: list[str]) -> None:
        self._chosen = ids[-MOST_CHOSEN:]
        if not ids:
            self._pivot = ""
        self.selected_count = len(self._chosen)
        self.selection = f"{len(self._chosen):,} selected"
        self._mark()

    def _mark(self) -> None:
        """Tell the page which of its outputs are selected."""
        chosen = set(self._chosen)
        self.selected = [tile.id for row in self.rows for tile in row.tiles if tile.id in chosen]

    def _targets(self) -> list[UUID]:
        """What an act is on: the selection, else the output that the keyboard is on."""
        ids = self._chosen or ([self._here] if self._here else [])
        return [UUID(each) for each in ids]
