"""A still life of glazed vases on a table: turned profiles, ribs, soft window light and long shadows."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import Field, Rng, View, edge, smooth
from studio.simulator.render.kit import Picture, over
from studio.simulator.render.palette import Colour, rgb, shade
from studio.simulator.render.prompt import Look
from studio.simulator.render.stage import Stage, contact, drop_shadow, lit_surface, set_stage

# radius / height at equal steps from the lip to the foot
PROFILES: list[list[float]] = [
    [0.15, 0.115, 0.11, 0.15, 0.30, 0.41, 0.45, 0.43, 0.36, 0.27, 0.22],
    [0.085, 0.06, 0.062, 0.07, 0.082, 0.10, 0.118, 0.128, 0.13, 0.122, 0.10],
    [0.25, 0.225, 0.27, 0.335, 0.375, 0.39, 0.38, 0.355, 0.315, 0.27, 0.23],
    [0.10, 0.075, 0.08, 0.13, 0.24, 0.30, 0.315, 0.30, 0.26, 0.20, 0.16],
    [0.62, 0.70, 0.745, 0.77, 0.765, 0.74, 0.70, 0.63, 0.55, 0.45, 0.36],
    [0.13, 0.12, 0.125, 0.15, 0.20, 0.235, 0.245, 0.235, 0.205, 0.17, 0.15],
]
HEIGHTS = [0.46, 0.58, 0.33, 0.50, 0.20, 0.52]
GLAZES = ["e9e6df", "c2613a", "1f3f5c", "1f6b52", "c98a3a", "7d8f5e", "d9b48f", "8f3f3a", "303438", "a9b7b4", "b98aa0"]


def paint(view: View, look: Look) -> Picture:
    rng = look.rng(1)
    horizon = view.half_h * 0.18
    tinted = look.pick(look.colours[0], 1) if len(look.colours) > 1 else None
    stage = set_stage(view, look, horizon, tinted=tinted)
    size = min(1.0, view.half_h * 1.6) * (1.12 if view.half_w < view.half_h * 1.2 else 1.25)
    count = 3 if view.half_w < 0.75 else 4
    kinds = [int(k) for k in rng.permutation(len(PROFILES))[:count]]
    glazes = [rgb(GLAZES[int(i)]) for i in rng.permutation(len(GLAZES))[:count]]
    for i, colour in enumerate(look.colours[:count]):
        glazes[(i * 2) % count] = colour
    widths = [max(PROFILES[k]) * HEIGHTS[k] * size for k in kinds]
    span = sum(widths) * 2 * 0.86
    x = -span / 2
    things: list[tuple[float, int, float, Colour, int]] = []
    for i, kind in enumerate(kinds):
        cx = x + widths[i] * 0.86
        x += widths[i] * 2 * 0.86
        foot = horizon + float(view.half_h * (0.16 + 0.20 * (i % 2) + 0.06 * rng.random()))
        ribs = int(rng.integers(16, 26)) if rng.random() < 0.4 else 0
        things.append((foot, kind, cx, glazes[i], ribs))
    for foot, kind, cx, colour, ribs in sorted(things, key=lambda thing: thing[0]):
        _vase(view, stage, rng, kind, cx, foot, size, colour, ribs)
    return Picture(np.clip(stage.canvas, 0, 1), haze=0.25)


def _profile(kind: int, s: Field) -> Field:
    """Radius over height at s (0 lip, 1 foot): Catmull-Rom through the table."""
    p = np.asarray(PROFILES[kind], np.float32)
    n = len(p) - 1
    t = np.clip(s, 0, 1) * np.float32(n)
    i = np.minimum(t.astype(np.int32), n - 1)
    f = t - i
    a, b, c, d = p[np.maximum(i - 1, 0)], p[i], p[i + 1], p[np.minimum(i + 2, n)]
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f * f + (3 * b - a - 3 * c + d) * f**3)


def _vase(
    view: View, stage: Stage, rng: Rng, kind: int, cx: float, foot: float, size: float, colour: Colour, ribs: int
) -> None:
    height = HEIGHTS[kind] * size
    top = foot - height
    view_k = 0.17  # how much of an ellipse a horizontal circle shows
    reach = max(PROFILES[kind]) * height
    r0 = max(0, int((top - reach * view_k * 1.3 + view.half_h) * view.px) - 2)
    r1 = min(view.h, int((foot + reach * view_k + view.half_h) * view.px) + 3)
    c0 = max(0, int((cx - reach * 1.04 + view.half_w) * view.px) - 2)
    c1 = min(view.w, int((cx + reach * 1.04 + view.half_w) * view.px) + 3)
    if r1 - r0 < 3 or c1 - c0 < 3:
        return
    x, y = view.x[:, c0:c1] - np.float32(cx), view.y[r0:r1]
    grid = np.broadcast_to(y, (r1 - r0, c1 - c0))
    s = (grid - np.float32(top)) / np.float32(height)
    for _ in range(3):  # find the ring of the vase that is seen at this pixel, looking a little from above
        radius = _profile(kind, s) * np.float32(height)
        depth = np.sqrt(np.clip(1 - (x / radius) ** 2, 0, 1))
        s = (grid - np.float32(top) - np.float32(view_k) * radius * depth) / np.float32(height)
    radius = _profile(kind, s) * np.float32(height)
    step = np.float32(0.012)
    slope = (_profile(kind, s + step) - _profile(kind, s - step)) / (2 * step)
    q = np.clip(x / radius, -1, 1)
    nx, nz = q, np.sqrt(np.clip(1 - q * q, 0, 1))
    groove = np.float32(0)
    if ribs:
        wave = np.arcsin(q) * np.float32(ribs)
        fade = smooth(0.10, 0.24, s) * smooth(1.0, 0.9, s)
        nx = nx + np.sin(wave) * np.float32(0.42) * fade
        groove = (np.cos(wave) * 0.5 + 0.5) ** 2 * fade * np.float32(0.16)
    ny = -slope
    norm = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx * norm, ny * norm, nz * norm
    body = lit_surface(colour, nx, ny, nz, stage.table, gloss=0.30 + 0.7 * float(rng.random()))
    near_floor = smooth(0.72, 1.02, s) * np.float32(0.42)
    body = body * (1 - near_floor - groove)[..., None]
    mask = (
        edge(radius - np.abs(x), view.px)
        * edge(s * np.float32(height), view.px)
        * edge((1 - s) * np.float32(height), view.px)
    )
    full = np.zeros((view.h, view.w), np.float32)
    full[r0:r1, c0:c1] = mask
    contact(view, stage, cx, foot + 0.25 * view_k * radius_at(kind, 1.0, height), radius_at(kind, 1.0, height) * 1.05)
    drop_shadow(view, stage, full, foot, reach=0.95, squash=0.22, strength=0.6)
    over(stage.canvas[r0:r1, c0:c1], np.clip(body, 0, 1), mask)
    _mouth(stage.canvas[r0:r1, c0:c1], x, grid - np.float32(top), radius_at(kind, 0.0, height), view_k, view.px, colour)


def radius_at(kind: int, s: float, height: float) -> float:
    return float(_profile(kind, np.array([s], np.float32))[0]) * height


def _mouth(part, x: Field, y: Field, radius: float, view_k: float, px: float, colour: Colour) -> None:
    """The lip and the dark inside."""
    for grow, tone in ((1.0, shade(colour, 1.08)), (0.86, shade(colour, 0.34))):
        d = np.sqrt((x / np.float32(radius * grow)) ** 2 + (y / np.float32(radius * grow * view_k)) ** 2)
        mask = edge((1 - d) * np.float32(radius * view_k), px)
        inner = tone + (shade(colour, 0.62) - tone) * (
            smooth(-0.6, 1.0, y / np.float32(radius * view_k))[..., None] * (grow < 1)
        )
        over(part, inner, mask)
