"""Files made to hurt: bombs, disguises, two-in-one files and broken ones.

`python -m tests.hostile FOLDER` feeds a folder of them to the uploads and prints one JSON line a file, with the seconds
of a processor it took (`s`) and the peak memory of the process so far in MB.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

PAYLOAD = b"<script>alert('studio-payload')</script>"
# The EICAR test string in two parts, so that this file is not itself taken for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

Corpus = dict[str, Callable[[], bytes]]


def picture(width: int = 64, height: int = 64, mode: str = "RGB") -> Image.Image:
    """A gradient with a disc, so that nothing is flat."""
    image = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=(220, 40, 90))
    return image.convert(mode)


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *extra: bytes, idat: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


def insert(data: bytes, at: int, extra: bytes) -> bytes:
    return data[:at] + extra + data[at:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(n + struct.pack("<I", len(b)) + b + b"\x00" * (len(b) & 1) for n, b in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("payload.html", PAYLOAD)
    return out.getvalue()


def resized_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size."""
    data = encoded("JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def resized_png(width: int, height: int) -> bytes:
    data = encoded("PNG")
    return png(width, height, idat=data[data.index(b"IDAT") + 4 : -16])


def scan_bomb(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encoded("JPEG", picture(512, 512), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + b"\xff\xd9"


def flat_jpeg(mode: str, side: int, **options: Any) -> bytes:
    return encoded("JPEG", Image.new(mode, (side, side)), subsampling=0, **options)


def exif_loop() -> bytes:
    """EXIF whose directory claims 65,535 entries and points at itself."""
    tiff = b"MM\x00*" + struct.pack(">I", 8) + b"\xff\xff" + struct.pack(">HHII", 0x8769, 4, 1, 8) * 4000
    return segment(0xE1, b"Exif\x00\x00" + tiff[:65000])


def vp8x(width: int, height: int, flags: int = 0) -> bytes:
    return struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def lossy_frame() -> bytes:
    data = encoded("WEBP")
    return data[20 : 20 + int.from_bytes(data[16:20], "little")]


@cache
def zeros() -> bytes:
    """64 MB of nothing, packed; made once, and only where it is used."""
    return zlib.compress(bytes(64 << 20), 9)


def bombs() -> Corpus:
    return {
        "png-60000x60000": lambda: png(60_000, 60_000, idat=zlib.compress(b"\0" * 1000)),
        "png-2147483647": lambda: png(2**31 - 1, 2**31 - 1, idat=b""),
        "png-6001x6000": lambda: png(6001, 6000, idat=zeros()),
        "png-6000x6000-no-data": lambda: png(6000, 6000, idat=zlib.compress(b"\0" * 100)),
        "png-idat-inflates-to-64-mb": lambda: png(64, 64, idat=zeros()),
        "png-ztxt-bomb": lambda: insert(encoded("PNG"), 33, chunk(b"zTXt", b"Comment\0\0" + zeros()) * 20),
        "png-iccp-bomb": lambda: insert(encoded("PNG"), 33, chunk(b"iCCP", b"icc\0\0" + zeros())),
        "png-itxt-bomb": lambda: insert(encoded("PNG"), 33, chunk(b"iTXt", b"k\0\1\0\0\0" + zeros())),
        "png-120000-chunks": lambda: insert(encoded("PNG"), 33, chunk(b"tEXt", b"a\x00b") * 120_000),
        "png-1xn": lambda: png(1, 1_000_000, idat=zeros()),
        "png-long-strip": lambda: png(35_000, 1000, idat=zeros()),
        "jpeg-65535x65535": lambda: resized_jpeg(65535, 65535),
        "jpeg-6000x6000-no-data": lambda: resized_jpeg(6000, 6000),
        "jpeg-progressive-cmyk-36mp": lambda: flat_jpeg("CMYK", 6000, progressive=True),
        "jpeg-1000-scans": lambda: scan_bomb(1000),
        "jpeg-100000-markers": lambda: insert(encoded("JPEG"), 2, segment(0xFE, b"x") * 100_000),
        "jpeg-100000-restarts": lambda: insert(encoded("JPEG"), 2, b"\xff\xd0" * 100_000),
        "jpeg-fill-bytes": lambda: insert(encoded("JPEG"), 2, b"\xff" * 5_000_000),
        "jpeg-scan-of-ff": lambda: encoded("JPEG")[:-2] + b"\xff" * 10_000_000 + b"\x00\xff\xd9",
        "jpeg-exif-bomb": lambda: insert(encoded("JPEG"), 2, exif_loop()),
        "jpeg-icc-bomb": lambda: insert(
            encoded("JPEG"),
            2,
            b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes([i, 255]) + b"x" * 65_000) for i in range(1, 256)),
        ),
        "webp-16384x16384": lambda: riff((b"VP8X", vp8x(16384, 16384)), (b"VP8 ", lossy_frame())),
        "webp-16777216x1": lambda: riff((b"VP8X", vp8x(2**24, 1)), (b"VP8 ", lossy_frame())),
        "webp-25mp": lambda: encoded("WEBP", Image.new("RGB", (5000, 5000)), quality=1, method=0),
        "31-mb": lambda: encoded("PNG") + bytes(31_000_000),
    }


def disguises() -> Corpus:
    ftyp = struct.pack(">I4s", 24, b"ftyp")
    return {
        "gif": lambda: encoded("GIF"),
        "bmp": lambda: encoded("BMP"),
        "tiff": lambda: encoded("TIFF"),
        "ico": lambda: encoded("ICO"),
        "ppm": lambda: encoded("PPM"),
        "tga": lambda: encoded("TGA"),
        "avif": lambda: encoded("AVIF"),
        "svg": lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">' + PAYLOAD + b"</svg>",
        "svgz": lambda: gzip.compress(b"<svg/>"),
        "html": lambda: b"<!doctype html>" + PAYLOAD,
        "pdf": lambda: b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF",
        "zip": archive,
        "exe": lambda: b"MZ\x90\x00" + bytes(500) + b"PE\0\0",
        "elf": lambda: b"\x7fELF" + bytes(500),
        "eicar": lambda: EICAR,
        "heic": lambda: ftyp + b"heic" + bytes(100),
        "mp4": lambda: ftyp + b"isom" + bytes(100),
        "wav": lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
        "psd": lambda: b"8BPS\0\1" + bytes(100),
        "text": "Just a note, nothing else. 日本語".encode,
        "empty": lambda: b"",
        "one-byte": lambda: b"\x89",
        "nul-bytes": lambda: bytes(5000),
        "ff-bytes": lambda: b"\xff" * 5000,
        "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "gifar": lambda: encoded("GIF") + archive(),
        "phar": lambda: b"<?php __HALT_COMPILER(); ?>" + encoded("JPEG"),
        "newline-before-png": lambda: b"\n" + encoded("PNG"),
        "bom-before-jpeg": lambda: b"\xef\xbb\xbf" + encoded("JPEG"),
    }


def two_in_one() -> Corpus:
    """Valid pictures with something else aboard: accepted, and the stored bytes hold none of it."""
    photo = encoded("JPEG")
    drawing = encoded("PNG")
    webp = encoded("WEBP")
    return {
        "jpeg+zip": lambda: photo + archive(),
        "jpeg+html-comment": lambda: insert(photo, 2, segment(0xFE, PAYLOAD)),
        "jpeg+app-segment": lambda: insert(photo, 2, segment(0xEC, PAYLOAD * 100)),
        "jpeg+exif": lambda: insert(photo, 2, segment(0xE1, b"Exif\0\0MM\0*" + PAYLOAD)),
        "jpeg+xmp": lambda: insert(photo, 2, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PAYLOAD)),
        "jpeg+icc-garbage": lambda: insert(photo, 2, segment(0xE2, b"ICC_PROFILE\0\1\1" + PAYLOAD)),
        "jpeg+js": lambda: insert(photo, 2, segment(0xFE, b"*/=1;alert(1)/*" + PAYLOAD)) + b"*/",
        "jpeg+mpo": lambda: encoded("MPO", save_all=True, append_images=[picture(32, 32)]) + PAYLOAD,
        "png+html": lambda: drawing + PAYLOAD,
        "png+zip": lambda: drawing + archive(),
        "png+text": lambda: insert(drawing, 33, chunk(b"tEXt", b"Comment\0" + PAYLOAD)),
        "png+private-chunk": lambda: insert(drawing, 33, chunk(b"prVt", PAYLOAD)),
        "png+exif": lambda: insert(drawing, 33, chunk(b"eXIf", b"MM\0*" + PAYLOAD)),
        "png+idat-tail": lambda: png(
            64, 64, idat=zlib.compress(b"".join(b"\0" + row for row in _rows(picture())) + PAYLOAD * 9, 0)
        ),
        "webp+trailer": lambda: webp + PAYLOAD,
        "webp+unknown-chunk": lambda: riff((b"VP8 ", lossy_frame()), (b"junk", PAYLOAD)),
        "webp+xmp": lambda: riff((b"VP8X", vp8x(64, 64, 4)), (b"VP8 ", lossy_frame()), (b"XMP ", PAYLOAD)),
    }


