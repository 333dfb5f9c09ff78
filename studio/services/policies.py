"""The public texts and their dates: which version is in force, which comes next, and publishing a new one.

A text is immutable and known by its hash; its dates are a row of their own. A version that is published tells every
account (services/policy_notices.py) and takes effect by itself, never less than 14 days after the last notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.config import settings
from studio.errors import Conflict, NotFound, ValidationError
from studio.legal import registry, texts
from studio.legal.texts import Number, Text
from studio.links import KINDS, TITLES
from studio.services import documents, installation

NOTICE_DAYS = 14
LOOK_AFTER = "policies.look_after"
# What people agree to when they join; product news have a wording of their own.
AGREED = ("privacy", "terms")
NEWS_WORDING = "1.0"

_COLUMNS = (
    "d.kind, d.major, d.minor, v.source, v.sha256, d.first, d.published_at, d.announced_for, d.effective_at, d.moves, "
    "d.told_at, d.last_notice_at, d.in_force_at"
)
_DATED = "policy_dates d JOIN policy_versions v USING (kind, major, minor)"


class TooSoon(ValidationError):
    """A new version takes effect 14 days after it is published, or later."""

    code = "too_soon"


class NotNewer(Conflict):
    """There is a newer version already."""

    code = "not_newer"


class TextTaken(Conflict):
    """This version exists with another text. Give the new text the next number."""

    code = "text_taken"


class OneAtATime(Conflict):
    """Another version of this document was published and is not in force yet."""

    code = "one_at_a_time"


@dataclass(frozen=True)
class Version:
    """A version with dates. `in_force_at` is empty until it took effect; a later one may have replaced it since."""

    text: Text
    sha256: str
    first: bool
    published_at: datetime
    announced_for: datetime
    effective_at: datetime
    moves: int
    told_at: datetime | None
    last_notice_at: datetime | None
    in_force_at: datetime | None

    @property
    def kind(self) -> str:
        return self.text.kind

    @property
    def number(self) -> Number:
        return self.text.number

    @property
    def title(self) -> str:
        return TITLES[self.text.kind]

    @property
    def path(self) -> str:
        return f"/{self.kind}/versions/{self.number}"


def _version(row: Row[Any]) -> Version:
    return Version(
        text=texts.parse(row.source),
        sha256=row.sha256,
        first=row.first,
        published_at=row.published_at,
        announced_for=row.announced_for,
        effective_at=row.effective_at,
        moves=row.moves,
        told_at=row.told_at,
        last_notice_at=row.last_notice_at,
        in_force_at=row.in_force_at,
    )


async def check(session: AsyncSession) -> None:
    """Compare the shipped texts with the registered ones, as every process does when it starts.

    Raises:
        TextChangedError: one was changed after it was registered.
    """
    await (await session.connection()).run_sync(registry.check)


async def history(session: AsyncSession, *, kind: str) -> Sequence[Version]:
    """Every published version of a document, newest first. Raises NotFound when there is no such document."""
    if kind not in KINDS:
        raise NotFound
    rows = await session.execute(
        text(f"SELECT {_COLUMNS} FROM {_DATED} WHERE kind = :kind ORDER BY major DESC, minor DESC"),  # noqa: S608  # constants
        {"kind": kind},
    )
    return [_version(row) for row in rows]


def current(versions: Sequence[Version]) -> Version:
    """The one in force, of a history. Raises NotFound."""
    for each in versions:
        if each.in_force_at is not None:
            return each
    raise NotFound


def coming(versions: Sequence[Version]) -> Version | None:
    """The published one that is not in force yet, of a history."""
    return next((each for each in versions if each.in_force_at is None), None)


async def in_force(session: AsyncSession, *, kind: str) -> Version:
    """The version of a document that applies now."""
    return current(await history(session, kind=kind))


async def upcoming(session: AsyncSession, *, kind: str) -> Version | None:
    """The version that was published and does not apply yet."""
    return coming(await history(session, kind=kind))


async def shown_at_joining(session: AsyncSession) -> Mapping[str, Sequence[Version]]:
    """What somebody new is shown and agrees to: of each document the version in force, then the one that comes."""
    found: dict[str, Sequence[Version]] = {}
    for kind in AGREED:
        versions = await history(session, kind=kind)
        next_one = coming(versions)
        found[kind] = [current(versions), *([next_one] if next_one else [])]
    return found


async def publish(session: AsyncSession, *, source: str, effective: date) -> Version:
    """Publish the next version of a document; every account is told by mail from now on. Runs as `sys`.

    It takes effect at 00:00 UTC of `effective` if by then every account has been told for 14 days, else later.

    Raises:
        ValidationError: the text is not written as texts are.
        TooSoon: `effective` is less than 14 days away by the database's clock.
        NotNewer, TextTaken, OneAtATime: the version's number, or the moment, does not fit.
    """
    try:
        new = texts.parse(source)
    except texts.TextError as error:
        raise ValidationError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    documents.blocks(new.body, installation.facts(settings()))  # what cannot be shown is not published
    await lock(session, kind=new.kind)
    await _check_number(session, new)
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    start = datetime(effective.year, effective.month, effective.day, tzinfo=UTC)
    if start < now + timedelta(days=NOTICE_DAYS):
        raise TooSoon(
            f"The first day it can take effect is {first_day(now).isoformat()}: people are told 14 days before."
        )
    await _add_text(session, new)
    key = {"kind": new.kind, "major": new.number.major, "minor": new.number.minor}
    await session.execute(
        text(
            "INSERT INTO policy_dates (kind, major, minor, announced_for, effective_at) "
            "VALUES (:kind, :major, :minor, :at, :at)"
        ),
        {**key, "at": start},
    )
    await queue.defer(session, LOOK_AFTER)
    found = await upcoming(session, kind=new.kind)
    assert found is not None, "it was written just now"
    return found


async def lock(session: AsyncSession, *, kind: str) -> None:
    """One at a time may change the dates of a document: the next one sees what this transaction did."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('policy:' || :kind))"), {"kind": kind})


def first_day(after: datetime) -> date:
    """The first day whose beginning in UTC is 14 days or more after a moment."""
    earliest = (after + timedelta(days=NOTICE_DAYS)).astimezone(UTC)
    midnight = datetime(earliest.year, earliest.month, earliest.day, tzinfo=UTC)
    return (midnight if midnight == earliest else midnight + timedelta(days=1)).date()


async def _check_number(session: AsyncSession, new: Text) -> None:
    versions = await history(session, kind=new.kind)
    waiting = coming(versions)
    if waiting is not None:
        raise OneAtATime(
            f"{waiting.title} {waiting.number} was published and takes effect on "
            f"{waiting.effective_at.astimezone(UTC).date().isoformat()}. Publish the next version after that."
        )
    newest = max((each.number for each in versions), default=None)
    if newest is not None and new.number <= newest:
        raise NotNewer(f"{TITLES[new.kind]} {newest} is published: the next version has a higher number.")


async def _add_text(session: AsyncSession, new: Text) -> None:
    """Register the text, unless it is registered just like this."""
    key = {"kind": new.kind, "major": new.number.major, "minor": new.number.minor}
    await session.execute(
        text(
            "INSERT INTO policy_versions (kind, major, minor, source, sha256) "
            "VALUES (:kind, :major, :minor, :source, :sha256) ON CONFLICT DO NOTHING"
        ),
        {**key, "source": new.source, "sha256": new.sha256},
    )
    known = await session.scalar(
        text("SELECT sha256 FROM policy_versions WHERE kind = :kind AND major = :major AND minor = :minor"), key
    )
    if known != new.sha256:
        raise TextTaken
