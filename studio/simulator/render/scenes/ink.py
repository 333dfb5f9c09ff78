"""Poured ink: noise bent by noise, coloured in veins and lit like a thin wet relief."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import View, sample, smooth, tile
from studio.simulator.render.kit import Picture
from studio.simulator.render.palette import Ramp, mix, rgb, shade
from studio.simulator.render.prompt import Look

PALETTES: list[list[str]] = [
    ["081c30", "124a7c", "5f93b8", "f2e6d2", "e0a45c", "8a3a1e"],
    ["0a3a3a", "13776e", "a8dcc8", "f6efdc", "e8b64c", "5a2410"],
    ["2a1050", "7a3fb0", "f0a0b8", "fbeadb", "e8789a", "1f6c74"],
    ["14161c", "3b4250", "9aa2ac", "f4f2ee", "c9a66a", "2a2f3a"],
    ["3a0a1a", "a01c3c", "f08a6a", "fdeedd", "f4c46a", "40204a"],
    ["06222a", "0f5f78", "4fb8b0", "f3f1e4", "f48f6c", "92304a"],
]


def paint(view: View, look: Look) -> Picture:
    rng = look.rng(1)
    colours = [rgb(code) for code in PALETTES[int(rng.integers(len(PALETTES)))]]
    if look.colours:
        c = look.colours[0]
        second = look.pick(mix(c, rgb("f4e8d4"), 0.55), 1)
        third = look.pick(shade(second, 0.8), 2)
        colours = [shade(c, 0.40), c, mix(c, rgb("ffffff"), 0.45), rgb("f7f1e6"), second, shade(third, 0.55)]
    noise = tile(rng, 512, 4, 5, 0.42)
    soft = tile(rng, 512, 3, 2, 0.35)
    zoom = np.float32(512 * (0.66 + 0.24 * rng.random()))
    shape = (view.h, view.w)
    turn = float(rng.random() * 6.28)
    x = np.broadcast_to((view.x * np.float32(np.cos(turn)) - view.y * np.float32(np.sin(turn))) * zoom, shape)
    y = np.broadcast_to(
        (view.x * np.float32(np.sin(turn)) + view.y * np.float32(np.cos(turn))) * zoom * np.float32(0.8), shape
    )
    ax, ay = sample(soft, x, y) - 0.5, sample(soft, x + 173, y + 61) - 0.5
    x1, y1 = x + ax * 360, y + ay * 360
    bx, by = sample(noise, x1 * 0.9, y1 * 0.9) - 0.5, sample(soft, x1 + 31, y1 + 211) - 0.5
    x2, y2 = x1 + bx * 230 + ax * 60, y1 + by * 300
    flow = sample(soft, x2 * 0.8, y2 * 0.8)
    vein = sample(noise, x2 * 1.7 + bx * 90, y2 * 0.55)
    value = np.clip((flow - 0.5) * 2.1 + 0.5 + (vein - 0.5) * 0.62, 0, 1)
    canvas = Ramp(colours, [0, 0.26, 0.44, 0.55, 0.74, 1])(value)
    height = flow * 0.75 + vein * 0.30 + np.sin(value * np.float32(46)) * 0.006
    return Picture(np.clip(_wet(view, canvas, height, value), 0, 1), haze=0.0)


def _wet(view: View, canvas, height, value):
    """Relief light, a specular sheen and bright rims where colours meet."""
    k = np.float32(view.px * 0.16)
    gx = np.gradient(height, axis=1) * k
    gy = np.gradient(height, axis=0) * k
    nz = 1 / np.sqrt(1 + gx * gx + gy * gy)
    facing = (gx * 0.62 + gy * 0.58 + 0.66) * nz
    canvas = canvas * (0.50 + 0.76 * smooth(-0.2, 1.1, facing))[..., None]
    sheen = np.clip(facing * 1.02, 0, 1) ** 26 * 0.34 + np.clip((-gx * 0.5 + gy * 0.3 + 0.8) * nz, 0, 1) ** 40 * 0.12
    canvas = canvas + (1 - canvas) * sheen[..., None]
    rim = np.exp(-(((value - 0.565) * 34) ** 2)) * 0.28
    return canvas + (1 - canvas) * rim[..., None]
