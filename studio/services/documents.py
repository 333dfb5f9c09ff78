"""What a text says here and now: its blocks with the facts of this installation filled in, and how two texts differ.

A body is a Jinja2 template that gives plain paragraphs: `## ` begins a section, `### ` a part of one, `- ` an item,
`| a | b |` a row of a table (the first one names the columns), `> ` a paragraph set apart. In a line, **bold**,
`code` and [words](address) are known. Nothing else is markup: whatever a setting holds is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import groupby
from typing import Any, Literal

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

from studio.errors import ValidationError

Kind = Literal["section", "part", "paragraph", "aside", "item", "columns", "row"]
WORDS_A_MINUTE = 220
_INLINE = re.compile(r"\*\*(?P<bold>[^*]+)\*\*|`(?P<code>[^`]+)`|\[(?P<words>[^\]]+)\]\((?P<to>[^)\s]+)\)")
# Where a link may lead: this site, a mail program, another site by https.
_SAFE = re.compile(r"/(?!/)\S*|#\S*|mailto:\S+|https://\S+")
_MARKS: Mapping[str, Kind] = {"- ": "item", "### ": "part", "## ": "section"}
_TAGS: Mapping[Kind, str] = {"part": "h3", "paragraph": "p", "aside": "p"}


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, an item of a list or a row of a table; `cells` holds one text, a row's several."""

    kind: Kind
    cells: tuple[str, ...]

    @property
    def text(self) -> str:
        return " · ".join(plain(cell) for cell in self.cells)

    @property
    def anchor(self) -> str:
        """The name of a section in an address."""
        return re.sub(r"[^a-z]+", "-", self.text.lower()).strip("-")


@cache
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )  # gives plain text; `drawn` escapes all of it


def blocks(body: str, facts: Mapping[str, Any]) -> list[Block]:
    """Fill in the facts and read the blocks. Raises ValidationError when the body asks for a fact there is not."""
    try:
        said = _environment().from_string(body).render(facts)
    except TemplateError as error:
        raise ValidationError(f"The text cannot be filled in: {error}.") from None
    return [made for part in re.split(r"\n\s*\n", said) for made in _read(part)]


def _read(part: str) -> Iterator[Block]:
    """The blocks of one paragraph of the source: lines of a list or a table are a block each."""
    prose: list[str] = []
    rows = 0
    for line in (line.strip() for line in part.splitlines()):
        known = _line_block(line, rows)
        if known is None:
            prose += [line] if line else []
            continue
        yield from _prose(prose)
        prose, rows = [], rows + (known.kind in ("columns", "row"))
        yield known
    yield from _prose(prose)


def _line_block(line: str, rows: int) -> Block | None:
    """The block that a line is by itself; None for a line of a paragraph."""
    if line.startswith("|"):
        return Block("row" if rows else "columns", tuple(cell.strip() for cell in line.strip("|").split("|")))
    for mark, kind in _MARKS.items():
        if line.startswith(mark):
            return Block(kind, (line[len(mark) :].strip(),))
    return None


