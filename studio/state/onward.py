"""From one output to the next: again, almost again, as a picture that goes in, edited, extended, made final."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import reflex as rx

from studio.errors import ValidationError
from studio.runtime import storage
from studio.services import assets, feed, frames, generations, ledger, restriction
from studio.services.byteplus import catalog
from studio.services.byteplus.params import ImageParams, VideoParams
from studio.services.generations import ROLES
from studio.services.ledger import dollars
from studio.state import guard
from studio.state.composer import AUTO, NO_INPUT
from studio.state.controls import ControlsMixin
from studio.state.guard import action
from studio.state.kept import KeptMixin
from studio.state.references import ReferencesMixin
from studio.state.views import FinalView

CAP_SHORT = "That is more than is left of your cap."


class OnwardMixin(KeptMixin, ReferencesMixin, ControlsMixin, mixin=True):
    """Everything that carries an output into the composer. Nothing is sent before its price was read."""

    final: FinalView = FinalView()

    @action
    async def reuse(self, batch_id: str):
        """Everything of a batch back into the composer."""
        await self._take_over(batch_id, seed=True)
        return await self._to_studio()

    @action
    async def remix(self, batch_id: str):
        """Everything but the seed."""
        await self._take_over(batch_id, seed=False)
        return await self._to_studio()

    @action
    async def ask_final(self, asset_id: str) -> Any:
        """Say what a draft becomes and what that costs; one that the provider has forgotten goes to the composer."""
        async with guard.work() as session:
            draft = await generations.draft(session, actor=guard.actor(), asset_id=guard.uuid(asset_id))
            budget = await ledger.budget(session, account_id=guard.actor().account_id)
            asset = await assets.get(session, actor=guard.actor(), asset_id=draft.asset_id)
        if not draft.kept:
            return await self._as_new(str(asset.generation_id), draft.params.resolution)
        price = catalog.quote(draft.params).worst_micros
        left = budget.left - price
        words = (
            f"{catalog.label(draft.params.model)} renders this clip again in {draft.params.resolution}, with the same "
            "prompt, pictures, length and sound. "
        )
        after = f"{dollars(left, down=True)} of your cap is left then." if left >= 0 else CAP_SHORT
        self.final = FinalView(
            id=asset_id, words=f"{words}{after}", send=f"Make final · {dollars(price)}", possible=left >= 0
        )
        return None

    async def _as_new(self, generation_id: str, resolution: str) -> Any:
        async with guard.work() as session:
            row = await feed.batch_of(session, actor=guard.actor(), generation_id=guard.uuid(generation_id))
        await self._take_over(str(row.id), seed=True)
        self.draft, self.resolution = False, resolution
        self._reprice()
        self._say(
            "info",
            f"The provider keeps a draft for {generations.DRAFT_DAYS} days, and this one is older.",
            "Its prompt and parameters are in the composer. The clip will not be the same.",
        )
        return await self._to_studio()

    @action
    async def close_final(self):
        """Leave the draft as it is."""
        self.final = FinalView()

    @action
    async def make_final(self, asset_id: str):
        """Send a draft to be rendered again: the provider has it, so the clip stays the same."""
        asked, self.final = self.final, FinalView()
        if asked.id != asset_id or not asked.possible:
            return
        await guard.limit("submit")
        given = generations.Input(generations.DRAFT, guard.uuid(asset_id))
        async with guard.work() as session:
            draft = await generations.draft(session, actor=guard.actor(), asset_id=given.asset_id)
            sent = await generations.submit(session, actor=guard.actor(), params=draft.params, inputs=[given])
        self._say("success", "The final clip is on its way")
        await self._refresh([str(sent.batch_id)])

    def _elsewhere(self) -> bool:
        return (self.router.url.path or "/") != "/"

    async def _to_studio(self, *, focus: bool = True) -> Any:
        """From another page the step goes on in the studio, which shows what is kept; there, the prompt comes next."""
        if self._elsewhere():
            await self._save_draft()
            return rx.redirect("/")
        return rx.set_focus("prompt") if focus else None

    async def _open(self) -> None:
        """From another page the composer as it was left last, in any tab, comes first; what goes in comes on top."""
        if self._elsewhere() or not self._kept_in:
            if not self.model:
                self._choose_model(catalog.models("image")[0].id)
                self._defaults()
            await self._load_kept()

    async def _take_over(self, batch_id: str, *, seed: bool) -> None:
        await self._open()
        async with guard.work() as session:
            row = await feed.batch(session, actor=guard.actor(), batch_id=guard.uuid(batch_id))
        params, pictures = row.params, row.inputs
        catalog.get(params.model)  # one that has left takes nothing of the composer with it
        if isinstance(params, VideoParams) and params.from_draft:
            pictures = await self._pictures_of_draft(pictures)
        self.references, self.first_frame, self.last_frame = [], NO_INPUT, NO_INPUT
        self.price = ""
        self._put_aside(row.prompt)
        self._write(row.prompt)
        self._choose_model(params.model)
        for picture in pictures:
            self._put_asset(picture.role, str(picture.asset_id))
        self.ratio = AUTO if params.ratio == "adaptive" else params.ratio
        self.watermark, self.output_format = params.watermark, params.output_format
        if isinstance(params, ImageParams):
            self._take_image(params)
        else:
            self._take_video(params, seed=seed)
        self._choose_model(params.model)
        self._reprice()

    async def _pictures_of_draft(self, inputs: Sequence[feed.Picture]) -> Sequence[feed.Picture]:
        """What the draft of a final clip was given; nothing once the draft is deleted."""
        async with guard.work() as session:
            drafts = await assets.many(session, actor=guard.actor(), asset_ids=[i.asset_id for i in inputs])
            if not drafts or drafts[0].generation_id is None:
                return []
            made = drafts[0].generation_id
            row = await feed.batch_of(session, actor=guard.actor(), generation_id=made, trashed=True)
        return row.inputs

    def _take_image(self, params: ImageParams) -> None:
        self.exact = params.size is None
        self.size, self.count, self.series = params.size or self.size, params.count, params.series
        self.transparent = params.background == "transparent"
        if self.exact:
            self.width, self.height = str(params.width), str(params.height)

    def _take_video(self, params: VideoParams, *, seed: bool) -> None:
        self.resolution, self.audio = params.resolution, params.generate_audio
        self.auto_duration = params.duration == catalog.AUTO_DURATION
        self.duration = self.duration if self.auto_duration else params.duration
        self.camera_fixed, self.draft = params.camera_fixed, params.draft
        self.delivery = "flex" if params.service_tier == "flex" else "standard"
        self.seed = str(params.seed) if seed and params.seed is not None else ""

    @action
    async def use_as(self, asset_id: str, role: str):
        """Use a picture as reference, first_frame or last_frame; switches the medium where that is needed."""
        await self._open()
        await self._use_as(asset_id, role)
        return await self._to_studio(focus=False)

    async def _use_as(self, asset_id: str, role: str) -> None:
        if role not in ROLES:
            return
        async with guard.work() as session:
            asset = await assets.get(session, actor=guard.actor(), asset_id=guard.uuid(asset_id))
        if asset.kind == "video":
            raise ValidationError("A clip cannot be a reference or a frame. Choose a picture.")
        wanted = "image" if role == "reference" and not self.max_references else "video" if role != "reference" else ""
        if wanted and wanted != self.media:
            self._choose_model(self._models.get(wanted) or catalog.models(wanted)[0].id)
        self._put_asset(role, str(asset.id))
        self._reprice()

    @action
    async def edit_with_prompt(self, asset_id: str) -> Any:
        """A picture as the only reference of an image model, and an empty prompt to say what is to change."""
        await self._open()
        async with guard.work() as session:
            asset = await assets.get(session, actor=guard.actor(), asset_id=guard.uuid(asset_id))
        if asset.kind == "video":
            self._say("error", "A clip cannot be edited with a prompt. Extend it, or choose a picture.")
            return None
        chosen = self._models.get("image") or catalog.models("image")[0].id
        if not catalog.get(chosen).max_references:
            chosen = next(m.id for m in catalog.models("image") if m.max_references)
        if self.media != "image" or not self.max_references:
            self._choose_model(chosen)
        self._put_aside("")
        self._write("")
        self.references, self.count = [], 1
        self._put_asset("reference", str(asset.id))
        self._reprice()
        return await self._to_studio()

    @action
    async def extend(self, asset_id: str) -> Any:
        """Go on where a clip ends: its last frame becomes a picture of its own and the first frame of the next."""
        await guard.limit("upload")
        await self._open()
        async with guard.work() as session:
            await restriction.check(session, actor=guard.actor())
            clip = await assets.get(session, actor=guard.actor(), asset_id=guard.uuid(asset_id))
            frame = await frames.known(session, actor=guard.actor(), clip_id=clip.id)
        if clip.kind != "video":
            self._say("error", "Only a clip can be extended. Use a picture as first frame instead.")
            return None
        if frame is None:
            taken = await frames.take_last(storage(), clip)
            try:
                async with guard.work() as session:
                    await frames.keep(session, actor=guard.actor(), clip=clip, taken=taken)
            except BaseException:  # refused or erased meanwhile, or the tab is gone: nothing names the frame
                await assets.discard(storage(), owner=taken.asset_id)
                raise
            frame = taken.asset_id
        if self.media != "video" or not self.supports_frames:
            self._choose_model(self._models.get("video") or catalog.models("video")[0].id)
        self._place("last_frame", NO_INPUT)
        self._put_asset("first_frame", str(frame))
        self._reprice()
        self.announcement = "The last frame of the clip is the first frame now"
        return await self._to_studio()
