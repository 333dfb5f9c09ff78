"""A download says how it was made; its pixels, and any manifest it carries, stay what they were."""

from __future__ import annotations

import io
import struct
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest
from PIL import Image, ImageCms

from studio.services.media import cleaning, metadata, xmp
from studio.services.media.metadata import GenerationMeta, MetadataRefused, embed, has_c2pa, read
from studio.services.storage import new_key, open_storage
from tests.hostile import chunk, encoded, insert, picture, riff, segment, vp8x
from tests.unit.test_media_video import clip

PROMPTS = {
    "plain": "a red fox in the snow",
    "empty": "",
    "emoji": "🦊 naïve café — 日本語 \U0001f468\u200d\U0001f469",
    "quotes": """He said "it's <b>5 > 3</b> & that's it" &amp; &#10;""",
    "breaks": "one\r\ntwo\n\n\tthree\r  four  ",
    "cdata": "]]> <![CDATA[ <!-- x --> <?xpacket end='w'?> </rdf:RDF></x:xmpmeta>",
    "long": "An ox & a 🦊. " * 715,
    "ten thousand ampersands": "&" * 10_000,
}
CREATED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def meta(prompt: str = "a fox", seed: int | None = 42) -> GenerationMeta:
    parameters = {"size": "2K", "watermark": False, "scale": 2.5, "note": "<&\"'>]]>"}
    return GenerationMeta("seedream-4-5-251128", prompt, CREATED, parameters, seed)


def see_through() -> Image.Image:
    image = picture(64, 64, "RGBA")
    image.putalpha(100)
    return image


FILES = {
    "png": ("image/png", encoded("PNG")),
    "png-alpha": ("image/png", encoded("PNG", see_through())),
    "jpeg": ("image/jpeg", encoded("JPEG")),
    "jpeg-exif": ("image/jpeg", encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")),
    "jpeg-no-app0": ("image/jpeg", encoded("JPEG")[:2] + encoded("JPEG")[20:]),
    "jpeg-progressive": ("image/jpeg", encoded("JPEG", progressive=True)),
    "jpeg-cmyk": ("image/jpeg", encoded("JPEG", picture(64, 64, "CMYK"))),
    "webp": ("image/webp", encoded("WEBP")),
    "webp-lossless": ("image/webp", encoded("WEBP", lossless=True)),
    "webp-lossless-alpha": ("image/webp", encoded("WEBP", see_through(), lossless=True)),
    "webp-alpha": ("image/webp", encoded("WEBP", see_through())),
}


def pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    image = Image.open(io.BytesIO(data))
    return image.mode, image.size, image.tobytes()


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip(tmp_path_factory.mktemp("clip") / "a.mp4", audio=True).read_bytes()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_picture_carries_how_it_was_made_and_keeps_its_pixels(name: str, prompt: str) -> None:
    mime, data = FILES[name]
    assert read(data, mime) is None
    copy = embed(data, mime, meta(prompt))
    assert pixels(copy) == pixels(data)
    assert read(copy, mime) == {
        "software": "Studio",
        "model": "seedream-4-5-251128",
        "prompt": prompt,
        "parameters": meta().parameters,
        "created": "2026-11-22T09:30:00+00:00",
        "seed": 42,
    }


@pytest.mark.parametrize("name", FILES)
def test_a_second_copy_replaces_the_first_packet(name: str) -> None:
    mime, data = FILES[name]
    once = embed(data, mime, meta("one"))
    twice = embed(once, mime, meta("two", seed=None))
    assert pixels(twice) == pixels(data)
    found = read(twice, mime)
    assert found is not None
    assert (found["prompt"], found["seed"]) == ("two", None)
    assert twice.count(b"<studio:model>") == 1


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_the_packet_is_well_formed_and_other_programs_find_the_prompt(prompt: str) -> None:
    root = ET.fromstring(xmp.packet(meta(prompt)).decode())  # noqa: S314  our own packet
    captions = [item.text or "" for item in root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")]
    assert captions == [prompt]
    copy = embed(FILES["jpeg"][1], "image/jpeg", meta(prompt))
    assert b"trainedAlgorithmicMedia" in Image.open(io.BytesIO(copy)).info["xmp"]


def test_the_packet_stands_where_its_format_wants_it() -> None:
    for name, marker in (("jpeg", b"\xff\xe0"), ("jpeg-exif", b"\xff\xe0"), ("jpeg-no-app0", b"\xff\xe1")):
        copy = embed(FILES[name][1], "image/jpeg", meta())
        assert copy[2:4] == marker
        assert copy.find(b"Exif") < copy.find(b"http://ns.adobe.com/xap")
    for name in ("webp", "webp-alpha", "webp-lossless"):
        copy = embed(FILES[name][1], "image/webp", meta())
        assert copy[12:16] == b"VP8X"
        assert copy[20] & 0x04


def test_png_text_is_readable_by_simple_tools() -> None:
    image = Image.open(io.BytesIO(embed(FILES["png"][1], "image/png", meta("fox 🦊"))))
    assert image.info["Software"] == "Studio"
    assert image.info["Description"] == "fox 🦊"


def test_what_xml_cannot_hold_is_replaced_and_not_a_crash() -> None:
    for mime, data in (FILES["png"], FILES["jpeg"], FILES["webp"]):
        found = read(embed(data, mime, meta("a\x00b\x07c\ud800d\ufffee")), mime)
        assert found is not None
        assert found["prompt"] == "a\ufffdb\ufffdc\ufffdd\ufffde"


def test_what_a_packet_said_before_is_still_said() -> None:
    theirs = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:t="urn:label" xmlns:dc="http://purl.org/dc/elements/1.1/"><t:AIGC>1</t:AIGC>'
        b'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">theirs</rdf:li></rdf:Alt></dc:description>'
        b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    for mime, data in (
        ("image/jpeg", encoded("JPEG", xmp=theirs)),
        ("image/webp", encoded("WEBP", xmp=theirs)),
        ("image/png", insert(encoded("PNG"), 33, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + theirs))),
    ):
        copy = embed(data, mime, meta("mine"))
        assert pixels(copy) == pixels(data)
        assert b"<t:AIGC>1</t:AIGC>" in copy
        assert copy.count(b"<dc:description>") == 1
        found = read(copy, mime)
        assert found is not None
        assert found["prompt"] == "mine"


@pytest.mark.parametrize(
    "theirs",
    [
        b"not xml",
        b"\xff\xfe<\x00",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        b"",
    ],
)
def test_a_packet_that_cannot_be_trusted_is_replaced(theirs: bytes) -> None:
    data = insert(encoded("JPEG"), 2, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + theirs))
    assert read(data, "image/jpeg") is None
    found = read(embed(data, "image/jpeg", meta("mine")), "image/jpeg")
    assert found is not None
    assert found["prompt"] == "mine"


