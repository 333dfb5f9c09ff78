"""What the states of the operator's pages share: who may see them, and turning pages by the last row seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import reflex as rx

from studio.state import guard
from studio.state.guard import operator_action
from studio.state.toasts import ToastMixin

MOST_PAGES = 1000


class OperatorMixin(ToastMixin, rx.State, mixin=True):
    """`denied`: whoever looks is no operator, so there is nothing here."""

    loaded: bool = False
    denied: bool = False


class PagedMixin(OperatorMixin, mixin=True):
    """A list that is read a page at a time. `_seen` are the last rows of the pages before this one."""

    has_newer: bool = False
    has_older: bool = False

    _seen: list[str] = []
    _last: str = ""

    async def _read(self) -> None:
        """Read the page after `_cursor`. Abstract: each page has its own rows."""
        raise NotImplementedError

    @property
    def _cursor(self) -> UUID | None:
        return guard.uuid(self._seen[-1]) if self._seen else None

    def _cut(self, rows: Sequence[Any], page: int, key: str = "id") -> list[Any]:
        """A page of rows that were asked for one more; notes whether there is a next one and where it begins."""
        shown = list(rows[:page])
        self.has_older, self.has_newer = len(rows) > page, bool(self._seen)
        self._last = str(getattr(shown[-1], key)) if shown else ""
        return shown

    def _from_the_start(self) -> None:
        self._seen, self._last = [], ""

    @operator_action
    async def turn(self, by: int):
        """The next page (1) or the one before (-1)."""
        if by == 1 and self.has_older and self._last and len(self._seen) < MOST_PAGES:
            self._seen = [*self._seen, self._last]
        elif by == -1 and self._seen:
            self._seen = self._seen[:-1]
        else:
            return
        await self._read()
