"""Files through the routes: pictures in, originals and thumbnails out, downloads that tell how they were made."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import ExifTags, Image

from studio.services.media import metadata
from tests import hostile
from tests.http.people import Guest, rows, sign_in, until, value
from tests.http.wire import STUDIO, connect, load
from tests.system import ROOT, System

ROCKET = (ROOT / "tests" / "data" / "photo-rocket.jpg").read_bytes()
PROMPT = "A lighthouse in the fog, 35 mm"


async def upload(who: Guest, data: bytes, *, role: str = "reference", name: str = "a.jpg") -> Any:
    """POST one picture."""
    async with who.client() as client:
        return await client.post(f"/api/uploads?role={role}", files={"file": (name, data, "image/jpeg")})


def objects(system: System) -> set[str]:
    """Every stored object."""
    folder = system.folder / "data" / "objects"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
async def maker(system: System) -> Guest:
    """Somebody who made a picture and a clip."""
    who = await sign_in(system)
    async with connect(system, cookie=who.token) as socket:
        await load(socket)
        socket.call(f"{STUDIO}.generate", form={"prompt": PROMPT})
        await socket.until(lambda s: s.known("batches"))
    # The same tab may not send twice within the length of a double click, so the clip comes from a second one.
    async with connect(system, cookie=who.token) as socket:
        await load(socket)
        socket.call(f"{STUDIO}.set_media", value="video")
        socket.call(f"{STUDIO}.set_resolution", value="480p")
        socket.call(f"{STUDIO}.set_duration", value=[4])
        socket.call(f"{STUDIO}.generate", form={"prompt": PROMPT})
        await until(
            system,
            "SELECT count(*) = 2 FROM generations WHERE account_id = %s AND state = 'succeeded'",
            who.account_id,
            seconds=40,
        )
    return who


def made(who: Guest, kind: str) -> Any:
    """The row of an output."""
    [row] = rows(who.system, "SELECT * FROM assets WHERE account_id = %s AND kind = %s", who.account_id, kind)
    return row


def stored(who: Guest, key: str) -> bytes:
    """An object's bytes as they lie on the disk."""
    folder = who.system.folder / "data" / "objects"
    [path] = [path for path in folder.rglob("*") if path.is_file() and path.as_posix().endswith(key)]
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize("variant", ["original", "256", "512", "1024"])
async def test_the_owner_gets_the_stored_bytes_and_only_a_private_cache_may_keep_them(
    maker: Guest, kind: str, variant: str
):
    row = made(maker, kind)
    key = row.object_key if variant == "original" else row.thumbnails.get(variant)
    async with maker.client() as client:
        answer = await client.get(f"/media/{row.id}/{variant}")
    assert answer.status_code == 200
    if key:
        assert answer.content == stored(maker, key)
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-type"] == (row.mime if variant == "original" else "image/webp")
    assert "cookie" in answer.headers["vary"].lower()
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("variant", ["0", "1", "257", "4096", "-256", "original/..", "ORIGINAL", "²", "256.0", "x"])
async def test_there_are_no_other_sizes(maker: Guest, variant: str):
    async with maker.client() as client:
        answer = await client.get(f"/media/{made(maker, 'image').id}/{variant}")
    assert answer.status_code == 404


async def test_of_files_asked_for_at_once_only_ones_own_are_given_and_an_ended_session_gets_none(
    maker: Guest, system: System
):
    again, stranger = await sign_in(system, email=maker.email), await sign_in(system)
    theirs = (await upload(stranger, ROCKET)).json()["id"]
    own = [f"/media/{made(maker, kind).id}/{size}" for kind in ("image", "video") for size in (256, 512, 1024)]

    async def all_of(who: Guest) -> list[int]:
        async with who.client() as client:
            asked = [client.get(path) for path in (*own, f"/media/{theirs}/512", "/media/none/512")]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    for _ in range(2):  # the second time the server knows whose session it was
        assert await all_of(again) == [200] * 6 + [404] * 2
        assert await all_of(stranger) == [404] * 6 + [200, 404]
    rows(system, "UPDATE sessions SET seen_at = seen_at - interval '1 hour' WHERE id = %s", again.session_id)
    assert await all_of(again) == [200] * 6 + [404] * 2
    assert value(
        system, "SELECT seen_at > studio_now() - interval '1 minute' FROM sessions WHERE id = %s", again.session_id
    )
    rows(system, "UPDATE sessions SET revoked_at = studio_now() WHERE id = %s", again.session_id)
    assert await all_of(again) == [401] * 8
    rows(system, "UPDATE sessions SET seen_at = seen_at - interval '7 days' WHERE id = %s", stranger.session_id)
    assert await all_of(stranger) == [401] * 8