def test_what_does_not_fit_a_jpeg_is_refused_and_fits_a_png() -> None:
    long = meta("x" * 70_000)
    with pytest.raises(MetadataRefused) as refused:
        embed(FILES["jpeg"][1], "image/jpeg", long)
    assert "64 KB" in refused.value.message
    assert read(embed(FILES["png"][1], "image/png", long), "image/png")


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp", "video/mp4", "image/gif"])
@pytest.mark.parametrize("data", [b"", b"RIFF", b"\xff\xd8\xff\xe0", bytes(100), b"GIF89a" + bytes(50)])
def test_what_is_no_such_file_is_refused(mime: str, data: bytes) -> None:
    with pytest.raises(MetadataRefused):
        embed(data, mime, meta())
    assert read(data, mime) is None
    assert has_c2pa(data, mime) is False


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_clip_carries_it_behind_its_own_unchanged_bytes(movie: bytes, prompt: str) -> None:
    copy = embed(movie, "video/mp4", meta(prompt))
    assert copy == movie + metadata.mp4_box(meta(prompt))
    found = read(copy, "video/mp4")
    assert found is not None
    assert found["prompt"] == prompt
    assert embed(copy, "video/mp4", meta("again")) == movie + metadata.mp4_box(meta("again"))


def test_a_clip_still_plays_whole(movie: bytes) -> None:
    def packets(data: bytes) -> list[tuple[int | None, bytes]]:
        with av.open(io.BytesIO(data), "r") as container:
            return [(packet.pts, bytes(packet)) for packet in container.demux()]

    assert packets(embed(movie, "video/mp4", meta())) == packets(movie)


def test_a_last_box_without_a_length_gets_one(movie: bytes) -> None:
    tail = struct.pack(">I4s", 0, b"free") + bytes(40)
    copy = embed(movie + tail, "video/mp4", meta("open end"))
    found = read(copy, "video/mp4")
    assert found is not None
    assert found["prompt"] == "open end"


