"""Pieces that several scenes share: skies, glows, stars, ridges, conifers, reflections, soft shadows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.simulator.render.field import Field, Rng, View, blur, edge, fbm, line, stretch
from studio.simulator.render.palette import Colour

Pixels = NDArray[np.floating[Any]]  # (h, w, 3), sRGB 0..1


@dataclass
class Picture:
    """A painted scene and how it likes to move: `water` is the v of a waterline, `haze` how much mist may drift (0..1),
    `twinkle` whether small bright points shimmer."""

    rgb: Pixels
    water: float | None = None
    haze: float = 0.5
    twinkle: bool = False


def over(base: Pixels, colour: Colour | Pixels, mask: Field) -> None:
    """Paint `colour` over `base` in place where `mask` (h, w) is 1."""
    m = mask[..., None]
    base += (colour - base) * m


def over_rows(base: Pixels, colour: Colour | Pixels, mask: Field, top: int, bottom: int) -> None:
    """`over`, limited to rows top..bottom; `mask` and a per-pixel `colour` hold just those rows."""
    over(base[top:bottom], colour, mask)


def screen(base: Pixels, light: Colour, mask: Field) -> None:
    """Add light the way film does: bright parts saturate softly instead of clipping."""
    m = mask[..., None] * light
    base += (1 - base) * m


def glow(view: View, cx: float, cy: float, radius: float, power: float = 1.0) -> Field:
    """A round falloff around a point (units of x, y), 1 in the centre."""
    d2 = (view.x - cx) ** 2 + (view.y - cy) ** 2
    return (1 / (1 + d2 * np.float32(1 / radius**2))) ** np.float32(power)


def disc(view: View, cx: float, cy: float, radius: float, softness: float = 0.0) -> Field:
    d = np.sqrt((view.x - cx) ** 2 + (view.y - cy) ** 2)
    return edge(radius - d, view.px if softness <= 0 else 1 / softness)


def stars(view: View, rng: Rng, density: float = 260.0, floor: float = 0.25) -> Field:
    """Round stars with a long tail of faint ones; `density` per unit area."""
    count = int(density * view.half_w * view.half_h * 4)
    xs = (rng.random(count) * view.w).astype(np.float32)
    ys = (rng.random(count) * view.h).astype(np.float32)
    light = (floor * rng.random(count) + (1 - floor) * rng.random(count) ** 7).astype(np.float32)
    radius = np.float32(max(0.55, view.px / 900)) * (0.7 + 1.1 * light)
    out = np.zeros((view.h, view.w), np.float32)
    reach = int(np.ceil(float(radius.max()) * 2.2))
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            ix, iy = np.floor(xs).astype(int) + dx, np.floor(ys).astype(int) + dy
            ok = (ix >= 0) & (iy >= 0) & (ix < view.w) & (iy < view.h)
            d2 = (ix + 0.5 - xs) ** 2 + (iy + 0.5 - ys) ** 2
            value = light * np.exp(-d2 / (radius * radius))
            np.maximum.at(out, (iy[ok], ix[ok]), value[ok])
    return out


def clouds(view: View, rng: Rng, cells: float = 1.6, stretch_x: float = 4.5, cover: float = 0.5) -> Field:
    """Thin bands of cloud, 0..1."""
    noise = fbm(rng, view, cells, cells * stretch_x, octaves=4)
    return np.clip((noise - np.float32(1 - cover)) * 3.2, 0, 1)


def ridge(
    view: View, rng: Rng, base: float, height: float, cells: float, *, sharp: float = 0.5, octaves: int = 6
) -> Field:
    """The y of a mountain ridge along x (1, w); smaller y is higher."""
    shape = line(rng, view.x, cells, octaves, sharp, ridged=True)
    return np.float32(base) - np.float32(height) * (0.5 + 0.5 * shape)


def below(view: View, ridge_y: Field) -> Field:
    return edge(view.y - ridge_y, view.px)


def conifer(cx: float, foot: float, height: float, rng: Rng, spread: float = 0.34) -> list[tuple[float, float]]:
    """A fir's outline: tiers of drooping boughs, a little irregular."""
    tiers = int(rng.integers(7, 12))
    left: list[tuple[float, float]] = []
    right: list[tuple[float, float]] = []
    for i in range(1, tiers + 1):
        t = i / tiers
        y = foot - height * (1 - t)
        reach = height * spread * 0.5 * (t**0.85) + height * 0.012
        for side, sign in ((left, -1), (right, 1)):
            wide = reach * float(0.82 + 0.36 * rng.random())
            side.append((cx + sign * wide, y))
            side.append((cx + sign * wide * 0.52, y - height * 0.018))
    trunk = height * 0.02
    return [(cx, foot - height), *right, (cx + trunk, foot), (cx - trunk, foot), *reversed(left)]


