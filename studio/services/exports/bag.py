"""The bags: which file stands where, the manifests (BagIt 1.0, RFC 8493), and what could not be read.

An archive above the part size becomes several zips, each a whole bag of its own. The first holds the rows and the
gallery; unpacked beside each other, the gallery finds the files of all.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from studio.services.exports import gallery, tables
from studio.services.exports.archives import Order
from studio.services.exports.spool import Entry, Spool
from studio.services.exports.zipmap import Member
from studio.services.storage import ObjectMissing, Storage, key_for

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
_LOOKS = 16  # requests to the store at once


@dataclass(frozen=True)
class Bag:
    """One zip to be: its name without the ending, and its members with their paths below that name."""

    name: str
    entries: Sequence[Entry]

    def members(self) -> list[Member]:
        """As the zip's plan takes them."""
        return [Member(f"{self.name}/{e.path}", e.key, e.size, e.crc32) for e in self.entries]


@dataclass
class _Listing:
    """The files of an archive, divided over its parts."""

    parts: list[list[Entry]]
    missing: list[dict[str, Any]]


class Documents:
    """What is written for an archive and for nothing else; each is an object below the archive's own prefix."""

    def __init__(self, storage: Storage, order: Order, folder: Path) -> None:
        self._storage, self._order, self._folder, self._count = storage, order, folder, 0

    def spool(self) -> Spool:
        """An empty document."""
        return Spool(self._folder)

    async def keep(self, path: str, spool: Spool) -> Entry:
        """Store a document that is complete."""
        self._count += 1
        key = key_for("x", self._order.id, suffix=f"d{self._count}")
        return await spool.store(self._storage, path=path, key=key)

    async def text(self, path: str, said: str) -> Entry:
        """The same for a short one."""
        spool = self.spool()
        spool.write(said)
        return await self.keep(path, spool)


async def build(
    storage: Storage,
    *,
    order: Order,
    rows: Mapping[str, Spool],
    files: Spool,
    folder: Path,
    part_bytes: int,
    picture: str | None = None,
) -> tuple[list[Bag], int]:
    """Write every document of an archive. Returns its bags and how many files are missing from them.

    `picture` is the object key of the person's own picture.
    """
    documents = Documents(storage, order, folder)
    listing = await _divide(storage, files, excluded=order.excluded, part_bytes=part_bytes)
    names = _names(order.created_at, len(listing.parts))
    payload = [await documents.keep(f"data/{table}.jsonl", spool) for table, spool in rows.items()]
    if picture is not None and (face := await _picture(documents, storage, picture)):
        payload.append(face)
    if listing.missing:
        said = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in listing.missing)
        payload.append(await documents.text("data/missing.jsonl", said))
    where = {
        entry.key: f"../{name}/{entry.path}"
        for name, entries in zip(names, listing.parts, strict=True)
        for entry in entries
    }
    tags = [
        await documents.text(
            "datapackage.json",
            tables.package(name=names[0], created=order.created_at.isoformat(), tables=list(rows)),
        )
    ]
    async for path, page in gallery.pages(files, where=where, missing=len(listing.missing)):
        tags.append(await documents.text(path, page))
    files.close()
    bags = []
    for number, (name, entries) in enumerate(zip(names, listing.parts, strict=True), start=1):
        mine = [*payload, *entries] if number == 1 else entries
        count = f"{number} of {len(names)}"
        bags.append(await _bag(documents, name, mine, tags if number == 1 else [], count=count, order=order))
    return bags, len(listing.missing)


async def _picture(documents: Documents, storage: Storage, key: str) -> Entry | None:
    """The person's picture; None when it was taken away since the rows were read."""
    spool = documents.spool()
    try:
        async with await storage.open(key) as stream:
            async for chunk in stream:
                spool.write_bytes(chunk)
    except ObjectMissing:
        spool.close()
        return None
    return await documents.keep("data/picture.webp", spool)


