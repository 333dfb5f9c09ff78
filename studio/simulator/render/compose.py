"""From a request to a finished still: paint small, finish, enlarge, add grain, sign, encode."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from studio.simulator.render import grade, reference
from studio.simulator.render.field import View
from studio.simulator.render.kit import Picture
from studio.simulator.render.prompt import Look, read
from studio.simulator.render.scenes.catalog import PAINTERS, WEIGHT

Quality = Literal["quick", "fine"]
PAINTED = {"quick": 50_000, "fine": 2_000_000}  # pixels computed before enlarging


@dataclass(frozen=True)
class Still:
    """One picture to make: `width` x `height` pixels exactly, `variant` tells the pictures of one group apart."""

    prompt: str
    seed: int
    width: int
    height: int
    variant: int = 0
    references: list[bytes] = field(default_factory=list)
    watermark: str = ""
    output_format: Literal["jpeg", "png"] = "jpeg"
    quality: Quality = "fine"
    transparent: bool = False


def painted(
    prompt: str, seed: int, width: int, height: int, references: list[bytes], quality: Quality, *, budget: int = 0
) -> tuple[Picture, View, Look]:
    """The scene as floats on a canvas of at most `budget` pixels with the aspect of width x height."""
    look = read(prompt, seed)
    limit = budget or PAINTED[quality]
    if not references:
        limit = limit / WEIGHT.get(look.family, 1.0) ** (1.0 if quality == "quick" else 0.6)
    scale = min(1.0, (limit / (width * height)) ** 0.5)
    view = View(max(8, round(width * scale)), max(8, round(height * scale)))
    if references:
        photos = [reference.load(data) for data in references[:4]]
        picture = reference.paint(view, look, photos)
    else:
        picture = PAINTERS[look.family](view, look)
    picture.rgb = grade.finish(view, look, picture.rgb)
    return picture, view, look


def to_image(pixels: np.ndarray, width: int, height: int, seed: int, quality: Quality = "fine") -> Image.Image:
    """Float pixels to 8 bits at the final size, with fine grain that keeps gradients from banding."""
    quick = quality == "quick"
    low = (np.clip(pixels, 0, 1) * np.float32(247) + np.float32(4)).astype(np.uint8)
    image = Image.fromarray(low)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR if quick else Image.Resampling.BICUBIC)
    grain = _grain(seed % 8)
    out = np.asarray(image)
    if not out.flags.writeable:
        out = out.copy()
    side = grain.shape[0]
    for top in range(0, height, side):  # in place and in tiles: at 16 million pixels a second copy would hurt
        band = out[top : top + side]
        for left in range(0, width, side):
            cell = band[:, left : left + side]
            if not quick:
                np.minimum(cell, 251, out=cell)  # this enlarging may overshoot; the sum must stay within 8 bits
            cell += grain[: cell.shape[0], : cell.shape[1]]
    return Image.fromarray(out)


@lru_cache(maxsize=8)
def _grain(variant: int) -> np.ndarray:
    """A tile of unsigned noise 0..7, to be added to pixels in 0..248; monochrome with a hint of colour."""
    rng = np.random.default_rng(4711 + variant)
    grey = rng.normal(3.4, 1.25, (512, 512, 1))
    return np.clip(grey + rng.normal(0, 0.55, (512, 512, 3)), 0, 4 + 0.999).astype(np.uint8)


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def sign(image: Image.Image, text: str) -> None:
    """The provider's watermark, bottom right, in place."""
    size = max(12, round(min(image.size) * 0.026))
    font = _font(size)
    margin = round(size * 0.9)
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    w, h = right - left, bottom - top
    box = (image.width - w - margin * 2, image.height - h - margin * 2, image.width, image.height)
    patch = image.crop(box)
    shadow = Image.new("L", patch.size)
    ImageDraw.Draw(shadow).text((margin - left, margin - top), text, font=font, fill=170)
    patch.paste((0, 0, 0), mask=shadow.filter(ImageFilter.GaussianBlur(size * 0.12)))
    letters = Image.new("L", patch.size)
    ImageDraw.Draw(letters).text((margin - left, margin - top), text, font=font, fill=235)
    patch.paste((255, 255, 255), mask=letters)
    image.paste(patch, box)


def make(still: Still) -> bytes:
    """Encoded JPEG or PNG of exactly the requested size."""
    seed = still.seed + still.variant * 7919
    picture, _, look = painted(still.prompt, seed, still.width, still.height, still.references, still.quality)
    image = to_image(picture.rgb, still.width, still.height, look.seed, still.quality)
    if still.watermark:
        sign(image, still.watermark)
    if still.transparent and still.references:
        with Image.open(io.BytesIO(still.references[0])) as source:
            alpha = reference.fill_alpha(source, still.width, still.height)
        image.putalpha(alpha)
    buffer = io.BytesIO()
    if still.output_format == "png":
        image.save(buffer, "PNG", compress_level=1)
    else:
        image.save(buffer, "JPEG", quality=90, subsampling=0 if still.quality == "fine" else 2)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write so that a reader sees the whole file or none."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(data)
    os.replace(part, path)
