"""The shipped texts: one immutable file a version, known by its SHA-256 and registered in the database.

A text is a head of `name: value` lines, a line `---`, and a body (services/documents.py draws it). The hash is over
the whole file. A file that changed after its version was registered stops the start: people agreed to the other one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from studio.config import SettingsError
from studio.links import KINDS

FOLDER = Path(__file__).resolve().parent / "versions"
LONGEST = 200_000
_HEAD = ("kind", "version", "updated", "accept", "summary")


class TextChangedError(SettingsError):
    """A shipped text is not the one that was registered under its version."""


class TextError(ValueError):
    """A text is not written as texts are; the message says where."""


@dataclass(frozen=True, order=True)
class Number:
    """The number of a version, such as 1.0: ordered by its parts, so 1.10 comes after 1.9."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True)
class Text:
    """One version of one document. `accept`: people are asked to agree to it. `summary`: what changed, for the mail."""

    kind: str
    number: Number
    updated: date
    accept: bool
    summary: str
    body: str
    source: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()


def number(written: str) -> Number:
    """A version's number from its text; "2" is 2.0. Raises TextError."""
    found = re.fullmatch(r"([1-9]\d{0,3})(?:\.(0|[1-9]\d{0,3}))?", written, re.ASCII)
    if found is None:
        raise TextError(f"version: expected a number such as 1.2, got {written[:40]!r}")
    return Number(int(found[1]), int(found[2] or 0))


def parse(source: str) -> Text:
    """Read a text. Raises TextError naming the line of the head that is missing or wrong, or that the body is empty."""
    if len(source) > LONGEST:
        raise TextError(f"the text is longer than {LONGEST:,} characters")
    top, mark, body = source.partition("\n---\n")
    head = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in top.splitlines())}
    if not mark or set(head) != set(_HEAD):
        raise TextError(f"expected a head with {', '.join(_HEAD)}, then a line of three dashes")
    if head["kind"] not in KINDS:
        raise TextError(f"kind: expected one of {', '.join(KINDS)}, got {head['kind'][:40]!r}")
    try:
        updated = date.fromisoformat(head["updated"])
    except ValueError:
        raise TextError(f"updated: expected a date such as 2026-11-25, got {head['updated'][:40]!r}") from None
    if head["accept"] not in ("yes", "no"):
        raise TextError(f"accept: expected yes or no, got {head['accept'][:40]!r}")
    if not head["summary"]:
        raise TextError("summary: expected a sentence that says what changed")
    if not body.strip():
        raise TextError("the text is empty")
    return Text(
        kind=head["kind"],
        number=number(head["version"]),
        updated=updated,
        accept=head["accept"] == "yes",
        summary=head["summary"],
        body=body,
        source=source,
    )


def read(folder: Path) -> tuple[Text, ...]:
    """Every text in a folder of kinds, oldest first. Raises TextError when a file's name is not what its head says."""
    found = []
    for path in sorted(folder.glob("*/*.md")):
        text = parse(path.read_text())
        if (path.parent.name, path.stem) != (text.kind, str(text.number)):
            raise TextError(f"{path.parent.name}/{path.name} holds {text.kind} {text.number}")
        found.append(text)
    return tuple(sorted(found, key=lambda text: (text.kind, text.number)))


@cache
def shipped() -> tuple[Text, ...]:
    """The texts that come with this release, oldest first."""
    return read(FOLDER)


def compare(registered: Mapping[tuple[str, int, int], str], texts: Iterable[Text]) -> list[Text]:
    """The texts that are not registered yet.

    Raises:
        TextChangedError: one was registered with another hash.
    """
    new = []
    for each in texts:
        known = registered.get((each.kind, each.number.major, each.number.minor))
        if known is None:
            new.append(each)
        elif known != each.sha256:
            raise TextChangedError(
                f"studio/legal/versions/{each.kind}/{each.number}.md: this text was changed after it was registered. "
                "Put it back, and write what is new as the next version."
            )
    return new
