"""Cut paper: sheets stacked in depth, each with its own fibre, a lit edge and the shadow it throws."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, blur, fbm, lattice
from studio.simulator.render.kit import Picture
from studio.simulator.render.palette import Colour, from_oklab, mix, oklab, rgb, shade
from studio.simulator.render.prompt import Look

PALETTES: list[list[str]] = [
    ["f3eecb", "d5e3b0", "6fc0a4", "2f9a94", "13727c", "0d4a5e", "082b40"],
    ["f8e6b8", "f7b45c", "ef7a4a", "cf4459", "96285f", "5c1a56", "2c0f3a"],
    ["f6ece0", "f0cdb8", "e5a08c", "cf7272", "9c4f66", "5f3552", "2f1f38"],
    ["eef3f4", "c6dbe4", "8fb8d2", "5489b8", "2f5f98", "1c3f70", "10244a"],
    ["f5f0e4", "e0d8b8", "b5bf8c", "7d9a68", "4b7350", "2c503e", "16302a"],
    ["fdf3ea", "fbd3c8", "f3a6b2", "c983b8", "8a68b2", "4f4c96", "24295e"],
]


def paint(view: View, look: Look) -> Picture:
    rng = look.rng(1)
    sheets = [rgb(code) for code in PALETTES[int(rng.integers(len(PALETTES)))]]
    if look.colours:
        sheets = _family(look.colours)
    if look.hour == "night" or rng.random() < 0.35:
        sheets = sheets[::-1]
    smoothness = 1.15 + 0.9 * rng.random()
    shape = (
        lattice(look.rng(2), view, smoothness, smoothness) * 0.72
        + fbm(look.rng(3), view, smoothness * 2, octaves=3, gain=0.36) * 0.36
    )
    r = np.sqrt((view.x / view.half_w) ** 2 + (view.y / view.half_h) ** 2)
    shape = shape + (0.34 * r - 0.20).astype(np.float32)
    low, high = np.quantile(shape[::7, ::7], [0.03, 0.94])
    shape = (shape - np.float32(low)) / np.float32(high - low)
    gy, gx = np.gradient(shape)
    steep = np.maximum(np.sqrt(gx * gx + gy * gy), 0.25 / view.px)
    fibre = fbm(look.rng(4), view, 46, 60, octaves=3, gain=0.8) - 0.5
    mottled = fbm(look.rng(5), view, 4.5, octaves=4) - 0.5
    texture = 1 + fibre * np.float32(0.12) + mottled * np.float32(0.10)
    count = len(sheets)
    canvas = np.broadcast_to(sheets[-1], (view.h, view.w, 3)) * texture[..., None]
    for i in range(count - 2, -1, -1):  # from the deepest sheet up; each covers what lies outside its cut
        level = np.float32((count - 1 - i) / count)
        cover = np.clip((shape - level) / steep + 0.5, 0, 1)
        canvas = canvas * (1 - _shadow(view, cover))[..., None]
        tone = sheets[i] * (texture + (np.float32(0.03) * (view.x + view.y) * -0.6))[..., None]
        facing = -(gx * np.float32(0.7) + gy * np.float32(0.72)) / steep
        lip = np.clip(
            1 - np.abs((shape - level) / steep - np.float32(0.0016 * view.px)) / np.float32(0.0022 * view.px), 0, 1
        )
        tone = tone + (1 - tone) * (lip * np.clip(0.25 + 0.55 * facing, 0, 1) * 0.55)[..., None]
        canvas = canvas + (tone - canvas) * cover[..., None]
    return Picture(np.clip(canvas, 0, 1), haze=0.0)


def _shadow(view: View, cover):
    """Two shadows, light from the upper left: a wide soft one and a tight dark one."""
    wide = int(0.020 * view.px)
    tight = max(1, int(0.006 * view.px))
    far = np.roll(blur(cover, 0.022 * view.px), (wide, wide), (0, 1))
    near = np.roll(blur(cover, 0.006 * view.px), (tight, tight), (0, 1))
    far[:wide] = far[wide : wide + 1]
    far[:, :wide] = far[:, wide : wide + 1]
    near[:tight] = near[tight : tight + 1]
    near[:, :tight] = near[:, tight : tight + 1]
    return np.clip(far * np.float32(0.42) + near * np.float32(0.34), 0, 0.8)


def _family(colours: tuple[Colour, ...]) -> list[Colour]:
    """Seven sheets through the prompt's colours, from light to deep."""
    anchors = sorted(colours[:4], key=lambda c: -float(oklab(c)[0]))
    anchors = [mix(anchors[0], rgb("fff8ea"), 0.75), *anchors, shade(anchors[-1], 0.42)]
    labs = np.stack([oklab(c) for c in anchors])
    at = np.linspace(0, len(anchors) - 1, 7)
    mixed = np.stack([np.interp(at, np.arange(len(anchors)), labs[:, k]) for k in range(3)], axis=1)
    return [from_oklab(row.astype(np.float32)) for row in mixed]
