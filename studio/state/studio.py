"""The studio page: composer, feed and details of one tab."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import reflex as rx

from studio.config import settings
from studio.errors import NotFound
from studio.services import feed, generations, restriction
from studio.services.byteplus import catalog
from studio.state import guard
from studio.state.controls import ControlsMixin
from studio.state.costs import CostsMixin
from studio.state.details import DetailsMixin
from studio.state.guard import action
from studio.state.insert import InsertMixin
from studio.state.leaving import KeepMixin
from studio.state.places import PlacesMixin
from studio.state.queue import ENDED, QueueMixin
from studio.state.tiles import batch_view
from studio.state.views import BatchView, Neighbours, TileView

DOUBLE_CLICK_SECONDS = 0.6
MOST_BATCHES = 120  # shown at once; older ones are in the Library


class StudioState(InsertMixin, QueueMixin, CostsMixin, ControlsMixin, DetailsMixin, PlacesMixin, KeepMixin, rx.State):
    """What one tab of the studio page shows. Every handler is an `@action`: see `studio.state.guard`."""

    # who
    signed_in: bool = False
    name: str = ""
    initials: str = ""
    email: str = ""
    simulated: bool = False
    workspace: str = ""
    theme: str = "system"
    picture: str = ""  # the address of one's own picture; empty: initials
    operator: bool = False
    restricted: str = ""  # why nothing can be made, a sentence

    # the page
    submitting: bool = False
    parameters_open: bool = False  # the phone's sheet

    # feed
    show: str = "all"
    batches: list[BatchView] = []
    has_more: bool = False
    loaded: bool = False

    _sent_at: float = 0.0
    _aside: dict[str, BatchView] = {}  # what is under way and not shown

    # Loading and refreshing

    @action
    async def identify(self):
        """Who is signed in, for the frame around every page."""
        self._identify()
        await self._read_places()

    def _identify(self) -> None:
        who = guard.identity()
        self.signed_in, self.name, self.email, self.workspace = True, who.name, who.email, who.workspace
        self.initials = "".join(part[0] for part in who.name.replace(".", " ").split()[:2]).upper() or "?"
        self.picture = f"/account/picture?v={who.picture}" if who.picture else ""
        self.simulated = settings().simulated
        self.single_keys = who.single_keys
        self.operator, self.restricted = who.operator, restriction.sentence(who.restricted)
        self._show_leaving()

    @action
    async def load(self):
        """Fill the page for whoever is signed in."""
        self._identify()
        await self._read_places()
        if not self.model:
            self._choose_model(catalog.models("image")[0].id)
            self._defaults()
        await self._load_kept()
        await self._reload()
        self.loaded = True

    async def _changed(self) -> None:
        """Something was rated, labelled, moved or deleted, here or elsewhere: as many batches as are shown, anew."""
        if self.loaded and self._left():
            await self._follow_workspace()
        elif self.loaded:
            await self._reload(max(feed.PAGE, min(len(self.batches), MOST_BATCHES)))
        await self._read_kept()

    async def _follow_workspace(self) -> None:
        self._identify()
        await self._read_places()
        await self._load_kept()
        await self._reload()

    async def _reload(self, most: int = feed.PAGE) -> None:
        async with guard.work() as session:
            rows = await feed.page(session, actor=guard.actor(), kind=self._kind(), limit=most)
            self._usual = dict(await feed.usual_seconds(session, actor=guard.actor()))
            await self._totals(session)
        now = datetime.now(UTC)
        self.batches = [batch_view(row, now, self._usual, guard.identity().dates) for row in rows]
        self.has_more = len(rows) == most

    def _kind(self) -> str | None:
        return {"images": "image", "videos": "video"}.get(self.show)

    async def _refresh(self, batch_ids: list[str]) -> None:
        """Bring batches up to date where they stand; a new one goes on top. Called by handlers and by pushes."""
        if self._left():
            await self._follow_workspace()
        now = datetime.now(UTC)
        async with guard.work() as session:
            fresh = []
            for each in batch_ids:
                try:
                    fresh.append(await feed.batch(session, actor=guard.actor(), batch_id=guard.uuid(each)))
                except NotFound:
                    self.batches = [b for b in self.batches if b.id != each]
                    self.details_open = self.details_open and self.details.batch_id != each
            await self._totals(session)
        for row in fresh:
            self._merge(batch_view(row, now, self._usual, guard.identity().dates), row)
            self._follow_details(row)

    def _merge(self, view: BatchView, row: feed.BatchRow) -> None:
        known = next((n for n, b in enumerate(self.batches) if b.id == view.id), None)
        if known is not None:
            old = self.batches[known]
            if old == view:
                return
            self._announce(old, view)
            self.batches[known] = view
        elif self._belongs(view, row):
            self.batches = [view, *self.batches][:MOST_BATCHES]
        else:
            self._set_aside(view)

    def _set_aside(self, view: BatchView) -> None:
        """A batch that is not shown is known until it has ended, so that its end is announced all the same."""
        if old := self._aside.pop(view.id, None):
            self._announce(old, view)
        if any(tile.state not in ENDED for tile in view.tiles):
            self._aside[view.id] = view

    def _belongs(self, view: BatchView, row: feed.BatchRow) -> bool:
        """Whether a new batch is shown: word of what is made in other workspaces comes to this page too."""
        here = str(row.workspace_id) == self._kept_in
        return here and self._kind() in (None, view.kind) and (not self.batches or not self._older(row))

    def _older(self, row: feed.BatchRow) -> bool:
        """A batch from below the loaded pages: it is shown when the person gets there."""
        return self.has_more and (datetime.now(UTC) - row.created_at).total_seconds() > 60

    # Feed

    @action
    async def set_show(self, value: str):
        """All, images or videos."""
        if value in ("all", "images", "videos"):
            self.show = value
            await self._reload()

    @action
    async def more(self):
        """The next page below."""
        if not self.batches or len(self.batches) >= MOST_BATCHES:
            self.has_more = False
            return
        async with guard.work() as session:
            rows = await feed.page(
                session, actor=guard.actor(), kind=self._kind(), before=guard.uuid(self.batches[-1].id)
            )
        now = datetime.now(UTC)
        self.batches = [*self.batches, *(batch_view(row, now, self._usual, guard.identity().dates) for row in rows)]
        self.has_more = len(rows) == feed.PAGE
        self._stand()

    def _order(self) -> list[TileView]:
        return [tile for batch in self.batches for tile in batch.tiles if tile.asset_id]

    def _stand(self) -> None:
        order, of = self._order(), self.details.asset_id
        at = next((n for n, tile in enumerate(order) if tile.asset_id == of), None)
        if at is None:
            self.neighbours = Neighbours()
            return
        after = at < len(order) - 1 or self.has_more
        self.neighbours = Neighbours(of, f"{order[at].index} of {order[at].total}", at > 0, after)

    @action
    async def step_output(self, asset_id: str, by: int):
        """Open the output before (-1) or after (1) one of the feed, also across batches."""
        of = str(guard.uuid(asset_id))
        if by not in (-1, 1):
            return
        if by == 1 and self.has_more and self._order() and self._order()[-1].asset_id == of:
            await self.more()
        order = self._order()
        at = next((n + by for n, tile in enumerate(order) if tile.asset_id == of), -1)
        if 0 <= at < len(order):
            await self._show_output(guard.uuid(order[at].id))

    @action
    async def generate(self, form: dict):
        """Send what the composer holds. `form` carries the prompt as it stands at the click."""
        prompt = form.get("prompt", self.prompt)
        if isinstance(prompt, str):
            self._write(prompt[: guard.LONGEST_TEXT])
        now = time.monotonic()
        if 0 <= now - self._sent_at < DOUBLE_CLICK_SECONDS:
            return
        self._sent_at = now
        if await self._refused_here():
            return
        if not self.prompt.strip():
            self._say("error", "Describe what you want to see first.")
            return
        if refused := self._unsent_mention():
            self._say("error", refused)
            return
        await guard.limit("submit")
        async with guard.work() as session:
            sent = await generations.submit(
                session, actor=guard.actor(), params=self._params(self.prompt.strip()), inputs=self._inputs()
            )
            self._usual = dict(await feed.usual_seconds(session, actor=guard.actor()))
        self.parameters_open = False
        self.notices = []
        self._recalled = self._unsent = ""
        await self._refresh([str(sent.batch_id)])

    # Sheet, messages

    @action
    async def unexpected(self, reference: str):
        """Shown when a handler failed for a reason nobody foresaw: a reference, never the error's text."""
        self._say("error", "Something went wrong on our side.", f"Your work is safe. Reference {guard.uuid(reference)}")

    @action
    async def set_parameters_open(self, value: bool):
        """Open or close the phone's sheet."""
        self.parameters_open = value
