"""A dahlia seen from the front: rings of folded petals, each shading the one below it."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, fbm, smooth
from studio.simulator.render.kit import Picture, over
from studio.simulator.render.palette import Colour, Ramp, mix, rgb, shade
from studio.simulator.render.prompt import Look

# background, outer petal, petal, tip of the inner petals
PALETTES: list[list[str]] = [
    ["14241c", "a85a1c", "e0a63c", "fbeaa8"],
    ["1c1024", "6a2a86", "a878d0", "f0dcf8"],
    ["240c14", "9c1c3c", "e0566a", "ffd8c4"],
    ["10202a", "b84a3a", "f08a6c", "ffe8d0"],
    ["12181c", "b8909a", "eccdd0", "fff8f4"],
    ["0c1a2c", "2c4a9c", "7c9ce0", "e4f0ff"],
]


def paint(view: View, look: Look) -> Picture:
    rng = look.rng(1)
    ground, outer, petal, tip = (rgb(code) for code in PALETTES[int(rng.integers(len(PALETTES)))])
    if look.colours:
        petal = look.colours[0]
        outer, tip = shade(petal, 0.62), mix(petal, rgb("fff4e4"), 0.66)
        ground = look.pick(shade(mix(petal, rgb("0e1a16"), 0.7), 0.55), 1)
        ground = shade(ground, min(1.0, 0.30 / max(0.05, float(ground.mean()))))
    canvas = _leaves(view, look, ground)
    size = 0.47 * min(1.12, max(view.half_w, view.half_h) * 2)
    cx, cy = float((rng.random() - 0.5) * 0.16 * view.half_w), float((rng.random() - 0.5) * 0.10)
    x, y = view.x - np.float32(cx), view.y - np.float32(cy)
    r = np.sqrt(x * x + y * y) * np.float32(1 / size)
    a = np.arctan2(y, x)
    a = a + (fbm(look.rng(4), view, 1.6, octaves=2) - 0.5) * np.float32(0.10)
    halo = smooth(1.30, 0.86, r) * np.float32(0.62)
    over(canvas, shade(ground, 0.28), halo)
    rings = 13
    for k in range(rings):
        _ring(view, look, canvas, r, a, k / (rings - 1), size, (outer, petal, tip))
    heart = smooth(0.10, 0.0, r) * np.float32(0.55)
    over(canvas, shade(mix(petal, tip, 0.3), 0.72), heart)
    key = np.clip(1.10 - 0.16 * (x + y) / np.float32(size), 0.6, 1.3)
    return Picture(np.clip(canvas * key[..., None], 0, 1), haze=0.0)


def _leaves(view: View, look: Look, ground: Colour):
    """Dark, out-of-focus foliage."""
    far = fbm(look.rng(2), view, 2.4, octaves=3, gain=0.4)
    canvas = Ramp([shade(ground, 0.45), ground, shade(ground, 1.7)])(np.clip((far - 0.28) * 1.8, 0, 1))
    rng = look.rng(3)
    for _ in range(16):
        px, py = float((rng.random() * 2 - 1) * view.half_w), float((rng.random() * 2 - 1) * view.half_h)
        radius = 0.03 + 0.07 * rng.random()
        d = np.sqrt((view.x - px) ** 2 + (view.y - py) ** 2) / np.float32(radius)
        bokeh = smooth(1.0, 0.86, d) * (0.7 + 0.3 * smooth(0.6, 1.0, d))
        over(canvas, shade(ground, 2.2), bokeh * np.float32(0.05 + 0.10 * rng.random()))
    return canvas


def _ring(view: View, look: Look, canvas, r, a, t: float, size: float, colours) -> None:
    """One ring of petals; t runs from 0 (outermost) to 1 (the heart)."""
    outer, petal, tip = colours
    rng = look.rng(30 + int(t * 500))
    reach = 1.0 * (1 - t) ** 0.92 + 0.055
    root = reach * (0.30 if t < 0.75 else 0.12)
    count = int(np.interp(t, [0, 0.5, 1], [21, 19, 9]))
    span = np.float32(2 * np.pi / count)
    turn = np.float32(span * 0.5 * round(t * 12) + rng.random() * 0.08)
    box = _box(r, reach * 1.30)
    if box is None:
        return
    r, a, part = r[box], a[box], canvas[box]
    whole = np.floor((a + turn) / span)
    index = whole % count  # the first and the last petal meet behind the flower
    jitter = (np.sin(index * np.float32(12.9898) + np.float32(t * 78)) * np.float32(43758.5)) % 1.0
    u = ((a + turn) / span - whole - 0.5 + (jitter - 0.5) * np.float32(0.10)) * 2  # -1..1 across the petal
    length = np.float32(reach) * (np.float32(0.93) + 0.10 * jitter)
    v = (r - np.float32(root)) / (length - np.float32(root))  # 0 root, 1 tip
    vc = np.clip(v, 0, 1)
    width = (
        np.float32(1.04)
        * np.sqrt(np.clip(1 - np.clip((vc - 0.52) / 0.48, 0, 1) ** 2.1, 0, 1))
        * (0.80 + 0.30 * np.sin(vc * np.float32(2.6)))
    )
    width = np.maximum(width, 1e-3)
    q = u / width
    pixel = np.float32(2 / view.px / size) / np.maximum(r * span, 1e-3)  # one pixel in units of u
    mask = np.clip((width - np.abs(u)) / pixel + 0.5, 0, 1) * np.clip(
        (1 - v) * (length - np.float32(root)) * np.float32(view.px * size) + 0.5, 0, 1
    )
    under = smooth(1.0, 0.55, np.abs(u) / (_width(np.clip(v / 1.2, 0, 1)) * 1.25 + 0.12)) * smooth(1.22, 0.92, v)
    part *= (1 - under * np.float32(0.62))[..., None]
    cup = np.abs(q)
    light_side = np.sin(a + np.float32(0.75) + q * np.float32(0.9))
    curl = (
        0.50 + 0.26 * vc - 0.20 * (1 - cup) ** 2 * (1 - 0.5 * vc) + 0.17 * smooth(0.55, 0.95, cup) - 0.10 * light_side
    )
    fold = -0.22 * np.exp(-((q * 6.0) ** 2)) * (1 - vc * 0.7)
    veins = np.sin(q * np.float32(17) + jitter * 6) * np.float32(0.040) * np.sin(np.pi * np.clip(vc, 0, 1))
    deep = smooth(0.62, 0.0, vc) * np.float32(0.46)
    rim = smooth(0.80, 0.99, np.maximum(cup, vc)) * np.float32(0.14)
    tone = np.clip(curl - 0.07 - 0.08 * t + fold + veins - deep + rim + (jitter - 0.5) * 0.10, 0, 1)
    near = mix(outer, petal, min(1.0, t * 1.7 + 0.15))
    high = mix(mix(petal, tip, 0.25), tip, min(1.0, t * 1.15 + 0.1))
    ramp = Ramp([shade(near, 0.22), shade(near, 0.60), near, mix(near, high, 0.65), high], [0, 0.25, 0.52, 0.78, 1])
    over(part, ramp(tone), mask)


def _width(v):
    """Half the width of a petal (1 touches its neighbour) from its root, v = 0, to its tip, v = 1."""
    tip = np.sqrt(np.clip(1 - np.clip((v - 0.50) / 0.50, 0, 1) ** 1.9, 0, 1))
    return np.maximum(np.float32(1.04) * tip * (0.80 + 0.30 * np.sin(v * np.float32(2.6))), 1e-3)


def _box(r, reach: float):
    rows = np.flatnonzero((r < reach).any(axis=1))
    cols = np.flatnonzero((r < reach).any(axis=0))
    if not rows.size or not cols.size:
        return None
    return np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
