"""The Library page: a window over everything that was made. The tab holds where it is and what it shows, no more."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import reflex as rx

from studio.errors import NotFound
from studio.services import assets, feed
from studio.services.library import filters, windows
from studio.services.library.layout import Layout
from studio.state import guard
from studio.state.guard import action
from studio.state.keeping import MENUS, KeepingMixin
from studio.state.library_filters import HERE, FiltersMixin
from studio.state.library_views import GridDay, GridRow, Move, Stop, day_view, row_view, stop_views
from studio.state.studio import StudioState
from studio.state.views import Neighbours

WIDTH = 1200  # until the page says how wide it is
NARROWEST, WIDEST, SHORTEST, TALLEST = 240, 8000, 200, 4000  # pixels a page may say it has
MARGIN = 1400  # pixels of rows above and below what is seen
AHEAD = 9000  # pixels of bare rows beyond them
TOP = 120  # nearer to the top than this, new work is shown as it comes in


class LibraryState(KeepingMixin, FiltersMixin, rx.State):
    """One tab of the Library."""

    rows: list[GridRow] = []
    days: list[GridDay] = []
    bones: list[list[int]] = []  # rows without outputs: upper edge, height, widths
    low: int = 0  # which stretch the rows cover
    high: int = 0
    height: int = 0
    count: int = 0
    lines: int = 0
    stops: list[Stop] = []
    place: int = 0  # where the page starts to show
    move: Move = Move()
    loaded: bool = False
    neighbours: Neighbours = Neighbours()  # of the output that was opened last

    _width: int = 0
    _top: int = 0
    _tall: int = 900
    _anchor: str = ""  # the first output that is seen whole, and its upper edge
    _anchor_top: int = 0

    @action
    async def load(self):
        """The filters of the address, from the top unless the page comes back to them."""
        query = filters.parse(self.router.url.query).query()
        if query != self._query or not self.loaded:
            self._query, self._top = query, 0
            self.move, self.stops = Move(self.move.n + 1, 0), []
            self._choose([])
        self._anchor = ""
        await self._count_look()
        self._show_filters(windows.counted(guard.actor()))
        whole = await self._draw(beginning=True)
        self.loaded = True
        return None if whole and self.options.media else LibraryState.settle

    @action
    async def view(self, top: int, tall: int, width: int):
        """The page shows this stretch now, at this width."""
        self._width = max(NARROWEST, min(width, WIDEST))
        self._top, self._tall = max(0, min(top, 2**31)), max(SHORTEST, min(tall, TALLEST))
        await self._count_look()
        return None if await self._draw(beginning=self._top == 0) else LibraryState.settle

    @action
    async def settle(self):
        """The rest of the layout, and how many there are of each kind."""
        await self._count_look()
        facets = await self._facets()
        self._show_filters(facets)
        await self._draw(beginning=False)
        self._show_total(self.count, facets)

    @action
    async def press(self, key: str, asset_id: str):
        """A key on an output: a rating, the trash, comparing, a menu, details, the way back to the composer."""
        self._here = str(guard.uuid(asset_id))
        if key in "012345" and len(key) == 1:
            await self.rate_selected(int(key))
        elif key == "Delete":
            await self.trash_selected()
        elif key.lower() in MENUS:
            if not self.selected_count:  # the menus are on what is selected
                await self.choose("one", self._here, "")
            await self.open_menu(MENUS[key.lower()], True)
        elif key.lower() == "c":
            return await self.compare_selected()
        elif key.lower() == "i":
            return await self.open_output(self._here)
        elif key.lower() == "r":
            async with guard.work() as session:
                asset = await assets.get(session, actor=guard.actor(), asset_id=UUID(self._here))
                row = await feed.batch_of(session, actor=guard.actor(), generation_id=asset.generation_id or asset.id)
            act = StudioState.remix if key == "R" else StudioState.reuse
            return act(str(row.id))
        return None

    @action
    async def open_output(self, asset_id: str):
        """Everything about one output."""
        wanted = guard.uuid(asset_id)
        async with guard.work() as session:
            found = await windows.tiles(session, actor=guard.actor(), asset_ids=[wanted])
        if wanted not in found:
            raise NotFound("This output was deleted.")
        layout = await self._whole()
        at = layout.place_of(wanted)
        if at is not None:
            position = f"{at + 1:,} of {layout.count:,}"
            self.neighbours = Neighbours(str(wanted), position, at > 0, at < layout.count - 1)
        return StudioState.open_details(str(found[wanted].generation_id))

    @action
    async def step_output(self, asset_id: str, by: int):
        """Open the output before (-1) or after (1) one, in the order of the filters."""
        layout = await self._whole()
        at = layout.place_of(guard.uuid(asset_id))
        if by not in (-1, 1) or at is None:
            return None
        found = layout.ids_between(at + by, at + by) if at + by >= 0 else []
        return await self.open_output(str(found[0])) if found else None

    async def _count_look(self) -> None:
        """Count a look for which everything is read. A window of a layout that is kept costs little."""
        if not windows.kept(guard.actor(), self._wanted(), guard.identity().dates.zone, self._width or WIDTH):
            await guard.limit("library")

    async def _whole(self) -> Layout:
        async with guard.work() as session:
            return await windows.layout(
                session,
                actor=guard.actor(),
                wanted=self._wanted(),
                zone=guard.identity().dates.zone,
                width=self._width or WIDTH,
            )

    async def _draw(self, *, beginning: bool) -> bool:
        """Show the stretch that is seen; with `beginning` maybe only the first rows are known. False: they are."""
        async with guard.work() as session:
            layout = await windows.layout(
                session,
                actor=guard.actor(),
                wanted=self._wanted(),
                zone=guard.identity().dates.zone,
                width=self._width or WIDTH,
                beginning=beginning,
            )
            self.count = layout.count
            if layout.complete:
                self._recount(layout)
                self._show_total(layout.count, windows.counted(guard.actor()))
            if not self._width:  # rows of another width would jump when the page says its own
                return layout.complete
            self._follow_anchor(layout)
            top = max(0, min(self._top, layout.height - self._tall))
            low, high = top - MARGIN, top + self._tall + MARGIN
            lines = layout.between(low, high)
            told = await windows.tiles(
                session, actor=guard.actor(), asset_ids=[each for line in lines for each in line.ids]
            )
        dates = guard.identity().dates
        today = dates.day_of(datetime.now(UTC))
        self.rows = [row_view(line, told) for line in lines]
        self.days = [day_view(each, today, dates, counted=layout.complete) for each in layout.headings(low, high)]
        self.bones = layout.bones(top - AHEAD, top + self._tall + AHEAD)
        self.low, self.high = low, high if high < layout.height else 2**31
        self.place = top
        self._anchor_at(top)
        self._mark()
        self.height, self.lines = layout.height, layout.lines
        if layout.complete and (stops := stop_views(layout, dates)) != self.stops:  # not sent with every window
            self.stops = stops
        return layout.complete

    def _anchor_at(self, top: int) -> None:
        row = next((row for row in self.rows if row.top >= top), None)
        self._anchor, self._anchor_top = (row.tiles[0].id, row.top) if row else ("", 0)

    def _follow_anchor(self, layout: Layout) -> None:
        """Rows moved: what is seen stays where it is, unless it is the top."""
        at = layout.place_of(UUID(self._anchor)) if self._anchor and self._top > TOP else None
        by = layout.top_of(at) - self._anchor_top if at is not None else 0
        if by:
            self._top = max(0, self._top + by)
            self.move = Move(self.move.n + 1, -1, by)

    def _shown(self) -> bool:
        """Whether this tab shows the page now: nothing is read for one that does not."""
        return self.loaded and self.router.url.path.rstrip("/") == HERE

    async def _redraw(self) -> None:
        """After an act of this tab: what is said of what is seen. Where it stands follows with everybody's news."""
        await self._draw(beginning=False)

    async def _changed(self) -> None:
        if self.loaded:
            await self._redraw()

    async def _follow(self) -> None:
        """Something in the library changed."""
        if not self._shown():
            return
        facets = await self._facets()
        self._show_filters(facets)
        await self._draw(beginning=False)
