"""A night city across the water: towers in haze, lit windows, neon, and all of it smeared in the reflection."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from studio.simulator.render.field import Rng, View, fbm, smooth
from studio.simulator.render.kit import Picture, glow, over, reflect, screen, stars
from studio.simulator.render.palette import Colour, Ramp, mix, rgb, tint
from studio.simulator.render.prompt import Look

# sky top, sky low, far towers, near towers, neon, neon, neon
PALETTES: dict[str, list[str]] = {
    "night": ["060a1c", "1d3a6a", "2d5a8a", "070b16", "35d8ff", "ff4fa0", "ffb84a"],
    "dusk": ["1a0f3c", "c0528a", "7a3f8a", "120a20", "ff5fa8", "59d4ff", "ffc25a"],
    "golden": ["1c2a4a", "f0a060", "a8705a", "1a1218", "ffd27a", "ff7a5a", "7ad0ff"],
    "dawn": ["3a4a86", "f0b0a8", "8f82a8", "1c1c30", "ffd0a8", "ff86b0", "8ae0ff"],
    "mist": ["26323a", "7f9298", "5a6e76", "10161a", "a8f0ff", "ffd8a0", "ff9ab0"],
    "day": ["062a3a", "1f8a92", "2a7a86", "051418", "3affd8", "ff5f9a", "ffd86a"],
}


def paint(view: View, look: Look) -> Picture:
    top, low, far, near, *neon = (rgb(code) for code in PALETTES[look.hour])
    if look.colours:
        top, low, far = (tint(c, look.colours[0], 0.8) for c in (top, low, far))
        neon: list[Colour] = [look.colours[i % len(look.colours)] * 0.4 + neon[i] * 0.6 for i in range(3)]
    quay = float(view.half_h * 0.36)
    t = np.clip((view.y + view.half_h) / (quay + view.half_h), 0, 1)
    canvas = np.broadcast_to(Ramp([top, mix(top, low, 0.4), low], [0, 0.55, 1])(t), (view.h, view.w, 3)).copy()
    screen(canvas, rgb("eaf0ff"), stars(view, look.rng(2), 160) * smooth(0.7, 0.0, t) * 0.8)
    veil = np.clip(fbm(look.rng(3), view, 1.1, 3.4, octaves=4) - 0.42, 0, 1) * smooth(0.1, 0.7, t)
    over(canvas, mix(low, far, 0.3), np.clip(veil * 1.4, 0, 0.5))
    rng = look.rng(1)
    screen(canvas, low, glow(view, float((rng.random() - 0.5) * view.half_w), quay - 0.05, 0.45, 1.2) * 0.6)
    layers = 4
    for i in range(layers):
        d = i / (layers - 1)
        _row(view, look.rng(10 + i), canvas, d, quay, mix(mix(far, low, 0.45 * (1 - d)), near, d**1.2), neon)
        haze = np.exp(-np.clip(quay - view.y, 0, None) * np.float32(7)) * np.float32(0.50 * (1 - d))
        over(canvas, mix(low, far, 0.25), np.broadcast_to(haze, (view.h, view.w)) * (view.y < quay))
    row = int((quay + view.half_h) * view.px)
    mirror = reflect(view, canvas, look.rng(6), row, calm=0.30, smear=8)
    fade = (np.arange(view.h - row, dtype=np.float32) / max(1, view.h - row))[:, None, None]
    mirror = np.clip(mirror * 1.05, 0, 1)
    canvas[row:] = mirror * (0.86 - 0.36 * fade) + near * 0.14
    line_ = np.exp(-(((view.y - np.float32(quay)) * np.float32(150)) ** 2)) * np.float32(0.75)
    over(canvas, near * 0.6, np.broadcast_to(line_, (view.h, view.w)))
    return Picture(np.clip(canvas, 0, 1), water=(quay + view.half_h) / (2 * view.half_h), haze=0.15, twinkle=True)


def _row(view: View, rng: Rng, canvas, d: float, quay: float, body: Colour, neon: list[Colour]) -> None:
    """One row of towers, d from 0 (far) to 1 (near): a body mask, a window mask and three neon masks, drawn at 2x."""
    scale = 2
    k = view.px * scale
    size = (view.w * scale, view.h * scale)
    mask, lamps = Image.new("L", size), Image.new("RGB", size)
    draw, light = ImageDraw.Draw(mask), ImageDraw.Draw(lamps)
    x = -view.half_w - 0.06
    warm, cold = rgb("ffd9a0"), rgb("cfe6ff")
    grow = 0.55 + 0.55 * d
    while x < view.half_w:
        w = grow * float(0.055 + 0.085 * rng.random())
        centre = float(np.exp(-((x * 0.9 / max(0.5, view.half_w)) ** 2)))
        h = view.half_h * float(0.25 + 0.85 * rng.random() ** 1.3 * (0.55 + 0.45 * centre)) * (1.06 - 0.52 * d)
        _tower(draw, light, rng, view, k, x, w, h, quay, d, (warm, cold, neon))
        x += w * float(0.82 + 0.30 * rng.random())
    cover = np.asarray(mask.reduce(scale), np.float32) * np.float32(1 / 255)
    lit = lamps.reduce(scale)
    depth = np.clip((quay - view.y) / np.float32(view.half_h * 1.2), 0, 1)
    tone = body * (0.78 + 0.34 * (1 - depth))[..., None]
    over(canvas, tone, cover)
    sharp = np.asarray(lit, np.float32) * np.float32(1 / 255)
    small = lit.resize((max(2, view.w // 4), max(2, view.h // 4)), Image.Resampling.BOX)
    halo = small.filter(ImageFilter.GaussianBlur(0.012 * view.px / 4)).resize(
        (view.w, view.h), Image.Resampling.BILINEAR
    )
    soft = np.asarray(halo, np.float32) * np.float32(1 / 255)
    canvas += (1 - canvas) * np.clip(sharp * np.float32(0.55 + 0.45 * d) + soft * np.float32(1.1), 0, 1)


def _tower(
    draw, light, rng: Rng, view: View, k: float, x: float, w: float, h: float, quay: float, d: float, colours
) -> None:
    warm, cold, neon = colours

    def box(x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int]:
        ox, oy = view.half_w, view.half_h
        return int((x0 + ox) * k), int((y0 + oy) * k), int((x1 + ox) * k), int((y1 + oy) * k)

    top = quay - h
    draw.rectangle(box(x, top, x + w, quay), fill=255)
    kind = rng.random()
    if kind < 0.30:
        draw.rectangle(box(x + w * 0.22, top - h * 0.09, x + w * 0.78, top), fill=255)
    if kind < 0.16 or kind > 0.88:
        draw.rectangle(box(x + w * 0.48, top - h * 0.24, x + w * 0.52, top), fill=255)
        light.ellipse(box(x + w * 0.47, top - h * 0.245, x + w * 0.53, top - h * 0.235), fill=(255, 90, 70))
    cell = 0.0125 + 0.0065 * d
    columns, floors = max(2, int(w / cell) - 1), max(3, int(h / (cell * 1.35)) - 2)
    busy = float(0.16 + 0.42 * rng.random())
    on = rng.random((floors, columns)) < busy * np.repeat(0.35 + 1.1 * rng.random((floors, 1)), columns, axis=1)
    tone = warm if rng.random() < 0.66 else cold
    margin = (w - columns * cell) / 2
    power = rng.random((floors, columns)) * 0.55 + 0.30
    for j, i in zip(*np.nonzero(on), strict=True):
        wx, wy = x + margin + (i + 0.2) * cell, top + (j + 1.2) * cell * 1.35
        colour = tuple(int(c) for c in tone * (power[j, i] * (0.5 + 0.4 * d) * 255))
        light.rectangle(box(wx, wy, wx + cell * 0.56, wy + cell * 0.70), fill=colour)
    if d > 0.3 and rng.random() < 0.42:
        colour = tuple(int(c * 255) for c in neon[int(rng.integers(3))])
        nx, ny = x + w * float(0.2 + 0.6 * rng.random()), top + h * float(0.12 + 0.3 * rng.random())
        light.rectangle(box(nx, ny, nx + 0.006 + 0.004 * d, ny + h * float(0.12 + 0.22 * rng.random())), fill=colour)
        if rng.random() < 0.4:
            light.rectangle(box(x, top, x + w, top + 0.004), fill=colour)
