"""The output that is open: everything known about it, what its owner did with it, and where it comes from."""

from __future__ import annotations

from uuid import UUID

from studio.runtime import storage
from studio.services import assets, feed, labels, lineage, ratings, trash
from studio.services.ledger import dollars
from studio.services.media import metadata
from studio.state import guard
from studio.state.erasing import ErasingMixin
from studio.state.guard import action
from studio.state.keeping import label_view
from studio.state.keeping_views import FileView, KeptView, StepView
from studio.state.tiles import PICTURE_WORDS, ROLE_WORDS, clock, details_view, media_url
from studio.state.undo import UndoMixin
from studio.state.views import DetailsView, ErasingView, Neighbours


def step_view(step: lineage.Step, *, at: int) -> StepView:
    """One file of the line, in the words of the person who follows it."""
    role = ROLE_WORDS.get(step.used_as or "", "") if step.step < 0 or step.generation_id is None else ""
    word = PICTURE_WORDS.get(step.kind, "Picture")
    if step.still and step.generation_id is None:
        role = "Frame of a clip" if step.used_as is None else f"{role}, from a clip"
    here = step.step == 0
    said = f"This {word.lower()}" if here else role or word
    return StepView(
        asset_id=str(step.id),
        thumb=media_url(step.id, 256),
        original=media_url(step.id, "original"),
        role=said,
        name=f"{said}, step {at + 1}",
        duration=clock(step.duration_ms) if step.duration_ms else "",
        here=here,
        output=step.generation_id is not None,
        first=at == 0,
        ratio=round(step.width / step.height, 4),
    )


def file_views(asset: assets.Asset, *, signed: bool) -> list[FileView]:
    """The ways to download it, each with what the file carries."""
    href = f"/download/{asset.id}"
    told = "Prompt, model and parameters are written into this copy."
    untold = "Nothing but the picture. No prompt, no model, no date."
    if asset.kind == "video":
        untold = "Nothing but picture and sound. No prompt, no model, no date."
    if signed:
        told += " The provider's content credentials stay in it, but no longer match: they cover the original."
        untold += " Without the provider's content credentials."
    original = "Exactly as the provider made it" + (", with its content credentials." if signed else ".")
    return [
        FileView(name="Original file", href=f"{href}?original=1", words=original),
        FileView(name="Copy with its story", href=href, words=told),
        FileView(name="Clean copy", href=f"{href}?clean=1", words=untold),
    ]


