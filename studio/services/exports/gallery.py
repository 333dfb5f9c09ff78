"""index.html: the archive as a small gallery that opens without a network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from studio.services.exports.spool import Spool

TILES = 200  # on a page


@cache
def _template() -> Template:
    folder = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=folder, autoescape=True, undefined=StrictUndefined).get_template("gallery.html")


def _tile(file: Mapping[str, Any], where: Mapping[str, str]) -> dict[str, Any]:
    params = {k: v for k, v in (file["params"] or {}).items() if k not in ("prompt", "model") and v is not None}
    return {
        "id": file["id"],
        "src": where.get(file["key"], ""),
        "video": file["mime"].startswith("video/"),
        "prompt": file["prompt"] or "",
        "model": file["model"] or "Uploaded",
        "when": file["created_at"][:16].replace("T", " "),
        "cost": "" if file["charged_micros"] is None else f"${file['charged_micros'] / 1_000_000:.4f}",
        "size": f"{file['width']} × {file['height']}",
        "params": json.dumps(params, ensure_ascii=False) if params else "",
        "rating": f"{file['rating']} of 5" if file["rating"] else "",
        "labels": ", ".join(file["labels"] or []),
        "made_from": file["made_from"] or [],
    }


def _path(number: int) -> str:
    return "index.html" if number == 1 else f"gallery/{number:04}.html"


async def pages(files: Spool, *, where: Mapping[str, str], missing: int) -> AsyncIterator[tuple[str, str]]:
    """Each page's path in the bag and its markup, oldest files first. There is always one page.

    `where` maps an object's key to the file's place, as seen from the folder that holds all parts' folders.
    """
    count, seen, homes = 0, 0, {}
    async for lines in files.lines():
        for line in lines:
            homes[json.loads(line)["id"]] = _path(count // TILES + 1)
            count += 1
    total = max(1, -(-count // TILES))
    held: list[dict[str, Any]] = []
    number = 0

    def draw() -> tuple[str, str]:
        up = "" if number == 1 else "../"
        tiles = [
            {
                **tile,
                "src": up + tile["src"] if tile["src"] else "",
                "made_from": [(up + homes[s] if s in homes else "", s) for s in tile["made_from"]],
            }
            for tile in held
        ]
        links = [(n, "" if n == number else up + _path(n)) for n in range(1, total + 1)]
        return _path(number), _template().render(
            tiles=tiles, number=number, total=total, links=links, count=count, missing=missing
        )

    async for lines in files.lines():
        for line in lines:
            held.append(_tile(json.loads(line), where))
            seen += 1
            if len(held) == TILES or seen == count:
                number += 1
                yield draw()
                held = []
    if not count:
        number = 1
        yield draw()
