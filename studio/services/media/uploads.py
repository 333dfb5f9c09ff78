"""What may come in as a picture. It is judged by its bytes, decoded within limits and written anew from its pixels."""

from __future__ import annotations

import codecs
import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from studio.errors import StudioError
from studio.services.media import containers as box
from studio.services.media import in_thread, pictures
from studio.services.media.containers import Header, Malformed
from studio.services.media.stripping import MOST_SCANS, Moving, Stripped, png_is_whole, strip

if TYPE_CHECKING:
    from PIL.Image import Image

MB = 1_000_000
MAX_BYTES = 30 * MB
MOST_WEBP_PIXELS = 24_000_000  # libwebp holds four copies of the picture while it decodes: 16 bytes a pixel
_MOST_DECODER_BYTES = 370 * MB  # of a multi-scan JPEG: its coefficients and 4 bytes a pixel
_LEAST_SIDE = 15
_WIDEST = 16
_PALETTE_PIXELS = 4_000_000
# Quality and chroma subsampling (0 is 4:4:4, 2 is 4:2:0), until the result fits.
_JPEG_STEPS = ((92, 0), (85, 0), (80, 2), (65, 2))

# What other files begin with, and what a person calls them.
_KNOWN = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"RIFF", "a sound or video file"),
    (b"P6", "a PPM"),
    (b"%!PS", "a PostScript file"),
    (b"8BPS", "a Photoshop file"),
)
_BRANDS = ((b"avif", "an AVIF"), (b"heic", "a HEIC photo"), (b"mif1", "a HEIC photo"), (b"", "a video"))


class UploadRefused(StudioError):
    """This picture cannot be used. Nothing was kept."""

    code = "upload_refused"
    status = 422


class UploadEmpty(UploadRefused):
    """This file is empty. Nothing was kept."""

    code = "upload_empty"


class UploadTooHeavy(UploadRefused):
    """This file is too large. Nothing was kept."""

    code = "upload_too_heavy"
    status = 413


class UploadWrongKind(UploadRefused):
    """PNG, JPEG and WebP only. This file is something else. Nothing was kept."""

    code = "upload_kind"
    status = 415


class UploadMoving(UploadRefused):
    """Still pictures only. This file has several frames. Nothing was kept."""

    code = "upload_moving"


class UploadDamaged(UploadRefused):
    """This file is damaged or cut short, so the whole picture cannot be read. Nothing was kept."""

    code = "upload_damaged"


class UploadTooSmall(UploadRefused):
    """This picture is too small. Nothing was kept."""

    code = "upload_too_small"


class UploadTooLarge(UploadRefused):
    """This picture has too many pixels. Nothing was kept."""

    code = "upload_too_large"


class UploadTooNarrow(UploadRefused):
    """This picture is too long and narrow. Nothing was kept."""

    code = "upload_too_narrow"


class UploadTooComplex(UploadRefused):
    """This JPEG is stored in a way that takes too much work to open. A plain JPEG is fine. Nothing was kept."""

    code = "upload_too_complex"


class FrameRefused(UploadRefused):
    """This picture cannot be a frame of a video."""

    code = "frame_refused"


@dataclass(frozen=True, slots=True)
class CleanImage:
    """A picture written anew: PNG or JPEG `data`, sRGB, upright, without metadata; sizes in pixels, `sha256` in hex."""

    data: bytes
    mime: str
    width: int
    height: int
    sha256: str


