"""What an image request may say (section B), checked with the provider's own sentences."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Any

from studio.services.byteplus.catalog_data import ImageModel, Pixels
from studio.simulator import faults
from studio.simulator.wire import ApiError, Json

_SIZE = re.compile(r"^(\d{1,5})[xX](\d{1,5})$")
_NUMBER_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_MANY = re.compile(
    r"\b(\d{1,2}|"
    + "|".join(_NUMBER_WORDS)
    + r")\s+(?:\w+\s+)?(?:images|pictures|photos|variations|panels|frames|shots)\b"
)


@dataclass(frozen=True)
class ImageJob:
    """A checked request. `size` None means the keyword's ratio is still to be chosen from the first photo."""

    model: ImageModel
    model_id: str
    prompt: str
    size: Pixels | None
    keyword: str
    images: tuple[object, ...]
    count: int
    seed: int
    stream: bool
    b64: bool
    output_format: str
    watermark: bool
    transparent: bool


def invalid(name: str, why: str) -> ApiError:
    return ApiError(
        "InvalidParameter", f"The parameter `{name}` specified in the request is not valid: {why}", param=name
    )


def check(model: ImageModel, body: Json) -> ImageJob:
    """Raises ApiError 400 with the provider's text."""
    prompt = _prompt(body)
    images = _images(model, body)
    keyword, size = _size(model, body.get("size"), prompt, bool(images))
    return ImageJob(
        model=model,
        model_id=str(body["model"]),
        prompt=prompt,
        size=size,
        keyword=keyword,
        images=images,
        count=_count(model, body, prompt, len(images)),
        seed=_seed(body.get("seed", -1)),
        stream=_stream(model, body),
        b64=_choice(body, "response_format", ("url", "b64_json"), "url") == "b64_json",
        output_format=_output_format(model, body),
        watermark=flag(body, "watermark", default=model.watermark_default),
        transparent=_transparent(model, body, len(images)),
    )


def _prompt(body: Json) -> str:
    prompt = body.get("prompt")
    if prompt is None:
        raise ApiError("MissingParameter.prompt", "The request is missing the parameter `prompt`.", param="prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise invalid("prompt", "prompt cannot be empty")
    return prompt


def _images(model: ImageModel, body: Json) -> tuple[object, ...]:
    value = body.get("image")
    images = tuple(value) if isinstance(value, list) else () if value is None else (value,)
    if len(images) > model.max_references:
        raise invalid("image", f"at most {model.max_references} images are supported")
    return images


def _size(model: ImageModel, value: Any, prompt: str, has_photo: bool) -> tuple[str, Pixels | None]:
    if value is None:
        value = "2048x2048" if model.stream else model.default_size  # pro and flash choose the ratio themselves
    if not isinstance(value, str):
        raise _bad_size(model)
    keyword = value.upper()
    if keyword in model.pixels:
        return keyword, None if has_photo else model.pixels[keyword][ratio_from(prompt)]
    match = _SIZE.match(value)
    if not match:
        raise _bad_size(model)
    width, height = int(match[1]), int(match[2])
    area = "image size" if model.stream else "image area"  # the two families word it differently
    if width * height > model.max_pixels:
        raise invalid("size", f"{area} must be at most {model.max_pixels} pixels.")
    if width * height < model.min_pixels:
        raise invalid("size", f"{area} must be at least {model.min_pixels} pixels.")
    if not model.min_aspect <= width / height <= model.max_aspect:
        raise invalid("size", "aspect ratio must be between 1/16 and 16.")
    return value, (width, height)


def _bad_size(model: ImageModel) -> ApiError:
    words = ["'WIDTHxHEIGHT'", *(f"'{keyword.lower()}'" for keyword in model.sizes)]
    return invalid("size", f"size must be one of {', '.join(words[:-1])}, or {words[-1]}.")


def ratio_from(prompt: str) -> str:
    """The ratio a model would read out of the words; the prompt's hash keeps it steady otherwise."""
    text = faults.strip(prompt).lower()
    for ratio in ("21:9", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "1:1"):
        if ratio in text:
            return ratio
    for words, ratio in ((("portrait", "vertical", "poster", "phone"), "3:4"), (("panorama", "ultrawide"), "21:9")):
        if any(word in text for word in words):
            return ratio
    if any(word in text for word in ("landscape", "cinematic", "wide", "skyline", "horizon")):
        return "16:9"
    return ("1:1", "4:3", "3:2", "1:1")[zlib.crc32(text.encode()) % 4]


def nearest_ratio(table: dict[str, Pixels], width: int, height: int) -> str:
    """The ratio of a pixel table that is closest to a photo's."""
    aspect = width / height
    return min(table, key=lambda ratio: abs(table[ratio][0] / table[ratio][1] / aspect - 1))


def _count(model: ImageModel, body: Json, prompt: str, photos: int) -> int:
    if _choice(body, "sequential_image_generation", ("auto", "disabled"), "disabled") == "disabled":
        return 1
    if not model.group:
        raise invalid("sequential_image_generation", f"not supported by model {body['model']}")
    options = body.get("sequential_image_generation_options") or {}
    most = options.get("max_images", 15) if isinstance(options, dict) else None
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= 15:
        raise invalid("sequential_image_generation_options.max_images", "must be between 1 and 15")
    if "max_images" in options and photos + most > model.group_max:
        raise invalid(
            "sequential_image_generation_options.max_images",
            f"input and output images must be at most {model.group_max}",
        )
    most = min(most, model.group_max - photos)
    asked = _MANY.search(prompt.lower())
    if asked:
        word = asked[1]
        return max(1, min(most, int(word) if word.isdecimal() else _NUMBER_WORDS[word]))
    return most if "max_images" in options else min(4, most)


def _seed(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value <= 2**31 - 1:
        raise invalid("seed", "must be between -1 and 2147483647")
    return value


def _stream(model: ImageModel, body: Json) -> bool:
    stream = flag(body, "stream", default=False)
    if stream and not model.stream:
        raise invalid("stream", f"not supported by model {body['model']}")
    return stream


def _output_format(model: ImageModel, body: Json) -> str:
    value = _choice(body, "output_format", ("jpeg", "png"), "jpeg")
    if value not in model.output_formats:
        raise invalid("output_format", f"not supported by model {body['model']}")
    return value


def _transparent(model: ImageModel, body: Json, photos: int) -> bool:
    if _choice(body, "background", ("transparent", "opaque"), "opaque") == "opaque":
        return False
    if not model.transparent_background:
        raise invalid("background", f"not supported by model {body['model']}")
    if photos != 1 or body.get("output_format") != "png":
        raise invalid("background", "transparent needs exactly one input image and output_format png")
    return True


def _choice(body: Json, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = body.get(name, default)
    if value not in allowed:
        raise invalid(name, f"must be one of {', '.join(allowed)}")
    return str(value)


def flag(body: Json, name: str, *, default: bool) -> bool:
    """A boolean field. Raises 400 for anything else."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise invalid(name, "must be a boolean")
    return value
