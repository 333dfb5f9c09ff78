"""Insert from library: the workspace's newest pictures, of which each one chosen goes into the composer."""

from __future__ import annotations

from uuid import UUID

from studio.errors import StudioError
from studio.services.library import windows
from studio.services.library.filters import MOST_TEXT, Filters, clean
from studio.state import guard
from studio.state.guard import action
from studio.state.library_views import tile_name
from studio.state.onward import OnwardMixin
from studio.state.tiles import media_url
from studio.state.views import InsertView

PAGE = 24
MOST = 240  # shown at once; older ones are found by searching


class InsertMixin(OnwardMixin, mixin=True):
    """The dialog 'Insert from library'. It holds what it shows, and nothing once it is closed."""

    insert_open: bool = False
    insert_rows: list[InsertView] = []
    insert_more: bool = False
    insert_text: str = ""  # what is searched for, as typed
    insert_note: str = ""  # how many are chosen, or why one is not

    @action
    async def set_insert_open(self, value: bool):
        """Open it with the newest pictures, or close it."""
        self.insert_rows, self.insert_more, self.insert_text, self.insert_note = [], False, "", ""
        if value:
            await self._read_insert()
            self._mark_insert()
        self.insert_open = value

    @action
    async def search_insert(self, value: str):
        """Show the newest pictures that fit the words."""
        if not self.insert_open:  # what the field sends last, as it closes
            return
        self.insert_text, self.insert_rows = value[:MOST_TEXT], []
        await self._read_insert()
        self._mark_insert()

    @action
    async def more_insert(self):
        """The next page below."""
        if self.insert_open and self.insert_more and self.insert_rows:
            await self._read_insert(UUID(self.insert_rows[-1].asset_id))
            self._mark_insert()

    @action
    async def insert_picture(self, asset_id: str):
        """Choose a picture as the next reference or as the first frame; one that is chosen is taken out."""
        if not self.insert_open:
            return
        chosen = str(guard.uuid(asset_id))
        try:
            refused = await self._choose_insert(chosen)
        except StudioError as error:  # said here: a toast is out of reach behind the dialog
            refused = error.message
        self._mark_insert()
        self.insert_note = refused or self.insert_note

    async def _choose_insert(self, asset_id: str) -> str:
        """Put it in or take it out; why it stayed out, a sentence, else nothing."""
        if self._inserts_frame():
            if self.first_frame.asset_id == asset_id:
                await self.clear_frame("first_frame")
            else:
                await self._use_as(asset_id, "first_frame")
        elif any(each.asset_id == asset_id for each in self.references):
            await self.remove_reference(asset_id)
        elif not self.max_references:
            return f"{self.model_name} takes no pictures."
        elif len(self.references) >= self.max_references:
            return self._limit()
        else:
            await self._use_as(asset_id, "reference")
        return ""

    def _inserts_frame(self) -> bool:
        return self.media == "video" and self.supports_frames

    def _limit(self) -> str:
        words = "1 reference" if self.max_references == 1 else f"{self.max_references} references"
        return f"{self.model_name} takes {words}. Take one out to choose another."

    async def _read_insert(self, after: UUID | None = None) -> None:
        wanted = Filters(text=clean(self.insert_text), media="image", workspace=guard.actor().workspace_id)
        async with guard.work() as session:
            found = await windows.page(
                session,
                actor=guard.actor(),
                wanted=wanted,
                zone=guard.identity().dates.zone,
                most=PAGE + 1,
                after=after,
            )
        shown = [
            InsertView(asset_id=str(each.asset_id), thumb=media_url(each.asset_id, 256), name=tile_name(each))
            for each in found[:PAGE]
        ]
        self.insert_rows = [*self.insert_rows, *shown][:MOST]
        self.insert_more = len(found) > PAGE and len(self.insert_rows) < MOST

    def _mark_insert(self) -> None:
        """Say of each picture as what it is chosen, and how many are."""
        if self._inserts_frame():
            marks = {self.first_frame.asset_id: "First"}
            self.insert_note = "The first frame is chosen." if self.first_frame.asset_id else ""
        else:
            marks = {each.asset_id: str(each.number) for each in self.references}
            full = len(self.references) >= self.max_references
            chosen = f"{len(self.references)} of {self.max_references} references chosen"
            self.insert_note = self._limit() if full else chosen
        self.insert_rows = [
            InsertView(each.asset_id, each.thumb, each.name, marks.get(each.asset_id, "")) for each in self.insert_rows
        ]