async def test_a_browser_that_has_the_file_is_told_so(maker: Guest):
    path = f"/media/{made(maker, 'image').id}/512"
    async with maker.client() as client:
        tag = (await client.get(path)).headers["etag"]
        for seen in (tag, f'"another", {tag}', f"W/{tag}", "*"):
            again = await client.get(path, headers={"if-none-match": seen})
            assert (again.status_code, again.content) == (304, b""), seen
            assert again.headers["etag"] == tag
        assert (await client.get(path, headers={"if-none-match": '"another"'})).status_code == 200


async def test_a_player_may_ask_for_any_part_of_a_clip(maker: Guest):
    row = made(maker, "video")
    whole = stored(maker, row.object_key)
    size = len(whole)
    parts = {
        "bytes=0-0": (0, 0),
        "bytes=0-99": (0, 99),
        "bytes=100-199": (100, 199),
        f"bytes={size - 1}-": (size - 1, size - 1),
        "bytes=500-": (500, size - 1),
        "bytes=-50": (size - 50, size - 1),
        f"bytes=-{size * 2}": (0, size - 1),
        f"bytes=10-{size * 2}": (10, size - 1),
    }
    async with maker.client() as client:
        for asked, (first, last) in parts.items():
            answer = await client.get(f"/media/{row.id}/original", headers={"range": asked})
            assert answer.status_code == 206, asked
            assert answer.content == whole[first : last + 1], asked
            assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}", asked
        for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
            answer = await client.get(f"/media/{row.id}/original", headers={"range": asked})
            assert answer.status_code == 416, asked
            assert answer.headers["content-range"] == f"bytes */{size}", asked
        for asked in ("bytes=5-1", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=x-y", "bytes=" + "9" * 40 + "-"):
            answer = await client.get(f"/media/{row.id}/original", headers={"range": asked})
            assert answer.status_code in (200, 416), asked
            assert answer.status_code == 416 or answer.content == whole


@pytest.mark.parametrize("kind", ["image", "video"])
async def test_a_download_carries_prompt_model_and_parameters_and_the_original_does_not_change(maker: Guest, kind: str):
    row = made(maker, kind)
    async with maker.client() as client:
        told = await client.get(f"/download/{row.id}")
        original = await client.get(f"/download/{row.id}?original=1")
    story = metadata.read(told.content, row.mime)
    assert story is not None
    assert story["prompt"] == PROMPT
    assert story["model"] == ("Seedream 4.5" if kind == "image" else "Seedance 2.0")
    assert (story["parameters"].get("size") or story["parameters"].get("resolution")) in ("2K", "480p")
    assert "attachment" in told.headers["content-disposition"]
    assert "a-lighthouse-in-the-fog-35" in told.headers["content-disposition"]
    assert told.headers["cache-control"] == "no-store"
    assert hashlib.sha256(original.content).hexdigest() == row.sha256
    assert original.content == stored(maker, row.object_key)
    if kind == "image":
        before, after = Image.open(io.BytesIO(original.content)), Image.open(io.BytesIO(told.content))
        assert before.tobytes() == after.tobytes()


@pytest.fixture
async def photo() -> bytes:
    """A photograph that says where and with what it was taken."""
    image = Image.open(io.BytesIO(ROCKET))
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canary Camera"
    exif[ExifTags.Base.ImageDescription] = "taken at home"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=b"canary comment")
    return out.getvalue()


async def test_a_real_photo_is_taken_and_keeps_its_picture_but_not_where_it_was_taken(guest: Guest, photo: bytes):
    answer = await upload(guest, photo)
    assert answer.status_code == 200
    told = answer.json()
    async with guest.client() as client:
        kept = await client.get(f"/media/{told['id']}/original")
    picture = Image.open(io.BytesIO(kept.content))
    assert picture.size == (told["width"], told["height"]) == Image.open(io.BytesIO(photo)).size
    assert not picture.getexif()
    assert b"anary" not in kept.content
    assert b"taken at home" not in kept.content
    row = rows(guest.system, "SELECT * FROM assets WHERE id = %s", UUID(told["id"]))[0]
    assert (row.account_id, row.kind, row.generation_id) == (guest.account_id, "upload", None)


