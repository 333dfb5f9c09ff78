"""What a picture or clip is, from its header, without decoding it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from studio.services.media import MediaUnreadable, in_thread
from studio.services.media import containers as box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.video.stream import VideoStream

MOST_VIDEO_PIXELS = 40_000_000  # a frame; ModelArk's largest is 4398 × 1886


class ImageInfo(NamedTuple):
    """Mime type and size in pixels, as stored."""

    mime: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Pixels as stored, milliseconds, frames a second; `codec` is FFmpeg's name, such as "h264" or "hevc"."""

    width: int
    height: int
    duration_ms: int
    fps: float
    has_audio: bool
    codec: str


def image(data: bytes) -> ImageInfo:
    """PNG, JPEG or WebP by content, in microseconds; raises `MediaUnreadable`."""
    try:
        head = box.header(data)
    except box.Malformed as error:
        raise MediaUnreadable from error
    return ImageInfo(head.mime, head.width, head.height)


async def video(path: Path) -> VideoInfo:
    """An MP4 or MOV file; raises `MediaUnreadable`."""
    return await in_thread(video_now, path)


def video_now(path: Path) -> VideoInfo:
    """`video` for code that is in a thread already."""
    with opened(path) as (container, stream):
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        else:
            duration = (container.duration or 0) / 1_000_000
        rate = stream.average_rate or stream.guessed_rate
        return VideoInfo(
            stream.width,
            stream.height,
            round(duration * 1000),
            float(rate) if rate else 0.0,
            bool(container.streams.audio),
            stream.codec_context.name,
        )


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A local MP4 or MOV and its picture stream. No other format is tried: a playlist could name files and hosts."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path), format="mov", options={"protocol_whitelist": "file"}) as container:
            streams = container.streams.video
            if not streams or not 0 < streams[0].width * streams[0].height <= MOST_VIDEO_PIXELS:
                raise MediaUnreadable
            yield container, streams[0]
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaUnreadable from error
