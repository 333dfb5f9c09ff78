"""What of the library is asked for, and its one form in an address.

An address is written by anybody: what does not fit is left out, so every address shows something that is true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

MOST_TEXT = 200
MOST_CHOICES = 20
LONGEST_QUERY = 2000
MOST_COST = 1_000_000_000  # micros of USD: a thousand dollars for one output
SORTS: Mapping[str, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "rating": "Best rated",
    "cost": "Highest cost",
}
MEDIA: Mapping[str, str] = {"image": "Images", "video": "Videos"}
_MODEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True)
class Filters:
    """A place in the library. `workspace` empty: all of them; `rating`: at least; costs in micros of USD."""

    text: str = ""
    media: str = ""
    models: tuple[str, ...] = ()
    rating: int = 0
    labels: tuple[UUID, ...] = ()
    workspace: UUID | None = None
    batch: UUID | None = None
    since: date | None = None
    until: date | None = None
    cost_min: int | None = None
    cost_max: int | None = None
    trash: bool = False
    sort: str = "newest"

    @property
    def dated(self) -> bool:
        """Whether rows stand under days."""
        return self.sort in ("newest", "oldest")

    @property
    def active(self) -> int:
        """How many filters hide something. Sorting hides nothing, and the trash is another place."""
        spans = (self.since or self.until, self.cost_min is not None or self.cost_max is not None)
        plain = (self.text, self.media, self.models, self.rating, self.labels, self.workspace, self.batch)
        return sum(bool(each) for each in (*plain, *spans))

    def cleared(self) -> Filters:
        """The same place and order, with nothing hidden."""
        return Filters(trash=self.trash, sort=self.sort)

    def query(self) -> str:
        """The address after the question mark: the same filters are always the same text."""
        pairs = [
            ("q", self.text),
            ("media", self.media),
            ("model", ",".join(self.models)),
            ("rating", str(self.rating or "")),
            ("label", ",".join(str(each) for each in self.labels)),
            ("workspace", str(self.workspace or "")),
            ("batch", str(self.batch or "")),
            ("since", self.since.isoformat() if self.since else ""),
            ("until", self.until.isoformat() if self.until else ""),
            ("from", "" if self.cost_min is None else str(self.cost_min)),
            ("to", "" if self.cost_max is None else str(self.cost_max)),
            ("state", "trash" if self.trash else ""),
            ("sort", "" if self.sort == "newest" else self.sort),
        ]
        return urlencode([(name, value) for name, value in pairs if value], safe=",:")


def parse(query: str) -> Filters:
    """Filters from an address. Never raises: what does not fit is as if it were not there."""
    try:
        pairs = parse_qsl(query[:LONGEST_QUERY].removeprefix("?"), max_num_fields=40)
    except ValueError:
        return Filters()
    return of(dict(pairs))


def of(said: Mapping[str, str]) -> Filters:
    """Filters from names and values of an address."""
    since, until = _day(said.get("since", "")), _day(said.get("until", ""))
    low, high = _number(said.get("from", ""), MOST_COST), _number(said.get("to", ""), MOST_COST)
    rating = _number(said.get("rating", ""), 5)
    media, sort = said.get("media", ""), said.get("sort", "")
    models = [each for each in said.get("model", "").split(",") if _MODEL.fullmatch(each)]
    labels = [each for each in map(_uuid, said.get("label", "").split(",")) if each is not None]
    return Filters(
        text=clean(said.get("q", "")),
        media=media if media in MEDIA else "",
        models=tuple(sorted(set(models))[:MOST_CHOICES]),
        rating=rating or 0,
        labels=tuple(sorted(set(labels))[:MOST_CHOICES]),
        workspace=_uuid(said.get("workspace", "")),
        batch=_uuid(said.get("batch", "")),
        since=since if not (since and until and since > until) else until,
        until=until if not (since and until and since > until) else since,
        cost_min=low if low is None or high is None or low <= high else high,
        cost_max=high if low is None or high is None or low <= high else low,
        trash=said.get("state", "") == "trash",
        sort=sort if sort in SORTS else "newest",
    )


def clean(text: str) -> str:
    """Words to search for: one line, no control characters, at most 200 letters."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:MOST_TEXT].strip()


def toggled(filters: Filters, name: str, value: str) -> Filters:
    """The filters with one choice more or less: a list takes or gives back `value`, anything else is set by it."""
    said = dict(parse_qsl(filters.query()))
    if name in ("model", "label"):
        chosen = [each for each in said.get(name, "").split(",") if each]
        said[name] = ",".join([each for each in chosen if each != value] + ([] if value in chosen else [value]))
    elif name in said and said[name] == value:
        del said[name]
    else:
        said[name] = value
    return of(said)


def without(filters: Filters, name: str) -> Filters:
    """The filters without one of them, named as in the address; `date` and `cost` are spans of two."""
    gone = {"date": ("since", "until"), "cost": ("from", "to")}.get(name, (name,))
    return of({key: value for key, value in parse_qsl(filters.query()) if key not in gone})


def spanned(filters: Filters, since: date | None, until: date | None) -> Filters:
    """The filters for outputs made from `since` to `until`, both included."""
    return replace(filters, since=since, until=until)


def costing(filters: Filters, low: str, high: str) -> Filters:
    """The filters for outputs that cost between two amounts in micros of USD; either may be empty."""
    asked = of({"from": low, "to": high})
    return replace(filters, cost_min=asked.cost_min, cost_max=asked.cost_max)


def tsquery(text: str) -> str:
    """Every word of a text, or its beginning, as Postgres takes it; empty when there is none."""
    return " & ".join(f"{word}:*" for word in _words(text)[:12])


def like(text: str) -> str:
    """A pattern for the letters as they stand; empty when there are too few for an index of three letters each."""
    if len(text) < 3:
        return ""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+", text.lower())


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found and 2000 <= found.year <= 2100 else None


def _number(text: str, most: int) -> int | None:
    return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) <= 12 else None


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
