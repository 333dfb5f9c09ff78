"""Clips: a still brought to life by a slow push, drifting light, rippling water and twinkling lights."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
from PIL import Image

from studio.simulator.render import reference
from studio.simulator.render.compose import Quality, painted, sign, to_image
from studio.simulator.render.field import tile
from studio.simulator.render.kit import Picture

FPS = 24
RATE = 48_000  # audio samples a second
QUICK_HELD = 4  # frames that show the same picture, where nobody looks
PUSH = 0.13  # how much of the picture a full push-in gives up


@dataclass(frozen=True)
class Clip:
    """One clip to make: `frames` pictures of exactly `width` x `height` (both even), 24 a second."""

    prompt: str
    seed: int
    width: int
    height: int
    frames: int
    first: bytes | None = None
    last: bytes | None = None
    references: list[bytes] = field(default_factory=list)
    audio: bool = False
    still_camera: bool = False
    watermark: str = ""
    container: Literal["mp4", "mov"] = "mp4"
    quality: Quality = "fine"


@dataclass
class _Scene:
    image: Image.Image
    picture: Picture
    still_camera: bool
    pan: tuple[float, float]
    seed: int


def _ease(t: float) -> float:
    return t * t * (3 - 2 * t)


def _scene(clip: Clip, photo: bytes | None, seed: int) -> _Scene:
    """The large still the camera moves over: the given frame, or a painted scene."""
    grow = 1.0 if clip.quality == "quick" else 1.12
    size = round(clip.width * grow), round(clip.height * grow)
    rng = np.random.default_rng(seed)
    pan = (float(rng.random()), float(0.30 + 0.4 * rng.random()))
    if photo is not None:
        image = reference.fill(reference.load(photo), *size)
        return _Scene(image, Picture(np.zeros((1, 1, 3), np.float32), haze=0.25), clip.still_camera, pan, seed)
    budget = 160_000 if clip.quality == "quick" else 1_400_000
    picture, _, look = painted(clip.prompt, seed, *size, clip.references, clip.quality, budget=budget)
    return _Scene(to_image(picture.rgb, *size, look.seed), picture, clip.still_camera, pan, seed)


class _Mist:
    """Soft light that drifts over the picture; it fades in so that the first frame stays the given one."""

    def __init__(self, clip: Clip, seed: int, amount: float) -> None:
        noise = tile(np.random.default_rng(seed), 64, 4, 3)
        self.noise = np.clip((noise - 0.46) * 3.0, 0, 1)
        self.size = (clip.width, clip.height)
        self.light = Image.new("RGB", self.size, (255, 250, 240))
        self.amount = amount

    def over(self, frame: Image.Image, t: float, seconds: float) -> Image.Image:
        strength = self.amount * 0.20 * min(1.0, seconds / 0.8)
        if strength <= 0.004:
            return frame
        shift = seconds * 1.6
        x = int(shift)
        window = np.roll(self.noise, -x, axis=1)[:20, :34] * np.linspace(0.25, 1, 20)[:, None]
        mask = Image.fromarray((window * (255 * strength)).astype(np.uint8))
        part = shift - x
        mask = mask.resize(self.size, Image.Resampling.BILINEAR, box=(part, 0, 32 + part, 20))
        return Image.composite(self.light, frame, mask)


class _Life:
    """Twinkling points and water ripples, worked into the frame's own pixels."""

    def __init__(self, clip: Clip, scene: _Scene) -> None:
        self.clip, self.scene = clip, scene
        small = np.asarray(scene.image.resize((clip.width, clip.height)).convert("L"), np.int16)
        lit = small - np.asarray(
            Image.fromarray(small.astype(np.uint8)).reduce(4).resize((clip.width, clip.height)), np.int16
        )
        self.points = np.argwhere(lit > 34)[:6000] if scene.picture.twinkle else np.empty((0, 2), np.int64)
        self.phase = np.random.default_rng(scene.seed).random(max(1, len(self.points))) * 6.28
        self.columns = np.arange(clip.width, dtype=np.int32)

    def into(self, frame: Image.Image, box: tuple[float, float, float, float], seconds: float) -> Image.Image:
        water = self.scene.picture.water
        if water is None and not len(self.points):
            return frame
        pixels = np.asarray(frame).copy()
        if water is not None:
            self._ripple(pixels, box, water, seconds)
        if len(self.points):
            self._twinkle(pixels, box, seconds)
        return Image.fromarray(pixels)

    def _ripple(self, pixels: np.ndarray, box: tuple[float, float, float, float], water: float, seconds: float) -> None:
        h, w = pixels.shape[:2]
        full = self.scene.image.height
        row = int(((water * full) - box[1]) / (box[3] - box[1]) * h) + 2
        if row >= h - 2:
            return
        depth = np.arange(h - row, dtype=np.float32) / h
        wave = np.sin(np.log1p(depth * 40) * 14 - seconds * 3.1) + 0.6 * np.sin(
            np.log1p(depth * 40) * 31 - seconds * 4.7
        )
        reach = min(1.0, seconds / 0.6) * w / 480
        shift = np.rint(wave * (0.5 + depth * 6) * reach).astype(np.int32)
        columns = np.clip(self.columns[None, :] + shift[:, None], 0, w - 1)
        flat = pixels[row:].reshape(-1, 3)
        pixels[row:] = flat.take((np.arange(h - row, dtype=np.int32) * w)[:, None] + columns, axis=0)

    def _twinkle(self, pixels: np.ndarray, box: tuple[float, float, float, float], seconds: float) -> None:
        h, w = pixels.shape[:2]
        scale = self.scene.image.width / w
        ys = np.rint((self.points[:, 0] * scale - box[1]) / (box[3] - box[1]) * h).astype(int)
        xs = np.rint((self.points[:, 1] * scale - box[0]) / (box[2] - box[0]) * w).astype(int)
        inside = (ys >= 0) & (ys < h) & (xs >= 0) & (xs < w)
        gain = 1 + 0.30 * np.sin(seconds * 4 + self.phase) * min(1.0, seconds / 0.6)
        ys, xs = ys[inside], xs[inside]
        pixels[ys, xs] = np.clip(pixels[ys, xs] * gain[inside][:, None], 0, 255).astype(np.uint8)


