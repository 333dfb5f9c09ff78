"""Late light through a window on a plaster wall, broken by the leaves of a plant outside."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from studio.simulator.render.field import Field, View, fbm, smooth
from studio.simulator.render.kit import Picture, over
from studio.simulator.render.palette import Ramp, lightness, mix, rgb, shade, with_lightness
from studio.simulator.render.prompt import Look

# wall, light
PALETTES: dict[str, list[str]] = {
    "night": ["3d4c66", "b9cdf0"],
    "dusk": ["8c5c66", "ffc6a4"],
    "golden": ["a5765a", "ffdcae"],
    "dawn": ["b48f88", "ffe4cc"],
    "mist": ["6f7a70", "dfe6d2"],
    "day": ["9aa79c", "fbf6e0"],
}


def paint(view: View, look: Look) -> Picture:
    wall, light = (rgb(code) for code in PALETTES[look.hour])
    if look.colours:
        wall = mix(wall, look.colours[0], 0.8)
        light = with_lightness(mix(light, look.pick(light, 1), 0.4), max(0.88, lightness(wall) + 0.16))
    plaster = fbm(look.rng(2), view, 2.2, octaves=6, gain=0.6) - 0.5
    gx = np.gradient(plaster, axis=1) * np.float32(view.px * 0.02)
    t = np.clip(0.52 - 0.22 * view.x / view.half_w - 0.12 * view.y / view.half_h + plaster * 0.24 + gx, 0, 1)
    canvas = Ramp([shade(wall, 0.62), wall, shade(wall, 1.10)])(t)
    sun = _sunlight(view, look)
    lit = Ramp([mix(wall, light, 0.62), light])(np.clip(0.55 + plaster * 0.7 + gx * 2, 0, 1))
    over(canvas, lit, sun * np.float32(0.88))
    spill = np.asarray(
        Image.fromarray((sun * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.05 * view.px)), np.float32
    )
    canvas += (1 - canvas) * (spill * np.float32(0.10 / 255))[..., None] * light
    board = np.float32(view.half_h * 0.93)
    floor = smooth(board - 0.002, board + 0.002, view.y)
    over(canvas, shade(wall, 0.50), np.broadcast_to(floor * np.float32(0.55), sun.shape))
    return Picture(np.clip(canvas, 0, 1), haze=0.15)


def _sunlight(view: View, look: Look) -> Field:
    """Coverage of the lit panes after window bars and leaves; soft, softer towards the bottom."""
    rng = look.rng(1)
    scale = max(1, round(view.px / 420))
    w, h = view.w // scale, view.h // scale
    px = view.px / scale
    image = Image.new("L", (w, h))
    draw = ImageDraw.Draw(image)
    slant, cx, cy = 0.20 + 0.16 * rng.random(), float((rng.random() - 0.5) * 0.3), float((rng.random() - 0.6) * 0.12)
    tall = view.half_h * 1.36
    wide = min(view.half_w * 1.1, tall * 0.66)
    columns, rows = 2, 3

    def place(a: float, b: float) -> tuple[float, float]:
        x = cx + (a - 0.5) * wide + (b - 0.5) * slant * tall
        y = cy + (b - 0.5) * tall + (a - 0.5) * 0.16 * wide
        return x * px + w / 2, y * px + h / 2

    bar_x, bar_y = 0.028, 0.018
    for i in range(columns):
        for j in range(rows):
            a0, a1 = i / columns + bar_x, (i + 1) / columns - bar_x
            b0, b1 = j / rows + bar_y, (j + 1) / rows - bar_y
            draw.polygon([place(a0, b0), place(a1, b0), place(a1, b1), place(a0, b1)], fill=255)
    _fronds(draw, rng, place)
    sharp = np.asarray(image.filter(ImageFilter.GaussianBlur(0.0042 * px)), np.float32)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.016 * px)), np.float32)
    t = np.linspace(0, 1, h, dtype=np.float32)[:, None] ** 1.3
    mixed = (sharp * (1 - t) + soft * t) * np.float32(1 / 255)
    return np.asarray(Image.fromarray(mixed).resize((view.w, view.h), Image.Resampling.BICUBIC)).clip(0, 1)


def _fronds(draw: ImageDraw.ImageDraw, rng: np.random.Generator, place) -> None:
    """Arching palm-like stems with paired leaflets, as holes in the light."""
    for _ in range(int(rng.integers(3, 6))):
        a, b = float(rng.random() * 1.1), 1.05
        angle = -1.57 + float(rng.normal()) * 0.5
        bend = float(rng.normal()) * 0.045
        steps = 22
        for k in range(steps):
            t = k / steps
            a += float(np.cos(angle)) * 0.050
            b += float(np.sin(angle)) * 0.036
            angle += bend
            length = 0.20 * float(np.sin(np.pi * min(1.0, 0.12 + t * 0.95)) ** 0.8)
            for side in (-1, 1):
                out = angle + side * (0.95 - 0.35 * t)
                tip = (a + np.cos(out) * length, b + np.sin(out) * length * 0.75)
                mid = 0.013 * (1 - 0.4 * t)
                nx, ny = -np.sin(out) * mid, np.cos(out) * mid
                half = (a + np.cos(out) * length * 0.45, b + np.sin(out) * length * 0.75 * 0.45)
                draw.polygon(
                    [place(a, b), place(half[0] + nx, half[1] + ny), place(*tip), place(half[0] - nx, half[1] - ny)],
                    fill=0,
                )
