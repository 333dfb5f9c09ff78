"""A ringed planet: banded atmosphere, terminator, rim light, rings with gaps, both shadows, stars and dust."""

from __future__ import annotations

import numpy as np

from studio.simulator.render.field import Field, View, edge, fbm, line, sample, smooth, tile
from studio.simulator.render.kit import Picture, glow, over, screen, stars
from studio.simulator.render.palette import Ramp, mix, rgb, shade, tint
from studio.simulator.render.prompt import Look

# four band colours from light to dark, nebula, second nebula, rim
PALETTES: dict[str, list[str]] = {
    "night": ["cfe4f2", "6fa8d0", "2f6496", "12304f", "1c2f6b", "4a2a6a", "bfe4ff"],
    "dusk": ["f6dcc8", "dd9aa0", "a2567e", "4c2350", "5a1f55", "22245e", "ffd0dc"],
    "golden": ["f8e3c4", "dfae78", "b06d42", "5a3020", "3a2348", "5a3a2a", "ffe6c4"],
    "dawn": ["f4e6ea", "d3aecb", "8f7ab4", "3d3a6e", "2c2c6e", "6a2f5e", "f4e4ff"],
    "mist": ["e8ece8", "b4bdb8", "7d8884", "3a4240", "22323a", "38342e", "f0fff8"],
    "day": ["dff6ee", "7fd0c8", "2f8f98", "124452", "0e3d50", "27305e", "d0fff6"],
}


def paint(view: View, look: Look) -> Picture:
    codes = [rgb(code) for code in PALETTES[look.hour]]
    bands, dust, dust2, rim = codes[:4], codes[4], codes[5], codes[6]
    if look.colours:
        bands = [tint(c, look.colours[0], 0.85) for c in bands]
        dust, rim = tint(dust, look.pick(look.colours[0], 1), 0.7), tint(rim, look.colours[0], 0.5)
    rng = look.rng(1)
    canvas = _space(view, look, dust, dust2)
    radius = 0.25 + 0.05 * rng.random()
    cx, cy = float((rng.random() - 0.5) * 0.22 * view.half_w * 2), float((rng.random() - 0.5) * 0.12)
    tilt = float(np.deg2rad(14 + 16 * rng.random())) * (1 if rng.random() < 0.5 else -1)
    flat = 0.20 + 0.14 * rng.random()
    light = np.array([-0.72 if rng.random() < 0.6 else 0.72, -0.42, 0.55], np.float32)
    light /= np.linalg.norm(light)
    xr = (view.x - cx) * np.cos(tilt) + (view.y - cy) * np.sin(tilt)
    yr = -(view.x - cx) * np.sin(tilt) + (view.y - cy) * np.cos(tilt)
    xr, yr = (xr / np.float32(radius)).astype(np.float32), (yr / np.float32(radius)).astype(np.float32)
    lx = float(light[0] * np.cos(tilt) + light[1] * np.sin(tilt))
    ly = float(-light[0] * np.sin(tilt) + light[1] * np.cos(tilt))
    turned = (lx, ly, float(light[2]))
    ring = _ring(look, xr, yr / np.float32(flat), view.px * radius * flat, turned)
    ring_colour = Ramp([shade(bands[2], 0.9), mix(bands[0], bands[1], 0.5), bands[0]])(ring[1])
    screen(canvas, rim, glow(view, cx, cy, radius * 1.15, 3.0) * 0.22)
    back = smooth(0.02, -0.02, yr)
    over(canvas, ring_colour * ring[2][..., None], ring[0] * back)
    _globe(view, look, canvas, xr, yr, radius, flat, turned, bands, rim)
    over(canvas, ring_colour * ring[2][..., None], ring[0] * (1 - back))
    return Picture(canvas, haze=0.0, twinkle=True)


