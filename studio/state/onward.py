"""From one output to the next: again, almost again, as a picture that goes in, edited, extended, made final."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.errors import ValidationError
from studio.runtime import storage
from studio.services import assets, feed, frames, restriction
from studio.services.byteplus import catalog
from studio.services.byteplus.catalog_data import VideoModel
from studio.services.byteplus.params import ImageParams, VideoParams
from studio.services.generations import ROLES
from studio.state import guard
from studio.state.composer import AUTO, NO_INPUT
from studio.state.controls import ControlsMixin
from studio.state.guard import action
from studio.state.kept import KeptMixin
from studio.state.references import ReferencesMixin


class OnwardMixin(KeptMixin, ReferencesMixin, ControlsMixin, mixin=True):
    """Everything that carries an output into the composer. Nothing is sent before its price was read."""

    @action
    async def reuse(self, batch_id: str):
        """Everything of a batch back into the composer."""
        await self._take_over(batch_id, seed=True)
        return self._to_studio()

    @action
    async def remix(self, batch_id: str):
        """Everything but the seed."""
        await self._take_over(batch_id, seed=False)
        return self._to_studio()

    @action
    async def make_final(self, batch_id: str):
        """A draft's parameters without draft, in the model's usual resolution: to be sent when its price is read."""
        await self._take_over(batch_id, seed=True)
        model = catalog.get(self.model)
        if isinstance(model, VideoModel) and self.draft:
            self.draft, self.resolution = False, model.default_resolution
            self._reprice()
        return self._to_studio()

    def _to_studio(self, *, focus: bool = True) -> Any:
        """From another page the step goes on in the studio; there, the prompt is what comes next."""
        if (self.router.url.path or "/") != "/":
            return rx.redirect("/")
        return rx.set_focus("prompt") if focus else None

    async def _open(self) -> None:
        """From another page the composer was not loaded yet: as it was left comes first, what goes in comes on top."""
        if not self._kept_in:
            if not self.model:
                self._choose_model(catalog.models("image")[0].id)
                self._defaults()
            await self._load_kept()

    async def _take_over(self, batch_id: str, *, seed: bool) -> None:
        await self._open()
        async with guard.work() as session:
            row = await feed.batch(session, actor=guard.actor(), batch_id=guard.uuid(batch_id))
        params = row.params
        self.references, self.first_frame, self.last_frame = [], NO_INPUT, NO_INPUT
        self.price = ""
        self.prompt = row.prompt
        self._choose_model(params.model)
        for picture in row.inputs:
            self._put_asset(picture.role, str(picture.asset_id))
        self.ratio = AUTO if params.ratio == "adaptive" else params.ratio
        self.watermark, self.output_format = params.watermark, params.output_format
        if isinstance(params, ImageParams):
            self._take_image(params)
        else:
            self._take_video(params, seed=seed)
        self._choose_model(params.model)
        self._reprice()

    def _take_image(self, params: ImageParams) -> None:
        self.exact = params.size is None
        self.size, self.count, self.series = params.size or self.size, params.count, params.series
        self.transparent = params.background == "transparent"
        if self.exact:
            self.width, self.height = str(params.width), str(params.height)

    def _take_video(self, params: VideoParams, *, seed: bool) -> None:
        self.resolution, self.duration, self.audio = params.resolution, params.duration, params.generate_audio
        self.camera_fixed, self.draft = params.camera_fixed, params.draft
        self.delivery = "flex" if params.service_tier == "flex" else "standard"
        self.seed = str(params.seed) if seed and params.seed is not None else ""

    @action
    async def use_as(self, asset_id: str, role: str):
        """Use a picture as reference, first_frame or last_frame; switches the medium where that is needed."""
        await self._open()
        await self._use_as(asset_id, role)
        return self._to_studio(focus=False)

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
        if self.prompt:  # ↑ brings it back
            self._unsent = self.prompt
        self.references, self.prompt, self.count = [], "", 1
        self._put_asset("reference", str(asset.id))
        self._reprice()
        return self._to_studio()

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
            async with guard.work() as session:
                await frames.keep(session, actor=guard.actor(), clip=clip, taken=taken)
            frame = taken.asset_id
        if self.media != "video" or not self.supports_frames:
            self._choose_model(self._models.get("video") or catalog.models("video")[0].id)
        self._place("last_frame", NO_INPUT)
        self._put_asset("first_frame", str(frame))
        self._reprice()
        self.announcement = "The last frame of the clip is the first frame now"
        return self._to_studio()
