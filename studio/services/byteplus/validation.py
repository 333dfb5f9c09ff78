"""Whether a model can do what was asked. Everything is judged here, before anything is sent:
the provider ignores fields it does not know and bills what it made of a bad one (H7).

Values may come from an untrusted client, so types are judged too. Each failure is one sentence with the field's name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from studio.errors import ValidationError

from .catalog_data import (
    ADAPTIVE,
    AUTO_DURATION,
    MAX_PROMPT_CHARS,
    SEED_RANGE,
    VIDEO_RATIOS,
    ImageModel,
    Model,
    Pixels,
    VideoModel,
)
from .params import ImageParams, Params, VideoParams

TIERS = ("default", "flex")
BACKGROUNDS = ("opaque", "transparent")
# Flags the provider would still read out of a video prompt, and bill (C1, "legacy flags").
_FLAG = re.compile(
    r"--(?:rs|resolution|rt|ratio|dur|duration|seed|cf|camerafixed|wm|watermark|fps|frames)\b", re.IGNORECASE
)


class ParamError(ValidationError):
    """One parameter does not fit the model. `field` is its name in the params record."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check(model: Model, params: Params) -> None:
    """Raise ParamError unless `model` can do exactly what `params` say."""
    _prompt(params.prompt)
    if isinstance(model, ImageModel) and isinstance(params, ImageParams):
        _image(model, params)
    elif isinstance(model, VideoModel) and isinstance(params, VideoParams):
        _video(model, params)
    else:
        makes = "images" if model.kind == "image" else "videos"
        raise ParamError("model", f"{model.name} makes {makes}. Choose another model.")


def resolve_pixels(model: Model, params: Params) -> Pixels:
    """(width, height) of each output, in pixels.

    "adaptive" becomes the table's ratio nearest to the first frame where its aspect is known, else the row's largest.
    """
    if isinstance(params, ImageParams):
        if params.width is not None and params.height is not None:
            return (params.width, params.height)
        row, aspect = model.pixels[str(params.size)], None
    else:
        row = model.pixels[params.resolution]
        aspect = params.frame_aspect if params.has_first_frame or params.from_draft else None
    if params.ratio != ADAPTIVE:
        return row[params.ratio]
    if aspect is not None:
        return min(row.values(), key=lambda size: abs(math.log(size[0] / size[1] / aspect)))
    return largest(row.values())


def largest(sizes: Iterable[Pixels]) -> Pixels:
    """The size with the most pixels."""
    return max(sizes, key=lambda size: size[0] * size[1])


def _prompt(prompt: object) -> None:
    if not isinstance(prompt, str):
        raise ParamError("prompt", "The prompt must be text.")
    if not prompt.strip():
        raise ParamError("prompt", "Write a prompt first.")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise ParamError(
            "prompt", f"The prompt can have at most {MAX_PROMPT_CHARS:,} characters; it has {len(prompt):,}."
        )
    if "\x00" in prompt or any(0xD800 <= ord(char) <= 0xDFFF for char in prompt):
        raise ParamError("prompt", "The prompt holds a character that cannot be stored. Type it again.")


def _image(model: ImageModel, params: ImageParams) -> None:
    _size(model, params)
    _count(model, params)
    _seed(model, params.seed)
    _switch("watermark", "Visible watermark", params.watermark)
    _choice("output_format", "Format", params.output_format, model.output_formats)
    _choice("background", "Background", params.background, BACKGROUNDS)
    if params.background == "transparent":
        if not model.transparent_background:
            raise ParamError("background", f"{model.name} cannot make a transparent background.")
        if params.output_format != "png":
            raise ParamError("output_format", "A transparent background needs Format “png”.")
        if params.reference_count != 1:
            raise ParamError("background", "A transparent background needs exactly 1 reference that has transparency.")


def _size(model: ImageModel, params: ImageParams) -> None:
    _choice("ratio", "Aspect ratio", params.ratio, (*model.ratios, ADAPTIVE))
    if params.width is None and params.height is None:
        return _choice("size", "Size", params.size, model.sizes)
    for field, label, value in (("width", "Width", params.width), ("height", "Height", params.height)):
        _whole(field, label, value, 1, 20_000, unit=" pixels")
    width, height = params.width or 0, params.height or 0
    if not model.min_pixels <= width * height <= model.max_pixels:
        raise ParamError(
            "width",
            f"Width times height must be from {model.min_pixels:,} to {model.max_pixels:,} pixels for {model.name}; "
            f"{width} × {height} is {width * height:,}.",
        )
    if not model.min_aspect <= width / height <= model.max_aspect:
        raise ParamError("width", "Width and height must be within 16:1 and 1:16.")
    return None


def _count(model: ImageModel, params: ImageParams) -> None:
    _references(model, params.reference_count)
    _switch("series", "Series", params.series)
    _whole("count", "Images", params.count, 1, model.max_count)
    if not params.series:
        return
    if not model.group:
        raise ParamError("series", f"{model.name} cannot make a series.")
    if params.count + params.reference_count > model.group_max:
        raise ParamError(
            "count",
            f"A series can have at most {model.group_max} images and references together; "
            f"with {params.reference_count} references that is {model.group_max - params.reference_count} images.",
        )


