"""What a person asked for, as two frozen records that go into a jsonb column and come back the same.

They hold whatever they were given: `validation.validate` decides whether it can be sent.
Pictures travel beside them; here are only their counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from studio.errors import ValidationError

from .catalog_data import ADAPTIVE


def _load(cls: type[Any], kind: str, data: object) -> dict[str, Any]:
    """The constructor's arguments from a JSON object of `kind`, or one sentence about what is wrong with it."""
    if not isinstance(data, Mapping):
        raise ValidationError("The parameters must be a JSON object.")
    given = {str(key): value for key, value in data.items()}
    if given.pop("kind", kind) != kind:
        raise ValidationError(f"These are not the parameters of {'an image' if kind == 'image' else 'a video'}.")
    names = {field.name for field in fields(cls)}
    if unknown := sorted(given.keys() - names):
        raise ValidationError(f"There is no parameter called “{unknown[0][:40]}”.")
    for name in ("model", "prompt"):
        if name not in given:
            raise ValidationError(f"The parameters lack “{name}”.")
    return given


@dataclass(frozen=True, kw_only=True)
class ImageParams:
    """One request for pictures.

    Either `size` (keyword, "2K") with `ratio` ("4:3", or "adaptive": the model picks), or `width` and `height`, pixels.
    `count` pictures are `count` independent requests, or one group request when `series` is on.
    """

    model: str
    prompt: str
    ratio: str = "1:1"
    size: str | None = "2K"
    width: int | None = None
    height: int | None = None
    count: int = 1
    series: bool = False
    seed: int | None = None
    watermark: bool = False
    output_format: str = "jpeg"
    background: str = "opaque"
    reference_count: int = 0

    @property
    def kind(self) -> Literal["image"]:
        return "image"

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field and `kind`."""
        return {"kind": "image", **asdict(self)}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The record of `to_json`. Raises ValidationError for anything that is not one; values are not judged here."""
        return cls(**_load(cls, "image", data))


@dataclass(frozen=True, kw_only=True)
class VideoParams:
    """One request for a clip. `duration` is in seconds, -1 lets the model choose.

    `frame_aspect` is the width of the first frame, or of the draft, divided by its height, where known: it tells what
    "adaptive" will become. With `from_draft` the provider renders a draft of its own again: prompt, pictures, ratio,
    duration, seed, sound and camera are the draft's, and stand here for the price and for those who read it later.
    """

    model: str
    prompt: str
    resolution: str = "720p"
    ratio: str = ADAPTIVE
    duration: int = 5
    seed: int | None = None
    camera_fixed: bool = False
    generate_audio: bool = False
    draft: bool = False
    service_tier: str = "default"
    watermark: bool = False
    output_format: str = "mp4"
    return_last_frame: bool = False
    has_first_frame: bool = False
    has_last_frame: bool = False
    from_draft: bool = False
    reference_count: int = 0
    frame_aspect: float | None = None

    @property
    def kind(self) -> Literal["video"]:
        return "video"

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field and `kind`."""
        return {"kind": "video", **asdict(self)}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The record of `to_json`. Raises ValidationError for anything that is not one; values are not judged here."""
        return cls(**_load(cls, "video", data))


Params = ImageParams | VideoParams


def params_from_json(data: object) -> Params:
    """The record a jsonb column holds, told apart by its `kind`."""
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind == "image":
        return ImageParams.from_json(data)
    if kind == "video":
        return VideoParams.from_json(data)
    raise ValidationError("The parameters must say their kind, “image” or “video”.")
