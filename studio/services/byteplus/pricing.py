"""Published prices (E), the token formula, and the operator's prices file. Integers in micro-USD, rounded up.

The prices file is TOML or JSON, amounts in US dollars, one table a model, only what differs:

    [seedream-4-5-251128]
    image = 0.04                # a picture
    [dola-seedream-5-0-pro-260628]
    image_large = 0.09          # a picture above 1.5K
    reference = 0.003           # each reference after the first
    [seedance-1-0-pro-250528]
    tokens = { 480p = 2.5 }     # a million tokens
    flex = { 480p = 1.25 }
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from types import MappingProxyType
from typing import cast

from studio.errors import StudioError

from .catalog_data import ALIASES, IMAGE_MODELS, VIDEO_MODELS

MICROS = 1_000_000
MAX_USD = Decimal(1000)
# 5.0 Pro has two prices and two readings of where they part (E): 1.5K squared for certain is small, above 2.61 MP
# for certain is large. Between them we expect the small price and hold the large one.
SMALL_FOR_CERTAIN = 1536 * 1536
LARGE_FOR_CERTAIN = 2_610_000


class PricesFileError(StudioError):
    """The prices file cannot be used."""

    code = "prices_file"
    status = 500


@dataclass(frozen=True, kw_only=True)
class ImagePrice:
    """Micro-USD for a picture; `large` above 1.5K, where it differs; `reference` for each after the first."""

    image: int
    large: int | None = None
    reference: int = 0


@dataclass(frozen=True, kw_only=True)
class VideoPrice:
    """Micro-USD for a million tokens by resolution, without video input. `flex` is the off-peak price, where sold."""

    tokens: Mapping[str, int]
    flex: Mapping[str, int] = field(default_factory=dict)


Price = ImagePrice | VideoPrice
Prices = Mapping[str, Price]  # model id -> price; a model that is absent has no published price


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a request costs, in micro-USD. `worst` is what must be held; a unit is one picture or one clip."""

    expected_micros: int
    worst_micros: int
    unit_expected_micros: int
    unit_worst_micros: int
    units: int
    basis: str


def _each(resolutions: str, micros: int) -> dict[str, int]:
    return dict.fromkeys(resolutions.split(), micros)


PUBLISHED: Prices = MappingProxyType(
    {
        "seedream-4-5-251128": ImagePrice(image=40_000),
        "dola-seedream-5-0-pro-260628": ImagePrice(image=45_000, large=90_000, reference=3_000),
        "seedream-5-0-260128": ImagePrice(image=35_000),
        "seedream-4-0-250828": ImagePrice(image=30_000),
        "dreamina-seedance-2-5-260628": VideoPrice(tokens=_each("480p 720p", 10_700_000) | _each("1080p", 11_700_000)),
        "dreamina-seedance-2-0-260128": VideoPrice(
            tokens=_each("480p 720p", 7_000_000) | _each("1080p", 7_700_000) | _each("4k", 4_000_000)
        ),
        "dreamina-seedance-2-0-fast-260128": VideoPrice(tokens=_each("480p 720p", 5_600_000)),
        "dreamina-seedance-2-0-mini-260615": VideoPrice(tokens=_each("480p 720p", 3_500_000)),
        "seedance-1-0-pro-250528": VideoPrice(
            tokens=_each("480p 720p 1080p", 2_500_000), flex=_each("480p 720p 1080p", 1_250_000)
        ),
        "seedance-1-0-pro-fast-251015": VideoPrice(
            tokens=_each("480p 720p 1080p", 1_000_000), flex=_each("480p 720p 1080p", 500_000)
        ),
    }
)