def grove(
    view: View, rng: Rng, foot: Field, spacing: float, low: float, high: float, spread: float = 0.3
) -> list[list[tuple[float, float]]]:
    """Conifers along a ground line; clumped, because woods are."""
    trees: list[list[tuple[float, float]]] = []
    x = -view.half_w - 0.1
    clump = line(rng, view.x, 3.0, 3)[0]
    while x < view.half_w + 0.1:
        i = int(np.clip((x + view.half_w) * view.px, 0, view.w - 1))
        size = float(np.clip(0.55 + 0.45 * clump[i], 0, 1))
        height = low + (high - low) * size * float(0.45 + 0.55 * rng.random())
        trees.append(conifer(x, float(foot[0, i]) + 0.01, height, rng, spread * float(0.85 + 0.3 * rng.random())))
        x += spacing * float(0.35 + 1.1 * rng.random())
    return trees


def reflect(view: View, rgb: Pixels, rng: Rng, row: int, *, calm: float = 1.0, smear: int = 3) -> Pixels:
    """The rows above `row` mirrored and rippled; shape (h - row, w, 3). `calm` 1 is a still lake, 0.2 a breeze."""
    rows = view.h - row
    depth = (np.arange(rows, dtype=np.float32) + 0.5) / view.px  # distance below the waterline, in units
    wobble = line(rng, (np.log1p(depth * 30) * 3.2)[None, :], 6.0, 3, 0.6)[0]
    lift = wobble * (0.0025 + 0.03 * depth) / max(calm, 0.05) * view.px
    source = np.clip(row - 1 - np.arange(rows) * 0.98 + lift, 0, row - 1)
    mirror = rgb[:row]
    if smear > 1:
        small = mirror[: row - row % smear].reshape(row // smear, smear, view.w, 3).mean(axis=1)
        low = np.clip(source / smear - 0.5, 0, small.shape[0] - 1.001)
        k = low.astype(np.int32)
        k1 = np.minimum(k + 1, small.shape[0] - 1)
        t = (low - k).astype(np.float32)[:, None, None]
        out = small[k] * (1 - t) + small[k1] * t
    else:
        out = mirror[source.astype(np.int32)]
    ripple = stretch(
        rng.random((max(6, int(60 * view.half_h)), max(4, int(9 * view.half_w * 2))), dtype=np.float32), view.w, rows
    )
    shift = ((ripple - 0.5) * ((0.006 + 0.035 * depth)[:, None] / max(calm, 0.05) * 0.6 * view.px)).astype(np.int32)
    columns = np.clip(np.arange(view.w, dtype=np.int32)[None, :] + shift, 0, view.w - 1)
    flat = out.reshape(-1, 3)
    return flat.take((np.arange(rows, dtype=np.int32) * view.w)[:, None] + columns, axis=0)


def cast(view: View, mask: Field, foot: float, lean: float, squash: float, softness: float) -> Field:
    """The shadow a standing shape throws on the floor: the mask's rows laid down from `foot` (y), leaning by `lean`."""
    foot_row = int((foot + view.half_h) * view.px)
    out = np.zeros_like(mask)
    for row in range(max(0, foot_row - 2), view.h):
        depth = (row - foot_row) / max(squash, 1e-3)
        source = int(foot_row - abs(depth))
        if source < 0:
            break
        shift = int(depth * lean)
        if 0 <= source < view.h:
            out[row] = np.roll(mask[source], shift)
    return blur(out, softness * view.px)


def vignette(view: View, strength: float) -> Field:
    return 1 - np.float32(strength) * np.clip((view.x / view.half_w) ** 2 + (view.y / view.half_h) ** 2, 0, 2) * 0.5
