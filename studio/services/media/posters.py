"""Still pictures out of a clip: one to stand for it, and its last frame to go on from."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studio.services.media import MediaUnreadable, in_thread
from studio.services.media.probe import opened

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

_LOOK_AT = 48  # frames: two seconds of a clip that fades in
_DARK, _PLAIN = 20, 4  # mean luma and its deviation, of 255, below which a frame shows nothing
_TAIL_S = 2


async def poster(path: Path) -> bytes:
    """The first frame that shows something, as JPEG; the very first if none does. Raises `MediaUnreadable`."""
    return await in_thread(poster_now, path)


async def last_frame(path: Path) -> bytes:
    """The clip's last frame as PNG, at full size; raises `MediaUnreadable`."""
    return await in_thread(last_frame_now, path)


def poster_now(path: Path) -> bytes:
    """`poster` for code that is in a thread already."""
    with opened(path) as (container, stream):
        first: VideoFrame | None = None
        chosen: VideoFrame | None = None
        for count, frame in enumerate(container.decode(stream)):
            first = first or frame
            if _shows_something(frame):
                chosen = frame
                break
            if count >= _LOOK_AT:
                break
        return _write(chosen or first, "JPEG", quality=85)


def last_frame_now(path: Path) -> bytes:
    """`last_frame` for code that is in a thread already."""
    with opened(path) as (container, stream):
        last: VideoFrame | None = None
        for frame in _tail(container, stream):
            last = frame
        return _write(last, "PNG", compress_level=3)


def _tail(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames from the key frame before the last two seconds; from the start if the clip does not say how long it is."""
    if stream.duration is not None and stream.time_base is not None:
        end = (stream.start_time or 0) + stream.duration
        container.seek(max(0, end - int(_TAIL_S / stream.time_base)), stream=stream, backward=True)
    yield from container.decode(stream)


def _shows_something(frame: VideoFrame) -> bool:
    """Judged on a tiny grey copy."""
    from PIL import ImageStat

    grey = ImageStat.Stat(frame.reformat(width=64, height=64, format="gray").to_image().convert("L"))
    return grey.mean[0] > _DARK and grey.stddev[0] > _PLAIN


def _write(frame: VideoFrame | None, kind: str, **options: int) -> bytes:
    if frame is None:
        raise MediaUnreadable
    image: Image = frame.to_image()
    if frame.rotation:
        image = image.rotate(frame.rotation, expand=True)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
