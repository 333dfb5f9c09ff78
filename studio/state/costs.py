"""What it would cost otherwise: as a draft, at the flex tier, on a cheaper model, each with what is left then."""

from __future__ import annotations

from dataclasses import replace

from studio.errors import StudioError
from studio.services.byteplus import catalog
from studio.services.byteplus.catalog_data import ADAPTIVE, AUTO_DURATION, ImageModel, Model, VideoModel
from studio.services.byteplus.params import ImageParams, Params, VideoParams
from studio.services.ledger import dollars
from studio.state.composer import DRAFT_RESOLUTION, ComposerMixin
from studio.state.guard import action
from studio.state.views import CostOption

MOST_MODELS = 3
DRAFT, FLEX = "draft", "flex"


def on_model(params: Params, model: Model) -> Params:
    """The same request as the composer would make it after a switch to `model`."""
    if isinstance(params, ImageParams) and isinstance(model, ImageModel):
        transparent = params.background == "transparent" and model.transparent_background
        return replace(
            params,
            model=model.id,
            ratio=params.ratio if params.ratio in model.ratios else model.default_ratio,
            size=params.size if params.size is None or params.size in model.sizes else model.default_size,
            series=params.series and model.group,
            output_format=params.output_format if params.output_format in model.output_formats else "jpeg",
            background="transparent" if transparent else "opaque",
            reference_count=min(params.reference_count, model.max_references),
        )
    assert isinstance(params, VideoParams)
    assert isinstance(model, VideoModel)
    draft = params.draft and model.draft
    return replace(
        params,
        model=model.id,
        resolution=params.resolution if params.resolution in model.resolutions else model.default_resolution,
        ratio=ADAPTIVE if params.has_first_frame and model.frame_needs_adaptive else params.ratio,
        duration=_length(params.duration, model),
        seed=params.seed if model.seed else None,
        camera_fixed=params.camera_fixed and model.camera_fixed,
        generate_audio=params.generate_audio and model.audio,
        draft=draft,
        service_tier=params.service_tier if model.flex else "default",
        output_format=params.output_format if params.output_format in model.output_formats else "mp4",
        has_last_frame=params.has_last_frame and model.last_frame,
        reference_count=0 if params.has_first_frame else min(params.reference_count, model.max_references),
    )


def _length(seconds: int, model: VideoModel) -> int:
    """The nearest length that a model makes. Where it cannot choose by itself, the usual one."""
    if seconds == AUTO_DURATION:
        return seconds if model.auto_duration else model.default_duration
    return min(max(seconds, model.min_duration), model.max_duration)


def without(now: Params, then: Params) -> str:
    """What is lost or changed on the way from one request to the other, in a few words; nothing: an empty text."""
    lost = []
    if then.reference_count < now.reference_count:
        fewer = f"{then.reference_count} of {now.reference_count} references"
        lost.append(fewer if then.reference_count else "no references")
    if isinstance(now, ImageParams) and isinstance(then, ImageParams):
        lost += [f"in {then.size}"] if then.size != now.size else []
        lost += ["no series"] if now.series and not then.series else []
        lost += ["not transparent"] if now.background != then.background else []
        lost += [then.output_format.upper()] if now.output_format != then.output_format else []
    elif isinstance(now, VideoParams) and isinstance(then, VideoParams):
        lost += [f"in {then.resolution}"] if then.resolution != now.resolution else []
        lost += [f"{then.duration} s"] if then.duration != now.duration else []
        lost += ["no last frame"] if now.has_last_frame and not then.has_last_frame else []
        lost += ["silent"] if now.generate_audio and not then.generate_audio else []
        lost += ["camera not fixed"] if now.camera_fixed and not then.camera_fixed else []
        lost += ["not as a draft"] if now.draft and not then.draft else []
    return ", ".join(lost)


def _price(params: Params) -> int | None:
    try:
        return catalog.quote(params).worst_micros
    except StudioError:
        return None


class CostsMixin(ComposerMixin, mixin=True):
    """The popover beside the price. Only arithmetic, and only while it is open."""

    costs_open: bool = False
    costs: list[CostOption] = []

    @action
    async def set_costs_open(self, value: bool):
        """Open or close it."""
        self.costs_open = value
        self._show_costs()

    @action
    async def choose_cost(self, ident: str):
        """Switch to one of what is shown: draft, flex or the id of a model."""
        if not any(option.id == ident for option in self.costs):
            return
        if ident == DRAFT:
            self.draft = True
        elif ident == FLEX:
            self.delivery = "flex"
        else:
            self._choose_model(ident)
        self.costs_open = False
        self._reprice()

    def _show_costs(self) -> None:
        if not self.costs_open:
            self.costs = []
            return
        now = self._params(self.prompt.strip() or "a prompt")
        price = _price(now)
        if price is None:
            self.costs = []
            return
        found = [self._option("", "As it is now", self.model_name, price)]
        if isinstance(now, VideoParams) and self.supports_draft and not now.draft:
            self._add(
                found,
                DRAFT,
                "As a draft",
                "480p, to look at first",
                replace(now, draft=True, resolution=DRAFT_RESOLUTION, return_last_frame=False),
            )
        if isinstance(now, VideoParams) and self.supports_flex and now.service_tier != FLEX:
            # Flex may be delivered as standard, so its whole price is held; what it usually costs is what is said.
            note = f"Overnight; {dollars(price)} is held until it is done"
            self._add(found, FLEX, "At the flex tier", note, replace(now, service_tier=FLEX), usual=True)
        cheaper: list[tuple[int, Model]] = []
        for model in catalog.models(now.kind):
            other = _price(on_model(now, model)) if model.id != self.model else None
            if other is not None and other < price:
                cheaper.append((other, model))
        for other, model in sorted(cheaper, key=lambda row: -row[0])[-MOST_MODELS:]:
            changes = without(now, on_model(now, model))
            note = f"{changes[0].upper()}{changes[1:]}" if changes else model.tagline
            found.append(self._option(model.id, f"On {model.name}", note, other))
        self.costs = found

    def _add(
        self, found: list[CostOption], ident: str, title: str, note: str, params: Params, *, usual: bool = False
    ) -> None:
        try:
            quote = catalog.quote(params)
        except StudioError:
            return
        found.append(self._option(ident, title, note, quote.expected_micros if usual else quote.worst_micros))

    def _option(self, ident: str, title: str, note: str, price: int) -> CostOption:
        left = self._left_micros - price
        words = f"{dollars(left, down=True)} left after" if left >= 0 else f"{dollars(-left)} above your cap"
        said = f"{title}: {dollars(price)}, {words}"
        return CostOption(id=ident, title=title, note=note, price=dollars(price), left=words, fits=left >= 0, name=said)
