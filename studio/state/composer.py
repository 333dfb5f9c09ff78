"""The composer: what is asked for, what the model can do, and what it costs. Pure state; nothing is sent from here."""

from __future__ import annotations

from studio.errors import StudioError
from studio.services.byteplus import catalog
from studio.services.byteplus.catalog_data import ADAPTIVE, AUTO_DURATION, ImageModel, VideoModel
from studio.services.byteplus.params import ImageParams, Params, VideoParams
from studio.services.byteplus.requests import MENTION
from studio.services.generations import Input, Role
from studio.services.ledger import Budget, dollars
from studio.state.guard import uuid
from studio.state.toasts import ToastMixin
from studio.state.views import InputView, ModelOption, RatioOption

AUTO = "Auto"
DRAFT_RESOLUTION = "480p"
ART: dict[str, tuple[str, ...]] = {
    "image": ("ink-1", "paper-1", "blob-1", "dahlia-1"),
    "video": ("ocean-2", "lake-1", "aurora-3", "dunes-2", "city-1", "planet-1"),
}
NO_INPUT = InputView()


def ratio_icon(name: str) -> RatioOption:
    """A card with the ratio's true shape inside 30 by 24 pixels."""
    if name == AUTO:
        return RatioOption(name=AUTO, width=20, height=20)
    wide, high = (int(part) for part in name.split(":"))
    scale = min(30 / wide, 24 / high, (440 / (wide * high)) ** 0.5)
    return RatioOption(name=name, width=round(wide * scale), height=round(high * scale))


