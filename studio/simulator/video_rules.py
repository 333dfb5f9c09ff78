"""What a video task may say (section C1), checked with the provider's own sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from studio.services.byteplus.catalog_data import ADAPTIVE, AUTO_DURATION, VideoModel
from studio.simulator.image_rules import flag, invalid
from studio.simulator.wire import ApiError, Json

_FLAGS = re.compile(r"\s--(rs|resolution|rt|ratio|dur|duration|seed|cf|camerafixed|wm|watermark|fps)\s+(\S+)")
_FLAG_NAMES = {
    "rs": "resolution",
    "rt": "ratio",
    "dur": "duration",
    "cf": "camera_fixed",
    "camerafixed": "camera_fixed",
    "wm": "watermark",
}
MAX_SEED = 2**32 - 1  # the wider of the two documented ranges


@dataclass(frozen=True)
class Media:
    """One picture, clip or sound of the content: `role` is first_frame, last_frame or reference_*."""

    kind: str
    role: str
    url: object
    where: str


@dataclass(frozen=True)
class VideoJob:
    """A checked task. `ratio` may still be adaptive, `duration` -1 and `resolution` is final."""

    model: VideoModel
    model_id: str
    prompt: str
    media: tuple[Media, ...]
    resolution: str
    ratio: str
    duration: int
    frames: int | None
    seed: int
    audio: bool
    tier: str
    camera_fixed: bool
    watermark: bool
    return_last_frame: bool
    draft: bool
    draft_task: str
    priority: int
    expires_after: int
    callback_url: str
    safety_identifier: str
    output_format: str
    extra: Json = field(default_factory=dict)


def check(model: VideoModel, body: Json) -> VideoJob:
    """Raises ApiError 400 with the provider's text."""
    text, media, draft_task = _content(body)
    flags: dict[str, str] = {
        _FLAG_NAMES.get(str(name), str(name)): str(value) for name, value in _FLAGS.findall(f" {text}")
    }
    prompt = _FLAGS.sub("", f" {text}").strip()
    if not prompt and not media and not draft_task:
        raise ApiError("InvalidParameter", "text content must contain a prompt description", param="content")
    _roles(model, media)
    draft = flag(body, "draft", default=False)
    if draft and not model.draft:
        raise invalid("draft", f"not supported by model {body['model']}")
    resolution = _resolution(model, body, flags, draft)
    return VideoJob(
        model=model,
        model_id=str(body["model"]),
        prompt=prompt,
        media=media,
        resolution=resolution,
        ratio=_ratio(model, body, flags, media),
        duration=_duration(model, body, flags, media),
        frames=_frames(model, body),
        seed=_whole(body, "seed", -1, -1, MAX_SEED),
        audio=flag(body, "generate_audio", default=model.audio_default) and model.audio,
        tier=_tier(model, body),
        camera_fixed=flag(body, "camera_fixed", default=flags.get("camera_fixed") == "true"),
        watermark=flag(body, "watermark", default=flags.get("watermark") == "true"),
        return_last_frame=flag(body, "return_last_frame", default=False),
        draft=draft,
        draft_task=draft_task,
        priority=_whole(body, "priority", 0, 0, 9),
        expires_after=_whole(body, "execution_expires_after", 172_800, 3_600, 259_200),
        callback_url=str(body.get("callback_url") or ""),
        safety_identifier=_identifier(body),
        output_format=_format(model, body),
    )


def _content(body: Json) -> tuple[str, tuple[Media, ...], str]:
    content = body.get("content")
    if not isinstance(content, list) or not content:
        raise ApiError("MissingParameter.content", "The request is missing the parameter `content`.", param="content")
    texts: list[str] = []
    media: list[Media] = []
    draft = ""
    for i, item in enumerate(content):
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "text":
            texts.append(str(item.get("text", "")))
        elif kind in ("image_url", "video_url", "audio_url"):
            inner = item.get(kind)
            url = inner.get("url") if isinstance(inner, dict) else None
            media.append(Media(kind.removesuffix("_url"), str(item.get("role", "")), url, f"content[{i}].{kind}"))
        elif kind == "draft_task":
            draft = str((item.get("draft_task") or {}).get("id", ""))
        else:
            raise invalid(f"content[{i}].type", "unsupported content type")
    return " ".join(texts).strip(), tuple(media), draft


def _roles(model: VideoModel, media: tuple[Media, ...]) -> None:
    images = [item for item in media if item.kind == "image"]
    if len(images) > 1 and not all(item.role for item in images):
        raise ApiError("InvalidParameter", "role must be specified for image contents", param="content")
    allowed = {
        "image": {"", "first_frame", "last_frame", "reference_image"},
        "video": {"", "reference_video"},
        "audio": {"", "reference_audio"},
    }
    for item in media:
        if item.role not in allowed[item.kind]:
            raise ApiError("InvalidParameter", "invalid role specified for image content", param="content")
    roles = [item.role or "first_frame" for item in images]
    for role, words in (("first_frame", "first frame"), ("last_frame", "last frame")):
        count = roles.count(role)
        if count > 1:
            raise ApiError(
                "InvalidParameter",
                f"expected at most one {words} image content but got {count} instead.",
                param="content",
            )
    framed = "first_frame" in roles or "last_frame" in roles
    others = "reference_image" in roles or any(item.kind != "image" for item in media)
    if framed and others:
        raise ApiError(
            "InvalidParameter",
            "first/last frame content cannot be mixed with reference media content.",
            param="content",
        )
    _supported(model, roles, media)


