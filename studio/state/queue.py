"""What is on its way: how much of it, a list of it, giving it up, asking again, and word of what has ended."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import feed, generations, ledger, pause
from studio.services.ledger import dollars
from studio.state import guard
from studio.state.composer import ComposerMixin
from studio.state.guard import action
from studio.state.tiles import batch_view
from studio.state.views import BatchView, CancelView, QueueRow, TileView

ENDED = ("done", "failed", "cancelled")
IMAGE_RUNS = (
    "This picture was sent. A request for a picture cannot be taken back: the provider makes it and bills it, "
    "{price} at most. It is kept in your library when it comes."
)
CLIP_RUNS = (
    "This clip was sent. While it waits at the provider it can still be given up, and nothing is charged. Once it "
    "renders it runs on and is billed, {price} at most, and its result is kept in your library."
)

RUNS_ON = (
    "The provider had begun with this clip. It runs on and is billed, {price} at most; its result is kept for you."
)


class QueueMixin(ComposerMixin, mixin=True):
    """The queue's button, its list and its words."""

    queue: str = ""  # "2 running · 1 waiting", empty when idle
    queue_name: str = ""  # "Queue: 2 running, 1 waiting"
    queue_open: bool = False
    queue_rows: list[QueueRow] = []
    paused: bool = False  # operators hold new work back
    running: int = 0  # for the tab's title
    finished: int = 0  # outputs that ended while this page was open
    cancelling: CancelView = CancelView()

    _usual: dict[str, int] = {}
    _under_way: dict[str, dict[str, str]] = {}  # batches, and the state of each of their outputs

    async def _totals(self, session: AsyncSession) -> None:
        counts = await feed.counts(session, actor=guard.actor())
        self.paused = await pause.paused(session)
        self._show_budget(await ledger.budget(session, account_id=guard.actor().account_id))
        if self.model:  # another page than the studio's has no composer
            self._reprice()
        self.running = counts.running + counts.waiting
        if self.queue_open:
            await self._show_queue(session)
        parts = [f"{counts.running} running"] if counts.running else []
        parts += [f"{counts.waiting} waiting"] if counts.waiting else []
        parts += [f"{counts.unknown} unknown"] if counts.unknown else []
        self.queue = " · ".join(parts)
        self.queue_name = f"Queue: {', '.join(parts)}" if parts else ""

    async def _show_queue(self, session: AsyncSession) -> None:
        now = datetime.now(UTC)
        rows = await feed.queue(session, actor=guard.actor())
        views = [batch_view(row, now, self._usual, guard.identity().dates) for row in rows]
        self.queue_rows = [_row(view, tile) for view in views for tile in view.tiles][:40]

    @action
    async def set_queue_open(self, value: bool):
        """Open or close the list of what is on its way."""
        self.queue_open = value
        if value:
            async with guard.work() as session:
                await self._show_queue(session)

    @action
    async def ask_cancel(self, generation_id: str):
        """Say what giving up something that was sent means, before it is asked for."""
        async with guard.work() as session:
            row = await feed.batch_of(session, actor=guard.actor(), generation_id=guard.uuid(generation_id))
        output = next((o for o in row.outputs if str(o.id) == generation_id), None)
        if output is None or output.ended_at is not None:
            self._say("info", "It has ended already.")
            return
        clip = row.kind == "video" and output.state == "running" and output.error_code != "runs_on"
        words = (CLIP_RUNS if clip else IMAGE_RUNS if row.kind == "image" else RUNS_ON).format(
            price=dollars(output.reserved_micros)
        )
        title = "Give this clip up?" if clip else "It runs on"
        self.cancelling = CancelView(id=generation_id, title=title, words=words, possible=clip)

    @action
    async def close_cancel(self):
        """Let it run."""
        self.cancelling = CancelView()

    @action
    async def cancel(self, generation_id: str):
        """Cancel one output that waits; ask the provider for one that was sent."""
        self.cancelling = CancelView()
        async with guard.work() as session:
            await generations.cancel(session, actor=guard.actor(), generation_id=guard.uuid(generation_id))
        await self._refresh_of(generation_id)

    @action
    async def retry(self, generation_id: str):
        """Ask again for an output that failed or was cancelled."""
        await guard.limit("submit")
        async with guard.work() as session:
            new_id = await generations.retry(session, actor=guard.actor(), generation_id=guard.uuid(generation_id))
        await self._refresh_of(str(new_id))

    async def _refresh_of(self, generation_id: str) -> None:
        async with guard.work() as session:
            row = await feed.batch_of(session, actor=guard.actor(), generation_id=guard.uuid(generation_id))
        await self._refresh([str(row.id)])

    async def _watch(self) -> None:
        """What is on its way, so that its end is told on any page."""
        now = datetime.now(UTC)
        async with guard.work() as session:
            await self._totals(session)
            rows = await feed.queue(session, actor=guard.actor())
        views = [batch_view(row, now, self._usual, guard.identity().dates) for row in rows]
        self._under_way = {view.id: {tile.id: tile.state for tile in view.tiles} for view in views}

    def _announce(self, new: BatchView) -> None:
        """Count what ended since this batch was met last, and say so once it is through."""
        ended = all(tile.state in ENDED for tile in new.tiles)
        was = self._under_way.pop(new.id, {})
        if not ended:
            self._under_way[new.id] = {tile.id: tile.state for tile in new.tiles}
        if not was:
            return
        done = sum(tile.state == "done" for tile in new.tiles)
        self.finished += sum(t.state in ENDED[:2] and was.get(t.id, "") not in (*ENDED, "") for t in new.tiles)
        if ended:
            self.announcement = f"{done} of {len(new.tiles)} finished: {new.prompt[:60]}"


def _row(batch: BatchView, tile: TileView) -> QueueRow:
    return QueueRow(
        id=tile.id,
        name=tile.name,
        prompt=batch.prompt[:80],
        state=tile.state,
        title=tile.title,
        place=tile.place,
        since_ms=tile.since_ms,
        usually=tile.usually,
        cancel="now" if tile.can_cancel else "ask" if tile.can_ask else "",
        cancel_name=f"{tile.cancel_name}: {batch.prompt[:40]}",
    )
