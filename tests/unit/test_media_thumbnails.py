"""Thumbnails are small, true to the picture and quick to make; headers are read without decoding."""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from studio.services.media import MediaUnreadable, probe, thumbnails
from tests.hostile import encoded, picture

PHOTO = Path(__file__).parent.parent / "data" / "photo-deep-field.jpg"


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


async def test_three_sizes_by_the_longest_side_in_the_shape_of_the_picture() -> None:
    made = await thumbnails.make(encoded("JPEG", picture(2048, 1024)))
    assert (made.width, made.height) == (2048, 1024)
    assert {size: opened(data).size for size, data in made.images.items()} == {
        256: (256, 128),
        512: (512, 256),
        1024: (1024, 512),
    }
    assert {opened(data).format for data in made.images.values()} == {"WEBP"}


async def test_nothing_is_enlarged() -> None:
    made = await thumbnails.make(encoded("PNG", picture(300, 200)))
    assert {size: opened(data).size for size, data in made.images.items()} == {
        256: (256, 171),
        512: (300, 200),
        1024: (300, 200),
    }


async def test_they_look_like_the_picture() -> None:
    made = await thumbnails.make(PHOTO)
    assert (made.width, made.height) == (1000, 872)
    small = Image.open(PHOTO).resize((256, 223), Image.Resampling.LANCZOS)
    delta = ImageStat.Stat(ImageChops.difference(opened(made.images[256]).convert("RGB"), small)).mean
    assert max(delta) < 6


@pytest.mark.parametrize("mode", ["P", "1", "L", "LA", "RGBA"])
async def test_every_sort_of_png_has_them(mode: str) -> None:
    made = await thumbnails.make(encoded("PNG", picture(1200, 1200).convert(mode)))
    assert opened(made.images[1024]).size == (1024, 1024)


async def test_transparency_is_kept() -> None:
    image = picture(600, 600, "RGBA")
    image.putalpha(0)
    made = await thumbnails.make(encoded("PNG", image))
    assert opened(made.images[256]).convert("RGBA").getpixel((9, 9))[3] == 0  # type: ignore[index]


async def test_a_turned_photo_has_upright_ones() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    made = await thumbnails.make(encoded("JPEG", picture(800, 400), exif=exif.tobytes()))
    assert (made.width, made.height) == (400, 800)
    assert opened(made.images[256]).size == (128, 256)
    assert "exif" not in opened(made.images[256]).info


@pytest.mark.parametrize("data", [b"", b"GIF89a", encoded("JPEG")[:200], encoded("GIF")])
async def test_what_is_no_picture_says_so(data: bytes) -> None:
    with pytest.raises(MediaUnreadable):
        await thumbnails.make(data)
    with pytest.raises(MediaUnreadable):
        probe.image(data[:60])


async def test_all_three_of_a_four_megapixel_jpeg_are_quick() -> None:
    data = encoded("JPEG", Image.open(PHOTO).convert("RGB").resize((2048, 2048)), quality=92)
    times = []
    for _ in range(3):
        began = time.process_time()  # of every thread of this process, and of no other
        await thumbnails.make(data)
        times.append(time.process_time() - began)
    assert min(times) < 0.5, statistics.median(times)  # about 0.06 s; the margin is for slower processors


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_a_header_is_enough_to_know_a_picture(kind: str, mime: str) -> None:
    assert probe.image(encoded(kind, picture(123, 77))[:700]) == (mime, 123, 77)
    assert probe.image(PHOTO.read_bytes()) == ("image/jpeg", 1000, 872)


def test_a_lossless_and_a_transparent_webp_are_known_too() -> None:
    assert probe.image(encoded("WEBP", picture(99, 55), lossless=True)) == ("image/webp", 99, 55)
    image = picture(99, 55, "RGBA")
    image.putalpha(9)
    assert probe.image(encoded("WEBP", image)) == ("image/webp", 99, 55)


def test_no_vendor_library_is_loaded_before_it_is_used() -> None:
    """Pillow, PyAV and boto3 cost tens of megabytes in every process that only imports the services."""
    code = (
        "import sys, studio.services.storage, studio.services.media.uploads, studio.services.media.thumbnails,"
        " studio.services.media.posters, studio.services.media.probe, studio.services.media.metadata\n"
        "print([name for name in ('PIL', 'av', 'boto3', 'botocore', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