def with_manifest(movie: bytes) -> dict[str, tuple[str, bytes]]:
    jumbf = (
        b"JP\0\1\0\0\0\1" + struct.pack(">I4s", 60, b"jumb") + struct.pack(">I4s", 30, b"jumd") + b"c2pa" + bytes(40)
    )
    frame = encoded("WEBP")[20:]
    uuid = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    return {
        "jpeg": ("image/jpeg", insert(encoded("JPEG"), 20, segment(0xEB, jumbf))),
        "png": ("image/png", insert(encoded("PNG"), 33, chunk(b"caBX", jumbf))),
        "webp": ("image/webp", riff((b"VP8X", vp8x(64, 64)), (b"VP8 ", frame), (b"C2PA", jumbf))),
        "mp4": ("video/mp4", movie + struct.pack(">I4s", 24 + len(jumbf), b"uuid") + uuid + jumbf),
    }


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "mp4"])
def test_a_manifest_is_noticed_and_left_where_it_is(movie: bytes, name: str) -> None:
    mime, data = with_manifest(movie)[name]
    assert has_c2pa(data, mime)
    original = bytes(data)
    copy = embed(data, mime, meta("mine"))
    assert data == original
    assert has_c2pa(copy, mime)
    found = read(copy, mime)
    assert found is not None
    assert found["prompt"] == "mine"


def test_files_without_a_manifest_have_none(movie: bytes) -> None:
    assert not any(has_c2pa(data, mime) for mime, data in FILES.values())
    assert not has_c2pa(movie, "video/mp4")
    assert not has_c2pa(embed(movie, "video/mp4", meta()), "video/mp4")


def test_real_photos_keep_every_pixel() -> None:
    for path in (Path(__file__).parent.parent / "data").glob("photo-*.jpg"):
        data = path.read_bytes()
        assert pixels(embed(data, "image/jpeg", meta())) == pixels(data)


@pytest.mark.parametrize("name", FILES)
def test_a_clean_copy_says_nothing_and_has_the_same_pixels(name: str) -> None:
    mime, data = FILES[name]
    told = embed(data, mime, meta("a secret fox"))
    copy = cleaning.clean(told, mime)
    assert pixels(copy) == pixels(data)
    assert read(copy, mime) is None
    for word in (b"secret", b"Studio", b"xmp", b"Exif"):
        assert word not in copy
    assert cleaning.clean(copy, mime) == copy


def test_a_clean_copy_loses_its_manifest_and_keeps_its_colours() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    note = segment(0xEB, b"JP\x00\x01\x00\x00\x00\x01\x00\x00\x00\x30jumb\x00\x00\x00\x1ejumdc2pa")
    plain = encoded("JPEG", icc_profile=profile)
    signed = insert(plain, 2, note)
    assert has_c2pa(signed, "image/jpeg")
    copy = cleaning.clean(signed, "image/jpeg")
    assert not has_c2pa(copy, "image/jpeg")
    assert Image.open(io.BytesIO(copy)).info["icc_profile"] == profile


def test_a_clean_clip_plays_the_same_and_nothing_in_it_moved(movie: bytes, tmp_path: Path) -> None:
    told = embed(movie, "video/mp4", meta("a secret fox"))
    copy = cleaning.clean(told, "video/mp4")
    assert len(copy) == len(told)
    assert b"secret" not in copy
    assert read(copy, "video/mp4") is None
    frames = []
    for data in (movie, copy):
        with av.open(io.BytesIO(data), "r") as container:
            frames.append([frame.to_ndarray().tobytes() for frame in container.decode(video=0)])
    assert frames[0] == frames[1]
    for broken in (b"", movie[:100], b"\x00\x00\x00\x08moov" + movie):
        with pytest.raises(MetadataRefused):
            cleaning.clean(broken, "video/mp4")


async def test_a_stored_file_is_asked_for_its_manifest_without_being_read_whole(tmp_path: Path, movie: bytes) -> None:
    store = open_storage(tmp_path / "objects")
    manifest = struct.pack(">I4s", 40, b"uuid") + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(16)
    first = int.from_bytes(movie[:4], "big")
    files = {
        "image/png": (encoded("PNG"), insert(encoded("PNG"), 33, chunk(b"caBX", b"c2pa" * 9))),
        "video/mp4": (movie, movie[:first] + manifest + movie[first:]),
    }
    for mime, (plain, signed) in files.items():
        for data, expected in ((plain, False), (signed + bytes(3 << 20), True)):
            key = new_key("o")
            await store.put(key, data, content_type=mime)
            assert await metadata.carries_c2pa(store, key=key, mime=mime, size=len(data)) is expected
    await store.close()
