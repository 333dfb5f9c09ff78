"""How an output was made, written into the copy a person downloads. Bytes are inserted; no pixel is encoded again.

JPEG: XMP in APP1 (XMP part 3, 1.1.3). PNG: iTXt. WebP: a chunk behind VP8X. MP4 and MOV: a top-level uuid box.
A C2PA manifest stays in its place; its signature covers the original, which is never changed.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any
from uuid import UUID

from studio.errors import StudioError
from studio.services.media import containers as box
from studio.services.media import xmp
from studio.services.media.containers import Block, Malformed
from studio.services.media.xmp import GenerationMeta
from studio.services.storage import RangeNotSatisfiable, Storage

__all__ = ["VIDEO", "GenerationMeta", "MetadataRefused", "carries_c2pa", "embed", "has_c2pa", "mp4_box", "read"]

_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_JPEG_ROOM = 65_533 - len(_JPEG_XMP)
_PNG_XMP = b"XML:com.adobe.xmp\x00"
_MP4_XMP = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_MP4_C2PA = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes
VIDEO = frozenset({"video/mp4", "video/quicktime"})
_HEAD = 1 << 20
_MOST_BOXES = 64


class MetadataRefused(StudioError):
    """The details of how this was made cannot be written into this file. The file itself is unchanged."""

    code = "metadata_refused"
    status = 422


def embed(data: bytes, mime: str, meta: GenerationMeta) -> bytes:
    """A copy of `data` that carries `meta`; same pixels, same sound. Raises `MetadataRefused`."""
    try:
        if mime in VIDEO:
            return _embed_mp4(data, meta)
        return {box.PNG: _embed_png, box.JPEG: _embed_jpeg, box.WEBP: _embed_webp}[mime](data, meta)
    except (KeyError, Malformed, struct.error) as error:
        raise MetadataRefused from error


def read(data: bytes, mime: str) -> dict[str, Any] | None:
    """What `embed` wrote: software, model, prompt, parameters, created (ISO 8601), seed. None if there is nothing."""
    try:
        raw = _find_mp4(data, _MP4_XMP) if mime in VIDEO else _find_xmp(data)
    except (Malformed, struct.error):
        return None
    return xmp.read(raw) if raw is not None else None


def has_c2pa(data: bytes, mime: str) -> bool:
    """Whether the file carries a C2PA manifest (Content Credentials)."""
    try:
        if mime in VIDEO:
            return _find_mp4(data, _MP4_C2PA) is not None
        return any(_is_c2pa(data, block) for block in box.blocks(data))
    except (Malformed, struct.error):
        return False


async def carries_c2pa(storage: Storage, *, key: str, mime: str, size: int) -> bool:
    """The same of a stored file, of which only the beginning is read: a manifest stands before the pixels.

    A clip is walked from box to box. WebP keeps its manifest at the end, so it is read whole.
    """
    if mime in VIDEO:
        return await _clip_carries_c2pa(storage, key)
    async with await storage.open(key, start=0, end=size if mime == box.WEBP else min(size, _HEAD)) as stream:
        head = b"".join([chunk async for chunk in stream])
    return has_c2pa(head, mime)


async def _clip_carries_c2pa(storage: Storage, key: str) -> bool:
    at = 0
    for _ in range(_MOST_BOXES):
        try:
            async with await storage.open(key, start=at, end=at + 24) as stream:
                head = b"".join([chunk async for chunk in stream])
        except RangeNotSatisfiable:
            return False
        if len(head) < 16:
            return False
        size, kind = struct.unpack_from(">I4s", head)
        if kind == b"uuid" and head[8:24] == _MP4_C2PA:
            return True
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
        if size < 8:
            return False
        at += size
    return False


def _is_c2pa(data: bytes, block: Block) -> bool:
    if block.name in {"caBX", "C2PA"}:
        return True
    payload = data[block.payload : min(block.payload_end, block.payload + 128)]
    return block.name == f"{box.APP11:02X}" and payload[:2] == b"JP" and b"jumb" in payload and b"c2pa" in payload


def _find_xmp(data: bytes) -> bytes | None:
    for block in box.blocks(data):
        payload = _xmp_payload(data, block)
        if payload is not None:
            return payload
    return None


def _xmp_payload(data: bytes, block: Block) -> bytes | None:
    """The packet if this block holds one."""
    if block.name == "XMP ":
        return data[block.payload : block.payload_end]
    if block.name == "E1" and data.startswith(_JPEG_XMP, block.payload):
        return data[block.payload + len(_JPEG_XMP) : block.payload_end]
    if block.name == "iTXt" and data.startswith(_PNG_XMP, block.payload):
        compressed = data[block.payload + len(_PNG_XMP)]
        text = data[block.payload + len(_PNG_XMP) + 2 : block.payload_end].split(b"\x00", 2)[-1]
        return None if compressed else text
    return None


# ---------------------------------------------------------------------- PNG


def _embed_png(data: bytes, meta: GenerationMeta) -> bytes:
    """Plain tEXt and iTXt for simple tools, and the packet, right behind IHDR; a packet there is replaced."""
    blocks = list(box.blocks(data))
    packet = xmp.packet(meta, _find_xmp(data))
    prompt = meta.prompt.replace("\x00", "\ufffd").encode("utf-8", "replace")
    ours = [
        _png_chunk(b"tEXt", b"Software\x00" + meta.software.encode("latin-1", "replace")),
        _png_chunk(b"iTXt", b"Description\x00\x00\x00\x00\x00" + prompt),
        _png_chunk(b"iTXt", _PNG_XMP + b"\x00\x00\x00\x00" + packet),
    ]
    rest = [data[block.start : block.end] for block in blocks[1:] if not _is_png_xmp(data, block)]
    return b"".join([data[: blocks[0].end], *ours, *rest, data[blocks[-1].end :]])


def _is_png_xmp(data: bytes, block: Block) -> bool:
    return block.name == "iTXt" and data.startswith(_PNG_XMP, block.payload)


def _png_chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


# ---------------------------------------------------------------------- JPEG


def _embed_jpeg(data: bytes, meta: GenerationMeta) -> bytes:
    """One APP1 behind JFIF and EXIF, which must come first; a packet there is replaced."""
    blocks = list(box.blocks(data))
    packet = xmp.packet(meta, _find_xmp(data))
    if len(packet) > _JPEG_ROOM:
        packet = xmp.packet(meta)
    if len(packet) > _JPEG_ROOM:
        raise MetadataRefused("These details are too long for a JPEG; 64 KB fit. The file itself is unchanged.")
    payload = _JPEG_XMP + packet
    segment = b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    first = 1
    while _comes_first(data, blocks[first]):
        first += 1
    parts = [data[b.start : b.end] for b in blocks[first:] if _xmp_payload(data, b) is None]
    return b"".join([data[: blocks[first].start], segment, *parts, data[blocks[-1].end :]])


def _comes_first(data: bytes, block: Block) -> bool:
    return block.name == "E0" or (block.name == "E1" and data.startswith(b"Exif\x00", block.payload))


# ---------------------------------------------------------------------- WebP


def _embed_webp(data: bytes, meta: GenerationMeta) -> bytes:
    """The XMP chunk last, behind a VP8X that announces it; a packet there is replaced."""
    blocks = list(box.blocks(data))
    packet = xmp.packet(meta, _find_xmp(data))
    kept = [_padded(data, b) for b in blocks if b.name not in {"VP8X", "XMP "}]
    head = next((data[b.payload : b.payload_end] for b in blocks if b.name == "VP8X"), None) or _vp8x(data)
    extended = bytes([head[0] | 0x04]) + head[1:]
    body = b"".join([b"WEBP", _riff(b"VP8X", extended), *kept, _riff(b"XMP ", packet)])
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _vp8x(data: bytes) -> bytes:
    head = box.header(data)
    size = (head.width - 1).to_bytes(3, "little") + (head.height - 1).to_bytes(3, "little")
    return struct.pack("<I", 0x10 if head.alpha else 0) + size


def _padded(data: bytes, block: Block) -> bytes:
    return _riff(block.name.encode("latin-1"), data[block.payload : block.payload_end])


def _riff(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\x00" * (len(payload) & 1)


# ---------------------------------------------------------------------- MP4


def mp4_box(meta: GenerationMeta) -> bytes:
    """The box to send after a clip's own bytes, for downloads that are streamed rather than held."""
    packet = xmp.packet(meta)
    return struct.pack(">I4s", 24 + len(packet), b"uuid") + _MP4_XMP + packet


