"""What the operator's pages show: small frozen rows, and times and sizes as words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class FigureView:
    """One figure of the overview; `tone` is ok, warn or bad."""

    label: str = ""
    value: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class RequestView:
    """One generation of the queue: no prompt, no name."""

    id: str = ""
    short: str = ""
    account: str = ""
    account_id: str = ""
    model: str = ""
    state: str = ""
    word: str = ""
    age: str = ""
    tries: str = ""
    held: str = ""
    reversible: bool = False


@dataclass(frozen=True)
class WorkerView:
    """A worker process."""

    name: str = ""
    alive: bool = False
    doing: str = ""
    beat: str = ""


@dataclass(frozen=True)
class LimitView:
    """A limit of the provider; `share` is its bar's length."""

    name: str = ""
    share: str = ""
    words: str = ""


@dataclass(frozen=True)
class ErrorView:
    """Errors of one kind at one place, or a single one."""

    kind: str = ""
    place: str = ""
    count: str = ""
    last: str = ""
    reference: str = ""


@dataclass(frozen=True)
class RunView:
    """A rule of retention and its last sweep; `tone` is bad when something is overdue, warn when the sweep is late."""

    rule: str = ""
    last: str = ""
    removed: str = ""
    overdue: str = ""
    due: str = ""
    tone: str = ""


@dataclass(frozen=True)
class MailView:
    """A mail of the outbox, without what it says."""

    id: str = ""
    recipient: str = ""
    template: str = ""
    category: str = ""
    state: str = ""
    word: str = ""
    tries: str = ""
    reason: str = ""
    when: str = ""
    readable: bool = False
    failed: bool = False


@dataclass(frozen=True)
class InvitationView:
    """An address that is let in."""

    id: str = ""
    email: str = ""
    when: str = ""
    until: str = ""


@dataclass(frozen=True)
class PersonView:
    """An account in the list, and in its dialog."""

    id: str = ""
    email: str = ""
    since: str = ""
    restricted: str = ""  # "At your own request", empty when it is not
    spent: str = ""
    held: str = ""
    cap: str = ""
    cap_plain: str = ""
    devices: str = ""


@dataclass(frozen=True)
class AuditView:
    """One act of an operator."""

    id: str = ""
    when: str = ""
    who: str = ""
    act: str = ""
    subject: str = ""
    details: str = ""


@dataclass(frozen=True)
class AskedView:
    """What somebody asked about their data. `tone` colours the word: red is overdue, amber is soon, gray is closed."""

    id: str = ""
    who: str = ""
    kind: str = ""
    note: str = ""
    came: str = ""
    due: str = ""
    word: str = ""
    tone: str = ""
    open: bool = False


def ago(at: datetime, now: datetime) -> str:
    """ "41 s", "6 min", "3 h", "5 days": how long ago, never negative."""
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < 90:
        return f"{seconds} s"
    if seconds < 90 * 60:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86_400} days"


def stamp(at: datetime) -> str:
    """ "25 Nov 2026, 18:13 UTC"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def size(count: int) -> str:
    """Bytes as people say them: "1.6 GB"."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit in ("B", "KB") else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def short(ident: object) -> str:
    """The first eight characters of an id."""
    return str(ident)[:8]


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 file", "2,000 files"."""
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"