class HasSize(Protocol):
    """Anything with a width and a height in pixels."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


async def accept_image(source: bytes | Path, *, max_bytes: int = MAX_BYTES) -> CleanImage:
    """Check and rewrite one uploaded picture; raises an `UploadRefused` that says what is allowed and what this was.

    Limits are ModelArk's for image input: 30 MB, 36,000,000 pixels, sides over 14 px, aspect between 1:16 and 16:1.
    """
    return await in_thread(accept, source, max_bytes=max_bytes)


def accept(source: bytes | Path, *, max_bytes: int = MAX_BYTES) -> CleanImage:
    """`accept_image` for code that is in a thread already."""
    data = _read(source, max_bytes)
    try:
        head = box.header(data)
        _check_header(head)
        stripped = strip(data)
        _check_cost(head, stripped)
        if head.mime == box.PNG and not png_is_whole(stripped.data):
            raise Malformed("rows are missing")
        image = pictures.decode(stripped)
    except Moving:
        raise UploadMoving from None
    except Malformed as error:
        raise (UploadDamaged() if box.sniff(data) else UploadWrongKind(_wrong_kind(data))) from error
    del data
    image = pictures.upright(pictures.to_srgb(image, stripped.icc), stripped.orientation)
    return _write(image, head.mime, max_bytes)


def check_frame(image: HasSize) -> None:
    """ModelArk's tighter limits for a video's frame: sides 300 to 6000 px, aspect 0.4 to 2.5. Raises `FrameRefused`."""
    width, height = image.width, image.height
    if not (300 <= width <= 6000 and 300 <= height <= 6000):
        raise FrameRefused(f"A video frame needs sides of 300 to 6000 pixels. This picture is {width} × {height}.")
    if not (2 * height <= 5 * width and 2 * width <= 5 * height):
        raise FrameRefused(
            f"The long side of a video frame is at most 2.5 times the short one. This picture is {width} × {height}."
        )


# ---------------------------------------------------------------------- checks


def _read(source: bytes | Path, max_bytes: int) -> bytes:
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if size > max_bytes:
        raise UploadTooHeavy(f"{_megabytes(max_bytes)} at most. This file is {_megabytes(size)}. Nothing was kept.")
    if size == 0:
        raise UploadEmpty
    return source.read_bytes() if isinstance(source, Path) else source


def _check_header(head: Header) -> None:
    """Everything that can be refused before a pixel is decoded."""
    width, height = head.width, head.height
    this = f"This picture is {width} × {height}. Nothing was kept."
    if min(width, height) < _LEAST_SIDE:
        raise UploadTooSmall(f"Each side needs at least {_LEAST_SIDE} pixels. {this}")
    if max(width, height) > _WIDEST * min(width, height):
        raise UploadTooNarrow(f"The long side is at most {_WIDEST} times the short one. {this}")
    most = MOST_WEBP_PIXELS if head.mime == box.WEBP else pictures.MOST_PIXELS
    if width * height > most:
        kind = "A WebP has" if head.mime == box.WEBP else "A picture has"
        raise UploadTooLarge(f"{kind} at most {most // MB} million pixels. {this}")


def _check_cost(head: Header, stripped: Stripped) -> None:
    """A JPEG in several scans is held whole as coefficients, and each scan is a pass over all of it."""
    if stripped.scans > MOST_SCANS:
        raise UploadTooComplex
    if 8 * len(stripped.data) < head.coefficients // 128:  # a block of 64 costs 128 bytes here, a bit at least there
        raise Malformed("less data than the size it claims can be coded in")
    held = head.coefficients + 4 * head.width * head.height
    if stripped.scans > 1 and held > _MOST_DECODER_BYTES:
        raise UploadTooComplex


def _wrong_kind(data: bytes) -> str:
    return f"PNG, JPEG and WebP only. This file is {_describe(data)}. Nothing was kept."


def _describe(data: bytes) -> str:
    """What a person would call this file, from its first bytes."""
    if data[4:8] == b"ftyp":
        return next(name for brand, name in _BRANDS if data[8:12].startswith(brand))
    known = next((name for magic, name in _KNOWN if data.startswith(magic)), None)
    if known is not None:
        return known
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "an SVG drawing"
    if start.startswith(b"<"):
        return "a web page"
    return "text" if _is_text(start) else "of another kind"


def _is_text(start: bytes) -> bool:
    """UTF-8 without control characters; a character cut off at the end does not count against it."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(char.isprintable() or char in "\t\r\n" for char in text)


def _megabytes(size: int) -> str:
    """Rounded up to a tenth, so a file just over the limit never reads as the limit."""
    return f"{math.ceil(size / (MB / 10)) / 10:g} MB"


# ---------------------------------------------------------------------- writing


def _write(image: Image, mime: str, max_bytes: int) -> CleanImage:
    """PNG where it keeps something a JPEG loses (transparency, flat colours of a PNG), else JPEG."""
    image.info.clear()
    if image.mode == "RGBA" or (mime == box.PNG and _is_flat(image)):
        data, kind = _encode(image, "PNG"), box.PNG
    else:
        data, kind = _photo(image, max_bytes), box.JPEG
    if len(data) > max_bytes:
        raise UploadTooHeavy(
            f"{_megabytes(max_bytes)} at most. Without its metadata this picture takes {_megabytes(len(data))}; "
            "a smaller one, or one without transparency, fits. Nothing was kept."
        )
    return CleanImage(data, kind, image.width, image.height, hashlib.sha256(data).hexdigest())


def _is_flat(image: Image) -> bool:
    """Palette art: up to 256 colours on up to 4 megapixels."""
    if image.width * image.height > _PALETTE_PIXELS:
        return False
    return image.mode == "P" or image.getcolors(256) is not None


def _photo(image: Image, max_bytes: int) -> bytes:
    image = image if image.mode == "RGB" else image.convert("RGB")
    data = b""
    for quality, subsampling in _JPEG_STEPS:
        data = _encode(image, "JPEG", quality=quality, subsampling=subsampling)
        if len(data) <= max_bytes:
            break
    return data


def _encode(image: Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