def video_tokens(*, width: int, height: int, seconds: int, fps: int = 24) -> int:
    """Tokens a clip uses: width x height x (fps x seconds + 1) / 1024, rounded up (E, measured; the `+ 1` is real).

    The provider's rounding of a fraction is not known, so this is never below what it bills.
    """
    return -(-width * height * (fps * seconds + 1) // 1024)


def token_micros(tokens: int, micros_per_million: int) -> int:
    """Micro-USD for `tokens`, rounded up."""
    return -(-tokens * micros_per_million // MICROS)


def image_micros(price: ImagePrice, *, pixels: int, references: int, worst: bool) -> int:
    """Micro-USD for one picture of `pixels` in all, with its references."""
    boundary = SMALL_FOR_CERTAIN if worst else LARGE_FOR_CERTAIN
    base = price.large if price.large is not None and pixels > boundary else price.image
    return base + price.reference * max(0, references - 1)


def load_prices(path: str | Path) -> Prices:
    """The published prices with the file's differences. Raises PricesFileError, one sentence that names the key."""
    path = Path(path)
    prices = dict(PUBLISHED)
    for name, table in _read(path).items():
        model_id = ALIASES.get(name, name)
        if model_id not in _KINDS:
            raise PricesFileError(f"{path}: there is no model “{name}”. The models are {', '.join(sorted(_KINDS))}.")
        if not isinstance(table, dict):
            raise PricesFileError(f"{path}: “{name}” must be a table of prices.")
        read = _image_price if _KINDS[model_id] == "image" else _video_price
        prices[model_id] = read(f"{path}: “{name}", model_id, cast("dict[str, object]", table))
    return MappingProxyType(prices)


_KINDS = {model.id: model.kind for model in (*IMAGE_MODELS, *VIDEO_MODELS)}
_RESOLUTIONS = {model.id: model.resolutions for model in VIDEO_MODELS}
_FLEX = {model.id for model in VIDEO_MODELS if model.flex}


def _read(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PricesFileError(f"{path} cannot be read: {error.strerror or 'unknown reason'}.") from None
    except UnicodeDecodeError:
        raise PricesFileError(f"{path} is not UTF-8 text.") from None
    try:
        if path.suffix.lower() == ".json":
            data = json.loads(text, parse_float=Decimal, parse_constant=str)
        else:
            data = tomllib.loads(text, parse_float=Decimal)
    except ValueError as error:  # JSONDecodeError and TOMLDecodeError
        raise PricesFileError(f"{path} cannot be parsed: {error}.") from None
    if not isinstance(data, dict):
        raise PricesFileError(f"{path} must hold one table for each model.")
    return data


def _micros(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PricesFileError(f"{where}” must be a number of US dollars.")
    usd = Decimal(value)
    if not usd.is_finite() or not 0 < usd <= MAX_USD:
        raise PricesFileError(f"{where}” must be above 0 and at most {MAX_USD} US dollars.")
    return int((usd * MICROS).to_integral_value(rounding=ROUND_CEILING))


def _known_keys(where: str, table: Mapping[str, object], allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            raise PricesFileError(f"{where}.{key}” is not a price of this model. It can have {', '.join(allowed)}.")


def _image_price(where: str, model_id: str, table: dict[str, object]) -> ImagePrice:
    _known_keys(where, table, ("image", "image_large", "reference"))
    given = {key: _micros(f"{where}.{key}", value) for key, value in table.items()}
    if "image_large" in given:
        given["large"] = given.pop("image_large")
    old = PUBLISHED.get(model_id)
    if isinstance(old, ImagePrice):
        return replace(old, **given)
    if "image" not in given:
        raise PricesFileError(f"{where}.image” is missing, and this model has no published price.")
    return ImagePrice(**given)


def _video_price(where: str, model_id: str, table: dict[str, object]) -> VideoPrice:
    allowed = ("tokens", "flex") if model_id in _FLEX else ("tokens",)
    _known_keys(where, table, allowed)
    old = PUBLISHED.get(model_id)
    merged: dict[str, Mapping[str, int]] = {}
    for key in allowed:
        rates = dict(getattr(old, key)) if isinstance(old, VideoPrice) else {}
        given = table.get(key, {})
        if not isinstance(given, dict):
            raise PricesFileError(f"{where}.{key}” must be a table of resolutions, such as {{ 480p = 2.5 }}.")
        _known_keys(f"{where}.{key}", given, _RESOLUTIONS[model_id])
        rates |= {name: _micros(f"{where}.{key}.{name}", value) for name, value in given.items()}
        merged[key] = MappingProxyType(rates)
    return VideoPrice(tokens=merged["tokens"], flex=merged.get("flex", MappingProxyType({})))
