"""An alpine lake: layered ranges in haze, firs on the shore, sky and sun doubled in still water."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, blur, edge, fbm, polygons, smooth
from studio.simulator.render.kit import Picture, below, clouds, disc, glow, grove, over, reflect, ridge, screen, stars
from studio.simulator.render.palette import Ramp, mix, rgb, tint
from studio.simulator.render.prompt import Look

# top of the sky, middle, horizon, far range, near range, firs, sun
PALETTES: dict[str, list[str]] = {
    "night": ["0a1430", "1b3a78", "4f7fc0", "5a7fb4", "22406e", "081024", "f4f6ff"],
    "dusk": ["2b1a4d", "8a3f86", "f59a9a", "a06a9c", "5a3f72", "160d26", "fff0d8"],
    "golden": ["35528a", "a9a6b8", "fbd58a", "b59a86", "6d6470", "1d1c28", "fff7e0"],
    "dawn": ["3b4c86", "a988a8", "fbb89a", "a794b4", "645f8a", "171a30", "fff3e2"],
    "mist": ["7f949c", "b3c2c4", "e2e8e4", "9fb0b2", "5f7478", "1b2a2c", "ffffff"],
    "day": ["0f5a66", "48a09a", "c8ecd8", "8fc0b4", "3c7672", "0a2a2c", "ffffff"],
}


def paint(view: View, look: Look) -> Picture:
    top, middle, horizon, far, near, firs, sun = (rgb(code) for code in PALETTES[look.hour])
    if look.colours:
        top, middle, far, near = (tint(c, look.colours[0], 0.7) for c in (top, middle, far, near))
        horizon = tint(horizon, look.pick(look.colours[0], 1), 0.6)
    rng = look.rng(1)
    shore = 0.08 + 0.06 * rng.random()
    shore_y = np.float32(shore * view.half_h)
    sun_x = float((rng.random() - 0.5) * view.half_w * 1.1)
    sun_y = float(shore_y - view.half_h * (0.28 + 0.22 * rng.random()))
    t = np.clip((view.y + view.half_h) / (shore_y + view.half_h), 0, 1)
    rgb_ = np.broadcast_to(Ramp([top, middle, horizon], [0, 0.55, 1])(t), (view.h, view.w, 3)).copy()
    if look.hour in {"night", "dusk"}:
        screen(rgb_, rgb("dfe8ff"), stars(view, look.rng(2), 150) * smooth(0.75, 0.0, t) * 0.85)
    over(rgb_, mix(horizon, sun, 0.35), clouds(view, look.rng(3)) * (0.30 * smooth(0.0, 0.5, t)))
    screen(rgb_, sun, glow(view, sun_x, sun_y, 0.16, 1.2) * 0.75)
    over(rgb_, sun, disc(view, sun_x, sun_y, 0.026))
    _ranges(view, look, rgb_, float(shore_y), far, near, horizon, sun_x, sun)
    _firs(view, look, rgb_, shore_y, firs, horizon)
    return Picture(
        _water(view, look, rgb_, float(shore_y), top, horizon, sun, sun_x),
        float((shore_y + view.half_h) / (2 * view.half_h)),
    )


def _ranges(view, look, canvas, shore_y, far, near, horizon, sun_x, sun) -> None:
    rng = look.rng(4)
    layers = 4
    for i in range(layers):
        t = i / (layers - 1)
        height = (0.34 - 0.20 * t) * min(view.half_h * 2, 1.15)
        crest = ridge(view, rng, shore_y - 0.015, height, 1.1 + 1.1 * t, sharp=0.46)
        mask = below(view, crest) * edge(shore_y + 0.01 - view.y, view.px)
        depth = np.clip((view.y - crest) / np.float32(height), 0, 1)
        face = fbm(rng, view, 9, 7, octaves=3) - 0.5
        slope = np.gradient(crest[0]).astype(np.float32)[None, :] * np.float32(view.px / 2)
        lit = np.clip(-slope * np.sign(sun_x - view.x) * 0.06 + face * 1.15, -0.5, 0.5) * (1 - depth) * 0.22
        body = Ramp([mix(far, near, t), mix(mix(far, near, t), horizon, 0.75 - 0.35 * t)])(depth)
        body = body + lit[..., None] * sun
        over(canvas, np.clip(body, 0, 1), mask)
    mist = np.exp(-(((view.y - shore_y + 0.03) * np.float32(16)) ** 2)) * fbm(rng, view, 1.2, 5, octaves=3)
    over(canvas, mix(horizon, sun, 0.2), np.clip(mist * 0.9, 0, 1))


def _firs(view, look, canvas, shore_y, firs, horizon) -> None:
    rng = look.rng(5)
    ground = np.full((1, view.w), shore_y, np.float32)
    back = polygons(view, grove(view, rng, ground, 0.014, 0.05, 0.13))
    over(canvas, mix(firs, horizon, 0.28), back * edge(shore_y + 0.002 - view.y, view.px))
    front = polygons(view, grove(view, rng, ground, 0.026, 0.06, 0.19))
    over(canvas, firs, front * edge(shore_y + 0.002 - view.y, view.px))


def _water(view, look, canvas, shore_y, top, horizon, sun, sun_x):
    row = int((shore_y + view.half_h) * view.px)
    rng = look.rng(6)
    mirror = reflect(view, canvas, rng, row, calm=0.9)
    depth = (np.arange(view.h - row, dtype=np.float32) / max(1, view.h - row))[:, None]
    mirror = mirror * 0.86 + (mix(top, horizon, 0.3) - mirror) * (0.12 + 0.35 * depth[..., None])
    canvas[row:] = mirror
    streaks = np.clip(fbm(rng, view, 1.5, 26, octaves=3)[row:] - 0.55, 0, 1) * 0.9 * smooth(0.05, 0.5, depth)
    over(canvas[row:], mix(horizon, sun, 0.5), np.clip(streaks, 0, 0.45))
    band = np.exp(-(((view.y - shore_y) * np.float32(38)) ** 2)) * (0.45 + 0.5 * fbm(rng, view, 2.0, 8, octaves=3))
    over(canvas, mix(horizon, sun, 0.15), np.clip(band, 0, 0.75))
    trail = np.exp(-(((view.x - sun_x) * np.float32(9)) ** 2)) * blur(np.clip(streaks, 0, 1), 1.5)
    screen(canvas[row:], sun, np.clip(trail * 1.6, 0, 0.6))
    return canvas
