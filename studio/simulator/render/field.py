"""Coordinates, noise and masks that look the same at every resolution.

All fields are float32 arrays of shape (h, w) or broadcastable to it. Random lattices are drawn in a size that depends
on the scene, never on the pixels, so one seed gives one composition whether it is painted at 400 or 4,000 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Field = NDArray[np.floating[Any]]  # float32 in practice; numpy's stubs widen what mixes with Python floats
Rng = np.random.Generator


@dataclass(frozen=True)
class View:
    """A canvas of `w` x `h` pixels. `x`, `y`: origin in the centre, short side = 1. `u`, `v` run 0..1."""

    w: int
    h: int

    @cached_property
    def px(self) -> float:
        """Pixels per unit of `x` and `y`."""
        return float(min(self.w, self.h))

    @cached_property
    def x(self) -> Field:
        return ((np.arange(self.w, dtype=np.float32) + 0.5 - self.w / 2) / self.px)[None, :]

    @cached_property
    def y(self) -> Field:
        return ((np.arange(self.h, dtype=np.float32) + 0.5 - self.h / 2) / self.px)[:, None]

    @cached_property
    def u(self) -> Field:
        return ((np.arange(self.w, dtype=np.float32) + 0.5) / self.w)[None, :]

    @cached_property
    def v(self) -> Field:
        return ((np.arange(self.h, dtype=np.float32) + 0.5) / self.h)[:, None]

    @property
    def half_w(self) -> float:
        return self.w / self.px / 2

    @property
    def half_h(self) -> float:
        return self.h / self.px / 2

    def rows(self, top: int, bottom: int) -> slice:
        return slice(max(0, top), min(self.h, bottom))


def smooth(a: float | np.floating[Any], b: float | np.floating[Any], t: Field) -> Field:
    """Hermite step from 0 at `a` to 1 at `b` (also for a > b)."""
    s = np.clip((t - np.float32(a)) * np.float32(1 / (b - a)), 0, 1)
    return s * s * (3 - 2 * s)


def edge(distance: Field, px: float) -> Field:
    """Anti-aliased coverage of `distance > 0`, one pixel wide; distance in units of `View.x`."""
    return np.clip(distance * np.float32(px) + 0.5, 0, 1)


def stretch(array: Field, w: int, h: int, *, cubic: bool = True) -> Field:
    image = Image.fromarray(np.ascontiguousarray(array, dtype=np.float32))
    return np.asarray(image.resize((w, h), Image.Resampling.BICUBIC if cubic else Image.Resampling.BILINEAR))


def lattice(rng: Rng, view: View, cells_x: float, cells_y: float) -> Field:
    """Smooth value noise in about 0..1, `cells` bumps per short side."""
    nx = max(2, round(cells_x * view.half_w * 2) + 2)
    ny = max(2, round(cells_y * view.half_h * 2) + 2)
    return stretch(rng.random((ny, nx), dtype=np.float32), view.w, view.h)


def fbm(
    rng: Rng, view: View, cells_x: float, cells_y: float | None = None, octaves: int = 5, gain: float = 0.5
) -> Field:
    """Fractal noise, mean about 0.5. Octaves finer than two pixels are drawn (to keep the stream) but not painted."""
    cells_y = cells_x if cells_y is None else cells_y
    total = np.zeros((view.h, view.w), np.float32)
    weight = amplitude = 1.0
    norm = 0.0
    for _ in range(octaves):
        layer_rng = np.random.default_rng(int(rng.integers(1 << 62)))
        if max(cells_x, cells_y) < view.px / 2:
            total += lattice(layer_rng, view, cells_x, cells_y) * np.float32(amplitude)
        else:
            total += np.float32(0.5 * amplitude)
        norm += amplitude
        weight *= gain
        amplitude = weight
        cells_x *= 2.03
        cells_y *= 2.03
    return total / np.float32(norm)


def line(rng: Rng, x: Field, cells: float, octaves: int = 5, gain: float = 0.5, *, ridged: bool = False) -> Field:
    """One-dimensional fractal noise along `x` (any shape), about -1..1."""
    out = np.zeros_like(x)
    amplitude = 1.0
    for _ in range(octaves):
        knots = rng.random(4096).astype(np.float32) * 2 - 1
        position = (x + np.float32(17.0)) * np.float32(cells)
        base = np.floor(position)
        t = position - base
        index = base.astype(np.int64) & 4095
        a, b = knots[index], knots[(index + 1) & 4095]
        value = a + (b - a) * (t if ridged else t * t * (3 - 2 * t))
        out = out + np.float32(amplitude) * value
        amplitude *= gain
        cells *= 2.07
    return out


def sample(field: Field, px: Field, py: Field) -> Field:
    """Bilinear look-up at pixel positions, wrapping around; positions and result share one shape."""
    h, w = field.shape
    fx, fy = np.floor(px), np.floor(py)
    tx, ty = px - fx, py - fy
    x0 = fx.astype(np.int32) % w
    y0 = fy.astype(np.int32) % h
    x1 = np.where(x0 + 1 == w, 0, x0 + 1)
    y1 = np.where(y0 + 1 == h, 0, y0 + 1)
    flat = field.ravel()
    top, bottom = y0 * w, y1 * w
    a, b = flat.take(top + x0), flat.take(top + x1)
    c, d = flat.take(bottom + x0), flat.take(bottom + x1)
    a += (b - a) * tx
    c += (d - c) * tx
    a += (c - a) * ty
    return a


def tile(rng: Rng, size: int, cells: int, octaves: int = 4, gain: float = 0.5) -> Field:
    """A square of wrapping fractal noise (size x size), mean about 0.5, for `sample`."""
    total = np.zeros((size, size), np.float32)
    amplitude, norm = 1.0, 0.0
    for _ in range(octaves):
        grid = np.pad(rng.random((cells, cells), dtype=np.float32), 2, mode="wrap")
        scale = size / cells
        image = Image.fromarray(grid).resize(
            (size, size), Image.Resampling.BICUBIC, box=(2.0, 2.0, 2.0 + size / scale, 2.0 + size / scale)
        )
        total += np.asarray(image) * np.float32(amplitude)
        norm += amplitude
        amplitude *= gain
        cells *= 2
        if cells >= size:
            break
    return total / np.float32(norm)


def blur(field: Field, radius: float, *, reduce: int = 1) -> Field:
    """Gaussian blur, radius in pixels. Wide radii are computed on a smaller copy: nobody can tell, and it is quick."""
    h, w = field.shape
    shrink = max(reduce, 1)
    while radius / shrink > 6 and min(h, w) / shrink > 24:
        shrink *= 2
    image = Image.fromarray(np.clip(field * 255, 0, 255).astype(np.uint8))
    if shrink > 1:
        image = image.resize((max(2, w // shrink), max(2, h // shrink)), Image.Resampling.BILINEAR)
    image = image.filter(ImageFilter.GaussianBlur(radius / shrink))
    out = np.asarray(image, np.float32) * np.float32(1 / 255)
    return stretch(out, w, h) if shrink > 1 else out


def polygons(view: View, shapes: list[list[tuple[float, float]]], scale: int = 2) -> Field:
    """Coverage of filled polygons given in `x`, `y` units, supersampled `scale` times each way."""
    from PIL import ImageDraw

    image = Image.new("L", (view.w * scale, view.h * scale))
    draw = ImageDraw.Draw(image)
    k = view.px * scale
    ox, oy = view.w * scale / 2, view.h * scale / 2
    for shape in shapes:
        draw.polygon([(px * k + ox, py * k + oy) for px, py in shape], fill=255)
    return np.asarray(image.reduce(scale), np.float32) * np.float32(1 / 255)
