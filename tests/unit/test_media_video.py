"""What is known of a clip, and the stills taken from it."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from studio.services.media import MediaUnreadable, posters, probe

FRAMES, RATE = 60, 24


def clip(path: Path, *, codec: str = "libx264", dark: int = 0, audio: bool = False, pixels: str = "yuv420p") -> Path:
    """320 × 180, 60 frames: black for `dark` frames, then a gradient whose red grows to 236 in the last."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream(codec, rate=RATE)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, pixels
        sound = out.add_stream("aac", rate=48_000) if audio else None
        for number in range(FRAMES):
            pixels_rgb = np.zeros((180, 320, 3), np.uint8)
            if number >= dark:
                pixels_rgb[:, :, 1] = np.linspace(0, 255, 320, dtype=np.uint8)
                pixels_rgb[:, :, 0] = 4 * number
            frame = av.VideoFrame.from_ndarray(pixels_rgb, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            assert isinstance(sound, AudioStream)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 48_000, 0
            out.mux(sound.encode(silence))
            out.mux(sound.encode(None))
    return path


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def red(image: Image.Image) -> int:
    pixel = image.convert("RGB").getpixel((2, 90))
    assert isinstance(pixel, tuple)
    return int(pixel[0])


@pytest.mark.parametrize(
    ("codec", "pixels", "name"), [("libx264", "yuv420p", "h264"), ("libx265", "yuv420p10le", "hevc")]
)
async def test_a_clip_is_known_by_its_header(tmp_path: Path, codec: str, pixels: str, name: str) -> None:
    known = await probe.video(clip(tmp_path / "a.mp4", codec=codec, pixels=pixels))
    assert known == probe.VideoInfo(320, 180, 2500, 24.0, False, name)


async def test_sound_is_noticed(tmp_path: Path) -> None:
    assert (await probe.video(clip(tmp_path / "a.mp4", audio=True))).has_audio


async def test_the_poster_is_the_first_frame_that_shows_something(tmp_path: Path) -> None:
    bright = opened(await posters.poster(clip(tmp_path / "a.mp4")))
    assert (bright.format, bright.size) == ("JPEG", (320, 180))
    assert red(bright) < 12
    later = opened(await posters.poster(clip(tmp_path / "b.mp4", dark=20)))
    assert 60 < red(later) < 110


async def test_a_clip_that_stays_dark_has_a_poster_all_the_same(tmp_path: Path) -> None:
    dark = opened(await posters.poster(clip(tmp_path / "a.mp4", dark=FRAMES)))
    assert red(dark) < 5


async def test_the_last_frame_is_the_last_one_at_full_size(tmp_path: Path) -> None:
    last = opened(await posters.last_frame(clip(tmp_path / "a.mp4")))
    assert (last.format, last.size) == ("PNG", (320, 180))
    assert abs(red(last) - 4 * (FRAMES - 1)) < 10


async def test_what_is_no_clip_says_so(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4").read_bytes()
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    for name, data in (("empty", b""), ("text", b"hello" * 99), ("cut", whole[:200]), ("playlist", playlist)):
        path = tmp_path / name
        path.write_bytes(data)
        for work in (probe.video(path), posters.poster(path), posters.last_frame(path)):
            with pytest.raises(MediaUnreadable):
                await work
    with pytest.raises(MediaUnreadable):
        await probe.video(tmp_path / "missing.mp4")


async def test_no_other_container_is_opened_under_a_clip_s_name(tmp_path: Path) -> None:
    clip(tmp_path / "whole.mp4")
    with (
        av.open(str(tmp_path / "whole.mp4")) as source,
        av.open(str(tmp_path / "b.mp4"), "w", format="matroska") as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    with pytest.raises(MediaUnreadable):
        await probe.video(tmp_path / "b.mp4")
