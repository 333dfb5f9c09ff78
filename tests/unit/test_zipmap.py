"""The plan of a zip is the zip: every place of it, in any pieces, read by the standard library's reader."""

from __future__ import annotations

import io
import os
import random
import zipfile
import zlib

import pytest

from studio.services.exports import zipmap
from studio.services.exports.zipmap import Member, Slice, ZipMap


def made(sizes: list[int]) -> tuple[ZipMap, list[bytes]]:
    contents = [os.urandom(size) for size in sizes]
    members = [
        Member(f"bag/data/füñf-{n}.bin", f"o/{n}", len(data), zlib.crc32(data)) for n, data in enumerate(contents)
    ]
    return ZipMap(members), contents


def render(plan: ZipMap, contents: list[bytes], start: int, end: int) -> bytes:
    return b"".join(
        contents[piece.index][piece.start : piece.end] if isinstance(piece, Slice) else piece
        for piece in plan.slices(start, end)
    )


@pytest.mark.parametrize("sizes", [[], [0], [5], [0, 0, 7, 1000, 0, 3], [random.randrange(5000) for _ in range(60)]])
def test_the_standard_reader_finds_every_member(sizes: list[int]):
    plan, contents = made(sizes)
    data = render(plan, contents, 0, plan.size)
    assert len(data) == plan.size
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == contents
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())


def test_any_pieces_put_together_are_the_whole():
    plan, contents = made([random.randrange(300) for _ in range(20)])
    whole = render(plan, contents, 0, plan.size)
    for step in (1, 7, 64, 1000):
        assert b"".join(render(plan, contents, at, at + step) for at in range(0, plan.size + step, step)) == whole


def test_more_members_than_the_old_format_counts():
    members = [Member(f"{n}", "o/x", 0, 0) for n in range(70_000)]
    plan = ZipMap(members)
    with zipfile.ZipFile(io.BytesIO(render(plan, [b""] * len(members), 0, plan.size))) as archive:
        assert len(archive.namelist()) == 70_000


def test_sizes_and_places_beyond_four_gigabytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(zipmap, "_LIMIT", 400)
    # With the border at 400 bytes, the reader must take the wide fields of everything that is beyond it. It reads
    # a wide field only where the narrow one is full, so the full value is put back before it looks.
    plan, contents = made([10, 500, 500])
    data = bytearray(render(plan, contents, 0, plan.size))
    full, cut = (0xFFFFFFFF).to_bytes(4, "little"), (400).to_bytes(4, "little")
    data[:] = bytes(data).replace(cut, full)
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        assert [info.file_size for info in archive.infolist()] == [10, 500, 500]
        assert [archive.read(name) for name in archive.namelist()] == contents
