"""Glossy, pearly shapes that have melted into one another, floating over a table."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.simulator.render.field import View, blur, line, smooth
from studio.simulator.render.kit import Picture, over
from studio.simulator.render.palette import Ramp, mix, rgb, shade
from studio.simulator.render.prompt import Look
from studio.simulator.render.stage import KEY, set_stage

# what the pearl shows from below to above: floor, deep, bright, horizon, sky
PEARLS: dict[str, list[str]] = {
    "night": ["0a1230", "2a3fd0", "35d0e8", "c6f4ff", "8a9ae0"],
    "dusk": ["2a0a4a", "7a1fc0", "f0568a", "ffd0a8", "f4e4ec"],
    "golden": ["3a1408", "b04a14", "f0a83a", "ffe8b8", "f6ead8"],
    "dawn": ["3a1a5a", "a05ad0", "f49ab0", "ffe4c8", "f4ecf6"],
    "mist": ["15181c", "565e66", "b4bcc2", "f6f8f8", "d4dade"],
    "day": ["06304a", "0a8aa0", "54d8c4", "eafff4", "eef4f4"],
}


def paint(view: View, look: Look) -> Picture:
    pearls = [rgb(code) for code in PEARLS[look.hour]]
    if look.colours:
        c = look.colours[0]
        second = look.pick(mix(c, rgb("ffffff"), 0.45), 1)
        pearls = [
            shade(c, 0.35),
            c,
            mix(c, second, 0.6),
            mix(second, rgb("ffffff"), 0.7),
            mix(second, rgb("ffffff"), 0.82),
        ]
    rng = look.rng(1)
    horizon = view.half_h * 0.26
    stage = set_stage(view, look, horizon, tinted=mix(pearls[4], pearls[2], 0.25))
    mask, nx, ny, nz = _melt(view, look)
    wobble = line(look.rng(4), (nx * 1.2 + ny * 0.5).astype(np.float32), 2.2, 2) * np.float32(0.10)
    rx, ry = 2 * nz * nx, 2 * nz * ny
    tone = np.clip(0.46 - 0.52 * ry - 0.16 * rx + wobble * (1 - nz), 0, 1)
    colour = Ramp(
        [pearls[0], pearls[1], pearls[2], pearls[3], pearls[4], shade(pearls[4], 1.06)], [0, 0.2, 0.38, 0.5, 0.72, 1]
    )(tone)
    facing = nx * KEY[0] + ny * KEY[1] + nz * KEY[2]
    colour = colour * (0.66 + 0.40 * smooth(-0.4, 0.9, facing))[..., None]
    iris = np.stack([np.sin(nz * 9 + k) for k in (0.0, 2.1, 4.2)], axis=-1) * ((1 - nz) ** 1.5 * 0.10)[..., None]
    box = smooth(-0.80, -0.66, rx) * smooth(-0.30, -0.44, rx) * smooth(-0.90, -0.78, ry) * smooth(-0.20, -0.34, ry)
    spark = np.exp(-((rx - 0.55) ** 2 + (ry + 0.62) ** 2) * 70) * 0.8
    rim = (1 - nz) ** 4 * 0.55
    colour = colour + iris
    colour = colour + (1 - colour) * np.clip(box * 0.92 + spark + rim, 0, 1)[..., None]
    floor_y = horizon + view.half_h * (0.26 + 0.08 * rng.random())
    _shadow(view, stage, mask, floor_y, pearls[1])
    over(stage.canvas, np.clip(colour, 0, 1), mask)
    return Picture(np.clip(stage.canvas, 0, 1), haze=0.15)


def _melt(view: View, look: Look):
    """Coverage and unit normals of the surface where the pull of a few balls adds up to 1."""
    balls = _balls(view, look)
    d2 = [(view.x - np.float32(x)) ** 2 + (view.y - np.float32(y)) ** 2 + np.float32(1e-6) for x, y, _ in balls]
    flat = sum(np.float32(r**4) / (d * d) for d, (_, _, r) in zip(d2, balls, strict=True))
    gx = sum(
        4 * np.float32(r**4) / (d * d * d) * (view.x - np.float32(x)) for d, (x, _, r) in zip(d2, balls, strict=True)
    )
    gy = sum(
        4 * np.float32(r**4) / (d * d * d) * (view.y - np.float32(y)) for d, (_, y, r) in zip(d2, balls, strict=True)
    )
    mask = np.clip((flat - 1) / np.maximum(np.sqrt(gx * gx + gy * gy), 1e-3) * np.float32(view.px) + 0.5, 0, 1)
    s = np.zeros_like(flat)  # height above the table plane, squared; 1/sqrt(pull) is nearly linear in it
    for _ in range(4):
        pull = sum(np.float32(r**4) / (d + s) ** 2 for d, (_, _, r) in zip(d2, balls, strict=True))
        fall = sum(2 * np.float32(r**4) / (d + s) ** 3 for d, (_, _, r) in zip(d2, balls, strict=True))
        s = np.maximum(s + (1 - pull**-0.5) / (0.5 * pull**-1.5 * fall), 0)
    weight = [np.float32(r**4) / (d + s) ** 3 for d, (_, _, r) in zip(d2, balls, strict=True)]
    nx = sum(k * (view.x - np.float32(x)) for k, (x, _, _) in zip(weight, balls, strict=True))
    ny = sum(k * (view.y - np.float32(y)) for k, (_, y, _) in zip(weight, balls, strict=True))
    nz = sum(weight) * np.sqrt(s)
    norm = 1 / np.maximum(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
    return mask, nx * norm, ny * norm, nz * norm


def _balls(view: View, look: Look) -> list[tuple[float, float, float]]:
    """Centres and radii, each reaching the one before it."""
    rng = look.rng(2)
    reach = min(1.0, view.half_h * 2)
    out = [(float((rng.random() - 0.5) * 0.3), float(-0.06 * reach), float(reach * (0.15 + 0.03 * rng.random())))]
    angle = float(rng.random() * 6.28)
    for _ in range(int(rng.integers(2, 5))):
        x, y, r = out[int(rng.integers(len(out)))]
        radius = reach * float(0.075 + 0.075 * rng.random())
        step = (r + radius) * float(1.0 + 0.12 * rng.random())
        angle += float(1.2 + 1.6 * rng.random())
        out.append(
            (x + np.cos(angle) * step, float(np.clip(y + np.sin(angle) * step, -0.34 * reach, 0.06 * reach)), radius)
        )
    middle = (min(x - r for x, _, r in out) + max(x + r for x, _, r in out)) / 2
    return [(x - middle, y, r) for x, y, r in out]


def _shadow(view: View, stage, mask, floor_y: float, tone) -> None:
    """The shape pressed flat onto the table, a little to the right."""
    h, w = mask.shape
    rows = np.flatnonzero(mask.max(axis=1) > 0.5)
    centre = float(rows.mean()) if rows.size else h / 2
    squash, foot = 0.17, (floor_y + view.half_h) * view.px
    image = Image.fromarray((mask * 255).astype(np.uint8))
    laid = image.transform(
        (w, h),
        Image.Transform.AFFINE,
        (1, 0, -0.07 * view.px, 0, 1 / squash, centre - foot / squash),
        Image.Resampling.BILINEAR,
    )
    flat = np.asarray(laid, np.float32) * np.float32(1 / 255)
    shadow = blur(flat, 0.010 * view.px) * 0.55 + blur(flat, 0.035 * view.px) * 0.45
    over(stage.canvas, mix(shade(stage.table, 0.28), shade(tone, 0.4), 0.3), shadow * np.float32(0.66))
