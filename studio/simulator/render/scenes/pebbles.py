"""A cairn of river stones on raked sand."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import Rng, View, edge, fbm, smooth
from studio.simulator.render.kit import Picture, over
from studio.simulator.render.palette import Colour, rgb, shade
from studio.simulator.render.prompt import Look
from studio.simulator.render.stage import Stage, contact, drop_shadow, lit_surface, set_stage

STONES = ["4d5358", "8c8a84", "2f3439", "c9c3b6", "7a6a5c", "a59a8b", "5d6b70", "b9a58c", "96847a"]


def paint(view: View, look: Look) -> Picture:
    rng = look.rng(1)
    horizon = view.half_h * 0.20
    stage = set_stage(view, look, horizon, tinted=look.colours[1] if len(look.colours) > 1 else None)
    scale = min(1.0, view.half_h * 1.9)
    cx = float((rng.random() - 0.5) * 0.3 * view.half_w)
    foot = horizon + view.half_h * 0.34
    _sand(view, stage, look, cx, foot)
    count = int(rng.integers(4, 7))
    stones: list[tuple[float, float, float, float, Colour]] = []
    y, wide = foot, 0.215 * scale
    palette = [int(i) for i in rng.permutation(len(STONES))]
    for i in range(count):
        tall = wide * float(0.30 + 0.12 * rng.random())
        colour = look.colours[0] if look.colours and i % 2 == 0 else rgb(STONES[palette[i]])
        stones.append((cx + float(rng.normal()) * 0.014 * scale, y - tall, wide, tall, colour))
        y -= tall * 1.86
        wide *= float(0.74 + 0.12 * rng.random())
    full = np.zeros((view.h, view.w), np.float32)
    for sx, sy, a, b, _ in stones:
        np.maximum(full, edge((1 - _norm(view, sx, sy, a, b)) * np.float32(b), view.px), out=full)
    contact(view, stage, cx + 0.03, foot - 0.004, stones[0][2] * 0.78, 0.85)
    drop_shadow(view, stage, full, foot - 0.01, reach=0.85, squash=0.22, strength=0.5)
    for i, stone in enumerate(stones):
        _stone(view, stage, look, rng, i, stone, stones[i + 1] if i + 1 < count else None)
    return Picture(np.clip(stage.canvas, 0, 1), haze=0.3)


def _norm(view: View, cx: float, cy: float, a: float, b: float):
    """Superellipse radius: below 1 is inside."""
    p = np.float32(2.35)
    return (np.abs((view.x - cx) / np.float32(a)) ** p + np.abs((view.y - cy) / np.float32(b)) ** p) ** (1 / p)


def _sand(view: View, stage: Stage, look: Look, cx: float, foot: float) -> None:
    y = (view.y - np.float32(foot)) * np.float32(3.4)
    wobble = (fbm(look.rng(3), view, 2.2, octaves=3) - 0.5) * np.float32(0.05)
    r = np.sqrt((view.x - cx) ** 2 + y * y) + wobble
    rings = np.sin(r * np.float32(62))
    fade = smooth(0.20, 0.30, r) * smooth(1.5, 0.6, r) * smooth(stage.horizon, stage.horizon + 0.12, view.y)
    side = np.clip((view.x - cx) * 0.6 + y * 0.8, -1, 1) / (0.35 + np.abs(r))
    light = rings * fade * np.float32(0.085) * (0.55 + 0.45 * np.abs(side))
    stage.canvas += light[..., None]


def _stone(view: View, stage: Stage, look: Look, rng: Rng, index: int, stone, above) -> None:
    cx, cy, a, b, colour = stone
    pad = 3 / view.px
    r0, r1 = (int((cy + s * (b + pad) + view.half_h) * view.px) for s in (-1, 1))
    c0, c1 = (int((cx + s * (a + pad) + view.half_w) * view.px) for s in (-1, 1))
    box = np.s_[max(0, r0) : min(view.h, r1), max(0, c0) : min(view.w, c1)]
    x = (view.x[:, box[1]] - np.float32(cx)) / np.float32(a)
    y = (view.y[box[0]] - np.float32(cy)) / np.float32(b)
    if x.size < 3 or y.size < 3:
        return
    p = np.float32(2.35)
    ax, ay = np.abs(x) ** p, np.abs(y) ** p
    inside = np.clip(1 - ax - ay, 1e-4, 1)
    radius = (ax + ay) ** (1 / p)
    nx = np.sign(x) * np.abs(x) ** (p - 1) * np.float32(b / a) * 1.35
    ny = np.sign(y) * np.abs(y) ** (p - 1)
    nz = inside ** ((p - 1) / p) * np.float32(0.9)
    part = View(x.shape[1], y.shape[0])
    grit = fbm(look.rng(40 + index), part, 2.5, 2.5, octaves=5, gain=0.72) - 0.5
    nx, ny = nx + grit * 0.16, ny + np.roll(grit, 3, axis=1) * 0.12
    norm = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
    body = lit_surface(
        colour,
        nx * norm,
        ny * norm,
        nz * norm,
        stage.table,
        gloss=0.16 + 0.25 * float(rng.random()),
        albedo=0.04 + grit * 0.22,
    )
    vein = np.exp(-(((y + grit * 0.9 + np.float32(0.4 * rng.random() - 0.2)) * 26) ** 2)) * np.float32(
        0.22 * (rng.random() < 0.5)
    )
    body = body + (shade(colour, 1.5, 0.5) - body) * vein[..., None]
    body = body * (1 - smooth(0.25, 1.0, y) * np.float32(0.38))[..., None]
    if above is not None:
        ux, uy, ua, ub, _ = above
        d = ((view.x[:, box[1]] - np.float32(ux + ua * 0.22)) / np.float32(ua * 0.98)) ** 2 + (
            (view.y[box[0]] - np.float32(uy + ub * 1.02)) / np.float32(ub * 0.62)
        ) ** 2
        body = body * (1 - np.exp(-d * d * 0.8) * np.float32(0.72))[..., None]
    mask = edge((1 - radius) * np.float32(b), view.px)
    over(stage.canvas[box], np.clip(body, 0, 1), mask)
