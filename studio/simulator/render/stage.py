"""A little photo studio for still lifes: seamless wall and table, a soft key light, shadows and glossy highlights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from studio.simulator.render.field import Field, View, blur, fbm, smooth
from studio.simulator.render.kit import Pixels, over
from studio.simulator.render.palette import Colour, Ramp, mix, rgb, shade
from studio.simulator.render.prompt import Look

KEY = np.array([-0.58, -0.56, 0.59], np.float32)  # towards the key light; y points down

# wall, table
ROOMS: dict[str, list[str]] = {
    "night": ["3d4452", "555c68"],
    "dusk": ["b08a96", "d2b0ac"],
    "golden": ["c6a184", "e2c6a4"],
    "dawn": ["c9b4ae", "e4d4c8"],
    "mist": ["a9aea9", "cbcdc6"],
    "day": ["b9c0bc", "dcdfd8"],
}


@dataclass
class Stage:
    """Wall and table with the horizon at `horizon` (y); `wall` and `table` are their base colours."""

    canvas: Pixels
    horizon: float
    wall: Colour
    table: Colour


def set_stage(view: View, look: Look, horizon: float, *, tinted: Colour | None = None) -> Stage:
    wall, table = (rgb(code) for code in ROOMS[look.hour])
    if tinted is not None:
        wall, table = mix(wall, tinted, 0.45), mix(table, tinted, 0.30)
    key = np.exp(
        -(((view.x + np.float32(0.35)) ** 2) * np.float32(0.9) + ((view.y + np.float32(0.25)) ** 2) * np.float32(1.3))
    )
    plaster = fbm(look.rng(90), view, 3.0, octaves=5, gain=0.6)
    t = np.clip(0.18 + 0.62 * key + (plaster - 0.5) * 0.16, 0, 1)
    canvas = Ramp([shade(wall, 0.62), wall, shade(wall, 1.13, 0.9)])(t)
    y = view.y - np.float32(horizon)
    bounce = smooth(-0.10, 0.0, y) * 0.10
    canvas = canvas + bounce[..., None] * (table - canvas)
    depth = np.clip(y / np.float32(max(0.05, view.half_h - horizon)), 0, 1)
    fine = fbm(look.rng(91), view, 26, 40, octaves=2)
    lit = np.clip(
        0.36 + 0.48 * np.exp(-((view.x + 0.12) ** 2) * 1.5) - 0.34 * (depth - 0.25) ** 2 + (fine - 0.5) * 0.05, 0, 1
    )
    floor = Ramp([shade(table, 0.62), table, shade(table, 1.10, 0.9)])(lit)
    over(canvas, floor, np.broadcast_to(smooth(-0.004, 0.010, y), lit.shape))
    seam = np.exp(-((y * np.float32(90)) ** 2)) * np.float32(0.16)
    over(canvas, shade(table, 0.55), np.broadcast_to(seam, lit.shape))
    return Stage(canvas, horizon, wall, table)


def drop_shadow(
    view: View,
    stage: Stage,
    mask: Field,
    foot: float,
    *,
    reach: float = 0.9,
    squash: float = 0.15,
    soft: float = 0.022,
    strength: float = 0.5,
) -> None:
    """The shadow of a standing shape: leaning right and back along the table. `foot` is the y where it stands."""
    h, w = mask.shape
    small = max(1, round(view.px / 320))
    image = Image.fromarray((mask * 255).astype(np.uint8)).resize((w // small, h // small), Image.Resampling.BILINEAR)
    foot_px = (foot + view.half_h) * view.px / small
    # Output (x, y) comes from a point `height` above the foot: height = (foot - y) / squash, shifted by reach * height.
    laid = image.transform(
        image.size,
        Image.Transform.AFFINE,
        (1, reach / squash, -reach * foot_px / squash, 0, 1 / squash, foot_px - foot_px / squash),
        Image.Resampling.BILINEAR,
    )
    near = np.asarray(laid, np.float32) * np.float32(1 / 255)
    wide = np.asarray(
        Image.fromarray(blur(near, soft * 2.6 * view.px / small)).resize((w, h), Image.Resampling.BILINEAR)
    )
    tight = np.asarray(
        Image.fromarray(blur(near, soft * 0.8 * view.px / small)).resize((w, h), Image.Resampling.BILINEAR)
    )
    far = np.clip((np.float32(foot) - view.y) / np.float32(0.10), 0, 1)
    shadow = tight * (1 - far) + wide * far * 0.85
    over(stage.canvas, shade(stage.table, 0.28), np.clip(shadow * np.float32(strength), 0, 1))


def contact(view: View, stage: Stage, cx: float, foot: float, radius: float, strength: float = 0.75) -> None:
    """The dark soft line under a standing thing."""
    d = ((view.x - np.float32(cx)) / np.float32(radius * 1.12)) ** 2 + (
        (view.y - np.float32(foot)) / np.float32(radius * 0.20)
    ) ** 2
    wide = ((view.x - np.float32(cx + radius * 0.25)) / np.float32(radius * 1.7)) ** 2 + (
        (view.y - np.float32(foot)) / np.float32(radius * 0.34)
    ) ** 2
    mask = np.exp(-d * d * np.float32(0.9)) * np.float32(strength) + np.exp(-wide) * np.float32(strength * 0.45)
    over(stage.canvas, shade(stage.table, 0.22), np.clip(mask, 0, 0.9))


def lit_surface(
    colour: Colour, nx: Field, ny: Field, nz: Field, floor: Colour, *, gloss: float, albedo: Field | None = None
) -> Pixels:
    """Shade unit normals (y down, z to the viewer): key light, bounce from the floor and a softbox highlight."""
    facing = nx * KEY[0] + ny * KEY[1] + nz * KEY[2]
    diffuse = smooth(-0.45, 1.05, facing)
    ramp = Ramp([shade(colour, 0.30, 0.9), shade(colour, 0.60), colour, shade(colour, 1.16, 0.92)], [0, 0.35, 0.75, 1])
    body = ramp(np.clip(diffuse * 0.92 + 0.04 if albedo is None else diffuse * 0.92 + albedo, 0, 1))
    bounce = np.clip(ny * 0.55 + 0.05 - nz * 0.12, 0, 1) * 0.42
    body = body + bounce[..., None] * floor * 0.55
    rx, ry = 2 * nz * nx, 2 * nz * ny
    box = smooth(-0.86, -0.70, rx) * smooth(-0.34, -0.46, rx) * smooth(-0.88, -0.74, ry) * smooth(0.02, -0.12, ry)
    strip = smooth(0.70, 0.80, rx) * smooth(0.97, 0.90, rx) * smooth(-0.75, -0.5, ry) * smooth(0.65, 0.3, ry) * 0.26
    fresnel = (1 - np.clip(nz, 0, 1)) ** 3 * 0.30
    shine = np.clip((box * 0.80 + strip + fresnel * 0.6) * np.float32(gloss), 0, 1)
    return body + (1 - body) * shine[..., None]
