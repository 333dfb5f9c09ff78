"""What every column says about itself, so that export, erasure and the public table can be derived from it.

A column that concerns a person carries a class: what it is, why it is held, and how it leaves. Columns that
concern nobody (counters, leases) say so with `technical`. A column without either fails the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sqlmodel import SQLModel

Category = Literal["account", "content", "operational", "technical"]
Fate = Literal["erase", "anonymise", "retain"]


@dataclass(frozen=True)
class Held:
    """The privacy class of one column.

    `fate` is what the purge of an account does: erase the value with its row, anonymise (the link to the person
    is destroyed, the rest stays) or retain until `days` have passed.
    """

    category: Category
    why: str
    fate: Fate = "erase"
    export: bool = True
    days: int | None = None


def held(category: Category, why: str, **rest: Any) -> dict[str, Any]:
    """For `sa_column_kwargs` of a SQLModel field."""
    return {"info": {"held": Held(category, why, **rest)}}


ACCOUNT = held("account", "to know whose studio this is")
CONTENT = held("content", "it is your work")
OPERATIONAL = held("operational", "to run your work and to find faults")
LEDGER = held("operational", "accounting and the cap", fate="anonymise", days=7 * 365)
SECRET = held("account", "to keep you signed in", export=False)
TECHNICAL = held("technical", "concerns no person", export=False)


class Row(SQLModel):
    """Base of every table; the annotation lets a plain string name it."""

    __tablename__: ClassVar[Any]