def _video(model: VideoModel, params: VideoParams) -> None:
    if _FLAG.search(params.prompt):
        flag = _FLAG.findall(params.prompt)[0]
        raise ParamError("prompt", f"Remove “{flag}” from the prompt and set it with the controls instead.")
    _choice("resolution", "Resolution", params.resolution, model.resolutions)
    _choice("ratio", "Aspect ratio", params.ratio, model.ratios)
    _duration(model, params.duration)
    _seed(model, params.seed)
    for field, label in (
        ("camera_fixed", "Fixed camera"),
        ("generate_audio", "Sound"),
        ("draft", "Draft"),
        ("watermark", "Visible watermark"),
        ("return_last_frame", "Keep last frame"),
        ("has_first_frame", "First frame"),
        ("has_last_frame", "Last frame"),
        ("from_draft", "Made from a draft"),
    ):
        _switch(field, label, getattr(params, field))
    _choice("service_tier", "Delivery", params.service_tier, TIERS if model.flex else TIERS[:1])
    _choice("output_format", "Format", params.output_format, model.output_formats)
    _references(model, params.reference_count)
    _frames(model, params)
    _supported(model, params)
    _final(model, params)


def _final(model: VideoModel, params: VideoParams) -> None:
    """What a draft is made final with: its pictures and its prompt are with the provider already."""
    if not params.from_draft:
        return
    if not model.final_resolution:
        raise ParamError("from_draft", f"Drafts are not supported by {model.name}.")
    if params.draft:
        raise ParamError("draft", "A draft is made final, not drafted again.")
    if params.resolution != model.final_resolution:
        raise ParamError("resolution", f"A draft is made final in {model.final_resolution} only.")
    if params.reference_count or params.has_first_frame or params.has_last_frame:
        raise ParamError("from_draft", "A draft brings its own pictures. Remove the others.")


def _frames(model: VideoModel, params: VideoParams) -> None:
    """First frame, first and last frame, or references: one of the three (C1)."""
    if params.has_last_frame and not model.last_frame:
        raise ParamError("has_last_frame", f"{model.name} cannot use a last frame.")
    if params.has_last_frame and not params.has_first_frame:
        raise ParamError("has_last_frame", "A last frame needs a first frame too. Add one, or take the last frame out.")
    if params.reference_count and params.has_first_frame:
        raise ParamError("reference_count", "Use either references or a first frame, not both.")
    if params.ratio == ADAPTIVE and model.adaptive_needs_frame and not params.has_first_frame:
        raise ParamError("ratio", f"Without a first frame, Aspect ratio must be {_or(VIDEO_RATIOS)}.")
    if params.ratio != ADAPTIVE and model.frame_needs_adaptive and params.has_first_frame:
        raise ParamError("ratio", f"With a first frame, {model.name} keeps its shape: Aspect ratio must be {ADAPTIVE}.")
    aspect = params.frame_aspect
    if aspect is not None and (
        isinstance(aspect, bool) or not isinstance(aspect, int | float) or not 0.4 <= aspect <= 2.5
    ):
        raise ParamError("frame_aspect", "First frame: its width divided by its height must be from 0.4 to 2.5.")


def _supported(model: VideoModel, params: VideoParams) -> None:
    if params.camera_fixed and not model.camera_fixed:
        raise ParamError("camera_fixed", f"Fixed camera is not supported by {model.name}.")
    if params.camera_fixed and params.reference_count:
        raise ParamError("camera_fixed", "Fixed camera does not go together with references.")
    if params.generate_audio and not model.audio:
        raise ParamError("generate_audio", f"Sound is not supported by {model.name}.")
    if not params.draft:
        return
    if not model.draft:
        raise ParamError("draft", f"Drafts are not supported by {model.name}.")
    if params.resolution != "480p":
        raise ParamError("resolution", "A draft is made in 480p only.")
    if params.return_last_frame:
        raise ParamError("return_last_frame", "A draft does not return its last frame.")


def _duration(model: VideoModel, value: object) -> None:
    if model.auto_duration and value == AUTO_DURATION and isinstance(value, int):
        return
    end = f", or {AUTO_DURATION} to let the model choose" if model.auto_duration else ""
    _whole("duration", "Duration", value, model.min_duration, model.max_duration, unit=f" seconds{end}")


def _references(model: Model, value: object) -> None:
    if not model.max_references and value not in (0, False):
        raise ParamError("reference_count", f"References are not supported by {model.name}.")
    _whole("reference_count", "References", value, 0, model.max_references)


def _seed(model: Model, value: object) -> None:
    if value is None:
        return
    if not model.seed:
        raise ParamError("seed", f"Seed is not supported by {model.name}.")
    _whole("seed", "Seed", value, *SEED_RANGE)


def _whole(field: str, label: str, value: object, low: int, high: int, *, unit: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ParamError(field, f"{label} must be a whole number from {low} to {high}{unit}.")


def _switch(field: str, label: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ParamError(field, f"{label} must be on or off.")


def _choice(field: str, label: str, value: object, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ParamError(field, f"{label} must be {_or(allowed)}.")


def _or(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