async def _bag(
    documents: Documents, name: str, payload: Sequence[Entry], tags: list[Entry], *, count: str, order: Order
) -> Bag:
    manifest = documents.spool()
    for entry in payload:
        manifest.write(f"{entry.sha256}  {entry.path}\n")
    info = (
        "External-Description: Everything that Studio holds about one account\n"
        f"Bagging-Date: {order.created_at:%Y-%m-%d}\n"
        f"Bag-Group-Identifier: {order.id}\n"
        f"Bag-Count: {count}\n"
        f"Payload-Oxum: {sum(entry.size for entry in payload)}.{len(payload)}\n"
    )
    head = [
        await documents.text("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"),
        await documents.text("bag-info.txt", info),
        await documents.keep("manifest-sha256.txt", manifest),
        *tags,
    ]
    sums = "".join(f"{entry.sha256}  {entry.path}\n" for entry in head)
    head.append(await documents.text("tagmanifest-sha256.txt", sums))
    return Bag(name, [*head, *payload])


async def _divide(storage: Storage, files: Spool, *, excluded: Mapping[str, str], part_bytes: int) -> _Listing:
    """Give every file a place, look whether it is there, and put those that are into parts of the agreed size."""
    listing, size = _Listing([[]], []), 0
    gate = asyncio.Semaphore(_LOOKS)

    async def problem(file: dict[str, Any]) -> str | None:
        if file["key"] in excluded:
            return excluded[file["key"]]
        async with gate:
            found = await storage.stat(file["key"])
        if found is None:
            return "not in the file store"
        return None if found.size == file["size"] else "not as long as it was stored"

    async for lines in files.lines():
        batch = [json.loads(line) for line in lines]
        for file, wrong in zip(batch, await asyncio.gather(*map(problem, batch)), strict=True):
            if wrong:
                listing.missing.append({"id": file["id"], "path": path_of(file), "reason": wrong})
                continue
            if listing.parts[-1] and size + file["size"] > part_bytes:
                listing.parts.append([])
                size = 0
            entry = Entry(path_of(file), file["key"], file["size"], file["crc32"], file["sha256"])
            listing.parts[-1].append(entry)
            size += file["size"]
    return listing


def path_of(file: Mapping[str, Any]) -> str:
    """A name that a person can read and no other file has: day, first words of the prompt, random id."""
    at = datetime.fromisoformat(file["created_at"])
    words = re.findall(r"[a-z0-9]+", (file["prompt"] or "reference").lower())[:6]
    name = "-".join([f"{at:%Y-%m-%d}", "-".join(words)[:48].strip("-") or "untitled", file["id"][:13].replace("-", "")])
    return f"data/assets/{at:%Y-%m}/{name}.{EXTENSIONS.get(file['mime'], 'bin')}"


def _names(created: datetime, parts: int) -> list[str]:
    base = f"studio-data-{created:%Y-%m-%d}"
    return [base] if parts == 1 else [f"{base}-part-{n}-of-{parts}" for n in range(1, parts + 1)]


async def save_index(storage: Storage, order: Order, bags: Sequence[Bag], folder: Path) -> str:
    """Keep the lists of members, so that a build that was killed goes on with the same plan. Returns the key."""
    spool = Spool(folder)
    for number, bag in enumerate(bags):
        for member in bag.members():
            spool.write(json.dumps([number, member.name, member.key, member.size, member.crc32]) + "\n")
    entry = await spool.store(storage, path="index", key=key_for("x", order.id, suffix="index"))
    return entry.key


async def load_index(storage: Storage, key: str, parts: int) -> list[list[Member]]:
    """The lists of members again. Raises ObjectMissing."""
    found: list[list[Member]] = [[] for _ in range(parts)]
    async for line in _read_lines(storage, key):
        number, name, where, size, crc32 = json.loads(line)
        found[number].append(Member(name, where, size, crc32))
    return found


async def _read_lines(storage: Storage, key: str) -> AsyncIterator[bytes]:
    rest = b""
    async with await storage.open(key) as stream:
        async for chunk in stream:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line
    if rest:
        yield rest
