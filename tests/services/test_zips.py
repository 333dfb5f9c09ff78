"""Picked files leave as one zip that is made while it is sent."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
import tracemalloc
import zipfile
import zlib
from uuid import UUID

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import NotFound
from studio.runtime import storage
from studio.services import labels, ratings, zips
from studio.services.exports.stream import FileDamaged
from tests.factories import Person, finished, image
from tests.services.test_keeping import many


async def stored(ids: list[UUID], size: int) -> None:
    """Bytes of their own for each, as its row says."""
    async with transaction(SYSTEM) as session:
        for number, ident in enumerate(ids):
            data = number.to_bytes(4, "big") * (size // 4)
            key = await session.scalar(
                text(
                    "UPDATE assets SET size_bytes = :size, crc32 = :crc, sha256 = :sha, "
                    "object_key = 'o/' || left(replace(id::text, '-', ''), 2) || '/' || replace(id::text, '-', '') "
                    "WHERE id = :id RETURNING object_key"
                ),
                {"id": ident, "size": len(data), "crc": zlib.crc32(data), "sha": hashlib.sha256(data).hexdigest()},
            )
            await storage().put(str(key), data, content_type="image/png")


async def test_a_zip_has_every_file_under_a_readable_name_and_a_manifest_that_tells_how_each_was_made(someone: Person):
    me = someone.actor
    _, ids = await finished(someone, image("=A still; lake / naïve: ../x", count=2))
    await stored(ids, 4000)
    async with transaction(me) as session:
        await ratings.rate(session, actor=me, asset_ids=ids[:1], stars=5)
        label = await labels.create(session, actor=me, name="hero, shot")
        await labels.put_on(session, actor=me, label_id=label, asset_ids=ids[:1])
        made = await zips.build(session, actor=me, storage=storage(), asset_ids=ids)
    data = b"".join([piece async for piece in made.stream()])
    assert len(data) == made.size
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    told = json.loads(archive.read("manifest.json"))
    table = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
    assert sorted(archive.namelist()) == sorted([*(each["file"] for each in told), "manifest.csv", "manifest.json"])
    assert [row["file"] for row in table] == [each["file"] for each in told]
    assert sorted(each["file"][10:37] for each in told) == [" a-still-lake-naive-x-" + i.hex[:5] for i in sorted(ids)]
    rated = next(each for each in told if each["rating"])
    assert (rated["rating"], rated["labels"], rated["cost_usd"]) == (5, ["hero, shot"], "0.040000")
    assert (rated["model"], rated["parameters"]["ratio"], rated["workspace"]) == ("Seedream 4.5", "1:1", "My studio")
    assert hashlib.sha256(archive.read(rated["file"])).hexdigest() == rated["sha256"]
    assert table[0]["prompt"].startswith("'=A still")  # a spreadsheet shows it and never runs it


async def test_hundreds_of_files_stream_from_the_first_moment_in_flat_memory(someone: Person):
    ids = await many(someone, 300)
    await stored(ids, 100_000)
    async with transaction(someone.actor) as session:
        began = time.perf_counter()
        made = await zips.build(session, actor=someone.actor, storage=storage(), asset_ids=ids)
    assert made.size > 30_000_000
    tracemalloc.start()
    total, first = 0, 0.0
    async for piece in made.stream():
        first = first or time.perf_counter() - began
        total += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == made.size
    assert first < 1
    assert peak < 12_000_000


async def test_a_file_that_is_not_as_it_was_stored_ends_the_zip_and_nobody_gets_somebody_elses(
    someone: Person, other: Person
):
    _, ids = await finished(someone)
    await stored(ids, 4000)
    async with transaction(other.actor) as session:
        with pytest.raises(NotFound):
            await zips.build(session, actor=other.actor, storage=storage(), asset_ids=ids)
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE assets SET crc32 = 7 WHERE id = :id"), {"id": ids[0]})
        made = await zips.build(session, actor=someone.actor, storage=storage(), asset_ids=ids)
    with pytest.raises(FileDamaged):
        _ = [piece async for piece in made.stream()]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("", ""), ("日本語", ""), ("CON", "con"), ("a/b\\c:d*e?f\x00g", "a-b-c-d-e-f"), ("x" * 500, "x" * 60)],
)
def test_a_prompt_becomes_part_of_a_name_that_every_system_takes(prompt: str, expected: str):
    assert zips.slug(prompt) == expected
