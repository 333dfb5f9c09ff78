"""What comes back, as frozen records (B, C2, C3). Null and absent are the same; unknown fields are left alone.

A parser raises `Unreadable` where an answer lacks what makes it one; what that means depends on the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from .catalog_data import Pixels
from .errors import ProviderError

TERMINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


class Unreadable(ValueError):
    """The body is not what this call answers."""


@dataclass(frozen=True, kw_only=True)
class ImageItem:
    """One picture of an answer: a link that lives 24 hours, or the error that took its place. `size` is (w, h)."""

    index: int
    url: str | None = None
    size: Pixels | None = None
    error: ProviderError | None = None


@dataclass(frozen=True, kw_only=True)
class ImageResult:
    """The answer to one image request. `usage` has `generated_images`, `output_tokens`, `total_tokens`."""

    model: str | None
    created: int | None
    items: tuple[ImageItem, ...]
    usage: Mapping[str, object] | None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImageEvent:
    """One step of a streamed answer. "made" and "failed" carry an item; "completed" comes last, with the usage."""

    type: Literal["made", "failed", "completed"]
    item: ImageItem | None = None
    usage: Mapping[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A video task. Times are unix seconds, `duration` seconds; `error` only where `status` is "failed".

    `status` is the provider's word: queued, running, succeeded, failed, cancelled, expired, or one not known yet.
    """

    id: str
    status: str
    model: str | None = None
    video_url: str | None = None
    last_frame_url: str | None = None
    usage: Mapping[str, object] | None = None
    error: ProviderError | None = None
    seed: int | None = None
    resolution: str | None = None
    ratio: str | None = None
    duration: int | None = None
    frames: int | None = None
    fps: int | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    generate_audio: bool | None = None
    draft: bool | None = None
    created_at: int | None = None
    updated_at: int | None = None

    @property
    def done(self) -> bool:
        """Whether it will not change any more."""
        return self.status in TERMINAL


@dataclass(frozen=True, kw_only=True)
class TaskPage:
    """One page of the task list; `total` counts all pages, where the provider says it."""

    items: tuple[TaskView, ...]
    total: int | None


def image_result(data: object, *, request_id: str | None = None) -> ImageResult:
    """The answer of POST /images/generations. Raises Unreadable, or the ProviderError a bodily error stands for."""
    body = _mapping(data)
    rows = body.get("data")
    if not isinstance(rows, list) or not rows:
        raise error_of(body) or Unreadable("no data")
    items = tuple(image_item(row, index) for index, row in enumerate(rows))
    if not any(item.url or item.error for item in items):
        raise Unreadable("no picture and no error")
    return ImageResult(
        model=_text(body, "model"),
        created=created(body),
        items=tuple(settled(item) for item in items),
        usage=usage(body),
        request_id=request_id,
    )


def image_item(row: object, index: int) -> ImageItem:
    """One element of `data`, or one partial event, whose own `image_index` counts."""
    item = row if isinstance(row, Mapping) else {}
    counted, url = _whole(item, "image_index"), _text(item, "url")
    error = None if url else error_of(item)
    return ImageItem(index=index if counted is None else counted, url=url, size=_size(_text(item, "size")), error=error)


def settled(item: ImageItem) -> ImageItem:
    """The item, with an error where it has neither link nor error: an empty place among pictures was not made."""
    return item if item.url or item.error else replace(item, error=ProviderError.from_task_error(None))


def task_view(data: object) -> TaskView:
    """One task of GET or LIST. Raises Unreadable where it has no id or status."""
    body = _mapping(data)
    task_id, status = _text(body, "id"), _text(body, "status")
    if task_id is None or status is None:
        raise Unreadable("no id or no status")
    content = body.get("content")
    content = content if isinstance(content, Mapping) else {}
    frames, fps = _whole(body, "frames"), _whole(body, "framespersecond")
    duration = _whole(body, "duration")
    if duration is None and frames is not None:
        duration = frames // (fps or 24)
    return TaskView(
        id=task_id,
        status=status,
        model=_text(body, "model"),
        video_url=_text(content, "video_url"),
        last_frame_url=_text(content, "last_frame_url"),
        usage=usage(body),
        error=(error_of(body) or ProviderError.from_task_error(None)) if status == "failed" else None,
        seed=_whole(body, "seed"),
        resolution=_text(body, "resolution"),
        ratio=_text(body, "ratio"),
        duration=duration,
        frames=frames,
        fps=fps,
        service_tier=_text(body, "service_tier"),
        safety_identifier=_text(body, "safety_identifier"),
        generate_audio=_flag(body, "generate_audio"),
        draft=_flag(body, "draft"),
        created_at=created(body),
        updated_at=_whole(body, "updated_at"),
    )


def task_page(data: object) -> TaskPage:
    """The answer of LIST. An item that cannot be read is an Unreadable page: a task must not be missed."""
    body = _mapping(data)
    rows = body.get("items")
    if rows is None and _whole(body, "total") == 0:
        rows = []
    if not isinstance(rows, list):
        raise Unreadable("no items")
    return TaskPage(items=tuple(task_view(row) for row in rows), total=_whole(body, "total"))


def task_id(data: object) -> str:
    """The id in the answer to a create."""
    found = _text(_mapping(data), "id")
    if found is None:
        raise Unreadable("no id")
    return found


def refused_in(data: object) -> ProviderError | None:
    """The error a 2xx answer carries in place of its result, or None."""
    return error_of(data) if isinstance(data, Mapping) else None


def error_of(body: Mapping[str, object]) -> ProviderError | None:
    """`error`, or `failure_reason` as the Go types have it; `{code, message}`."""
    for key in ("error", "failure_reason"):
        error = body.get(key)
        if isinstance(error, Mapping):
            return ProviderError.from_task_error(error.get("code"), error.get("message"))
        if isinstance(error, str) and error:
            return ProviderError.from_task_error(error)
    return None


def usage(body: Mapping[str, object]) -> Mapping[str, object] | None:
    """The usage object, or None."""
    found = body.get("usage")
    return dict(found) if isinstance(found, Mapping) else None


def created(body: Mapping[str, object]) -> int | None:
    """The wire says `created` for images and `created_at` for tasks; either is read."""
    found = _whole(body, "created_at")
    return found if found is not None else _whole(body, "created")


def _mapping(data: object) -> Mapping[str, object]:
    if not isinstance(data, Mapping):
        raise Unreadable("not an object")
    return data


def _text(body: Mapping[str, object], key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) and value else None


def _whole(body: Mapping[str, object], key: str) -> int | None:
    value = body.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(body: Mapping[str, object], key: str) -> bool | None:
    value = body.get(key)
    return value if isinstance(value, bool) else None


def _size(text: str | None) -> Pixels | None:
    width, _, height = (text or "").lower().partition("x")
    if not (width.isascii() and width.isdecimal() and height.isascii() and height.isdecimal()):
        return None
    return (int(width[:6]), int(height[:6]))