class ComposerMixin(ToastMixin, mixin=True):
    """Every control of the composer. A value that a model does not take is kept, not sent, and named in a line."""

    media: str = "image"
    models: list[ModelOption] = []
    model: str = ""
    model_name: str = ""
    model_tagline: str = ""
    model_art: str = ""
    ratios: list[RatioOption] = []
    ratio: str = "1:1"
    sizes: list[str] = []
    size: str = "2K"
    exact: bool = False  # width and height instead of a tier and a ratio
    width: str = ""  # as typed
    height: str = ""
    size_error: str = ""  # what is wrong with them, a sentence
    size_limits: str = ""  # "3,686,400 to 16,777,216 pixels"
    pixels: str = ""  # "2048 × 2048 px" or "1280 × 720 px, 24 fps"
    count: int = 1
    max_count: int = 15
    supports_series: bool = False
    series: bool = False
    count_price: str = ""  # "4 × $0.04"
    references: list[InputView] = []
    given: list[InputView] = []  # those of them that are sent
    left_out: list[str] = []  # which pictures that are attached are not sent, one sentence each
    max_references: int = 0  # 0: the model takes none and the field is absent
    supports_frames: bool = False
    supports_last_frame: bool = False
    first_frame: InputView = NO_INPUT  # asset_id "" is an empty well
    last_frame: InputView = NO_INPUT
    resolutions: list[str] = []
    resolution: str = "720p"
    duration: int = 5
    duration_min: int = 4
    duration_max: int = 12
    supports_auto_duration: bool = False
    auto_duration: bool = False  # the model chooses the length
    length: str = "5 s"
    supports_flex: bool = False
    delivery: str = "standard"
    supports_draft: bool = False
    draft: bool = False
    supports_seed: bool = False
    seed: str = ""
    supports_audio: bool = False
    audio: bool = True
    supports_camera_fixed: bool = False
    camera_fixed: bool = False
    watermark: bool = False
    watermark_default: str = ""  # "The provider's default is on"
    supports_transparent: bool = False
    transparent: bool = False
    formats: list[str] = []  # one or none: the field is absent
    output_format: str = "jpeg"
    prompt: str = ""
    notices: list[str] = []  # "4K is not offered by this model: size is now 2K"
    price: str = ""  # "$0.16"
    can_generate: bool = False
    blocked: str = ""  # why Generate is disabled, a sentence
    cap_left: str = ""
    cap_text: str = ""  # "$11.84 of $40.00 used"
    cap_used: float = 0.0  # 0..100
    draft_stamp: int = 0  # counts what changed, so that the browser asks for the draft to be kept

    _left_micros: int = 0
    _resets: str = ""
    _models: dict[str, str] = {}  # the last model of each medium
    _ratios: dict[str, str] = {}  # and its ratio
    _sound_chosen: bool = False
    _recalled: str = ""  # which earlier prompt is shown (`KeptMixin`); empty: what is being written

    def _write(self, prompt: str) -> None:
        """A prompt of one's own from here on, where it differs from what is shown."""
        if prompt != self.prompt:
            self.prompt, self._recalled = prompt, ""

    # Derived

    def _choose_model(self, model_id: str) -> None:
        """Show what a model can do and move values that no longer fit, naming each move."""
        model = catalog.get(model_id)
        if model.kind != self.media:
            self._ratios = {**self._ratios, self.media: self.ratio}
            self.ratio = self._ratios.get(model.kind, self.ratio)
        lost = self._features()
        self.media, self.model = model.kind, model.id
        self._models = {**self._models, model.kind: model.id}
        arts: tuple[str, ...] = ART[model.kind]
        self.models = [
            ModelOption(id=m.id, name=m.name, tagline=m.tagline, price="", art=f"/art/{arts[n % len(arts)]}.webp")
            for n, m in enumerate(catalog.models(model.kind))
        ]
        chosen = next(m for m in self.models if m.id == model.id)
        self.model_name, self.model_tagline, self.model_art = chosen.name, chosen.tagline, chosen.art
        self.max_references = model.max_references
        self.notices = []
        if isinstance(model, ImageModel):
            self._fit_image(model)
        else:
            self._fit_video(model)
        self.watermark_default = f"The provider's default is {'on' if model.watermark_default else 'off'}"
        if lost := [name for name, on in lost.items() if on and not self._features()[name]]:
            words = ", ".join(lost)
            self.notices.append(f"{words[0].upper()}{words[1:]}: not supported by this model. Kept, not sent.")

    def _features(self) -> dict[str, bool]:
        """What was switched on and takes effect, by the words of its control."""
        framed = self.supports_frames and bool(self.first_frame.asset_id)
        return {
            "exact size": self.media == "image" and self.exact,
            "series": self.supports_series and self.series,
            "transparent background": self.supports_transparent and self.transparent,
            "seed": self.supports_seed and bool(self.seed),
            "sound": self.supports_audio and self.audio and self._sound_chosen,
            "fixed camera": self.supports_camera_fixed and self.camera_fixed,
            "draft": self.supports_draft and self.draft,
            "length by the model": self.supports_auto_duration and self.auto_duration,
            "flex": self.supports_flex and self.delivery == "flex",
            "first frame": framed,
            "last frame": framed and bool(self.last_frame.asset_id),
        }

    def _moved(self, what: str, value: str, allowed: tuple[str, ...], default: str) -> str:
        if value in allowed:
            return value
        if self.price:  # before the first price nothing was chosen by anyone
            self.notices.append(f"{value} is not offered by this model: {what} is now {default}.")
        return default

    def _fit_image(self, model: ImageModel) -> None:
        self.ratios = [ratio_icon(name) for name in model.ratios]
        self.ratio = self._moved("the aspect ratio", self.ratio, model.ratios, model.default_ratio)
        self.sizes = list(model.sizes)
        self.size = self._moved("the size", self.size, model.sizes, model.default_size)
        self.formats = list(model.output_formats) if len(model.output_formats) > 1 else []
        if self.output_format not in model.output_formats:
            self.output_format = next(iter(model.output_formats))
        self.max_count = model.max_count
        self.size_limits = f"{model.min_pixels:,} to {model.max_pixels:,} pixels, at most 16:1"
        self.supports_seed, self.supports_series = model.seed, model.group
        self.supports_transparent = model.transparent_background
        self.supports_frames = self.supports_last_frame = self.supports_draft = False
        self.supports_auto_duration = False
        self.supports_audio = self.supports_camera_fixed = self.supports_flex = False

    def _fit_video(self, model: VideoModel) -> None:
        allowed = self._video_ratios(model)
        self.ratios = [ratio_icon(name) for name in allowed]
        self.ratio = self._moved("the aspect ratio", self.ratio, allowed, allowed[0])
        self.resolutions = list(model.resolutions)
        self.resolution = self._moved("the resolution", self.resolution, model.resolutions, model.default_resolution)
        self.duration_min, self.duration_max = model.min_duration, model.max_duration
        self.duration = min(max(self.duration, model.min_duration), model.max_duration)
        self.supports_auto_duration = model.auto_duration
        self.supports_frames, self.supports_last_frame = model.first_frame, model.last_frame
        self.supports_seed, self.supports_audio = model.seed, model.audio
        self.supports_camera_fixed, self.supports_flex = model.camera_fixed, model.flex
        self.supports_draft, self.supports_series, self.supports_transparent = model.draft, False, False
        self.formats = list(model.output_formats) if len(model.output_formats) > 1 else []
        if self.output_format not in model.output_formats:
            self.output_format = next(iter(model.output_formats))

    def _video_ratios(self, model: VideoModel) -> tuple[str, ...]:
        """The ratios that can be asked for as things stand; Auto keeps the first frame's shape."""
        framed = bool(self.first_frame.asset_id)
        if framed and model.frame_needs_adaptive:
            return (AUTO,)
        plain = tuple(r for r in model.ratios if r != ADAPTIVE)
        return (AUTO, *plain) if framed else plain

    def _params(self, prompt: str) -> Params:
        """What would be sent now."""
        references = sum(i.role == "reference" for i in self._inputs())
        if self.media == "image":
            transparent = self.supports_transparent and self.transparent
            return ImageParams(
                model=self.model,
                prompt=prompt,
                ratio=self.ratio,
                size=None if self.exact else self.size,
                width=int(self.width or 0) if self.exact else None,
                height=int(self.height or 0) if self.exact else None,
                count=self.count,
                series=self.supports_series and self.series and self.count > 1,
                watermark=self.watermark,
                output_format="png" if transparent else self.output_format if self.formats else "jpeg",
                background="transparent" if transparent else "opaque",
                reference_count=references,
            )
        draft = self.supports_draft and self.draft
        return VideoParams(
            model=self.model,
            prompt=prompt,
            resolution=DRAFT_RESOLUTION if draft else self.resolution,
            ratio=ADAPTIVE if self.ratio == AUTO else self.ratio,
            duration=AUTO_DURATION if self.supports_auto_duration and self.auto_duration else self.duration,
            seed=int(self.seed) if self.supports_seed and self.seed else None,
            camera_fixed=self.supports_camera_fixed and self.camera_fixed,
            generate_audio=self.supports_audio and self.audio,
            draft=draft,
            service_tier="flex" if self.supports_flex and self.delivery == "flex" else "default",
            watermark=self.watermark,
            output_format=self.output_format if self.formats else "mp4",
            has_first_frame=any(i.role == "first_frame" for i in self._inputs()),
            has_last_frame=any(i.role == "last_frame" for i in self._inputs()),
            reference_count=references,
        )

    def _inputs(self) -> list[Input]:
        """The pictures that are sent, in order. A last frame alone is among them, so that it is refused, not lost."""
        wells: list[tuple[Role, InputView, bool]] = [
            ("first_frame", self.first_frame, self.supports_frames),
            ("last_frame", self.last_frame, self.supports_frames and self.supports_last_frame),
        ]
        frames = [Input(role, uuid(each.asset_id)) for role, each, taken in wells if taken and each.asset_id]
        return frames or [Input("reference", uuid(r.asset_id)) for r in self.references[: self.max_references]]

    def _say_left_out(self) -> None:
        """What is attached beside what is sent: the references that go, and a sentence for pictures that stay."""
        sent = self._inputs()
        self.given = self.references[: sum(i.role == "reference" for i in sent)]
        said = []
        if self.references and not self.max_references:
            said.append(f"{self.model_name} takes no references: yours are kept, not sent.")
        elif self.references and not self.given:
            said.append("Frames go without references: yours are kept, not sent.")
        elif len(self.given) < len(self.references):
            said.append(f"{self.model_name} takes {self.max_references} references: the first ones are sent.")
        if self.supports_frames and self.last_frame.asset_id and not self.supports_last_frame:
            said.append(f"{self.model_name} takes no last frame: yours is kept, not sent.")
        self.left_out = said

    def _unsent_mention(self) -> str:
        """Why a prompt cannot be sent that names a picture which stays here; else nothing."""
        for found in MENTION.finditer(self.prompt):
            if len(self.given) < int(found[1]) <= len(self.references):
                return f"{found[0]} in the prompt names a picture that is not sent. Take it out of the prompt."
        return ""

    def _reprice(self) -> None:
        """Price, pixels and whether it can be sent. Only arithmetic: no query."""
        prompt = self.prompt.strip()
        self._touch()
        chosen = self.supports_auto_duration and self.auto_duration
        self.length = f"up to {self.duration_max} s" if chosen else f"{self.duration} s"
        self.size_error = ""
        self._say_left_out()
        try:
            params = self._params(prompt or "a prompt")
            quote = catalog.quote(params)
            width, height = catalog.resolve_pixels(params)
        except StudioError as error:
            self.price, self.can_generate, self.blocked = "", False, error.message
            self._show_costs()
            if isinstance(error, catalog.ParamError) and error.field in ("width", "height"):
                self.size_error, self.blocked = error.message, ""
            return
        self.price = dollars(quote.worst_micros)
        self.count_price = f"{quote.units} × {dollars(quote.unit_worst_micros)}"
        shape = "shape of the first frame" if self.ratio == AUTO else f"{width} × {height} px"
        self.pixels = f"{shape}, 24 fps" if self.media == "video" else shape
        short = quote.worst_micros - self._left_micros
        self.blocked = self._unsent_mention() or (
            f"This needs {self.price}, you have {dollars(max(self._left_micros, 0), down=True)}. "
            f"Your cap resets on {self._resets}."
            if short > 0
            else ""
        )
        self.can_generate = not self.blocked and bool(prompt)
        self._show_costs()

    def _show_costs(self) -> None:
        """What it would cost otherwise, where that is open (`CostsMixin`)."""

    async def _refresh(self, batch_ids: list[str]) -> None:
        """Bring batches up to date. Abstract: the page that shows them knows how, and none without it must work."""
        raise NotImplementedError

    def _touch(self) -> None:
        """Something may have changed that is worth keeping (`KeptMixin`)."""

    def _show_budget(self, budget: Budget) -> None:
        used = budget.held + budget.spent
        self._left_micros = budget.left
        self._resets = f"{budget.resets.day} {budget.resets:%B} at 00:00 UTC"
        self.cap_left = dollars(max(budget.left, 0), down=True)
        self.cap_text = f"{dollars(used)} of {dollars(budget.cap)} used"
        self.cap_used = min(100.0, round(100 * used / budget.cap, 1)) if budget.cap else 100.0

    def _number_references(self) -> None:
        self.references = [
            InputView(asset_id=r.asset_id, thumb=r.thumb, number=n, alt=f"Reference {n}")
            for n, r in enumerate(self.references, 1)
        ]

    def _place(self, role: Role, picture: InputView) -> None:
        """Put a picture into its well. Changing the first frame changes which ratios there are."""
        if role == "first_frame":
            self.first_frame = picture
            model = catalog.get(self.model)
            if isinstance(model, VideoModel):
                allowed = self._video_ratios(model)
                self.ratios = [ratio_icon(name) for name in allowed]
                self.ratio = AUTO if picture.asset_id else (self.ratio if self.ratio in allowed else allowed[0])
        elif role == "last_frame":
            self.last_frame = picture
        elif all(r.asset_id != picture.asset_id for r in self.references):
            self.references = [*self.references, picture]
            self._number_references()
