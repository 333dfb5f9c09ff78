"""Dunes: long soft ridges, a lit and a shaded flank, wind ripples, a low sun in dusty air."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, fbm, line, smooth
from studio.simulator.render.kit import Picture, disc, glow, over, screen, stars
from studio.simulator.render.palette import Ramp, mix, rgb, shade, tint
from studio.simulator.render.prompt import Look

# sky top, sky middle, horizon, lit sand, shaded sand, sun
PALETTES: dict[str, list[str]] = {
    "night": ["070d24", "1c2f63", "5574a6", "8fa0bd", "1d2a4c", "f2f4ff"],
    "dusk": ["3a2158", "b34c78", "f6a483", "e79a73", "5e2a4a", "fff0cf"],
    "golden": ["3f6ba8", "c9b894", "ffd9a0", "eebb77", "9a5a35", "fff6dc"],
    "dawn": ["5a6aa8", "d8a8b4", "ffd2b4", "f0bd98", "94607a", "fff4e4"],
    "mist": ["a99f92", "cfc3b2", "eadfcb", "d9c4a2", "94806a", "fffaf0"],
    "day": ["2c7fc4", "8fc0dd", "efe6d0", "f4cf92", "b3743f", "fffdf2"],
}


def paint(view: View, look: Look) -> Picture:
    top, middle, horizon, lit, dark, sun = (rgb(code) for code in PALETTES[look.hour])
    if look.colours:
        lit, dark = tint(lit, look.colours[0], 0.8), tint(dark, look.colours[0], 0.7)
        top = tint(top, look.pick(look.colours[0], 1), 0.6)
    rng = look.rng(1)
    line_y = float(view.half_h * (-0.18 + 0.16 * rng.random()))
    t = np.clip((view.y + view.half_h) / (line_y + view.half_h), 0, 1)
    canvas = np.broadcast_to(Ramp([top, middle, horizon], [0, 0.6, 1])(t), (view.h, view.w, 3)).copy()
    sun_x = float((0.2 + 0.55 * rng.random()) * view.half_w * (1 if rng.random() < 0.5 else -1))
    sun_y = line_y - view.half_h * float(0.14 + 0.3 * rng.random())
    if look.hour == "night":
        screen(canvas, sun, stars(view, look.rng(2), 220) * smooth(1.0, 0.2, t))
    screen(canvas, sun, glow(view, sun_x, sun_y, 0.22, 1.3) * 0.8)
    over(canvas, sun, disc(view, sun_x, sun_y, 0.05))
    layers = 6
    for i in range(layers):
        _dune(view, look, canvas, i / (layers - 1), line_y, sun_x, (lit, dark, horizon, sun))
    return Picture(canvas, haze=0.6)


def _dune(view: View, look: Look, canvas, t: float, line_y: float, sun_x: float, colours) -> None:
    """One ridge; t runs from 0 (far) to 1 (near)."""
    lit, dark, horizon, sun = colours
    rng = look.rng(10 + int(t * 100))
    room = view.half_h - line_y
    base = line_y + room * (0.02 + 0.74 * t**1.35)
    swing = (0.03 + 0.13 * t) * min(1.0, room)
    cells = 1.9 - 1.0 * t
    flow = line(rng, view.x, cells, 2, 0.35)
    crest = np.float32(base) + np.float32(swing) * (np.abs(flow) * 1.5 - 0.75 + 0.25 * line(rng, view.x, 0.8, 2))
    top = max(0, int((float(crest.min()) + view.half_h) * view.px) - 1)
    part = canvas[top:]
    y = view.y[top:]
    mask = np.clip((y - crest) * np.float32(view.px) + 0.5, 0, 1)
    depth = np.clip((y - crest) / np.float32(0.16 + 0.5 * t), 0, 1.5)
    # Where `flow` changes sign the crest has its summit; from there a spine wanders down and parts light from shade.
    bend = (
        np.float32(0.16 + 0.3 * t)
        * np.sin(depth * np.float32(2.6 + rng.random()) + np.float32(6 * rng.random()))
        * depth
    )
    spine = np.interp((view.x + bend).ravel(), view.x.ravel(), flow.ravel()).reshape(mask.shape).astype(np.float32)
    facing = np.float32(-1.0 if sun_x < 0 else 1.0) * spine
    rise = smooth(-0.012 - 0.16 * t, 0.02 + 0.02 * t, facing)
    swell = smooth(0.0, 1.1, facing)
    grain = fbm(rng, View(view.w, part.shape[0]), 2.4, 4.0, octaves=3)
    light = 0.20 + 0.54 * rise + 0.20 * swell - 0.10 * smooth(0.2, 1.2, -facing) + (0.13 * rise - 0.05) * (1 - depth)
    ripples = np.sin(
        (y * np.float32(150 - 70 * t) + spine * np.float32(26) + (grain - 0.5) * np.float32(26)) / np.float32(0.3 + t)
    )
    light = (
        light
        + ripples * np.float32(0.035 * t) * np.clip(depth * 3, 0, 1) * (0.4 + 0.6 * rise)
        + (grain - 0.5) * np.float32(0.10)
    )
    body = Ramp([shade(dark, 0.92), dark, mix(dark, lit, 0.6), lit, mix(lit, sun, 0.45)], [0, 0.2, 0.5, 0.85, 1])(light)
    body = body + (mix(horizon, lit, 0.35) - body) * np.float32(0.62 * (1 - t) ** 1.3)
    rim = np.exp(-depth * np.float32(60)) * np.float32(0.35)
    body = body + (sun - body) * (rim * np.clip(light, 0, 1))[..., None]
    over(part, body, mask)
    haze = np.clip(1 - np.abs(y - base) / np.float32(0.05 + 0.08 * t), 0, 1) * np.float32(0.13 * (1 - t))
    over(part, horizon, np.broadcast_to(haze, mask.shape) * mask)
