"""Scene family -> painter."""

from __future__ import annotations

from collections.abc import Callable

from studio.simulator.render.field import View
from studio.simulator.render.kit import Picture
from studio.simulator.render.prompt import Look
from studio.simulator.render.scenes import (
    aurora,
    blobs,
    city,
    dahlia,
    dunes,
    forest,
    ink,
    lake,
    ocean,
    paper,
    pebbles,
    planet,
    vases,
    wall,
)

PAINTERS: dict[str, Callable[[View, Look], Picture]] = {
    "aurora": aurora.paint,
    "blobs": blobs.paint,
    "city": city.paint,
    "dahlia": dahlia.paint,
    "dunes": dunes.paint,
    "forest": forest.paint,
    "ink": ink.paint,
    "lake": lake.paint,
    "ocean": ocean.paint,
    "paper": paper.paint,
    "pebbles": pebbles.paint,
    "planet": planet.paint,
    "vases": vases.paint,
    "wall": wall.paint,
}

# How much slower than the others a pixel of this scene is; the quick pace paints those on fewer pixels.
WEIGHT: dict[str, float] = {
    "dahlia": 3.2,
    "vases": 1.8,
    "city": 1.5,
    "forest": 2.2,
    "aurora": 1.6,
    "lake": 1.5,
    "planet": 1.4,
    "dunes": 1.4,
    "paper": 1.4,
}
