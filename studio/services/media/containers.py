"""The three picture containers byte by byte: PNG chunks, JPEG segments, WebP chunks. Nothing here decodes a pixel.

PNG: W3C PNG 3rd edition, section 5. JPEG: ITU-T T.81, annex B. WebP: RFC 9649.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

PNG, JPEG, WEBP = "image/png", "image/jpeg", "image/webp"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_BLOCKS = 20_000  # chunks or segments; a 30 MB photo has about 4,000

SOI, EOI, SOS, COM, APP0, APP1, APP2, APP11, APP14 = 0xD8, 0xD9, 0xDA, 0xFE, 0xE0, 0xE1, 0xE2, 0xEB, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
# Neither pattern backtracks: a run of 0xFF as long as the file costs one pass.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_NOT_FILL = re.compile(rb"[^\xff]", re.DOTALL)


class Malformed(ValueError):
    """The container breaks its own rules; the message says how, for logs and tests."""


@dataclass(frozen=True, slots=True)
class Block:
    """One chunk or segment: `name` ("IHDR", "VP8 ", "E1"), its whole extent and the extent of its payload."""

    name: str
    start: int
    payload: int
    payload_end: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the header claims. Pixels as stored, before any EXIF orientation; `coefficients` are bytes libjpeg keeps."""

    mime: str
    width: int
    height: int
    alpha: bool = False
    animated: bool = False
    coefficients: int = 0


def sniff(data: bytes) -> str | None:
    """The mime type by content, or None if it is none of the three."""
    if data.startswith(PNG_SIGNATURE):
        return PNG
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    return None


def header(data: bytes) -> Header:
    """Read the header only; raises `Malformed` for anything that is not one of the three or makes no sense."""
    try:
        return _HEADERS[sniff(data) or ""](data)
    except KeyError:
        raise Malformed("not PNG, JPEG or WebP") from None
    except (struct.error, IndexError):
        raise Malformed("ends inside its header") from None


def blocks(data: bytes) -> Iterator[Block]:
    """The blocks of any of the three, to the end of the picture; bytes after it are not looked at."""
    walk = {PNG: png_chunks, JPEG: jpeg_segments, WEBP: webp_chunks}.get(sniff(data) or "")
    if walk is None:
        raise Malformed("not PNG, JPEG or WebP")
    for count, block in enumerate(walk(data)):
        if count >= MOST_BLOCKS:
            raise Malformed("too many blocks")
        yield block


# ---------------------------------------------------------------------- PNG


def png_chunks(data: bytes) -> Iterator[Block]:
    """IHDR to IEND."""
    at = len(PNG_SIGNATURE)
    while True:
        if at + 12 > len(data):
            raise Malformed("ends before IEND")
        size, raw = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if end > len(data) or not raw.isalpha():
            raise Malformed("a chunk runs past the end")
        block = Block(raw.decode("ascii"), at, at + 8, end - 4, end)
        yield block
        if block.name == "IEND":
            return
        at = end


def _png_header(data: bytes) -> Header:
    if data[12:16] != b"IHDR":
        raise Malformed("no IHDR")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if not width or not height or depth not in {1, 2, 4, 8, 16} or colour not in {0, 2, 3, 4, 6}:
        raise Malformed("IHDR makes no sense")
    return Header(PNG, width, height, alpha=colour in {4, 6})


# ---------------------------------------------------------------------- JPEG


def jpeg_segments(data: bytes) -> Iterator[Block]:
    """SOI to EOI; a scan's coded data belongs to its SOS segment's extent, not to its payload."""
    yield Block(f"{SOI:02X}", 0, 2, 2, 2)
    at = 2
    while True:
        start = at
        byte = _NOT_FILL.search(data, at)  # any number of 0xFF may precede a marker
        at = byte.start() if byte else len(data)
        if at == start or at >= len(data):
            raise Malformed("ends before EOI" if at >= len(data) else "no marker where one must be")
        marker, at = data[at], at + 1
        if marker == EOI:
            yield Block(f"{EOI:02X}", start, at, at, at)
            return
        if marker in _BARE or marker in {0, SOI}:
            raise Malformed("a marker out of place")
        size = int.from_bytes(data[at : at + 2], "big")
        end = at + size
        if size < 2 or end > len(data):
            raise Malformed("a segment runs past the end")
        extent = _scan_end(data, end) if marker == SOS else end
        yield Block(f"{marker:02X}", start, at + 2, end, extent)
        at = extent


