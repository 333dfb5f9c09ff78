"""Colour: hex codes, ramps mixed in OKLab (so that blends stay clean), named colours and gentle re-tinting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = NDArray[np.floating[Any]]  # shape (3,), sRGB 0..1

NAMED: dict[str, str] = {
    "red": "c8322b", "crimson": "a61c34", "scarlet": "d2341f", "burgundy": "6d1a2d", "maroon": "5c1620",
    "coral": "f0765c", "salmon": "f2937e", "terracotta": "bd5f3d", "rust": "a4472a", "copper": "b8734a",
    "orange": "e8812f", "amber": "e6a12e", "apricot": "f5b98a", "peach": "f7c3a2", "gold": "d9a53a",
    "golden": "d9a53a", "yellow": "ecc53f", "mustard": "c9992d", "cream": "f1e4c9", "ivory": "f2ead8",
    "beige": "d8c6a8", "sand": "d7bb8e", "brown": "7a5238", "chocolate": "55362a", "bronze": "96703f",
    "olive": "7c7a3a", "lime": "9ccb3c", "green": "3f8a4f", "emerald": "127a58", "jade": "3f9a7a",
    "sage": "96a88a", "mint": "a5dcc1", "forest-green": "24503a", "teal": "1f8288", "turquoise": "35b5b0",
    "cyan": "3cc3dd", "aqua": "5fd0d3", "blue": "2f62b8", "navy": "1c2f5c", "cobalt": "2450a8",
    "azure": "4a96dd", "indigo": "43389b", "violet": "7b4fb8", "purple": "74409c", "lavender": "b6a3dd",
    "lilac": "c3a6d6", "mauve": "a67c9c", "plum": "6f345f", "magenta": "c23a92", "fuchsia": "d1409c",
    "pink": "ec8fae", "rose": "dc6f86", "blush": "f0c0bb", "white": "f3f1ec", "silver": "b9bfc6",
    "grey": "8a8d92", "gray": "8a8d92", "charcoal": "3a3d42", "black": "1b1b1f",
}  # fmt: skip


def rgb(code: str) -> Colour:
    """'e8812f' -> (3,) float32 in 0..1."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / np.float32(255)


def _to_linear(colour: Colour) -> Colour:
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _from_linear(colour: Colour) -> Colour:
    clipped = np.clip(colour, 0, None)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055).astype(np.float32)


_M1 = np.array(
    [[0.41222147, 0.53633254, 0.05144599], [0.21190350, 0.68069955, 0.10739696], [0.08830246, 0.28171884, 0.62997870]]
)
_M2 = np.array(
    [
        [0.21045426, 0.79361779, -0.00407205],
        [1.97799850, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
    ]
)


def oklab(colour: Colour) -> Colour:
    """sRGB (..., 3) -> OKLab (..., 3)."""
    return (np.cbrt(_to_linear(colour) @ _M1.T) @ _M2.T).astype(np.float32)


def from_oklab(lab: Colour) -> Colour:
    return np.clip(_from_linear((lab @ np.linalg.inv(_M2).T) ** 3 @ np.linalg.inv(_M1).T), 0, 1)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    return from_oklab(oklab(a) * (1 - t) + oklab(b) * t)


def shade(colour: Colour, lightness: float, chroma: float = 1.0) -> Colour:
    """The same hue with OKLab lightness multiplied."""
    return from_oklab(oklab(colour) * np.array([lightness, chroma, chroma], np.float32))


def lightness(colour: Colour) -> float:
    return float(oklab(colour)[0])


def with_lightness(colour: Colour, value: float, chroma: float = 1.0) -> Colour:
    lab = oklab(colour) * np.array([1, chroma, chroma], np.float32)
    lab[0] = value
    return from_oklab(lab)


def tint(colour: Colour, towards: Colour, amount: float) -> Colour:
    """Keep the lightness of `colour`, move its hue and chroma towards another colour."""
    a, b = oklab(colour), oklab(towards)
    room = 1 - abs(float(a[0]) - 0.55) * 0.9  # very light and very dark colours carry little chroma
    return from_oklab(np.array([a[0], *(a[1:] * (1 - amount) + b[1:] * amount * max(room, 0.25))], np.float32))


class Ramp:
    """A gradient through colours: `ramp(field)` maps values 0..1 to (h, w, 3)."""

    SIZE = 1024

    def __init__(self, stops: list[Colour], at: list[float] | None = None) -> None:
        places = np.asarray(at if at is not None else np.linspace(0, 1, len(stops)))
        labs = np.stack([oklab(stop) for stop in stops])
        grid = np.linspace(0, 1, self.SIZE)
        mixed = np.stack([np.interp(grid, places, labs[:, i]) for i in range(3)], axis=1)
        self.table = from_oklab(mixed.astype(np.float32))

    def __call__(self, field: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        index = np.clip(field * np.float32(self.SIZE - 1), 0, self.SIZE - 1).astype(np.int16)
        return self.table.take(index, axis=0)


def dominant(image: Image.Image, count: int = 5) -> list[Colour]:
    """The main colours of a photo, most present first, near-duplicates merged."""
    small = image.convert("RGB").resize((64, 64), Image.Resampling.BOX)
    reduced = small.quantize(count * 2, method=Image.Quantize.MEDIANCUT)
    table = np.asarray(reduced.getpalette(), np.float32).reshape(-1, 3) / np.float32(255)
    counts = np.bincount(np.asarray(reduced).ravel(), minlength=len(table))
    chosen: list[Colour] = []
    for index in np.argsort(-counts):
        if counts[index] == 0:
            break
        colour = table[index].astype(np.float32)
        if all(np.linalg.norm(oklab(colour) - oklab(other)) > 0.07 for other in chosen):
            chosen.append(colour)
    return chosen[:count]
