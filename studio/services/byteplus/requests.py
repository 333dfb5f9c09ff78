"""What is sent: request records and the JSON bodies made of them (B, C1).

Only documented fields go out, and only to models that support them; nothing is ever null. Where the provider's own
default would surprise (watermark, sound), the field is always sent.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from studio.errors import ValidationError

from .catalog import ADAPTIVE, ImageModel, ImageParams, VideoModel, VideoParams, get, resolve_pixels
from .errors import TooLarge

MAX_BODY_BYTES = 64_000_000
PICTURE_TYPES = ("jpeg", "png", "webp", "bmp", "tiff", "gif", "heic", "heif")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A reference or frame: its bytes and its media type, "image/jpeg"."""

    data: bytes
    media_type: str = "image/jpeg"

    def data_uri(self) -> str:
        """`data:image/jpeg;base64,…`, the type in lower case as the provider wants it."""
        main, _, subtype = self.media_type.strip().lower().partition("/")
        if main != "image" or subtype not in PICTURE_TYPES:
            raise ValidationError(f"A picture must be one of {', '.join(PICTURE_TYPES)}.")
        return f"data:image/{subtype};base64,{base64.b64encode(self.data).decode('ascii')}"


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """One POST for pictures: one picture, or `params.count` of them where `params.series` is on."""

    params: ImageParams
    attempt_id: str
    references: tuple[Picture, ...] = ()

    @property
    def images(self) -> int:
        """How many pictures this one POST can make."""
        return self.params.count if self.params.series else 1


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """One POST for a clip. `safety_identifier` (at most 64 ASCII characters) is how the task is found again."""

    params: VideoParams
    attempt_id: str
    safety_identifier: str
    first_frame: Picture | None = None
    last_frame: Picture | None = None
    draft_task_id: str | None = None  # of the draft that is made final; nothing else goes along then
    references: tuple[Picture, ...] = ()
    callback_url: str | None = None
    expires_after: int | None = None  # seconds, 3,600 to 259,200


def image_body(request: ImageRequest, *, stream: bool = False) -> dict[str, Any]:
    """The body of POST /images/generations (B). The params have been validated before."""
    params = request.params
    model = get(params.model)
    assert isinstance(model, ImageModel)
    if len(request.references) != params.reference_count:
        raise ValidationError(f"{params.reference_count} references were announced and {len(request.references)} came.")
    if stream and not model.stream:
        raise ValidationError(f"{model.name} cannot send its pictures one by one.")
    body: dict[str, Any] = {
        "model": model.id,
        "prompt": spoken(params),
        "size": _size(params),
        "response_format": "url",
        "watermark": params.watermark,
    }
    if request.references:
        _check_size(request.references)
        uris = [picture.data_uri() for picture in request.references]
        body["image"] = uris[0] if len(uris) == 1 else uris
    if params.series:
        body["sequential_image_generation"] = "auto"
        body["sequential_image_generation_options"] = {"max_images": params.count}
    if len(model.output_formats) > 1:
        body["output_format"] = params.output_format
    if params.background != "opaque":
        body["background"] = params.background
    if stream:
        body["stream"] = True
    return body


MENTION = re.compile(r"(?<![\w@])@(\d{1,2})(?![\w@])")  # "@1" in a prompt


def spoken(params: ImageParams | VideoParams) -> str:
    """The prompt with "@1" said as the models know it, "image 1", where there is such a reference."""

    def say(found: re.Match[str]) -> str:
        number = int(found[1])
        return f"image {number}" if 1 <= number <= params.reference_count else found[0]

    return MENTION.sub(say, params.prompt)


def _size(params: ImageParams) -> str:
    """Exact pixels; the bare keyword only where the model is to pick the ratio."""
    if params.ratio == ADAPTIVE and params.width is None:
        return str(params.size)
    width, height = resolve_pixels(params)
    return f"{width}x{height}"


def video_body(request: VideoRequest) -> dict[str, Any]:
    """The body of POST /contents/generations/tasks (C1). The params have been validated before."""
    params = request.params
    model = get(params.model)
    assert isinstance(model, VideoModel)
    _check_video(request)
    body: dict[str, Any] = {
        "model": model.id,
        "content": _content(request),
        "resolution": params.resolution,
        "watermark": params.watermark,
        "safety_identifier": request.safety_identifier,
    }
    if not params.from_draft:
        body |= _shape(model, params)
    if params.output_format != model.output_formats[0]:
        body["output_format"] = params.output_format
    if model.flex:
        body["service_tier"] = params.service_tier
    for name in ("draft", "return_last_frame"):
        if getattr(params, name):
            body[name] = True
    optional = {
        "callback_url": request.callback_url,
        "execution_expires_after": request.expires_after,
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def _shape(model: VideoModel, params: VideoParams) -> dict[str, Any]:
    """What a final clip takes over from its draft, so that only others say it."""
    shape: dict[str, Any] = {"ratio": params.ratio, "duration": params.duration}
    if model.audio:
        shape["generate_audio"] = params.generate_audio
    if model.camera_fixed:
        shape["camera_fixed"] = params.camera_fixed
    if params.seed is not None:
        shape["seed"] = params.seed
    return shape


def _check_video(request: VideoRequest) -> None:
    params, tag = request.params, request.safety_identifier
    given = (request.first_frame is not None, request.last_frame is not None, len(request.references))
    if given != (params.has_first_frame, params.has_last_frame, params.reference_count):
        raise ValidationError("The frames and references that came are not the ones that were announced.")
    if bool(request.draft_task_id) != params.from_draft:
        raise ValidationError("The draft is gone, so it cannot be made final. Send its prompt as a new request.")
    if not tag or len(tag) > 64 or not tag.isascii():
        raise ValidationError("The safety identifier must have 1 to 64 ASCII characters.")
    if request.expires_after is not None and not 3_600 <= request.expires_after <= 259_200:
        raise ValidationError("The expiry must be from 3,600 to 259,200 seconds.")


def _content(request: VideoRequest) -> list[dict[str, Any]]:
    if request.draft_task_id:
        return [{"type": "draft_task", "draft_task": {"id": request.draft_task_id}}]
    pictures = [(picture, "reference_image") for picture in request.references]
    if request.first_frame is not None:
        pictures.append((request.first_frame, "first_frame"))
    if request.last_frame is not None:
        pictures.append((request.last_frame, "last_frame"))
    _check_size(tuple(picture for picture, _ in pictures))
    return [
        {"type": "text", "text": spoken(request.params)},
        *({"type": "image_url", "image_url": {"url": picture.data_uri()}, "role": role} for picture, role in pictures),
    ]


def _check_size(pictures: tuple[Picture, ...]) -> None:
    """Refuse before encoding what cannot fit after it: base64 makes 4 bytes of 3."""
    if sum(len(picture.data) for picture in pictures) * 4 // 3 > MAX_BODY_BYTES:
        raise TooLarge