def _embed_mp4(data: bytes, meta: GenerationMeta) -> bytes:
    """Appended: nothing before it moves, so no offset changes. A last box that runs "to the end" gets its length."""
    boxes = _mp4_boxes(data)
    _, start, end = boxes[-1]
    if data[start : start + 4] == b"\x00\x00\x00\x00":
        if end - start >= 1 << 32:
            raise Malformed("an open box too long to close")
        data = data[:start] + struct.pack(">I", end - start) + data[start + 4 :]
    old = next((b for b in boxes if b[0] == b"uuid" and data[b[1] + 8 : b[1] + 24] == _MP4_XMP), None)
    if old is not None and old[2] == len(data):
        return data[: old[1]] + mp4_box(meta)
    if old is not None:  # a later box may be pointed at, so the old packet is made free space instead of removed
        data = data[: old[1] + 4] + b"free" + data[old[1] + 8 :]
    return data + mp4_box(meta)


def _mp4_boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Top-level boxes as (kind, start, end)."""
    found: list[tuple[bytes, int, int]] = []
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        end = len(data) if size == 0 else at + size
        if end > len(data) or end < at + 8 or len(found) > box.MOST_BLOCKS:
            raise Malformed("a box runs past the end")
        found.append((kind, at, end))
        at = end
    if not found or found[0][0] != b"ftyp":
        raise Malformed("not an MP4")
    return found


def _find_mp4(data: bytes, kind: bytes) -> bytes | None:
    """The payload of the uuid box of this kind."""
    for name, start, end in _mp4_boxes(data):
        if name == b"uuid" and data[start + 8 : start + 24] == kind:
            return data[start + 24 : end]
    return None
