"""Random accounts, each with an archive that a public tool validates and that is compared with database and store.

    python bench/export_accounts.py --json          60 accounts
    python bench/export_accounts.py --json --full   1,000 accounts; target: 100 % of rows and hashes equal

An account has between none and seven files of up to 200 kB, requests with prompts in several scripts, and some of the
rows that a life leaves; one in five archives is split into parts. The archive is unpacked, `bagit` validates each
part, every line is compared with the row of the database, every file with the store and with the hash of its row.

    valid         archives of which each part is a valid bag
    rows_equal    archives whose lines are the database's rows, in every table and column (the row of the archive
                  itself and the mail that tells of it are left out: they changed after it was listed)
    hashes_equal  archives whose files have the hashes of the rows and of the objects, none too many and none missing
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bagit
from sqlalchemy import text

from bench import common  # the checkout is on the path from here on
from bench.erasure import alone, held
from studio import db
from studio.db import SYSTEM, transaction
from studio.jobs.exporting import Builder
from studio.runtime import storage
from studio.services import assets, registry
from studio.services.exports import archives
from studio.services.generations import Input
from studio.services.storage import new_key
from tests.erasebench import ROWS
from tests.factories import Person, fresh, image, person, submitted

PROMPTS = (
    "a red house by the sea",
    "雨の中の犬",
    'café | “déjà vu” \\ \t"quoted"',
    "Ночь.\nЛуна.",
    "x" * 2_000,
    "🐈‍⬛ 🇪🇺",
)
MIMES = ("image/png", "image/jpeg", "image/webp", "video/mp4")
SMALL_PART = 150_000


async def somebody(chance: random.Random) -> Person:
    """A random life."""
    who = await person()
    files = []
    for _ in range(chance.randint(0, 7)):
        asset_id, data = uuid4(), os.urandom(chance.choice((1, 900, 30_000, 200_000)))
        objects = await assets.write_objects(
            storage(), owner=asset_id, data=data, mime=chance.choice(MIMES), thumbnails={256: b"small"}
        )
        async with transaction(who.actor) as session:
            await assets.add_upload(session, actor=who.actor, asset_id=asset_id, objects=objects, width=8, height=8)
        files.append(asset_id)
    for _ in range(chance.randint(0, 4)):
        inputs = tuple(Input("reference", each) for each in files[: chance.randint(0, 2)])
        await submitted(who, image(chance.choice(PROMPTS), count=chance.randint(1, 4)), inputs)
    face = new_key("p")
    values = {"id": who.account_id, "session": who.actor.session_id, "word": uuid4().hex, "email": who.email}
    values |= {"face": face, "salt": os.urandom(16), "place": who.actor.workspace_id}
    values |= {"picture": files[0]} if files else {}
    async with transaction(SYSTEM) as session:
        for statement in ROWS:
            if ":face" in statement:
                await storage().put(face, os.urandom(500), content_type="image/webp")
            if ":picture" in statement and not files:
                continue
            if ":face" in statement or chance.random() < 0.6:
                await session.execute(text(statement), values)
    return who


async def exported(who: Person, lock: int, chance: random.Random, folder: Path) -> tuple[UUID, list[Path]]:
    """Ask, build, download and unpack. Returns the archive's id and its bags."""
    await fresh(who)
    async with transaction(who.actor) as session:
        export_id = await archives.request(session, actor=who.actor)
    await Builder(lock=lock, part_bytes=SMALL_PART if chance.random() < 0.2 else None).run()
    async with transaction(who.actor) as session:
        made = next(each for each in await archives.listed(session, actor=who.actor) if each.id == export_id)
    bags = []
    for number in range(1, len(made.parts) + 1):
        async with transaction(who.actor) as session:
            key, name = await archives.download(session, actor=who.actor, export_id=export_id, part=number)
        target = folder / name
        async with await storage().open(key) as stream:
            target.write_bytes(b"".join([chunk async for chunk in stream]))
        with zipfile.ZipFile(target) as zipped:
            zipped.extractall(folder)
            bags.append(folder / zipped.namelist()[0].split("/")[0])
    return export_id, bags


def valid(bags: list[Path]) -> bool:
    """Whether the public tool says so of every part."""
    try:
        return bool(bags) and all(bagit.Bag(str(each)).validate(processes=1) for each in bags)
    except bagit.BagError as error:
        common.say(f"not valid: {error}")
        return False


