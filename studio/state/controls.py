"""The composer's controls: each handler sets one thing, within what the model that is shown can do."""

from __future__ import annotations

import secrets

from studio.services.byteplus import catalog
from studio.services.byteplus.catalog_data import SEED_RANGE, ImageModel
from studio.state.composer import AUTO, ComposerMixin
from studio.state.guard import action

EXACT = "Exact"  # beside the tiers of a size
STARTS = {
    "still-life": "Three hand-thrown stoneware vases on raw linen, soft window light",
    "landscape": "A still alpine lake before sunrise, layered ridges, thin mist over the water",
    "paper-cut": "Layered paper cut landscape, terracotta and plum, deep soft shadows",
}


class ControlsMixin(ComposerMixin, mixin=True):
    """What a person turns, types and picks. Pictures are in `ReferencesMixin`."""

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
            self.size, self.exact = value, False
            self._reprice()
        elif value == EXACT and not self.exact:
            if not (self.width and self.height):
                self.width, self.height = self._pixels_now()
            self.exact = True
            self._reprice()

    def _pixels_now(self) -> tuple[str, str]:
        """What the tier and the ratio stand for, to start from."""
        model = catalog.get(self.model)
        assert isinstance(model, ImageModel)
        width, height = model.pixels[self.size][self.ratio]
        return str(width), str(height)

    @action
    async def set_width(self, value: str):
        """Exact width in pixels; judged as it is typed."""
        self._side("width", value)

    @action
    async def set_height(self, value: str):
        """Exact height in pixels."""
        self._side("height", value)

    def _side(self, side: str, value: str) -> None:
        digits = value.strip()
        if digits and not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
            self._say("error", f"The {side} is a whole number of pixels.")
            return
        setattr(self, side, digits)
        self._reprice()

    @action
    async def set_series(self, value: bool):
        """Related pictures in one request, or as many requests as pictures."""
        self.series = value
        self._reprice()

    @action
    async def set_draft(self, value: bool):
        """A quick look in 480p before the real one."""
        self.draft = value
        self._reprice()

    @action
    async def set_transparent(self, value: bool):
        """A transparent background, where the model has one."""
        self.transparent = value
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
    async def set_auto_duration(self, value: bool):
        """Whether the model chooses the length."""
        self.auto_duration = value
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
        self._touch()

    @action
    async def set_audio(self, value: bool):
        """Sound on or off."""
        self.audio, self._sound_chosen = value, True
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
        self._touch()

    @action
    async def set_format(self, value: str):
        """File format, from those shown."""
        if value in self.formats:
            self.output_format = value
            self._reprice()

    @action
    async def set_prompt(self, value: str):
        """What was typed, a moment after typing stops."""
        self._write(value)
        self._reprice()

    @action
    async def start_from(self, value: str):
        """One of the empty studio's starting points: still-life, landscape, paper-cut."""
        if value in STARTS:
            self._write(STARTS[value])
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
        self.camera_fixed = self.watermark = self._sound_chosen = False
        self.exact = self.series = self.draft = self.transparent = self.auto_duration = False
        self.width = self.height = ""
        self.duration, self.price = 5, ""
        model = catalog.get(self.model)
        self.output_format = model.output_formats[0]
        if isinstance(model, ImageModel):
            self.ratio, self.size = model.default_ratio, model.default_size
        else:
            self.ratio = AUTO if self.first_frame.asset_id else self._video_ratios(model)[0]
            self.resolution = model.default_resolution
