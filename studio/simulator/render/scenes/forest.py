"""A fir wood in mist: rank behind rank, each paler, with shafts of light from one side."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, fbm, line, polygons, smooth
from studio.simulator.render.kit import Picture, disc, glow, grove, over, screen, stars
from studio.simulator.render.palette import Ramp, mix, rgb, tint
from studio.simulator.render.prompt import Look

# sky top, sky low, mist, darkest firs, light
PALETTES: dict[str, list[str]] = {
    "night": ["0a1530", "3b5a8c", "86a4c8", "050c18", "e4eeff"],
    "dusk": ["4a3060", "e09aa0", "f0bcae", "160f22", "fff0d8"],
    "golden": ["c9a878", "ffe6b0", "f6dba6", "1e1a12", "fff4cc"],
    "dawn": ["a89cb8", "f2d4cc", "ecd6d2", "1c1828", "fff4ea"],
    "mist": ["c6d4d0", "eef4f0", "dfe9e4", "10221f", "ffffff"],
    "day": ["7fb4c4", "e0f2ea", "d0e8dc", "0e2a20", "fffff0"],
}


def paint(view: View, look: Look) -> Picture:
    top, low, mist, firs, light = (rgb(code) for code in PALETTES[look.hour])
    if look.colours:
        firs = tint(firs, look.colours[0], 0.9)
        mist, low = tint(mist, look.colours[0], 0.5), tint(low, look.pick(look.colours[0], 1), 0.4)
    rng = look.rng(1)
    canvas = np.broadcast_to(Ramp([top, low, mist], [0, 0.5, 1])(view.v), (view.h, view.w, 3)).copy()
    sun_x = float((rng.random() - 0.5) * view.half_w * 1.2)
    sun_y = float(-view.half_h * (0.30 + 0.25 * rng.random()))
    if look.hour == "night":
        screen(canvas, light, stars(view, look.rng(2), 160) * smooth(0.55, 0.0, view.v))
    screen(canvas, light, glow(view, sun_x, sun_y, 0.34, 1.2) * 0.8)
    over(canvas, light, disc(view, sun_x, sun_y, 0.045, 0.006) * 0.9)
    layers = 7
    for i in range(layers):
        t = i / (layers - 1)
        _rank(view, look, canvas, t, mix(mix(mist, top, 0.3), firs, t**0.8), mist, light, sun_x)
        if i in {2, 4}:
            _shafts(view, look, canvas, sun_x, sun_y, light, 0.26)
    return Picture(canvas, haze=0.9)


def _rank(view: View, look: Look, canvas, t: float, colour, mist, light, sun_x: float) -> None:
    rng = look.rng(20 + int(t * 50))
    base = view.half_h * (-0.02 + 1.02 * t**1.1)
    foot = np.float32(base) + np.float32(0.05) * line(rng, view.x, 0.9, 3)
    high = 0.20 + 0.52 * t**1.3
    trees = polygons(view, grove(view, rng, foot, 0.018 + 0.085 * t, high * 0.45, high, 0.36 - 0.06 * t))
    trees = np.maximum(trees, np.clip((view.y - foot) * np.float32(view.px) + 0.5, 0, 1))
    sink = np.clip((view.y - (foot - np.float32(high * 0.62))) / np.float32(high * 0.9), 0, 1)
    near_sun = np.exp(-(((view.x - sun_x) * np.float32(1.5)) ** 2)) * np.float32(0.30 * (1 - t))
    body = colour + (light - colour) * near_sun[..., None]
    fog = np.clip(sink * (0.55 + 0.5 * fbm(rng, view, 1.3, 3.0, octaves=3)), 0, 1) * np.float32(0.9 - 0.55 * t)
    body = body + (mist - body) * fog[..., None]
    over(canvas, body, trees)


def _shafts(view: View, look: Look, canvas, sun_x: float, sun_y: float, light, amount: float) -> None:
    angle = np.arctan2(view.x - np.float32(sun_x), view.y - np.float32(sun_y - 0.12))
    beams = line(look.rng(3), angle.astype(np.float32), 7.0, 3, 0.6)
    far = np.sqrt((view.x - sun_x) ** 2 + (view.y - sun_y) ** 2)
    shafts = smooth(0.05, 0.9, beams) * smooth(1.25, 0.1, far) * smooth(-0.1, 0.15, view.y - sun_y)
    screen(canvas, light, shafts * np.float32(amount))
