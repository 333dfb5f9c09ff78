"""Pixels: decoding within fixed limits, colours to sRGB, the right way up. Everything here is for a thread."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from studio.services.media import containers as box
from studio.services.media.containers import Malformed
from studio.services.media.stripping import Stripped

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 36_000_000

_FORMATS = {box.PNG: "PNG", box.JPEG: "JPEG", box.WEBP: "WEBP"}


def decode(stripped: Stripped, *, at_least: int | None = None) -> Image:
    """Decode; a JPEG may come out smaller than stored, but no smaller than `at_least` pixels on its longest side.

    The caller has checked the header against its limits. Raises `Malformed`.
    """
    from PIL import Image as Pillow

    mime = box.sniff(stripped.data) or ""
    try:
        image = Pillow.open(io.BytesIO(stripped.data), formats=[_FORMATS[mime]])
        if at_least is not None and mime == box.JPEG:
            scale = at_least / max(image.size)
            image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        image.load()
    except Exception as error:  # a hostile file can make a decoder raise anything at all
        raise Malformed(f"does not decode: {type(error).__name__}") from error
    image.info.pop("exif", None)
    return image


def flat(image: Image) -> Image:
    """A palette or bit mode made into one that can be resized; others as they are."""
    image = _eight_bits(image)
    return image.convert("RGB") if image.mode in {"P", "1"} else image


def to_srgb(image: Image, icc: bytes | None) -> Image:
    """8-bit sRGB: mode RGB, RGBA if any pixel is not opaque, or P for opaque palette art without a profile."""
    image = _eight_bits(image)
    if image.mode == "P" and icc is None:
        return image
    if image.mode in {"P", "1", "LA"}:
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    if icc is not None:
        image = _apply_profile(image, icc)
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")


def upright(image: Image, orientation: int) -> Image:
    """Turned as EXIF says, so it looks right without EXIF."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _eight_bits(image: Image) -> Image:
    """16-bit grey scaled down rather than cut off, and transparency in `info` made an alpha channel."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if "transparency" in image.info:
        return image.convert("RGBA")
    return image


def _apply_profile(image: Image, icc: bytes) -> Image:
    """Convert from the profile to sRGB; one that is broken, or for other channels, is passed over."""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        inner: Any = profile.profile  # typed as a file, which it is not
        channels = inner.xcolor_space.strip()
        if channels != {"L": "GRAY", "CMYK": "CMYK"}.get(image.mode, "RGB"):
            return image
        srgb = ImageCms.createProfile("sRGB")
        if image.mode in {"RGB", "RGBA"}:
            ImageCms.profileToProfile(image, profile, srgb, inPlace=True)
            return image
        return ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