@pytest.mark.parametrize("role", ["first_frame", "last_frame"])
async def test_a_frame_has_to_fit_a_video(guest: Guest, role: str):
    assert (await upload(guest, ROCKET, role=role)).status_code == 200
    before = objects(guest.system)
    refused = await upload(guest, hostile.encoded("PNG", hostile.picture(60, 60)), role=role)
    assert refused.status_code == 422
    assert refused.json()["error"]
    assert objects(guest.system) == before


@pytest.mark.parametrize("role", ["", "avatar", "first_frame\x00", "Reference", "..", "a" * 5000])
async def test_there_are_three_roles(guest: Guest, role: str):
    before = objects(guest.system)
    async with guest.client() as client:
        answer = await client.post("/api/uploads", params={"role": role}, files={"file": ("a.jpg", b"x")})
    assert answer.json()["error"] == "A picture is a reference, a first frame or a last frame."
    assert objects(guest.system) == before


async def test_a_person_with_a_file_that_is_too_large_reads_why(guest: Guest):
    answer = await upload(guest, b"\xff\xd8\xff" + b"\x00" * (33 * 1024 * 1024))
    assert answer.json()["error"] == "30 MB at most. This file is larger. Nothing was kept."


async def test_a_file_of_unknown_length_is_refused(guest: Guest):
    async def drops() -> AsyncIterator[bytes]:
        yield b"--x\r\n"

    async with guest.client() as client:
        answer = await client.post(
            "/api/uploads", content=drops(), headers={"content-type": "multipart/form-data; boundary=x"}
        )
    assert answer.status_code in (411, 413, 422)
    assert "larger" not in answer.json()["error"], "it is not known to be larger"


def part(names: bytes) -> bytes:
    """A multipart body with one text field, or a broken one."""
    return b"--x\r\ncontent-disposition: form-data; " + names + b"\r\n\r\ntext\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data"),
        (b"file=1", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (
            b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\ncontent-disposition: form-data\r\n\r\n\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)
async def test_a_broken_upload_is_a_sentence_and_not_an_accident(guest: Guest, body: bytes, kind: str):
    async with guest.client() as client:
        answer = await client.post("/api/uploads", content=body, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


async def test_two_files_at_once_are_not_taken(guest: Guest):
    before = objects(guest.system)
    async with guest.client() as client:
        answer = await client.post("/api/uploads", files=[("file", ("a.jpg", ROCKET)), ("file", ("b.jpg", ROCKET))])
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]
    assert objects(guest.system) == before


def sample() -> dict[str, bytes]:
    """One or two of each family that has to be refused."""
    chosen: dict[str, bytes] = {}
    for family in hostile.REFUSED:
        names = sorted(set(family()) - hostile.HARMLESS_ONCE_STRIPPED)
        chosen.update({name: family()[name]() for name in (names[0], names[-1])})
    return chosen


async def test_hostile_files_leave_nothing_behind(guest: Guest):
    files = sample()
    assert len(files) >= 6
    before = objects(guest.system)
    for name, data in files.items():
        answer = await upload(guest, data, name=name)
        assert 400 <= answer.status_code < 500, name
        said = answer.json()["error"]
        assert said.endswith("Nothing was kept."), (name, said)
    assert objects(guest.system) == before
    assert value(guest.system, "SELECT count(*) FROM assets WHERE account_id = %s", guest.account_id) == 0
    assert not list((guest.system.folder / "data").rglob("tmp/*"))


async def test_a_name_leads_nowhere(guest: Guest, tmp_path: Path):
    for name in ("../../../etc/passwd", "..\\x.jpg", "/abs.jpg", "a\x00.jpg", "é" * 300):
        answer = await upload(guest, ROCKET, name=name)
        assert answer.status_code == 200
        kept = rows(guest.system, "SELECT object_key FROM assets WHERE id = %s", UUID(answer.json()["id"]))[
            0
        ].object_key
        assert ".." not in kept
        assert kept.isascii()
