"""What pages show of ratings, labels, workspaces, lineage and comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field

LABEL_COLORS = ("iris", "teal", "amber", "plum", "blue", "jade", "red", "gray")


@dataclass(frozen=True)
class LabelView:
    """A label; `color` names a colour of the palette, `count` is "12 outputs", `on` whether what is shown has it."""

    id: str = ""
    name: str = ""
    color: str = "gray"
    count: str = ""
    on: bool = False


@dataclass(frozen=True)
class StepView:
    """One file of a lineage: `role` is Reference, This image, First frame …; `here` marks the one that is open."""

    asset_id: str = ""
    thumb: str = ""
    original: str = ""
    role: str = ""
    name: str = ""
    duration: str = ""
    here: bool = False
    output: bool = False
    first: bool = False
    ratio: float = 1.0


@dataclass(frozen=True)
class FileView:
    """One way to download an output, and what the file carries."""

    name: str = ""
    href: str = ""
    words: str = ""


@dataclass(frozen=True)
class KeptView:
    """What its owner did with the output that is open, and where it stands in its line."""

    asset_id: str = ""
    rating: int = 0
    labels: list[LabelView] = field(default_factory=list)
    others: list[LabelView] = field(default_factory=list)
    line: list[StepView] = field(default_factory=list)
    so_far: str = ""
    credentials: str = ""
    files: list[FileView] = field(default_factory=list)


@dataclass(frozen=True)
class PlaceView:
    """A workspace: `facts` is "214 outputs", `starts` how its requests begin; `state` is open, archived or trashed."""

    id: str = ""
    name: str = ""
    active: bool = False
    state: str = "open"
    facts: str = ""
    starts: str = ""


@dataclass(frozen=True)
class PickView:
    """One of the outputs that are compared; `letter` is A to D."""

    letter: str = ""
    asset_id: str = ""
    batch_id: str = ""
    kind: str = "image"
    src: str = ""
    original: str = ""
    alt: str = ""
    model: str = ""
    made: str = ""
    rating: int = 0
    width: int = 1
    height: int = 1


@dataclass(frozen=True)
class Word:
    """A piece of a prompt: `changed` when the others do not have it."""

    text: str = ""
    changed: bool = False


@dataclass(frozen=True)
class Cell:
    """One value of a parameter, whole or in pieces."""

    key: str = ""
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class Difference:
    """A row of the table: a parameter, and its value in each of the compared."""

    term: str = ""
    cells: list[Cell] = field(default_factory=list)
    same: bool = False