def _rows(image: Image.Image) -> list[bytes]:
    raw, width = image.tobytes(), image.width * 3
    return [raw[at : at + width] for at in range(0, len(raw), width)]


def broken() -> Corpus:
    photo, drawing, webp = encoded("JPEG", picture(256, 256)), encoded("PNG"), encoded("WEBP", picture(256, 256))
    cut = {
        f"{name}-cut-at-{tenth}0%": (lambda data=data, tenth=tenth: data[: len(data) * tenth // 10])
        for name, data in (("jpeg", photo), ("png", drawing), ("webp", webp))
        for tenth in (1, 3, 5, 7, 9)
    }
    frames = [picture(64, 64), picture(64, 64).rotate(90)]
    return {
        **cut,
        "jpeg-only-signature": lambda: b"\xff\xd8\xff",
        "png-only-signature": lambda: drawing[:8],
        "jpeg-last-byte-gone": lambda: photo[:-1],
        "jpeg-cut-and-closed": lambda: photo[: len(photo) // 2] + b"\xff\xd9",
        "jpeg-zero-size": lambda: resized_jpeg(0, 0),
        "jpeg-arithmetic": lambda: photo.replace(b"\xff\xc0", b"\xff\xc9", 1),
        "jpeg-two-frames": lambda: insert(photo, photo.index(b"\xff\xc0"), photo[photo.index(b"\xff\xc0") :][:19]),
        "png-bad-checksum": lambda: drawing[:40] + bytes([drawing[40] ^ 255]) + drawing[41:],
        "png-zero-size": lambda: resized_png(0, 0),
        "png-taller-than-its-data": lambda: resized_png(64, 200),
        "png-depth-3": lambda: png(64, 64, depth=3),
        "png-no-idat": lambda: drawing[:33] + chunk(b"IEND", b""),
        "png-two-ihdr": lambda: insert(drawing, 33, drawing[8:33]),
        "png-chunk-length-4gb": lambda: insert(drawing, 33, b"\xff\xff\xff\xfftEXt"),
        "apng": lambda: encoded("PNG", frames[0], save_all=True, append_images=frames[1:]),
        "webp-animated": lambda: encoded("WEBP", frames[0], save_all=True, append_images=frames[1:]),
        "webp-lying-header": lambda: riff((b"VP8X", vp8x(4000, 4000)), (b"VP8 ", lossy_frame())),
        "webp-riff-too-long": lambda: b"RIFF" + struct.pack("<I", 1 << 30) + webp[8:],
        "webp-no-frame": lambda: riff((b"VP8X", vp8x(64, 64)), (b"junk", bytes(64))),
        "webp-two-frames": lambda: riff((b"VP8 ", lossy_frame()), (b"VP8 ", lossy_frame())),
        "webp-garbage-frame": lambda: riff((b"VP8 ", lossy_frame()[:10] + b"\xaa" * 500)),
        "1x1": lambda: encoded("PNG", picture(1, 1)),
        "14x14": lambda: encoded("PNG", picture(14, 14)),
        "1x2000-strip": lambda: encoded("PNG", picture(1, 2000)),
        "15x241-strip": lambda: encoded("JPEG", picture(15, 241)),
    }


def heavy() -> Corpus:
    """Within every limit and as costly as the limits allow; accepted."""
    turned = segment(0xE1, b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0))
    return {
        "jpeg-36mp-progressive-turned": lambda: insert(flat_jpeg("RGB", 6000, progressive=True), 2, turned),
        "jpeg-30mp-cmyk": lambda: flat_jpeg("CMYK", 5500),
        "png-36mp-alpha-turned": lambda: insert(
            encoded("PNG", Image.new("RGBA", (6000, 6000), (9, 8, 7, 99)), compress_level=1),
            33,
            chunk(b"eXIf", turned[10:]),
        ),
        "webp-24mp": lambda: encoded("WEBP", Image.new("RGB", (6000, 4000)), quality=1, method=0),
    }


REFUSED: tuple[Callable[[], Corpus], ...] = (bombs, disguises, broken)
# Bombs that are pictures all the same once everything but the pixels is left out.
HARMLESS_ONCE_STRIPPED = {
    "png-idat-inflates-to-64-mb",
    "png-ztxt-bomb",
    "png-iccp-bomb",
    "png-itxt-bomb",
    "jpeg-exif-bomb",
    "jpeg-icc-bomb",
    "jpeg-fill-bytes",
    "jpeg-scan-of-ff",
    "jpeg-cut-and-closed",
    "webp-garbage-frame",
}


def corpus() -> Iterator[tuple[str, Callable[[], bytes]]]:
    for family in (*REFUSED, two_in_one, heavy):
        yield from family().items()


def _peak_mb() -> float:
    """This program's own peak. `ru_maxrss` would not do: it starts at the peak of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]  # always there on Linux


def main(folder: str) -> None:
    """Accept every file of a folder in turn; one JSON line each, then the peak of this process."""
    from studio.errors import StudioError
    from studio.services.media import uploads

    for path in sorted(Path(folder).iterdir()):
        began = time.process_time()
        line: dict[str, Any] = {"name": path.name}
        try:
            clean = uploads.accept(path)
            line |= {
                "size": [clean.width, clean.height],
                "mime": clean.mime,
                "payload": b"studio-payload" in clean.data,
            }
        except StudioError as error:
            line |= {"refused": type(error).__name__, "says": error.message}
        line |= {"s": round(time.process_time() - began, 3)}
        line |= {"peak_mb": _peak_mb()}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
