"""Open sea: a wide sky, the sun near the horizon, wave normals that fold sky and sun into the water."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, fbm, sample, smooth, tile
from studio.simulator.render.kit import Picture, disc, glow, over, screen, stars
from studio.simulator.render.palette import Ramp, mix, rgb, tint
from studio.simulator.render.prompt import Look

# sky top, sky middle, horizon, deep water, light water, sun
PALETTES: dict[str, list[str]] = {
    "night": ["050a1e", "122a5c", "3f669c", "040c20", "23487c", "eaf1ff"],
    "dusk": ["2f3866", "c5557c", "ffb276", "14213f", "77647f", "fff0d0"],
    "golden": ["4a78a8", "e0b48a", "ffe1a0", "143a4c", "5f8a8c", "fff8e0"],
    "dawn": ["6878b4", "e2a8b8", "ffd8b8", "28406a", "8296b4", "fff6ea"],
    "mist": ["8b9ea8", "bccad0", "e8eeee", "33525c", "8aa6ac", "ffffff"],
    "day": ["2f86c8", "8cc6e2", "e4f4f2", "064c66", "3fb0b4", "ffffff"],
}


def paint(view: View, look: Look) -> Picture:
    top, middle, horizon, deep, light, sun = (rgb(code) for code in PALETTES[look.hour])
    if look.colours:
        top, middle = tint(top, look.colours[0], 0.7), tint(middle, look.colours[0], 0.7)
        second = look.pick(look.colours[0], 1)
        deep, light = tint(deep, second, 0.7), tint(light, second, 0.7)
    rng = look.rng(1)
    line_y = float(view.half_h * (-0.08 + 0.12 * rng.random()))
    sun_x = float((rng.random() - 0.5) * view.half_w * 0.9)
    sun_y = line_y - float(0.03 + 0.10 * rng.random())
    row = int((line_y + view.half_h) * view.px)
    canvas = np.empty((view.h, view.w, 3), np.float32)
    _sky(view, look, canvas, line_y, (top, middle, horizon, sun), sun_x, sun_y)
    _sea(view, look, canvas, row, (middle, horizon, deep, light, sun), sun_x)
    veil = np.exp(-np.abs(view.y - line_y) * np.float32(46)) * np.float32(0.55)
    over(canvas, mix(horizon, sun, 0.25), np.broadcast_to(veil, (view.h, view.w)))
    screen(canvas, sun, glow(view, sun_x, sun_y, 0.10, 1.4) * 0.5)
    return Picture(canvas, water=(line_y + view.half_h) / (2 * view.half_h), haze=0.3)


def _sky(view, look, canvas, line_y, colours, sun_x, sun_y) -> None:
    top, middle, horizon, sun = colours
    t = np.clip((view.y + view.half_h) / (line_y + view.half_h), 0, 1)
    canvas[:] = Ramp([top, middle, horizon], [0, 0.55, 1])(t)
    if look.hour == "night":
        screen(canvas, sun, stars(view, look.rng(2), 240) * smooth(0.95, 0.1, t))
    near = glow(view, sun_x, sun_y, 0.5, 1.0)
    for i, (cells, squeeze, cover) in enumerate(((0.9, 5.0, 0.56), (1.7, 6.5, 0.5))):
        puffs = fbm(look.rng(20 + i), view, cells, cells * squeeze, octaves=5)
        body = np.clip((puffs - np.float32(1 - cover)) * 4.0, 0, 1) * smooth(0.05, 0.45, t) * smooth(1.02, 0.75, t)
        under = np.clip((puffs - np.float32(1.06 - cover)) * 5.0, 0, 1)
        colour = Ramp([mix(horizon, sun, 0.5), mix(middle, top, 0.45)])(under * (1 - near * 0.9))
        over(canvas, colour, body * 0.62)
    screen(canvas, sun, glow(view, sun_x, sun_y, 0.2, 1.25) * 0.9)
    over(canvas, mix(sun, rgb("ffffff"), 0.5), disc(view, sun_x, sun_y, 0.045))


def _sea(view, look, canvas, row, colours, sun_x) -> None:
    middle, horizon, deep, light, sun = colours
    rows = view.h - row
    if rows < 2:
        return
    rng = look.rng(3)
    waves = tile(rng, 512, 8, 5, 0.62)
    ground = np.arange(rows, dtype=np.float32)[:, None] / np.float32(view.px) + np.float32(0.5 / view.px)
    distance = np.float32(0.16) / (ground + np.float32(0.012))  # perspective: far rows see much water
    wx = view.x * (distance * np.float32(0.42) + 0.10) * 512
    wy = np.broadcast_to(distance * np.float32(1.5) * 512, (rows, view.w))
    wx = np.broadcast_to(wx, (rows, view.w))
    chop = sample(waves, wx * 1.0, wy * 1.15)
    swell = sample(waves, wx * 0.31 + 91, wy * 0.42 + 17)
    height = chop * 0.62 + swell * 0.6
    slope = np.diff(height, axis=0, prepend=height[:1]) * np.float32(view.px) * ground * np.float32(0.9)
    tilt = np.clip(height - 0.6, -0.3, 0.3) * 1.9 + np.clip(slope, -0.35, 0.35) * 0.6
    fresnel = np.clip(1 - ground / np.float32(0.62), 0.0, 1.0) ** 2
    mirror = Ramp([horizon, mix(horizon, middle, 0.6), middle])(np.clip(0.25 + tilt * 1.2 + ground * 0.5, 0, 1))
    body = Ramp([deep, mix(deep, light, 0.55), light])(np.clip(0.42 + tilt * 1.1, 0, 1))
    weight = np.clip(fresnel * 0.8 + 0.10 + tilt * 0.55, 0, 1)[..., None]
    canvas[row:] = body + (mirror - body) * weight
    spread = np.float32(0.035) + ground * np.float32(0.34)
    column = np.exp(-(((view.x - sun_x) / spread) ** 2))
    sparkle = smooth(0.04, 0.24, tilt + column * np.float32(0.16)) * column
    glitter = np.clip(sparkle * (0.75 + 0.9 * smooth(0.6, 0.9, height)), 0, 1)
    screen(canvas[row:], mix(sun, horizon, 0.18), glitter * 0.95)
