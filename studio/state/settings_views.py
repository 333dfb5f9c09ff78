"""What the settings pages show: small frozen rows."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Choice:
    """One line of a list."""

    value: str = ""
    label: str = ""


@dataclass(frozen=True)
class Segment:
    """One model's part of a day's bar; `height` in percent of the chart."""

    colour: str = ""
    height: str = ""


@dataclass(frozen=True)
class Bar:
    """One day of the chart. `label` is empty for days that are not named below it."""

    day: str = ""
    label: str = ""
    title: str = ""
    to_come: bool = False
    segments: list[Segment] = field(default_factory=list)


@dataclass(frozen=True)
class Tick:
    """A line of the chart's scale; `at` in percent from below."""

    label: str = ""
    at: str = ""


@dataclass(frozen=True)
class ModelTotal:
    """A model's month; `share` is its bar's length in percent of the longest."""

    name: str = ""
    colour: str = ""
    amount: str = ""
    outputs: str = ""
    share: str = ""


@dataclass(frozen=True)
class DayRow:
    """The chart's day as a row of amounts, one for each model of the legend, and their sum."""

    day: str = ""
    amounts: list[str] = field(default_factory=list)
    total: str = ""


@dataclass(frozen=True)
class AlertView:
    """A threshold of the cap and its switch."""

    percent: int = 0
    label: str = ""
    name: str = ""
    amount: str = ""
    on: bool = False


@dataclass(frozen=True)
class EntryView:
    """A row of the ledger. `href` is empty when the output is gone, or never was."""

    seq: str = ""
    when: str = ""
    kind: str = ""
    entry: str = ""
    what: str = ""
    href: str = ""
    model: str = ""
    amount: str = ""
    held: str = ""


@dataclass(frozen=True)
class DeviceView:
    """A signed-in browser."""

    id: str = ""
    title: str = ""
    name: str = ""
    current: bool = False
    started: str = ""
    seen: str = ""


@dataclass(frozen=True)
class FactView:
    """One kind of fact that is held."""

    category: str = ""
    kind: str = ""
    what: str = ""
    why: str = ""
    leaves: str = ""
    count: str = ""


@dataclass(frozen=True)
class WayInView:
    """A provider that opens the account."""

    id: str = ""
    name: str = ""
    since: str = ""


@dataclass(frozen=True)
class AnswerView:
    """An answer about cookies; `text` is the beginning of the hash of what was shown."""

    id: str = ""
    on: bool = False
    words: str = ""
    when: str = ""
    text: str = ""


@dataclass(frozen=True)
class CountBar:
    """One day of counted page views; `height` in percent of the chart."""

    day: str = ""
    label: str = ""
    title: str = ""
    height: str = ""
    views: str = ""
    visitors: str = ""


@dataclass(frozen=True)
class UsedView:
    """A page or a feature and how often it was used; `share` is its bar's length."""

    name: str = ""
    uses: str = ""
    visitors: str = ""
    share: str = ""


@dataclass(frozen=True)
class ArmView:
    """An arm of an experiment."""

    arm: str = ""
    words: str = ""
    views: str = ""
    starts: str = ""
    rate: str = ""


def size_words(size: int) -> str:
    """ "4.2 GB": bytes in powers of a thousand."""
    if size < 1000:
        return "1 byte" if size == 1 else f"{size} bytes"
    value, unit = size / 1000, "kB"
    for bigger in ("MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, bigger
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def count_words(count: int, what: str) -> str:
    """ "1 output", "1,304 outputs"."""
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def files_words(files: int, size: int | None = None) -> str:
    """ "1,304 files, 4.2 GB"."""
    count = "1 file" if files == 1 else f"{files:,} files"
    return count if size is None else f"{count}, {size_words(size)}"


@dataclass(frozen=True)
class BuildingView:
    """An archive on its way; `percent` is 0 to 100. Without an id there is none."""

    id: str = ""
    percent: int = 0
    words: str = ""


@dataclass(frozen=True)
class PartView:
    """One file of an archive."""

    href: str = ""
    name: str = ""


@dataclass(frozen=True)
class ArchiveView:
    """An archive that can be downloaded."""

    id: str = ""
    title: str = ""
    note: str = ""
    missing: str = ""
    parts: list[PartView] = field(default_factory=list)


@dataclass(frozen=True)
class LeavingView:
    """The countdown of a deletion; `past` is how much of it is over ("12.5%"). Without `due` there is none."""

    asked: str = ""
    due: str = ""
    due_ms: int = 0
    past: str = ""
    words: str = ""