def _space(view: View, look: Look, dust, dust2):
    deep = rgb("04050d")
    cloud = fbm(look.rng(2), view, 1.3, octaves=6, gain=0.55)
    veil = fbm(look.rng(3), view, 1.9, octaves=5)
    canvas = np.broadcast_to(deep, (view.h, view.w, 3)).copy()
    screen(canvas, dust, np.clip((cloud - 0.42) * 2.6, 0, 1) ** 1.4)
    screen(canvas, dust2, np.clip((veil - 0.48) * 2.8, 0, 1) ** 1.5)
    canvas *= (1 - np.clip((fbm(look.rng(4), view, 2.6, octaves=4) - 0.5) * 2.4, 0, 0.75))[..., None]
    dim = stars(view, look.rng(5), 700, 0.35)
    screen(canvas, rgb("fff8ec"), dim * 0.85)
    big = stars(view, look.rng(6), 26, 0.7)
    screen(canvas, rgb("cfe0ff"), big)
    return canvas


def _ring(look: Look, xr: Field, yr: Field, px: float, light: tuple[float, float, float]) -> tuple[Field, Field, Field]:
    """Coverage, tone and light (each (h, w)) of the rings in the ring plane's own coordinates; planet radius = 1."""
    r = np.sqrt(xr * xr + yr * yr)
    rng = look.rng(7)
    grid = np.linspace(0, 3, 2048, dtype=np.float32)[None, :]
    grooves = 0.5 + 0.5 * line(rng, grid, 16, 4, 0.7)[0]
    gap = 1.55 + 0.3 * rng.random()
    index = np.clip(r * np.float32(2047 / 3), 0, 2047).astype(np.int32)
    tone = np.clip(grooves, 0, 1).take(index)
    cover = edge(r - np.float32(1.30), px) * edge(np.float32(2.20) - r, px)
    cover = cover * (1 - 0.85 * np.exp(-(((r - np.float32(gap)) * 34) ** 2))) * (0.5 + 0.45 * tone)
    cover *= smooth(2.2, 1.95, r) * 0.5 + 0.5
    # The planet's shadow falls on the ring side away from the light.
    along = xr * np.float32(-light[0]) + yr * np.float32(-light[1])
    across = np.abs(xr * np.float32(light[1]) - yr * np.float32(light[0]))
    shadow = smooth(0.0, 0.35, along) * smooth(1.08, 0.92, across)
    return cover, tone, 1 - 0.90 * shadow


def _globe(view, look, canvas, xr, yr, radius, flat, light, bands, rim) -> None:
    r2 = xr * xr + yr * yr
    rows = np.flatnonzero((r2 < 1.1).any(axis=1))
    cols = np.flatnonzero((r2 < 1.1).any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    x, y, r2 = xr[box], yr[box], r2[box]
    z = np.sqrt(np.clip(1 - r2, 0, 1))
    mask = edge((1 - np.sqrt(r2)) * np.float32(radius), view.px)
    noise = tile(look.rng(8), 512, 6, 5, 0.55)
    lon = np.arctan2(x, np.maximum(z, 1e-3)) * np.float32(512 / 6.2832)
    lat = y * np.float32(0.985) + np.float32(0.16) * z
    warp = sample(noise, lon * 1.2, lat * 300) - 0.5
    detail = sample(noise, lon * 0.9 + warp * 60, lat * 900) - 0.5
    rng = look.rng(9)
    stripes = line(rng, (lat + warp * np.float32(0.07)).astype(np.float32), 3.2, 4, 0.62)
    tone = np.clip(0.48 + 0.36 * stripes + 0.20 * detail + 0.12 * warp, 0, 1)
    body = Ramp([bands[0], mix(bands[0], bands[1], 0.6), bands[1], bands[2]])(tone)
    facing = x * np.float32(light[0]) + y * np.float32(light[1]) + z * np.float32(light[2])
    lit = smooth(-0.12, 0.95, facing)
    ring_shadow = np.exp(-(((y - np.float32(flat * 1.0) * 1.1 * z + 0.30 * np.float32(-light[1])) * 9) ** 2)) * 0.35
    body = body * (0.012 + 1.05 * lit * (1 - ring_shadow))[..., None]
    warm = np.exp(-((facing - 0.05) ** 2) * 40)
    body = body + (bands[2] * 0.35) * warm[..., None]
    fresnel = (1 - z) ** 3
    body = body + rim * (fresnel * smooth(-0.1, 0.6, facing) * 0.75)[..., None]
    over(canvas[box], np.clip(body, 0, 1), mask)
