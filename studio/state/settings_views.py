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
