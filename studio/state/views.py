"""What the pages show: small frozen rows, made by the services' results and read by components. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelOption:
    """One line of the model picker. `art` names an icon in assets/art."""

    id: str = ""
    name: str = ""
    tagline: str = ""
    price: str = ""
    art: str = ""


@dataclass(frozen=True)
class RatioOption:
    """A ratio card; `width` and `height` are the icon's pixels, inside 30 by 24."""

    name: str = ""
    width: int = 20
    height: int = 20


@dataclass(frozen=True)
class InputView:
    """An uploaded or re-used picture in a well."""

    asset_id: str = ""
    thumb: str = ""
    number: int = 0
    alt: str = ""


@dataclass(frozen=True)
class InsertView:
    """A picture of the library to choose; `mark` says as what it is chosen: "2", "First" or nothing."""

    asset_id: str = ""
    thumb: str = ""
    name: str = ""
    mark: str = ""


@dataclass(frozen=True)
class TileView:
    """One output or the place where it will appear, at its final ratio.

    `state` is waiting, running, saving, done, failed, unknown or cancelled; `since_ms` is the epoch in
    milliseconds that elapsed time counts from (0: no clock is shown). `detail` is the whole sentence behind a title.
    """

    id: str = ""
    index: int = 1
    total: int = 1
    kind: str = "image"
    state: str = "waiting"
    title: str = ""
    note: str = ""
    since_ms: int = 0
    usually: str = ""
    place: str = ""
    retry_label: str = ""
    can_cancel: bool = False
    can_ask: bool = False  # it was sent: what giving it up means is said first
    cancel_name: str = ""
    width: int = 1
    height: int = 1
    ratio: float = 1.0
    asset_id: str = ""
    thumb: str = ""
    original: str = ""
    duration: str = ""
    name: str = ""
    icon: str = "circle-alert"
    detail: str = ""
    rating: int = 0  # stars; 0 is none


@dataclass(frozen=True)
class BatchView:
    """One click of Generate: a prompt, what was asked, and its tiles in one row."""

    id: str = ""
    kind: str = "image"
    prompt: str = ""
    name: str = ""
    meta: list[str] = field(default_factory=list)
    tiles: list[TileView] = field(default_factory=list)
    inputs: list[InputView] = field(default_factory=list)


@dataclass(frozen=True)
class Fact:
    """A term and its value in the details panel."""

    term: str = ""
    value: str = ""


@dataclass(frozen=True)
class DetailsView:
    """Everything known about one output."""

    generation_id: str = ""
    batch_id: str = ""
    asset_id: str = ""
    kind: str = "image"
    prompt: str = ""
    preview: str = ""
    original: str = ""
    download: str = ""
    draft: bool = False
    cost: str = ""
    width: int = 1
    height: int = 1
    task_id: str = ""
    trashed: bool = False
    facts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True)
class Neighbours:
    """Where an output stands in the order of a page: "12 of 1,200", and whether there are any before and after it."""

    of: str = ""
    position: str = ""
    before: bool = False
    after: bool = False


@dataclass(frozen=True)
class ErasingView:
    """The question before something is deleted; `what` is output, batch, selected or workspace. No id: closed."""

    id: str = ""
    what: str = ""
    title: str = ""
    words: str = ""


@dataclass(frozen=True)
class ProviderView:
    """A sign-in provider; `mark` is its key, which chooses the icon."""

    name: str = ""
    href: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Toast:
    """A message shown once; `kind` is info, success or error. `undo`: it offers to take back what it tells."""

    id: str = ""
    kind: str = "info"
    title: str = ""
    text: str = ""
    undo: bool = False


@dataclass(frozen=True)
class CostOption:
    """What it would cost otherwise; an empty `id` is how it is now. `name` says all of it."""

    id: str = ""
    title: str = ""
    note: str = ""
    price: str = ""
    left: str = ""
    fits: bool = True
    name: str = ""


@dataclass(frozen=True)
class PresetView:
    """Named parameters, with what they are in a few words."""

    id: str = ""
    name: str = ""
    words: str = ""


@dataclass(frozen=True)
class QueueRow:
    """One output on its way, as the queue lists it."""

    id: str = ""
    name: str = ""
    prompt: str = ""
    state: str = ""
    title: str = ""
    place: str = ""
    since_ms: int = 0
    usually: str = ""
    cancel: str = ""  # now, ask or nothing
    cancel_name: str = ""


@dataclass(frozen=True)
class FinalView:
    """The question before a draft is made final; `send` carries the price. Without an id nothing is asked."""

    id: str = ""
    words: str = ""
    send: str = ""
    possible: bool = False


@dataclass(frozen=True)
class CancelView:
    """The question before something that was sent is given up; without an id nothing is asked."""

    id: str = ""
    title: str = ""
    words: str = ""
    possible: bool = False
