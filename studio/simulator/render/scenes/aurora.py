"""Northern lights: folded curtains with fine rays over snow hills and firs, doubled in dark water."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, edge, line, polygons, smooth
from studio.simulator.render.kit import Picture, below, grove, over, reflect, ridge, screen, stars
from studio.simulator.render.palette import Ramp, mix, rgb, tint
from studio.simulator.render.prompt import Look

# sky top, sky low, curtain low, curtain middle, curtain high, hills
PALETTES: dict[str, list[str]] = {
    "night": ["050a1c", "12335a", "66ffc4", "22c79a", "5a4fd0", "0a1626"],
    "dusk": ["150c30", "4a2a63", "7dffd0", "b05ad8", "d0509a", "120c22"],
    "golden": ["0c1630", "4a4a55", "d8ffa0", "6fd08a", "c07a5a", "12141c"],
    "dawn": ["141a44", "5a5a92", "a0ffe0", "7fa0ff", "c08ae0", "141830"],
    "mist": ["10202a", "3a5a62", "b0fff0", "58c0b8", "5a86a8", "14242a"],
    "day": ["06142c", "135a72", "8affd8", "2fd0d8", "3f6ae0", "08202c"],
}


def paint(view: View, look: Look) -> Picture:
    top, low, c1, c2, c3, hills = (rgb(code) for code in PALETTES[look.hour])
    if look.colours:
        c1, c2 = tint(c1, look.colours[0], 0.9), tint(c2, look.colours[0], 0.9)
        c3 = tint(c3, look.pick(look.colours[0], 1), 0.8)
    shore = np.float32(view.half_h * 0.58)
    t = np.clip((view.y + view.half_h) / (shore + view.half_h), 0, 1)
    canvas = np.broadcast_to(Ramp([top, mix(top, low, 0.45), low])(t), (view.h, view.w, 3)).copy()
    screen(canvas, rgb("eaf2ff"), stars(view, look.rng(2), 420) * smooth(1.0, 0.35, t))
    light = Ramp([c1, c2, mix(c2, c3, 0.6), c3], [0, 0.25, 0.6, 1])
    for i in range(4):
        _curtain(view, look, canvas, i, light)
    _land(view, look, canvas, float(shore), hills, mix(low, c2, 0.25))
    row = int((float(shore) + view.half_h) * view.px)
    mirror = reflect(view, canvas, look.rng(6), row, calm=0.55, smear=6) * 0.72
    fade = (np.arange(view.h - row, dtype=np.float32) / max(1, view.h - row))[:, None, None]
    canvas[row:] = mirror + (hills * 0.7 - mirror) * (0.12 + 0.4 * fade)
    band = np.exp(-(((view.y - shore) * np.float32(44)) ** 2)) * np.float32(0.35)
    over(canvas, mix(low, c1, 0.35), np.broadcast_to(band, (view.h, view.w)))
    return Picture(canvas, water=(float(shore) + view.half_h) / (2 * view.half_h), haze=0.2, twinkle=True)


def _curtain(view: View, look: Look, canvas, index: int, light: Ramp) -> None:
    rng = look.rng(10 + index)
    near = index / 3
    base = view.half_h * (-0.12 + 0.36 * near + 0.10 * (rng.random() - 0.5))
    sway = line(rng, view.x, 1.1 + 0.5 * rng.random(), 3, 0.42)
    foot = np.float32(base) + np.float32(0.10 + 0.08 * near) * sway
    fold = np.abs(np.gradient(sway[0]).astype(np.float32)[None, :] * np.float32(view.px))
    rays = 0.5 + 0.5 * line(rng, view.x + sway * 0.10, 26, 3, 0.72)
    broad = smooth(-0.75, 0.65, line(rng, view.x, 1.5, 2))
    strength = broad * (0.34 + 0.66 * np.clip(rays, 0, 1) ** 1.5) * (0.75 + 0.5 * np.clip(fold / 3, 0, 1))
    tall = np.float32(0.20 + 0.16 * near) * (0.55 + 0.75 * np.clip(0.5 + 0.5 * line(rng, view.x, 5, 3, 0.6), 0, 1))
    above = foot - view.y
    rise = np.exp(-np.clip(above, 0, None) / tall) * smooth(-0.030, 0.012, above)
    hem = np.exp(-((above - np.float32(0.012)) ** 2) * np.float32(2600)) * np.float32(0.35)
    value = np.clip((rise + hem) * strength * np.float32(0.62 + 0.35 * near), 0, 1)
    colour = light(np.clip(above / np.float32(0.52), 0, 1))
    canvas += (1 - canvas) * (value[..., None] * colour)


def _land(view: View, look: Look, canvas, shore: float, hills, glow_) -> None:
    rng = look.rng(5)
    for i in range(3):
        t = i / 2
        height = 0.17 - 0.09 * t
        crest = ridge(view, rng, shore - 0.01, height, 1.3 + 0.9 * t, sharp=0.44)
        depth = np.clip((view.y - crest) / np.float32(height), 0, 1)
        body = Ramp([mix(hills, glow_, 0.55 - 0.4 * t), mix(hills, glow_, 0.75 - 0.45 * t)])(depth)
        over(canvas, body, below(view, crest) * edge(shore + 0.01 - view.y, view.px))
    ground = np.full((1, view.w), shore, np.float32)
    firs = polygons(view, grove(view, rng, ground, 0.022, 0.03, 0.15))
    over(canvas, hills * 0.45, firs * edge(shore + 0.002 - view.y, view.px))
