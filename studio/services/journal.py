"""The erasure journal: what must never come back, kept beside the database instead of in it.

A restored backup knows nothing of what was erased, withdrawn or restricted after it was taken, nor of a wish to leave.
So each of these is noted as one create-only object outside of everything that is backed up, after the point of no
return and before the first delete. A note holds a kind, a random id and a time, and never leaves: without the erased
rows it says nothing.

One object per note: `j/<2 hex>/<32 hex of the id>.<kind><number>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args
from uuid import UUID

from studio import runtime
from studio.services.storage import ObjectExists, Storage, StorageError, key_for, new_key

Kind = Literal["account", "workspace", "batch", "output", "optout", "restrict", "unrestrict", "leaving", "staying"]
# A restriction may come and go, and so may the wish to leave: these are counted per account, the others happen once.
RESTRICTIONS = frozenset({"restrict", "unrestrict"})
COUNTDOWNS = frozenset({"leaving", "staying"})
COUNTED = RESTRICTIONS | COUNTDOWNS
_LETTER = "j"
_NAME = re.compile(rf"{_LETTER}/[0-9a-f]{{2}}/([0-9a-f]{{32}})\.({'|'.join(get_args(Kind))})(\d*)")
# The journal's own name: one object under an id that no account can have (random ids are never all zero).
_SELF = key_for(_LETTER, UUID(int=0), suffix="name")


class JournalDamaged(StorageError):
    """A note of the erasure journal cannot be read. Nothing is restored until it can."""

    code = "journal_damaged"


@dataclass(frozen=True)
class Entry:
    """One note: a random id, of an account or of what it had, and when (UTC). `number` orders what comes and goes."""

    kind: Kind
    id: UUID
    at: datetime
    number: int = 0


async def write(
    kind: Kind, ident: UUID, *, number: int = 0, at: datetime | None = None, store: Storage | None = None
) -> None:
    """Note something; when this returns it is durable. Noting the same again changes nothing.

    `account`, `workspace` and `batch` take the id of what they name, `output` the asset's, `optout` that of the row
    that was withdrawn (or of the account, for all it had asked for until then); `restrict` and `unrestrict`, `leaving`
    and `staying` the account's, with a number that grows with each change, so that a restore ends in the state of the
    highest.

    Raises:
        StorageError: the journal cannot be written; nothing may be erased then.
    """
    if (kind in COUNTED) != (number > 0):
        raise ValueError(f"{kind}: a number is expected for what comes and goes, and for nothing else")
    told = {"kind": kind, "id": str(ident), "at": (at or datetime.now(UTC)).astimezone(UTC).isoformat()}
    suffix = f"{kind}{number}" if number else kind
    with suppress(ObjectExists):
        await (store or runtime.journal()).put(
            key_for(_LETTER, ident, suffix=suffix),
            json.dumps(told, sort_keys=True).encode(),
            content_type="application/json",
            create_only=True,
        )


async def entries(*, store: Storage | None = None) -> AsyncGenerator[Entry, None]:
    """Every note, in no order of time.

    Raises:
        JournalDamaged: a note cannot be understood, so nobody knows what must not come back.
    """
    where = store or runtime.journal()
    async for item in where.list(f"{_LETTER}/"):
        if item.key == _SELF:
            continue
        async with await where.open(item.key) as stream:
            raw = b"".join([chunk async for chunk in stream])
        yield _entry(item.key, raw)


async def count(*, store: Storage | None = None) -> int:
    """How many notes there are."""
    return sum([1 async for item in (store or runtime.journal()).list(f"{_LETTER}/") if item.key != _SELF])


async def name(*, store: Storage | None = None, create: bool = False) -> str | None:
    """The journal's random name: a backup remembers it, so a restore notices when it is shown another journal.

    None when it has none yet, unless `create` gives it one.
    """
    where = store or runtime.journal()
    if create:
        with suppress(ObjectExists):
            await where.put(_SELF, new_key(_LETTER)[-32:].encode(), content_type="text/plain", create_only=True)
    if await where.stat(_SELF) is None:
        return None
    async with await where.open(_SELF) as stream:
        return b"".join([chunk async for chunk in stream]).decode("ascii", "replace")


def _entry(key: str, raw: bytes) -> Entry:
    shape = _NAME.fullmatch(key)
    if shape is None:
        raise JournalDamaged
    ident, kind, number = UUID(shape[1]), shape[2], int(shape[3] or 0)
    try:
        told = json.loads(raw)
        at = datetime.fromisoformat(told["at"])
        same = (told["kind"], told["id"]) == (kind, str(ident))
    except (ValueError, KeyError, TypeError) as error:
        raise JournalDamaged from error
    if not same:
        raise JournalDamaged
    return Entry(kind, ident, at, number)  # type: ignore[arg-type]  # the pattern lists exactly the kinds
