"""The catalogue: which models are offered, what they can do and what they cost.

A `Catalog` is the model data with one set of prices. A process configures one at its start with `configure(path)`;
the functions below it ask that one. Sources: the ModelArk facts A to F; money is integers in micro-USD.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, cast

from studio.errors import NotFound, ValidationError

from . import pricing, validation
from .catalog_data import (
    ADAPTIVE,
    ALIASES,
    AUTO_DURATION,
    IMAGE_MODELS,
    MAX_COUNT,
    MAX_PROMPT_CHARS,
    SEED_RANGE,
    VIDEO_MODELS,
    ImageModel,
    Limits,
    Model,
    Pixels,
    VideoModel,
)
from .params import ImageParams, Params, VideoParams, params_from_json
from .pricing import PUBLISHED, ImagePrice, Prices, PricesFileError, Quote, VideoPrice, load_prices, video_tokens
from .validation import ParamError

__all__ = [
    "ADAPTIVE",
    "ALIASES",
    "AUTO_DURATION",
    "MAX_COUNT",
    "MAX_PROMPT_CHARS",
    "SEED_RANGE",
    "Catalog",
    "ImageModel",
    "ImageParams",
    "ImagePrice",
    "Kind",
    "Limits",
    "Model",
    "ModelNotOffered",
    "ParamError",
    "Params",
    "Pixels",
    "PriceUnknown",
    "Prices",
    "PricesFileError",
    "Quote",
    "VideoModel",
    "VideoParams",
    "VideoPrice",
    "catalog",
    "configure",
    "get",
    "known_models",
    "label",
    "load_prices",
    "models",
    "params_from_json",
    "quote",
    "resolve_pixels",
    "settle_price",
    "typical_seconds",
    "validate",
    "video_tokens",
]

Kind = Literal["image", "video"]
_KNOWN: Mapping[str, Model] = {model.id: model for model in (*IMAGE_MODELS, *VIDEO_MODELS)}


class ModelNotOffered(NotFound):
    """This model is not offered here. Choose another one."""

    code = "model_not_offered"


class PriceUnknown(ValidationError):
    """There is no published price for this, so it cannot be made."""

    code = "price_unknown"


def _find(model_id: object) -> Model:
    """The model by id or alias, priced or not."""
    if not isinstance(model_id, str) or ALIASES.get(model_id, model_id) not in _KNOWN:
        raise ModelNotOffered
    return _KNOWN[ALIASES.get(model_id, model_id)]


def known_models() -> tuple[Model, ...]:
    """Every model of the data, those without a price too. The simulator answers for all of them."""
    return tuple(_KNOWN.values())


def label(model_id: str) -> str:
    """A name to show for any id, also one that is no longer offered; the id itself where nothing is known."""
    model = _KNOWN.get(ALIASES.get(model_id, model_id))
    return model.name if model is not None else model_id


class Catalog:
    """The models with one set of prices. Immutable; a model without a price is known but not offered."""

    def __init__(self, prices: Prices = PUBLISHED) -> None:
        self.prices: Prices = dict(prices)

    def models(self, kind: Kind | None = None) -> tuple[Model, ...]:
        """The offered models, in the order they are shown."""
        return tuple(m for m in _KNOWN.values() if m.id in self.prices and kind in (None, m.kind))

    def get(self, model_id: str) -> Model:
        """One offered model, by id or alias. Raises ModelNotOffered (404)."""
        model = _find(model_id)
        if model.id not in self.prices:
            raise ModelNotOffered
        return model

    def validate(self, params: Params) -> None:
        """Raise ParamError, PriceUnknown or ModelNotOffered, one sentence, unless this can be sent as it is."""
        model = _find(params.model)
        validation.check(model, params)
        self._price(model, params)

    def resolve_pixels(self, params: Params) -> Pixels:
        """(width, height) of each output. For "adaptive" the first frame's nearest ratio, or the largest there is.

        What is asked is judged first, so this raises what `validate` raises.
        """
        self.validate(params)
        return validation.resolve_pixels(_find(params.model), params)

    def quote(self, params: Params) -> Quote:
        """What `params` cost. Raises what `validate` raises; PriceUnknown where there is no published price.

        `worst` holds for every choice left to the model: the largest adaptive size, the longest duration, a draft
        at the full price, flex delivered as standard, and 5.0 Pro's large price wherever it could apply.
        """
        self.validate(params)
        model = _find(params.model)
        if isinstance(params, ImageParams):
            return self._quote_images(model, params)
        return self._quote_video(model, params)

    def settle_price(
        self,
        params: Params,
        usage: Mapping[str, object] | None,
        *,
        sizes: Iterable[Pixels] = (),
        service_tier: str | None = None,
    ) -> int:
        """Micro-USD of one answered request from the `usage` it reported; the caller clamps it to what it held.

        Images: `generated_images`, each at the price of its `sizes` entry where given. Videos: `completion_tokens`, at
        the price of the `service_tier` that was reported (without one, the tier that was asked for). A usage without
        a usable number costs what was asked for, at its worst.
        """
        model = _find(params.model)
        price = self._price(model, params)
        if isinstance(params, ImageParams):
            assert isinstance(price, ImagePrice)
            asked = params.count if params.series else 1
            made = _number(usage, "generated_images")
            worst = self._image_micros(price, model, params, worst=True)
            if made is None:
                return asked * worst
            each = [self._image_micros(price, model, params, size=size) for size in sizes][:made]
            usual = self._image_micros(price, model, params)
            return sum(each) + usual * (made - len(each))
        assert isinstance(price, VideoPrice)
        tokens = _number(usage, "completion_tokens")
        if tokens is None:
            return self._quote_video(model, params).worst_micros
        flex = (service_tier or params.service_tier) == "flex"
        return pricing.token_micros(tokens, (price.flex if flex else price.tokens)[params.resolution])

    def _price(self, model: Model, params: Params) -> ImagePrice | VideoPrice:
        price = self.prices.get(model.id)
        if price is None:
            raise PriceUnknown(f"{model.name} has no published price, so it is not offered. Choose another model.")
        if isinstance(price, VideoPrice) and isinstance(params, VideoParams):
            if params.resolution not in price.tokens:
                raise PriceUnknown(
                    f"{model.name} has no published price for {params.resolution}. Choose another resolution."
                )
            if params.service_tier == "flex" and params.resolution not in price.flex:
                raise PriceUnknown(f"{model.name} has no published price for Flex. Choose Standard.")
        return price

    def _image_micros(
        self, price: ImagePrice, model: Model, params: ImageParams, *, worst: bool = False, size: Pixels | None = None
    ) -> int:
        width, height = size or validation.resolve_pixels(model, params)
        return pricing.image_micros(price, pixels=width * height, references=params.reference_count, worst=worst)

    def _quote_images(self, model: Model, params: ImageParams) -> Quote:
        price = cast("ImagePrice", self._price(model, params))
        expected = self._image_micros(price, model, params)
        worst = self._image_micros(price, model, params, worst=True)
        width, height = validation.resolve_pixels(model, params)
        return Quote(
            expected_micros=expected * params.count,
            worst_micros=worst * params.count,
            unit_expected_micros=expected,
            unit_worst_micros=worst,
            units=params.count,
            basis=f"{params.count} × image of {width} × {height}",
        )

    def _quote_video(self, model: Model, params: VideoParams) -> Quote:
        assert isinstance(model, VideoModel)
        price = cast("VideoPrice", self._price(model, params))
        seconds = model.max_duration if params.duration == AUTO_DURATION else params.duration
        rates = price.flex if params.service_tier == "flex" else price.tokens
        rate = rates[params.resolution]
        likely = validation.resolve_pixels(model, params)
        most = validation.largest(model.pixels[params.resolution].values()) if params.ratio == ADAPTIVE else likely
        tokens = video_tokens(width=likely[0], height=likely[1], seconds=seconds, fps=model.fps)
        most_tokens = video_tokens(width=most[0], height=most[1], seconds=seconds, fps=model.fps)
        expected = pricing.token_micros(tokens, rate)
        worst = pricing.token_micros(most_tokens, max(rate, price.tokens[params.resolution]))
        return Quote(
            expected_micros=expected,
            worst_micros=worst,
            unit_expected_micros=expected,
            unit_worst_micros=worst,
            units=1,
            basis=f"{most_tokens:,} tokens: {most[0]} × {most[1]}, {seconds} s",
        )


def _number(usage: Mapping[str, object] | None, key: str) -> int | None:
    value = usage.get(key) if usage is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def typical_seconds(params: Params) -> int:
    """How long one request usually takes, in seconds, for "usually 20 s". An estimate from C6 and B, not a promise.

    It knows nothing about queues: with flex delivery the wait in the provider's queue comes on top and is not known.
    """
    model = _find(params.model)
    validation.check(model, params)
    if isinstance(params, VideoParams):
        assert isinstance(model, VideoModel)
        seconds = model.default_duration if params.duration == AUTO_DURATION else params.duration
        return 20 + round(model.seconds_each[params.resolution] * seconds)
    assert isinstance(model, ImageModel)
    width, height = validation.resolve_pixels(model, params)
    one = model.seconds + (10 if width * height > 5_000_000 else 0) + (5 if params.reference_count else 0)
    return one + (10 * (params.count - 1) if params.series else 0)


_current = Catalog()


def configure(path: str | Path | None) -> Catalog:
    """Set the process's catalogue once, at its start: the published prices, or those of `STUDIO_PRICES_FILE`.

    Raises PricesFileError with the name of the key, so the start stops there.
    """
    global _current  # noqa: PLW0603  # the one place that sets it
    _current = Catalog(load_prices(path)) if path is not None else Catalog()
    return _current


def catalog() -> Catalog:
    """The process's catalogue."""
    return _current


def models(kind: Kind | None = None) -> tuple[Model, ...]:
    """`Catalog.models` of the process's catalogue."""
    return _current.models(kind)


def get(model_id: str) -> Model:
    """`Catalog.get` of the process's catalogue."""
    return _current.get(model_id)


def validate(params: Params) -> None:
    """`Catalog.validate` of the process's catalogue."""
    _current.validate(params)


def resolve_pixels(params: Params) -> Pixels:
    """`Catalog.resolve_pixels` of the process's catalogue."""
    return _current.resolve_pixels(params)


def quote(params: Params) -> Quote:
    """`Catalog.quote` of the process's catalogue."""
    return _current.quote(params)


def settle_price(
    params: Params,
    usage: Mapping[str, object] | None,
    *,
    sizes: Iterable[Pixels] = (),
    service_tier: str | None = None,
) -> int:
    """`Catalog.settle_price` of the process's catalogue."""
    return _current.settle_price(params, usage, sizes=sizes, service_tier=service_tier)