def _scan_end(data: bytes, at: int) -> int:
    """Where the coded data ends: the next marker that is neither a stuffed zero nor a restart."""
    found = _NEXT_MARKER.search(data, at)
    if found is None:
        raise Malformed("ends before EOI")
    return found.start()


def _jpeg_header(data: bytes) -> Header:
    for count, block in enumerate(jpeg_segments(data)):
        marker = int(block.name, 16)
        if count > MOST_BLOCKS or marker == SOS:
            raise Malformed("no frame header")
        if marker in _FRAMES:
            return _jpeg_frame(data, block, marker)
    raise Malformed("no frame header")


def _jpeg_frame(data: bytes, block: Block, marker: int) -> Header:
    depth, height, width, count = struct.unpack_from(">BHHB", data, block.payload)
    if marker not in {0xC0, 0xC1, 0xC2} or depth != 8 or count not in {1, 3, 4} or not width or not height:
        raise Malformed("a kind of JPEG that is not for pictures")
    if block.payload_end - block.payload != 6 + 3 * count:
        raise Malformed("frame header of the wrong size")
    factors = [(data[at] >> 4, data[at] & 15) for at in range(block.payload + 7, block.payload_end, 3)]
    if not all(1 <= h <= 4 and 1 <= v <= 4 for h, v in factors):
        raise Malformed("sampling factors make no sense")
    widest, tallest = max(h for h, _ in factors), max(v for _, v in factors)
    coefficients = sum(
        2 * _round8(-(-width * h // widest)) * _round8(-(-height * v // tallest)) for h, v in factors
    )  # 16 bits each, kept whole if the picture comes in more than one scan
    return Header(JPEG, width, height, coefficients=coefficients)


def _round8(value: int) -> int:
    return -(-value // 8) * 8


# ---------------------------------------------------------------------- WebP


def webp_chunks(data: bytes) -> Iterator[Block]:
    """The chunks inside the RIFF size; a chunk's extent includes its padding byte."""
    stop = int.from_bytes(data[4:8], "little") + 8
    if stop > len(data) or stop < 20:
        raise Malformed("RIFF is longer than the file")
    at = 12
    while at + 8 <= stop:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size
        if end > stop:
            raise Malformed("a chunk runs past the end")
        padded = min(end + (size & 1), stop)
        yield Block(data[at : at + 4].decode("latin-1"), at, at + 8, end, padded)
        at = padded


def _webp_header(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        flags = data[20]
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        if len(data) < 30:
            raise Malformed("ends inside its header")
        return Header(WEBP, width, height, alpha=bool(flags & 0x10), animated=bool(flags & 0x02))
    if kind == b"VP8 ":
        return Header(WEBP, *vp8_size(data[20:30]))
    if kind == b"VP8L":
        return Header(WEBP, *vp8l_size(data[20:25]), alpha=bool(data[24] & 0x10))
    raise Malformed("no WebP picture")


def vp8_size(frame: bytes) -> tuple[int, int]:
    """Width and height of a lossy key frame."""
    width, height = struct.unpack_from("<HH", frame, 6)
    if frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a" or not width & 0x3FFF or not height & 0x3FFF:
        raise Malformed("not a VP8 key frame")
    return width & 0x3FFF, height & 0x3FFF


def vp8l_size(frame: bytes) -> tuple[int, int]:
    """Width and height of a lossless frame."""
    bits = int.from_bytes(frame[1:5], "little")
    if len(frame) < 5 or frame[0] != 0x2F or bits >> 29:
        raise Malformed("not a VP8L frame")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


_HEADERS = {PNG: _png_header, JPEG: _jpeg_header, WEBP: _webp_header}