def _box(scene: _Scene, t: float) -> tuple[float, float, float, float]:
    """The part of the still the camera sees at t (0 the whole picture, 1 pushed in)."""
    w, h = scene.image.size
    take = 1 - (0.0 if scene.still_camera else PUSH * t)
    left, top = (w - w * take) * scene.pan[0], (h - h * take) * scene.pan[1]
    return left, top, left + w * take, top + h * take


def frames(clip: Clip) -> Iterator[Image.Image]:
    """The clip's pictures in order. The first is the given first frame, the last the given last one."""
    scene = _scene(clip, clip.first, clip.seed)
    ending = _scene(clip, clip.last, clip.seed + 1) if clip.last else None
    life, mist = _Life(clip, scene), _Mist(clip, clip.seed, scene.picture.haze)
    # Bicubic is worth its time only where a pixel can be seen.
    large = clip.width * clip.height > 1_200_000
    method = Image.Resampling.BILINEAR if clip.quality == "quick" or large else Image.Resampling.BICUBIC
    size = (clip.width, clip.height)
    frame = scene.image
    held = QUICK_HELD if clip.quality == "quick" else 1
    for number in range(clip.frames):
        if number % held and number != clip.frames - 1:
            yield frame
            continue
        t = number / max(1, clip.frames - 1)
        seconds = number / FPS
        box = _box(scene, _ease(t) if ending else t)
        frame = scene.image.resize(size, method, box=box)
        frame = life.into(frame, box, seconds)
        if ending is not None:
            arrive = _ease(min(1.0, max(0.0, (t - 0.30) / 0.70)))
            if arrive > 0:
                frame = Image.blend(frame, ending.image.resize(size, method, box=_box(ending, 1 - _ease(t))), arrive)
            frame = mist.over(frame, t, seconds * (1 - t))
        else:
            frame = mist.over(frame, t, seconds)
        yield frame


def write(clip: Clip, path: Path) -> Image.Image:
    """Encode to `path` (index at the front, ready to stream) and return the last frame without a watermark."""
    last: Image.Image | None = None
    picture = av.VideoFrame(clip.width, clip.height, "yuv420p")
    preset, crf = ("ultrafast", "24") if clip.quality == "quick" else ("veryfast", "20")
    part = path.with_name(f".{path.name}.part")
    with av.open(str(part), "w", format=clip.container, options={"movflags": "faststart"}) as out:
        video = cast(Any, out.add_stream("libx264", rate=FPS, options={"preset": preset, "crf": crf, "threads": "2"}))
        video.width, video.height, video.pix_fmt = clip.width, clip.height, "yuv420p"
        sound = (
            cast(Any, out.add_stream("aac", rate=RATE, layout="mono", options={"b": "96000"})) if clip.audio else None
        )
        for number, frame in enumerate(frames(clip)):
            if frame is not last:
                picture = _signed(frame, clip)
            last = frame
            picture.pts = number
            for packet in video.encode(picture):
                out.mux(packet)
        for packet in video.encode():
            out.mux(packet)
        if sound is not None:
            _mux_sound(out, sound, clip)
    part.replace(path)
    assert last is not None
    return last


def _signed(frame: Image.Image, clip: Clip) -> av.VideoFrame:
    """A picture as the encoder takes it, with its watermark."""
    if clip.watermark:
        frame = frame.copy()
        sign(frame, clip.watermark)
    return av.VideoFrame.from_image(frame).reformat(format="yuv420p")


def _mux_sound(out: Any, stream: Any, clip: Clip) -> None:
    samples = _pad(clip.frames / FPS, clip.seed)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
    for start in range(0, samples.size, 1024):
        chunk = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, start : start + 1024]), format="fltp", layout="mono"
        )
        chunk.sample_rate = RATE
        chunk.pts = start
        for frame in resampler.resample(chunk):
            for packet in stream.encode(frame):
                out.mux(packet)
    for packet in stream.encode():
        out.mux(packet)


def _pad(seconds: float, seed: int) -> np.ndarray:
    """A quiet chord with slow beating and a breath of noise, mono float32 at RATE."""
    rng = np.random.default_rng(seed + 99)
    t = np.arange(int(seconds * RATE), dtype=np.float32) / RATE
    root = 110.0 * 2 ** (int(rng.integers(0, 12)) / 12)
    chord = [1, 1.5, 2, 2.5 if rng.random() < 0.6 else 2.4, 3]
    out = np.zeros_like(t)
    for i, ratio in enumerate(chord):
        beat = 1 + 0.35 * np.sin(2 * np.pi * (0.07 + 0.05 * i) * t + rng.random() * 6.28)
        out += (
            np.sin(2 * np.pi * root * ratio * t + 0.6 * np.sin(2 * np.pi * 0.9 * t))
            * beat.astype(np.float32)
            / (i + 1.6)
        )
    breath = np.convolve(rng.normal(0, 1, t.size).astype(np.float32), np.ones(48, np.float32) / 48, mode="same")
    out = out * 0.055 + breath * 0.05
    fade = np.clip(np.minimum(t / 0.8, (seconds - t) / 0.8), 0, 1)
    return (out * fade).astype(np.float32)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
