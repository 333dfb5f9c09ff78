"""What a person gets from an upload: their picture, upright, in true colours, and nothing that rode along."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from studio.services.media import uploads
from studio.services.media.containers import Malformed
from studio.services.media.stripping import strip
from studio.services.media.uploads import CleanImage, accept_image, check_frame
from tests.hostile import chunk, encoded, insert, picture, segment

PHOTOS = sorted((Path(__file__).parent.parent / "data").glob("photo-*.jpg"))


def opened(clean: CleanImage) -> Image.Image:
    return Image.open(io.BytesIO(clean.data))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of a channel, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


def orientation(value: int) -> bytes:
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([value]) + b"\0\0\0\0\0\0"


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.stem)
async def test_real_photos_come_through_without_their_metadata(path: Path) -> None:
    clean = await accept_image(path)
    image, before = opened(clean), Image.open(path)
    assert (clean.mime, image.format) == ("image/jpeg", "JPEG")
    assert image.size == before.size == (clean.width, clean.height)
    assert not set(image.info) & {"exif", "xmp", "icc_profile", "comment", "adobe"}
    assert dict(image.getexif()) == {}
    assert b"Photoshop" not in clean.data
    assert clean.sha256 == hashlib.sha256(clean.data).hexdigest()


async def test_two_photos_are_there_to_be_tried() -> None:
    assert len(PHOTOS) == 2


async def test_the_name_and_suffix_of_a_file_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "photo.gif").write_bytes(encoded("PNG"))
    assert (await accept_image(tmp_path / "photo.gif")).mime == "image/png"


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_turned_photo_comes_out_upright(value: int, kind: str) -> None:
    upright = picture(80, 48)
    exif = Image.Exif()
    exif[0x0112] = value
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}.get(value)
    stored = upright if back is None else upright.transpose(Image.Transpose(back))
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    clean = await accept_image(encoded(kind, stored, exif=exif.tobytes(), **options))
    assert (clean.width, clean.height) == (80, 48)
    assert difference(opened(clean), upright) < 3


async def test_a_profile_is_applied_and_then_gone() -> None:
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    plain = await accept_image(encoded("PNG", picture(64, 64)))
    wrong_space = await accept_image(encoded("PNG", picture(64, 64), icc_profile=lab_like.tobytes()))
    assert opened(plain).tobytes() == opened(wrong_space).tobytes()
    for path in PHOTOS:  # one says sRGB, the other Adobe RGB
        before = Image.open(path)
        expected = ImageCms.profileToProfile(
            before, io.BytesIO(before.info["icc_profile"]), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        assert expected is not None
        assert difference(opened(await accept_image(path)), expected) < 3
        if "rocket" in path.stem:
            assert difference(before, expected) > 4


async def test_transparency_is_kept_as_png() -> None:
    image = picture(64, 64, "RGBA")
    image.putalpha(Image.linear_gradient("L").resize((64, 64)))
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        clean = await accept_image(encoded(kind, image, **options))
        assert (clean.mime, opened(clean).mode) == ("image/png", "RGBA")
        assert opened(clean).tobytes() == image.tobytes()


async def test_an_alpha_channel_that_hides_nothing_is_dropped() -> None:
    clean = await accept_image(encoded("PNG", Image.effect_noise((99, 99), 80).convert("RGBA")))
    assert opened(clean).mode == "RGB"


async def test_palette_art_stays_exact() -> None:
    art = picture(64, 64).quantize(16)
    clean = await accept_image(encoded("PNG", art))
    assert clean.mime == "image/png"
    assert opened(clean).convert("RGB").tobytes() == art.convert("RGB").tobytes()
    seen = await accept_image(encoded("PNG", art, transparency=0))
    assert opened(seen).mode == "RGBA"


async def test_a_photo_stored_as_png_becomes_a_jpeg() -> None:
    image = Image.merge("RGB", [Image.effect_noise((300, 300), 80) for _ in range(3)])
    clean = await accept_image(encoded("PNG", image))
    assert clean.mime == "image/jpeg"
    assert difference(opened(clean), image) < 9


@pytest.mark.parametrize("mode", ["CMYK", "L"])
async def test_other_colour_spaces_become_rgb(mode: str) -> None:
    clean = await accept_image(encoded("JPEG", picture(64, 64, mode), quality=95))
    assert opened(clean).mode == "RGB"
    assert difference(opened(clean), picture(64, 64, mode)) < 4


async def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    grey = Image.linear_gradient("L").resize((64, 64))
    deep = grey.convert("I").point(lambda value: value * 257).convert("I;16")
    clean = await accept_image(encoded("PNG", deep))
    assert difference(opened(clean), grey) < 2


async def test_one_bit_and_grey_alpha_pictures_come_through() -> None:
    line_art = picture(64, 64, "1")
    assert opened(await accept_image(encoded("PNG", line_art))).convert("1").tobytes() == line_art.tobytes()
    grey = picture(64, 64, "LA")
    grey.putalpha(128)
    assert opened(await accept_image(encoded("PNG", grey))).getpixel((0, 0)) == (*[grey.getpixel((0, 0))[0]] * 3, 128)  # type: ignore[index]


async def test_an_interlaced_png_is_whole() -> None:
    data = bytearray(encoded("PNG", picture(9, 9).resize((33, 21))))
    assert (await accept_image(bytes(data))).width == 33


def test_a_wrong_checksum_is_noticed_before_anything_is_decoded() -> None:
    data = encoded("PNG")
    at = data.index(b"IEND") - 5  # the last byte of the checksum of IDAT
    with pytest.raises(Malformed, match="IDAT does not match its checksum"):
        strip(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


async def test_the_size_limit_names_both_sizes() -> None:
    data = encoded("PNG")
    with pytest.raises(uploads.UploadTooHeavy) as refused:
        await accept_image(data + bytes(41_000_000 - len(data)))
    assert refused.value.message == "30 MB at most. This file is 41 MB. Nothing was kept."
    with pytest.raises(uploads.UploadTooHeavy) as refused:
        await accept_image(data + bytes(30_000_001 - len(data)))
    assert "This file is 30.1 MB" in refused.value.message


async def test_a_file_on_disk_is_not_read_when_it_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(uploads.UploadTooHeavy):
        await accept_image(tmp_path / "huge")


@pytest.mark.parametrize(
    ("size", "accepted"), [((15, 15), True), ((15, 240), True), ((240, 15), True), ((14, 99), False)]
)
async def test_the_smallest_sides_and_the_longest_shapes(size: tuple[int, int], accepted: bool) -> None:
    data = encoded("PNG", picture(*size))
    if accepted:
        assert (await accept_image(data)).width == size[0]
    else:
        with pytest.raises(uploads.UploadTooSmall):
            await accept_image(data)


async def test_what_would_grow_past_the_limit_is_written_smaller_or_refused() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((400, 400), 120) for _ in range(3)])
    data = encoded("JPEG", noise, quality=75)
    clean = await accept_image(data, max_bytes=len(data) + 1000)
    assert len(clean.data) <= len(data) + 1000
    see_through = noise.convert("RGBA")
    see_through.putalpha(Image.effect_noise((400, 400), 50))
    data = encoded("WEBP", see_through, quality=50)
    with pytest.raises(uploads.UploadTooHeavy) as refused:
        await accept_image(data, max_bytes=len(data))
    assert "transparency" in refused.value.message


async def test_a_location_in_exif_does_not_survive_anywhere() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N-secret-place"
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encoded(kind, exif=exif.tobytes())
        assert b"secret-place" in data
        assert b"secret-place" not in (await accept_image(data)).data


async def test_orientation_in_a_directory_that_lies_is_ignored() -> None:
    for tiff in (orientation(9), orientation(6)[:19], b"MM\0*\xff\xff\xff\xff", b""):
        clean = await accept_image(insert(encoded("PNG", picture(40, 20)), 33, chunk(b"eXIf", tiff)))
        assert (clean.width, clean.height) == (40, 20)
        clean = await accept_image(insert(encoded("JPEG", picture(40, 20)), 2, segment(0xE1, b"Exif\0\0" + tiff)))
        assert (clean.width, clean.height) == (40, 20)


@pytest.mark.parametrize("size", [(300, 300), (6000, 2400), (2400, 6000), (750, 300)])
def test_these_can_be_a_frame_of_a_video(size: tuple[int, int]) -> None:
    check_frame(CleanImage(b"", "image/png", *size, ""))


@pytest.mark.parametrize("size", [(299, 400), (6001, 4000), (751, 300), (300, 751), (15, 15)])
def test_these_cannot(size: tuple[int, int]) -> None:
    with pytest.raises(uploads.FrameRefused) as refused:
        check_frame(CleanImage(b"", "image/png", *size, ""))
    assert f"{size[0]} × {size[1]}" in refused.value.message
