"""A copy without anything that was written beside the picture or the sound. No pixel is encoded again.

What decides how it looks stays: colour profiles, transparency, animation. In a clip nothing moves: what goes becomes
free space of the same size, filled with zeros, so every offset still fits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from studio.services.media import containers as box
from studio.services.media.containers import Block, Malformed
from studio.services.media.metadata import VIDEO, MetadataRefused

_PNG = frozenset(["IHDR", "PLTE", "tRNS", "IDAT", "IEND", "acTL", "fcTL", "fdAT"])
_PNG |= {"iCCP", "sRGB", "gAMA", "cHRM", "cICP", "mDCv", "cLLi", "sBIT", "bKGD", "pHYs"}  # how its colours look
_WEBP = frozenset(["VP8X", "ICCP", "ANIM", "ANMF", "ALPH", "VP8 ", "VP8L"])
_JFIF_THUMBNAIL = 14  # bytes of JFIF before a thumbnail it may carry
_DROPPED = frozenset({b"uuid", b"udta", b"meta", b"free", b"skip"})
_INSIDE = frozenset({b"moov", b"trak", b"mdia"})
_DEEPEST = 4


def clean(data: bytes, mime: str) -> bytes:
    """The same pixels and sound, and nothing said about them. Raises `MetadataRefused`."""
    try:
        if mime in VIDEO:
            return _mp4(data)
        return {box.PNG: _png, box.JPEG: _jpeg, box.WEBP: _webp}[mime](data)
    except (KeyError, Malformed, struct.error, IndexError) as error:
        raise MetadataRefused("This file cannot be cleaned. The original is unchanged.") from error


def _png(data: bytes) -> bytes:
    kept = [data[b.start : b.end] for b in box.blocks(data) if b.name in _PNG]
    return b"".join([box.PNG_SIGNATURE, *kept])


def _jpeg(data: bytes) -> bytes:
    parts = []
    for block in box.blocks(data):
        marker = int(block.name, 16)
        if marker == box.APP0 and data.startswith(b"JFIF\x00", block.payload):
            head = data[block.payload : block.payload + _JFIF_THUMBNAIL - 2] + b"\x00\x00"
            parts.append(b"\xff\xe0" + struct.pack(">H", len(head) + 2) + head)
        elif _colour(data, block, marker) or not (0xE0 <= marker <= 0xEF or marker == box.COM):
            parts.append(data[block.start : block.end])
    return b"".join(parts)


def _colour(data: bytes, block: Block, marker: int) -> bool:
    """A part of the colour profile, or Adobe's note of how colours are stored."""
    return (marker == box.APP2 and data.startswith(b"ICC_PROFILE\x00", block.payload)) or (
        marker == box.APP14 and data.startswith(b"Adobe", block.payload)
    )


def _webp(data: bytes) -> bytes:
    parts = []
    for block in box.blocks(data):
        if block.name not in _WEBP:
            continue
        payload = data[block.payload : block.payload_end]
        if block.name == "VP8X":
            payload = bytes([payload[0] & ~0x0C]) + payload[1:]  # no EXIF, no XMP
        parts.append(
            block.name.encode("latin-1") + struct.pack("<I", len(payload)) + payload + b"\x00" * (len(payload) & 1)
        )
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _mp4(data: bytes) -> bytes:
    if data[4:8] != b"ftyp":
        raise Malformed("not an MP4")
    out = bytearray(data)
    for kind, start, header, end in _boxes(data, 0, len(data), 0):
        if kind in _DROPPED:
            out[start + 4 : start + 8] = b"free"
            out[start + header : end] = bytes(end - start - header)
    return bytes(out)


def _boxes(data: bytes, at: int, stop: int, depth: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Boxes as (kind, start, bytes of the header, end), those inside of what holds others too."""
    count = 0
    while at < stop:
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1:
            (size,), header = struct.unpack_from(">Q", data, at + 8), 16
        end = stop if size == 0 else at + size
        count += 1
        if end > stop or end < at + header or count > box.MOST_BLOCKS:
            raise Malformed("a box runs past the end")
        yield kind, at, header, end
        if kind in _INSIDE and depth < _DEEPEST:
            yield from _boxes(data, at + header, end, depth + 1)
        at = end
