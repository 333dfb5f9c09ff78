"""The composer: what is asked for, what the model can do, and what it costs. Pure state; nothing is sent from here."""

from __future__ import annotations

import secrets

from studio.errors import StudioError
from studio.services.byteplus import catalog
from studio.services.byteplus.catalog_data import ADAPTIVE, SEED_RANGE, ImageModel, VideoModel
from studio.services.byteplus.params import ImageParams, Params, VideoParams
from studio.services.generations import Input, Role
from studio.services.ledger import Budget, dollars
from studio.state.guard import action, uuid
from studio.state.toasts import ToastMixin
from studio.state.views import InputView, ModelOption, RatioOption

AUTO = "Auto"
ART: dict[str, tuple[str, ...]] = {
    "image": ("ink-1", "paper-1", "blob-1", "dahlia-1"),
    "video": ("ocean-2", "lake-1", "aurora-3", "dunes-2", "city-1", "planet-1"),
}
STARTS = {
    "still-life": "Three hand-thrown stoneware vases on raw linen, soft window light",
    "landscape": "A still alpine lake before sunrise, layered ridges, thin mist over the water",
    "paper-cut": "Layered paper cut landscape, terracotta and plum, deep soft shadows",
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
    pixels: str = ""  # "2048 × 2048 px" or "1280 × 720 px, 24 fps"
    count: int = 1
    max_count: int = 15
    count_price: str = ""  # "4 × $0.04"
    references: list[InputView] = []
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
    supports_flex: bool = False
    delivery: str = "standard"
    supports_seed: bool = False
    seed: str = ""
    supports_audio: bool = False
    audio: bool = True
    supports_camera_fixed: bool = False
    camera_fixed: bool = False
    watermark: bool = False
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

    _left_micros: int = 0
    _resets: str = ""
    _models: dict[str, str] = {}  # the last model of each medium
    _ratios: dict[str, str] = {}  # and its ratio

    # Derived

    def _choose_model(self, model_id: str) -> None:
        """Show what a model can do and move values that no longer fit, naming each move."""
        model = catalog.get(model_id)
        if model.kind != self.media:
            self._ratios = {**self._ratios, self.media: self.ratio}
            self.ratio = self._ratios.get(model.kind, self.ratio)
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
        if self.references and not model.max_references:
            self.notices.append(f"{model.name} takes no references: yours are kept, not sent.")
        elif len(self.references) > model.max_references:
            self.notices.append(f"{model.name} takes {model.max_references} references: the first ones are sent.")

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
        self.supports_seed = model.seed
        self.supports_frames = self.supports_last_frame = False
        self.supports_audio = self.supports_camera_fixed = self.supports_flex = False

    def _fit_video(self, model: VideoModel) -> None:
        allowed = self._video_ratios(model)
        self.ratios = [ratio_icon(name) for name in allowed]
        self.ratio = self._moved("the aspect ratio", self.ratio, allowed, allowed[0])
        self.resolutions = list(model.resolutions)
        self.resolution = self._moved("the resolution", self.resolution, model.resolutions, model.default_resolution)
        self.duration_min, self.duration_max = model.min_duration, model.max_duration
        self.duration = min(max(self.duration, model.min_duration), model.max_duration)
        self.supports_frames, self.supports_last_frame = model.first_frame, model.last_frame
        self.supports_seed, self.supports_audio = model.seed, model.audio
        self.supports_camera_fixed, self.supports_flex = model.camera_fixed, model.flex
        self.formats = []

    def _video_ratios(self, model: VideoModel) -> tuple[str, ...]:
        """The ratios that can be asked for as things stand; Auto keeps the first frame's shape."""
        framed = bool(self.first_frame.asset_id)
        if framed and model.frame_needs_adaptive:
            return (AUTO,)
        plain = tuple(r for r in model.ratios if r != ADAPTIVE)
        return (AUTO, *plain) if framed else plain

    def _params(self, prompt: str) -> Params:
        """What would be sent now."""
        if self.media == "image":
            return ImageParams(
                model=self.model,
                prompt=prompt,
                ratio=self.ratio,
                size=self.size,
                count=self.count,
                watermark=self.watermark,
                output_format=self.output_format if self.formats else "jpeg",
                reference_count=sum(i.role == "reference" for i in self._inputs()),
            )
        return VideoParams(
            model=self.model,
            prompt=prompt,
            resolution=self.resolution,
            ratio=ADAPTIVE if self.ratio == AUTO else self.ratio,
            duration=self.duration,
            seed=int(self.seed) if self.supports_seed and self.seed else None,
            camera_fixed=self.supports_camera_fixed and self.camera_fixed,
            generate_audio=self.supports_audio and self.audio,
            service_tier="flex" if self.supports_flex and self.delivery == "flex" else "default",
            watermark=self.watermark,
            has_first_frame=any(i.role == "first_frame" for i in self._inputs()),
            has_last_frame=any(i.role == "last_frame" for i in self._inputs()),
            reference_count=sum(i.role == "reference" for i in self._inputs()),
        )

    def _inputs(self) -> list[Input]:
        """The pictures that this model takes, in order."""
        found: list[Input] = []
        if self.supports_frames and self.first_frame.asset_id:
            found.append(Input("first_frame", uuid(self.first_frame.asset_id)))
            if self.supports_last_frame and self.last_frame.asset_id:
                found.append(Input("last_frame", uuid(self.last_frame.asset_id)))
            return found
        return [Input("reference", uuid(r.asset_id)) for r in self.references[: self.max_references]]

    def _reprice(self) -> None:
        """Price, pixels and whether it can be sent. Only arithmetic: no query."""
        prompt = self.prompt.strip()
        try:
            params = self._params(prompt or "a prompt")
            quote = catalog.quote(params)
            width, height = catalog.resolve_pixels(params)
        except StudioError as error:
            self.price, self.can_generate, self.blocked = "", False, error.message
            return
        self.price = dollars(quote.worst_micros)
        self.count_price = f"{quote.units} × {dollars(quote.unit_worst_micros)}"
        shape = "shape of the first frame" if self.ratio == AUTO else f"{width} × {height} px"
        self.pixels = f"{shape}, 24 fps" if self.media == "video" else shape
        short = quote.worst_micros - self._left_micros
        self.blocked = (
            f"This needs {self.price}, you have {dollars(max(self._left_micros, 0), down=True)}. "
            f"Your cap resets on {self._resets}."
            if short > 0
            else ""
        )
        self.can_generate = not self.blocked and bool(prompt)

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

    # Handlers

    @action
    async def set_media(self, value: str):
        """Switch between pictures and clips; prompt, references and frames stay."""
        if value in ("image", "video"):
            self._choose_model(self._models.get(value) or catalog.models(value)[0].id)
            self._reprice()

    @action
    async def set_model(self, value: str):
        """Choose a model."""
        self._choose_model(value)
        self._reprice()

    @action
    async def set_ratio(self, value: str):
        """Choose an aspect ratio that is shown."""
        if any(r.name == value for r in self.ratios):
            self.ratio = value
            self._reprice()

    @action
    async def set_size(self, value: str):
        """Choose a size that is shown."""
        if value in self.sizes:
            self.size = value
            self._reprice()

    @action
    async def set_count(self, value: str):
        """How many pictures, 1 to the model's limit."""
        digits = value.strip()
        if digits.isascii() and digits.isdigit() and len(digits) <= 3:
            self.count = min(max(int(digits), 1), self.max_count)
            self._reprice()

    @action
    async def set_resolution(self, value: str):
        """Choose a resolution that is shown."""
        if value in self.resolutions:
            self.resolution = value
            self._reprice()

    @action
    async def set_duration(self, value: list[int | float]):
        """Seconds of film, from the slider."""
        if len(value) == 1 and isinstance(value[0], int | float) and not isinstance(value[0], bool):
            wanted = value[0] if abs(value[0]) < 1000 else self.duration_max
            self.duration = min(max(round(wanted), self.duration_min), self.duration_max)
            self._reprice()

    @action
    async def set_delivery(self, value: str):
        """Standard, or Flex: overnight, half the price."""
        if value in ("standard", "flex"):
            self.delivery = value
            self._reprice()

    @action
    async def set_seed(self, value: str):
        """A whole number, or nothing for a seed of the model's own."""
        digits = value.replace(" ", "")
        if digits and not (digits.isascii() and digits.isdigit() and int(digits[:12]) <= SEED_RANGE[1]):
            self._say("error", f"A seed is a whole number from 0 to {SEED_RANGE[1]:,}.")
            return
        self.seed = digits
        self._reprice()

    @action
    async def random_seed(self):
        """Pick a seed, so that it can be kept."""
        self.seed = str(secrets.randbelow(SEED_RANGE[1]))

    @action
    async def set_audio(self, value: bool):
        """Sound on or off."""
        self.audio = value
        self._reprice()

    @action
    async def set_camera_fixed(self, value: bool):
        """Fixed camera on or off."""
        self.camera_fixed = value
        self._reprice()

    @action
    async def set_watermark(self, value: bool):
        """The provider's visible watermark on or off."""
        self.watermark = value

    @action
    async def set_format(self, value: str):
        """File format, from those shown."""
        if value in self.formats:
            self.output_format = value

    @action
    async def set_prompt(self, value: str):
        """What was typed, a moment after typing stops."""
        self.prompt = value
        self._reprice()

    @action
    async def start_from(self, value: str):
        """One of the empty studio's starting points: still-life, landscape, paper-cut."""
        if value in STARTS:
            self.prompt = STARTS[value]
            self._reprice()

    @action
    async def reset_parameters(self):
        """Back to the model's defaults; prompt and pictures stay."""
        self._defaults()
        self._choose_model(self.model)
        self.notices = []
        self._reprice()

    def _defaults(self) -> None:
        self.count, self.seed, self.delivery, self.audio = 1, "", "standard", True
        self.camera_fixed = self.watermark = False
        self.output_format, self.duration, self.price = "jpeg", 5, ""
        model = catalog.get(self.model)
        if isinstance(model, ImageModel):
            self.ratio, self.size = model.default_ratio, model.default_size
        else:
            self.ratio = AUTO if self.first_frame.asset_id else self._video_ratios(model)[0]
            self.resolution = model.default_resolution

    @action
    async def remove_reference(self, asset_id: str):
        """Take a reference out; the rest move up."""
        self.references = [r for r in self.references if r.asset_id != asset_id]
        self._number_references()
        self._reprice()

    @action
    async def clear_frame(self, role: str):
        """Empty the first_frame or last_frame well."""
        if role == "first_frame":
            self._place("first_frame", NO_INPUT)
        elif role == "last_frame":
            self._place("last_frame", NO_INPUT)
        self._reprice()

    @action
    async def swap_frames(self):
        """First becomes last and last becomes first."""
        first, last = self.first_frame, self.last_frame
        if last.asset_id:
            self._place("last_frame", first)
            self._place("first_frame", last)
            self._reprice()
