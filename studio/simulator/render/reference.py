"""Pictures made from photos: a graded re-interpretation, or framed prints on a sunlit wall."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from studio.simulator.render import grade
from studio.simulator.render.field import View, blur, smooth
from studio.simulator.render.kit import Picture, Pixels, over
from studio.simulator.render.palette import dominant, mix, rgb, shade
from studio.simulator.render.prompt import Look
from studio.simulator.render.scenes import wall
from studio.simulator.render.scenes.catalog import PAINTERS


def load(data: bytes) -> Image.Image:
    """Photo bytes to an upright RGB image; transparency lies on white."""
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (2048, 2048))
    image = ImageOps.exif_transpose(image)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        image = ground
    return image.convert("RGB")


def fill(photo: Image.Image, w: int, h: int) -> Image.Image:
    """Crop to fill w x h pixels, a little above the middle where faces and horizons tend to be."""
    return ImageOps.fit(photo, (w, h), Image.Resampling.LANCZOS, centering=(0.5, 0.45))


def paint(view: View, look: Look, photos: list[Image.Image]) -> Picture:
    """Photos in the prompt's style: one fills the picture unless a print is asked for, several hang side by side."""
    if len(photos) > 1 or "print" in look.styles:
        return _gallery(view, look, photos[:4])
    pixels = np.asarray(fill(photos[0], view.w, view.h), np.float32) * np.float32(1 / 255)
    return Picture(_restyle(view, look, pixels), haze=0.35)


def _restyle(view: View, look: Look, pixels: Pixels) -> Pixels:
    out = pixels
    if look.named_family:  # a breath of the scene that was asked for, like a double exposure
        scene = PAINTERS[look.family](
            View(max(2, view.w // 2), max(2, view.h // 2)), replace(look, styles=frozenset())
        ).rgb
        scene8 = Image.fromarray((np.clip(scene, 0, 1) * 255).astype(np.uint8)).resize(
            (view.w, view.h), Image.Resampling.BICUBIC
        )
        layer = np.asarray(scene8, np.float32) * np.float32(1 / 255)
        soft = np.where(out < 0.5, 2 * out * layer, 1 - 2 * (1 - out) * (1 - layer))
        weight = 0.22 + 0.34 * smooth(0.75, 0.0, view.v) * smooth(0.35, 0.85, grade.luma(out))
        out = out + (soft - out) * weight[..., None] + (layer - out) * (weight * 0.45)[..., None]
    strength = 0.62 if look.named_hour or look.colours else 0.30
    return grade.relight(view, look, np.clip(out, 0, 1), strength)


def _gallery(view: View, look: Look, photos: list[Image.Image]) -> Picture:
    """Framed prints with mats on a plaster wall, window light falling across them."""
    colours = dominant(photos[0])
    base = look.colours[0] if look.colours else mix(colours[0], rgb("d8cec2"), 0.60)
    room = wall.paint(view, replace(look, colours=(base,), styles=frozenset()))
    canvas = room.rgb
    boxes = _places(view, [photo.width / photo.height for photo in photos])
    for photo, box in zip(photos, boxes, strict=True):
        _hang(view, look, canvas, photo, box)
    return Picture(np.clip(canvas, 0, 1), haze=0.2)


def _places(view: View, aspects: list[float]) -> list[tuple[float, float, float, float]]:
    """Left, top, width, height (units of x, y) of each print's outer frame: a row, or a column in tall pictures."""
    column = view.half_h > view.half_w * 1.25 and len(aspects) > 1
    aspects = [min(1.9, max(0.55, aspect)) for aspect in aspects]
    long, short = (view.half_h * 2, view.half_w * 2) if column else (view.half_w * 2, view.half_h * 2)
    lengths = [1 / a if column else a for a in aspects]
    gap = 0.10
    side = min(short * 0.66, long * 0.84 / (sum(lengths) + gap * (len(lengths) - 1)))
    at = -side * (sum(lengths) + gap * (len(lengths) - 1)) / 2
    boxes = []
    for length in lengths:
        long_side = side * length
        boxes.append((-side / 2, at - 0.03, side, long_side) if column else (at, -side / 2 - 0.03, long_side, side))
        at += long_side + gap * side
    return boxes


def _hang(view: View, look: Look, canvas: Pixels, photo: Image.Image, box: tuple[float, float, float, float]) -> None:
    left, top, wide, tall = box

    def inside(pad: float) -> np.ndarray:
        dx = np.minimum(view.x - np.float32(left + pad), np.float32(left + wide - pad) - view.x)
        dy = np.minimum(view.y - np.float32(top + pad), np.float32(top + tall - pad) - view.y)
        return np.clip(np.minimum(dx, dy) * np.float32(view.px) + 0.5, 0, 1)

    light = np.clip(grade.luma(canvas) / max(0.05, float(grade.luma(canvas).mean())), 0.6, 1.45)[..., None]
    frame = inside(0)
    drop = int(0.018 * view.px)
    shadow = np.roll(blur(frame, 0.020 * view.px), (int(drop * 1.3), drop), (0, 1)) * (1 - frame)
    over(canvas, canvas * np.float32(0.30), shadow * np.float32(0.75))
    side = min(wide, tall)
    wood = rgb("e9dfcf") if look.seed % 2 else rgb("2b2725")
    over(canvas, np.clip(wood * light, 0, 1), frame)
    bevel = np.clip(1 - np.abs(inside(0.012 * side) - 0.5) * 2, 0, 1)
    over(canvas, shade(wood, 0.6), bevel * np.float32(0.6))
    mat = inside(0.028 * side)
    over(canvas, np.clip(rgb("f7f4ee") * (light * 0.35 + 0.62), 0, 1), mat)
    pad = 0.115 * side
    x0, x1 = (round((v + view.half_w) * view.px) for v in (left + pad, left + wide - pad))
    y0, y1 = (round((v + view.half_h) * view.px) for v in (top + pad, top + tall - pad))
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(view.w, x1), min(view.h, y1)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    small = View(x1 - x0, y1 - y0)
    print_ = np.asarray(fill(photo, small.w, small.h), np.float32) * np.float32(1 / 255)
    styled = grade.relight(small, look, print_, 0.45 if look.named_hour else 0.16)
    canvas[y0:y1, x0:x1] = np.clip(styled * (light[y0:y1, x0:x1] * 0.45 + 0.55), 0, 1)
    inset = np.exp(
        -np.minimum(np.arange(small.h)[:, None], np.arange(small.w)[None, :]).astype(np.float32)
        / max(1.0, 0.008 * view.px)
    )
    over(canvas[y0:y1, x0:x1], rgb("000000"), inset * np.float32(0.28))


def fill_alpha(photo: Image.Image, w: int, h: int) -> Image.Image:
    """The photo's own transparency, cropped as `fill` crops it."""
    return ImageOps.fit(ImageOps.exif_transpose(photo).convert("RGBA").getchannel("A"), (w, h), centering=(0.5, 0.45))