def changed_later(table: str, row: dict[str, Any], export_id: UUID) -> bool:
    """Whether this is the archive's own row, or the mail that tells of it."""
    own = table == "exports" and row["id"] == str(export_id)
    return own or (table == "mails" and row["template"] == "export_ready")


async def rows_equal(who: Person, export_id: UUID, bag: Path) -> tuple[bool, int]:
    """Whether every line is a row and every row a line. Returns how many there are as well."""
    same, count = True, 0
    for entity in registry.entities():
        if entity.owned_by is None or not entity.exported:
            continue
        lines = (bag / f"data/{entity.table}.jsonl").read_text().splitlines()
        columns = ", ".join(f't."{name}"' for name in entity.exported)
        async with transaction(SYSTEM) as session:
            await session.execute(text("SET LOCAL TimeZone = 'UTC'"))
            found = await session.scalars(
                text(
                    f"SELECT row_to_json(r)::text FROM (SELECT {columns} FROM {entity.table} t "  # noqa: S608  # the registry's words
                    f"WHERE {entity.owned_by}) r"
                ),
                {"account": who.account_id},
            )
            rows = [json.loads(row) for row in found]
        told = [json.loads(line) for line in lines]
        left, right = (
            Counter(json.dumps(row, sort_keys=True) for row in side if not changed_later(entity.table, row, export_id))
            for side in (told, rows)
        )
        same = same and left == right
        count += left.total()
        if left != right:
            common.say(f"{entity.table}: {list((left - right) + (right - left))[:2]}")
    return same, count


async def hashes_equal(who: Person, bags: list[Path]) -> tuple[bool, int]:
    """Whether each file is the row's and the store's, and no other is there. Returns how many there are as well."""
    async with transaction(SYSTEM) as session:
        rows = (
            await session.execute(
                text("SELECT object_key, sha256 FROM assets WHERE account_id = :id"), {"id": who.account_id}
            )
        ).all()
        face = await session.scalar(text("SELECT picture_key FROM accounts WHERE id = :id"), {"id": who.account_id})
    wanted: Counter[str] = Counter()
    same = True
    for row in rows:
        digest = await _stored(row.object_key)
        same = same and digest == row.sha256
        wanted[digest] += 1
    files = [file for bag in bags for file in (bag / "data/assets").rglob("*") if file.is_file()]
    found = Counter(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    pictures = [hashlib.sha256(each.read_bytes()).hexdigest() for bag in bags for each in bag.glob("data/picture.*")]
    assert face is not None
    missing = [
        line for bag in bags for file in bag.glob("data/missing.jsonl") for line in file.read_text().splitlines()
    ]
    whole = found == wanted and pictures == [await _stored(face)] and not missing
    return same and whole, len(files) + len(pictures)


async def _stored(key: str) -> str:
    async with await storage().open(key) as stream:
        return hashlib.sha256(b"".join([chunk async for chunk in stream])).hexdigest()


async def _measure(place: common.Place, amount: int) -> dict[str, Any]:
    chance = random.Random(20_261_128)
    good: Counter[str] = Counter()
    async with held() as lock:
        for number in range(amount):
            who = await somebody(chance)
            folder = place.folder / "unpacked"
            folder.mkdir()
            export_id, bags = await exported(who, lock, chance, folder)
            same_rows, rows = await rows_equal(who, export_id, bags[0])
            same_files, files = await hashes_equal(who, bags)
            good.update(accounts=1, valid=valid(bags), rows_equal=same_rows, hashes_equal=same_files)
            good.update(rows=rows, files=files, parts=len(bags))
            shutil.rmtree(folder)
            if number % 100 == 99:
                common.say(f"{number + 1} accounts: {dict(good)}")
    orphans = await alone()
    await db.dispose()
    return {**good, "orphans": orphans}


def measure(full: bool) -> dict[str, Any]:
    """Run it: 60 accounts, or 1,000."""
    amount = 1_000 if full else 60
    with common.place() as place:
        common.become(place)
        found = asyncio.run(_measure(place, amount))
    return {**found, "equal_percent": 100 * min(found["valid"], found["rows_equal"], found["hashes_equal"]) / amount}


if __name__ == "__main__":
    common.run("export_accounts", measure, {"equal_percent": 100, "orphans": 0})