def _prose(lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        said = " ".join(lines)
        yield Block("aside", (said[2:],)) if said.startswith("> ") else Block("paragraph", (said,))


def plain(text: str) -> str:
    """A line without its markup."""
    return _INLINE.sub(lambda found: found["bold"] or found["code"] or found["words"], text)


def inline(text: str) -> Markup:
    """A line with its markup as HTML, everything else escaped."""
    out, at = Markup(""), 0
    for found in _INLINE.finditer(text):
        out += escape(text[at : found.start()])
        at = found.end()
        if found["bold"]:
            out += Markup("<strong>{}</strong>").format(found["bold"])
        elif found["code"]:
            out += Markup("<code>{}</code>").format(found["code"])
        elif _SAFE.fullmatch(found["to"]):
            out += Markup('<a href="{}">{}</a>').format(found["to"], found["words"])
        else:
            out += escape(found["words"])
    return out + escape(text[at:])


def _heading(block: Block) -> Markup:
    number, _, words = block.cells[0].partition(" ")
    if re.fullmatch(r"\d+\.", number):
        return Markup('<h2 id="{}"><span class="n">{}</span> {}</h2>').format(block.anchor, number, inline(words))
    return Markup('<h2 id="{}">{}</h2>').format(block.anchor, inline(block.cells[0]))


def _cells(block: Block, tag: str) -> Markup:
    scope = Markup(' scope="col"') if tag == "th" else Markup("")
    cells = (Markup("<{}{}>{}</{}>").format(tag, scope, inline(cell), tag) for cell in block.cells)
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _table(rows: Sequence[Block], name: str) -> Markup:
    head = Markup("").join(_cells(row, "th") for row in rows if row.kind == "columns")
    body = Markup("").join(_cells(row, "td") for row in rows if row.kind == "row")
    # A table that is wider than a phone scrolls by itself, so it can be reached with the keyboard.
    return Markup(
        '<div class="table" role="region" aria-label="{}" tabindex="0">'
        "<table><thead>{}</thead><tbody>{}</tbody></table></div>"
    ).format(name, head, body)


def _group(block: Block) -> str:
    return {"item": "list", "columns": "table", "row": "table"}.get(block.kind, block.kind)


def drawn(said: Sequence[Block]) -> Markup:
    """The blocks as HTML."""
    out, section = Markup(""), "Table"
    for group, found in groupby(said, key=_group):
        members = list(found)
        if group == "list":
            items = Markup("").join(Markup("<li>{}</li>").format(inline(each.cells[0])) for each in members)
            out += Markup("<ul>{}</ul>").format(items)
        elif group == "table":
            out += _table(members, section)
        else:
            for each in members:
                section = each.text if each.kind in ("section", "part") else section
                out += _heading(each) if each.kind == "section" else _paragraph(each, inline(each.cells[0]))
    return out


def _paragraph(block: Block, content: Markup) -> Markup:
    tag = _TAGS.get(block.kind, "p")
    kind = Markup(' class="aside"') if block.kind == "aside" else Markup("")
    return Markup("<{}{}>{}</{}>").format(tag, kind, content, tag)


def sections(said: Sequence[Block]) -> list[tuple[str, str]]:
    """Anchor and words of each section, for the table of contents."""
    return [(each.anchor, each.text) for each in said if each.kind == "section"]


def minutes(said: Sequence[Block]) -> int:
    """How long reading takes."""
    return max(1, round(sum(len(each.text.split()) for each in said) / WORDS_A_MINUTE))


# How two texts differ


@dataclass(frozen=True)
class Difference:
    """Two texts compared, as HTML with ins and del, and how many blocks were added, removed and changed."""

    html: Markup
    added: int
    removed: int
    changed: int


def difference(old: Sequence[Block], new: Sequence[Block]) -> Difference:
    """Compare block by block, and inside a block that changed word by word."""
    out, counts = Markup(""), {"added": 0, "removed": 0, "changed": 0}
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    for how, a0, a1, b0, b1 in matcher.get_opcodes():
        if how == "equal":
            out += _same(new[b0:b1])
            continue
        pairs = min(a1 - a0, b1 - b0)
        for before, after in zip(old[a0 : a0 + pairs], new[b0 : b0 + pairs], strict=True):
            out += _line(after, _words(before.text, after.text))
            counts["changed"] += 1
        for before in old[a0 + pairs : a1]:
            out += _line(before, Markup("<del>{}</del>").format(before.text))
            counts["removed"] += 1
        for after in new[b0 + pairs : b1]:
            out += _line(after, Markup("<ins>{}</ins>").format(after.text))
            counts["added"] += 1
    return Difference(out, **counts)


def _same(said: Sequence[Block]) -> Markup:
    """What did not change. Sections stay visible, so that one sees where a change is."""
    return Markup("").join(_line(each, escape(each.text), "same") for each in said)


def _line(block: Block, content: Markup, kind: str = "change") -> Markup:
    tag = "h2" if block.kind == "section" else "h3" if block.kind == "part" else "p"
    return Markup('<{} class="{} {}">{}</{}>').format(tag, kind, block.kind, content, tag)


def _words(before: str, after: str) -> Markup:
    a, b = re.findall(r"\s+|\S+", before), re.findall(r"\s+|\S+", after)
    out = Markup("")
    for how, a0, a1, b0, b1 in SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes():
        if how == "equal":
            out += escape("".join(b[b0:b1]))
        else:
            out += _marked("del", a[a0:a1]) + _marked("ins", b[b0:b1])
    return out


def _marked(tag: str, words: Sequence[str]) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(tag, "".join(words)) if words else Markup("")
