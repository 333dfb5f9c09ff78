"""A small square picture of a person: checked as an upload is, cut from the middle, written anew as WebP."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from studio.services.media import in_thread, pictures
from studio.services.media.stripping import strip
from studio.services.media.uploads import MAX_BYTES, accept

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 256
_QUALITY = 85


async def make(data: bytes, *, max_bytes: int = MAX_BYTES) -> bytes:
    """256 × 256 px WebP in sRGB without metadata. Raises an `UploadRefused` that says what does not fit."""
    return await in_thread(_make, data, max_bytes)


def _make(data: bytes, max_bytes: int) -> bytes:
    clean = accept(data, max_bytes=max_bytes)
    image = _square(pictures.flat(pictures.decode(strip(clean.data), at_least=None)))
    image.info.clear()
    out = io.BytesIO()
    (image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")).save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()


def _square(image: Image) -> Image:
    """The largest square of the middle, resized; a smaller picture is enlarged, so that all have one size."""
    from PIL.Image import Resampling

    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.resize((SIDE, SIDE), Resampling.LANCZOS, box=(left, top, left + side, top + side))