class DetailsMixin(UndoMixin, ErasingMixin, mixin=True):
    """The details beside the feed, and over any other page."""

    details_open: bool = False
    details: DetailsView = DetailsView()
    kept: KeptView = KeptView()
    neighbours: Neighbours = Neighbours()

    def _stand(self) -> None:
        """Note where the output that is open stands on the page. Abstract: the page knows its order."""
        raise NotImplementedError

    def _details_of(self, row: feed.BatchRow, generation_id: str) -> DetailsView | None:
        return details_view(row, generation_id, guard.identity().dates)

    def _follow_details(self, row: feed.BatchRow) -> None:
        """A batch is shown anew: so are the details of an output of it, or they close with it."""
        if self.details_open and self.details.batch_id == str(row.id) and not self.details.trashed:
            found = self._details_of(row, self.details.generation_id)
            self.details, self.details_open = found or self.details, found is not None
            self._stand()

    async def _read_kept(self) -> None:
        """Rating, labels, lineage and files of the output that is open; it closes when it goes, or comes back."""
        if not self.details_open:
            return
        self._stand()
        ident, me = guard.uuid(self.details.asset_id), guard.actor()
        async with guard.work() as session:
            found = await assets.many(session, actor=me, asset_ids=[ident])
            rating, trashed = await ratings.of(session, actor=me, asset_id=ident)
            mine = {each.id for each in await labels.on(session, actor=me, asset_id=ident)}
            every = await labels.listed(session, actor=me)
            line = await lineage.of(session, actor=me, asset_id=ident)
        if not found or trashed != self.details.trashed:
            self.details_open = False
            return
        same = self.kept.asset_id == self.details.asset_id  # a file never changes: it is asked once
        signed = bool(self.kept.credentials) if same else await self._signed(found[0])
        self.kept = KeptView(
            asset_id=self.details.asset_id,
            rating=rating or 0,
            labels=[label_view(each, on=True) for each in every if each.id in mine],
            others=[label_view(each) for each in every if each.id not in mine],
            line=[step_view(step, at=at) for at, step in enumerate(line.steps)] if len(line.steps) > 1 else [],
            so_far=f"{dollars(line.so_far_micros)} so far",
            credentials="Signed by the provider" if signed else "",
            files=file_views(found[0], signed=signed),
        )

    async def _signed(self, asset: assets.Asset) -> bool:
        return await metadata.carries_c2pa(storage(), key=asset.object_key, mime=asset.mime, size=asset.size_bytes)

    async def _show_output(self, generation_id: UUID) -> None:
        async with guard.work() as session:
            row = await feed.batch_of(session, actor=guard.actor(), generation_id=generation_id, trashed=True)
        view = self._details_of(row, str(generation_id))
        if view is not None:
            self.details, self.details_open = view, True
            await self._read_kept()

    @action
    async def open_details(self, generation_id: str):
        """Show everything about one finished output."""
        await self._show_output(guard.uuid(generation_id))

    @action
    async def open_output(self, asset_id: str):
        """The same by its file, as the library and the lineage know it."""
        async with guard.work() as session:
            asset = await assets.get(session, actor=guard.actor(), asset_id=guard.uuid(asset_id))
        if asset.generation_id is not None:
            await self._show_output(asset.generation_id)

    @action
    async def close_details(self):
        """Hide the details."""
        self.details_open = False

    @action
    async def rate_output(self, value: int):
        """1 to 5 stars on the output that is open; the same again takes them away."""
        await guard.limit("keep")
        if not self.details_open:
            return
        stars = 0 if value == self.kept.rating else value
        async with guard.work() as session:
            ids = [guard.uuid(self.details.asset_id)]
            await ratings.rate(session, actor=guard.actor(), asset_ids=ids, stars=stars)
        await self._changed()

    @action
    async def label_output(self, label_id: str, on: bool):
        """Put a label on the output that is open, or take it off."""
        await guard.limit("keep")
        if not self.details_open:
            return
        known, ids = guard.uuid(label_id), [guard.uuid(self.details.asset_id)]
        async with guard.work() as session:
            act = labels.put_on if on else labels.take_off
            await act(session, actor=guard.actor(), label_id=known, asset_ids=ids)
        await self._read_kept()

    @action
    async def add_label(self, form: dict):
        """A label of the name that was typed, on the output that is open. `form`: {"label": its name}."""
        await guard.limit("keep")
        name = form.get("label", "")
        if not self.details_open or not isinstance(name, str):
            return
        async with guard.work() as session:
            made = await labels.create(session, actor=guard.actor(), name=name)
            ids = [guard.uuid(self.details.asset_id)]
            await labels.put_on(session, actor=guard.actor(), label_id=made, asset_ids=ids)
        await self._read_kept()

    @action
    async def trash_output(self):
        """The output that is open into the trash, with the way back."""
        await guard.limit("keep")
        if self.details_open:
            await self._throw([guard.uuid(self.details.asset_id)])
            self.details_open = False
            await self._changed()

    @action
    async def restore_output(self):
        """The output that is open out of the trash."""
        await guard.limit("keep")
        if self.details_open:
            async with guard.work() as session:
                await trash.restore(session, actor=guard.actor(), asset_ids=[guard.uuid(self.details.asset_id)])
            self.details_open = False
            self._say("success", "1 output restored")
            await self._changed()

    async def _erased(self, asked: ErasingView) -> None:
        self.details_open = False
