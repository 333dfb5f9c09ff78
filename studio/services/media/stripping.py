"""A picture reduced to what a decoder needs, so no text, no metadata and no foreign bytes ever reach one."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from studio.services.media import containers as box
from studio.services.media.containers import Block, Malformed

MOST_SCANS = 64  # a progressive JPEG has about ten; each costs a pass over the whole picture
_MOST_PROFILE = 4 << 20  # bytes of an ICC profile; the largest in use are near 3 MB
# First column, first row, column step, row step of each interlace pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_EXIF = b"Exif\x00\x00"
_ICC = b"ICC_PROFILE\x00"


@dataclass(frozen=True, slots=True)
class Stripped:
    """`data` decodes to the same pixels; `icc` and `orientation` (1 to 8) are what else decides how they look."""

    data: bytes
    icc: bytes | None
    orientation: int
    scans: int = 1


class Moving(Malformed):
    """It has more than one frame."""


def strip(data: bytes) -> Stripped:
    """Rebuild one of the three formats from its picture blocks alone; raises `Malformed` or `Moving`."""
    blocks = list(box.blocks(data))
    try:
        return {box.PNG: _png, box.JPEG: _jpeg, box.WEBP: _webp}[box.sniff(data) or ""](data, blocks)
    except (struct.error, IndexError):
        raise Malformed("ends inside a block") from None


def _named(blocks: list[Block], *names: str) -> list[Block]:
    return [block for block in blocks if block.name in names]


def _payload(data: bytes, block: Block) -> bytes:
    return data[block.payload : block.payload_end]


# ---------------------------------------------------------------------- PNG


def _png(data: bytes, blocks: list[Block]) -> Stripped:
    if _named(blocks, "acTL", "fcTL", "fdAT"):
        raise Moving("an animated PNG")
    kept = _named(blocks, "IHDR", "PLTE", "tRNS", "IDAT", "IEND")
    if len(_named(kept, "IHDR")) != 1 or not _named(kept, "IDAT"):
        raise Malformed("no picture data")
    for block in kept:
        if (
            zlib.crc32(data[block.start + 4 : block.payload_end])
            != struct.unpack_from(">I", data, block.payload_end)[0]
        ):
            raise Malformed(f"{block.name} does not match its checksum")
    body = b"".join([box.PNG_SIGNATURE, *(data[block.start : block.end] for block in kept)])
    exif = _named(blocks, "eXIf")
    profile = _named(blocks, "iCCP")
    return Stripped(
        body,
        _png_profile(_payload(data, profile[0])) if profile else None,
        _orientation(_payload(data, exif[0])) if exif else 1,
    )


def _png_profile(payload: bytes) -> bytes | None:
    """The inflated profile; one that is broken or inflates past the limit counts as none."""
    _, _, rest = payload.partition(b"\x00")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(rest[1:], _MOST_PROFILE)
    except zlib.error:
        return None
    return profile if inflate.eof else None


def png_is_whole(data: bytes) -> bool:
    """Whether a PNG's image data fills every row its header claims. Decoders leave missing rows black, and say nothing.

    Inflates up to the claimed size, 1 MB at a time; no more of a longer stream is touched.
    """
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    missing = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        missing += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    inflate = zlib.decompressobj()
    try:
        for block in _named(list(box.blocks(data)), "IDAT"):
            rest = _payload(data, block)
            while rest and missing > 0:
                missing -= len(inflate.decompress(rest, 1 << 20))
                rest = inflate.unconsumed_tail
    except zlib.error:
        return False
    return missing <= 0


# ---------------------------------------------------------------------- JPEG


def _jpeg(data: bytes, blocks: list[Block]) -> Stripped:
    kept, frames, scans = [b"\xff\xd8"], 0, 0
    for block in blocks[1:]:
        marker = int(block.name, 16)
        if marker == box.APP0 and data.startswith(b"JFIF\x00", block.payload) and len(kept) == 1:
            kept.append(_JFIF)
        elif marker == box.APP14 and data.startswith(b"Adobe", block.payload):
            kept.append(b"\xff\xee\x00\x0e" + data[block.payload : block.payload + 12])
        elif not (0xE0 <= marker <= 0xEF or 0xF0 <= marker <= 0xFE):
            kept.append(data[block.start : block.end])
            frames += marker in {0xC0, 0xC1, 0xC2}
            scans += marker == box.SOS
    if frames != 1 or not scans:
        raise Malformed("not exactly one picture")
    exif = next((b for b in _named(blocks, "E1") if data.startswith(_EXIF, b.payload)), None)
    orientation = _orientation(data[exif.payload + len(_EXIF) : exif.payload_end]) if exif else 1
    return Stripped(b"".join(kept), _jpeg_profile(data, _named(blocks, "E2")), orientation, scans)


def _jpeg_profile(data: bytes, segments: list[Block]) -> bytes | None:
    """The profile from its numbered parts; an incomplete or oversized one counts as none."""
    parts: dict[int, bytes] = {}
    total = 0
    for block in segments:
        payload = _payload(data, block)
        if payload.startswith(_ICC) and len(payload) > 14:
            parts[payload[12]], total = payload[14:], payload[13]
    profile = b"".join(parts[number] for number in sorted(parts))
    complete = total and sorted(parts) == list(range(1, total + 1))
    return profile if complete and len(profile) <= _MOST_PROFILE else None


# ---------------------------------------------------------------------- WebP


def _webp(data: bytes, blocks: list[Block]) -> Stripped:
    if _named(blocks, "ANIM", "ANMF") or box.header(data).animated:
        raise Moving("an animated WebP")
    pictures = _named(blocks, "VP8 ", "VP8L")
    if len(pictures) != 1:
        raise Malformed("not exactly one picture")
    picture = pictures[0]
    frame = data[picture.payload : picture.payload + 10]
    size = box.vp8_size(frame) if picture.name == "VP8 " else box.vp8l_size(frame)
    claimed = box.header(data)
    if size != (claimed.width, claimed.height):
        raise Malformed("the frame is not of the size the header claims")
    alpha = _named(blocks, "ALPH")[:1] if picture.name == "VP8 " else []
    parts = [_webp_chunk(b"VP8X", _vp8x(0x10, *size))] if alpha else []
    parts += [_webp_chunk(block.name.encode("latin-1"), _payload(data, block)) for block in (*alpha, picture)]
    body = b"WEBP" + b"".join(parts)
    exif, profile = _named(blocks, "EXIF"), _named(blocks, "ICCP")
    icc = _payload(data, profile[0]) if profile else None
    return Stripped(
        b"RIFF" + struct.pack("<I", len(body)) + body,
        icc if icc and len(icc) <= _MOST_PROFILE else None,
        _orientation(_payload(data, exif[0]).removeprefix(_EXIF)) if exif else 1,
    )


def _webp_chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\x00" * (len(payload) & 1)


def _vp8x(flags: int, width: int, height: int) -> bytes:
    return struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


# ---------------------------------------------------------------------- EXIF


def _orientation(tiff: bytes) -> int:
    """Tag 0x0112 of the first directory; 1 if it is missing or makes no sense. Nothing else of EXIF is read."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * min(count, 512), 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == 0x0112 and kind == 3:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