def _supported(model: VideoModel, roles: list[str], media: tuple[Media, ...]) -> None:
    if "last_frame" in roles:
        if not model.last_frame:
            raise ApiError("InvalidParameter", f"model {model.id} does not support last frame image", param="content")
        if "first_frame" not in roles:
            raise ApiError(
                "InvalidParameter", "last frame image content needs a first frame image content", param="content"
            )
    references = roles.count("reference_image")
    clips = sum(item.kind == "video" for item in media)
    sounds = sum(item.kind == "audio" for item in media)
    if (references or clips or sounds) and not model.max_references:
        raise ApiError("InvalidParameter", f"model {model.id} does not support reference image", param="content")
    if references > model.max_references:
        raise ApiError(
            "InvalidParameter",
            f"at most {model.max_references} reference image contents are supported",
            param="content",
        )
    most = 10 if model.max_references > 9 else 3
    if clips > most or sounds > most:
        raise ApiError(
            "InvalidParameter", f"at most {most} reference video or audio contents are supported", param="content"
        )
    if sounds and not references and not clips and model.max_references <= 9:
        raise ApiError("InvalidParameter", "reference audio cannot be used alone", param="content")


def _resolution(model: VideoModel, body: Json, flags: dict[str, str], draft: bool) -> str:
    value = body.get("resolution")
    if value is None:
        loose = flags.get("resolution", "")
        return "480p" if draft else loose if loose in model.pixels else model.default_resolution
    if value not in model.pixels or (draft and value != "480p"):
        raise ApiError(
            "InvalidParameter", "parameter resolution specified in the request is not valid", param="resolution"
        )
    return str(value)


def _ratio(model: VideoModel, body: Json, flags: dict[str, str], media: tuple[Media, ...]) -> str:
    has_frame = any(item.role in ("", "first_frame") for item in media if item.kind == "image")
    default = ADAPTIVE if has_frame else model.default_ratio
    value = body.get("ratio")
    if value is None:
        loose = flags.get("ratio", "")
        return loose if loose in model.ratios and loose != ADAPTIVE else default
    bad = value not in model.ratios or (value == ADAPTIVE and model.adaptive_needs_frame and not has_frame)
    if bad:
        raise ApiError("InvalidParameter", "parameter ratio specified in the request is not valid", param="ratio")
    if has_frame and model.frame_needs_adaptive and value != ADAPTIVE:
        text = "The parameter(s) ratio specified in the request are not valid. "
        text += "The task is determined as image to video. Issues: ratio must be adaptive"
        raise ApiError("InvalidParameter.TaskTypeConstraint", text, param="ratio")
    return str(value)


def _duration(model: VideoModel, body: Json, flags: dict[str, str], media: tuple[Media, ...]) -> int:
    value: Any = body.get("duration")
    if value is None:
        loose = flags.get("duration", "")
        fits = loose.isdecimal() and model.min_duration <= int(loose) <= model.max_duration
        return int(loose) if fits else model.default_duration
    if value == AUTO_DURATION and model.auto_duration:
        return AUTO_DURATION
    task = "i2v" if media else "t2v"
    name = re.sub(r"-\d{6}$", "", model.id)
    head = "the parameter duration specified in the request must be"
    if not isinstance(value, int) or isinstance(value, bool):
        raise ApiError("InvalidParameter", f"{head} an integer for model {name} in {task}", param="duration")
    if value > model.max_duration:
        raise ApiError(
            "InvalidParameter",
            f"{head} less than or equal to {model.max_duration} for model {name} in {task}",
            param="duration",
        )
    if value < model.min_duration:
        raise ApiError(
            "InvalidParameter",
            f"{head} greater than or equal to {model.min_duration} for model {name} in {task}",
            param="duration",
        )
    return value


def _frames(model: VideoModel, body: Json) -> int | None:
    value = body.get("frames")
    if value is None:
        return None
    if model.frames is None:
        raise invalid("frames", f"not supported by model {body['model']}")
    low, high, step = model.frames
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high or (value - low) % step:
        raise invalid("frames", f"must be 25+4n between {low} and {high}")
    return value


def _tier(model: VideoModel, body: Json) -> str:
    tier = str(body.get("service_tier", "default"))
    if tier == "flex" and not model.flex:
        raise invalid("service_tier", f"flex is not supported by model {body['model']}")
    return tier if tier == "flex" else "default"  # other values were not validated when tried


def _identifier(body: Json) -> str:
    value = body.get("safety_identifier", "")
    if not isinstance(value, str) or len(value) > 64 or not value.isascii():
        raise invalid("safety_identifier", "must be at most 64 ASCII characters")
    return value


def _format(model: VideoModel, body: Json) -> str:
    value = body.get("output_format", "mp4")
    if value not in model.output_formats:
        raise invalid("output_format", f"must be one of {', '.join(model.output_formats)}")
    return str(value)


def _whole(body: Json, name: str, default: int, low: int, high: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise invalid(name, f"must be between {low} and {high}")
    return value
