"""What an operator does on their pages lasts: a restored backup does not undo it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from studio.services import journal
from studio.services.storage import StorageError
from studio.state.operator_accounts import OperatorAccountsState
from tests.factories import Person
from tests.state.tab import call, tab


async def noted(account_id: UUID) -> list[str]:
    """What the journal says of an account, in the order a restore takes it."""
    found = [entry async for entry in journal.entries() if entry.id == account_id]
    return [entry.kind for entry in sorted(found, key=lambda entry: entry.number)]


async def opened(boss: Person, account_id: UUID) -> Any:
    """The page of accounts with the dialog of one of them."""
    state: Any = tab(OperatorAccountsState, boss)
    await call(state, "find", {"search": str(account_id)})
    await call(state, "choose", str(account_id), True)
    return state


async def test_a_restriction_and_its_end_are_in_the_journal(boss: Person, someone: Person):
    state = await opened(boss, someone.account_id)
    await call(state, "restrict", {"reason": "nonsense"})
    assert await noted(someone.account_id) == []
    await call(state, "restrict", {"reason": "person"})
    assert await noted(someone.account_id) == ["restrict"]
    await call(state, "unrestrict")
    await call(state, "restrict", {"reason": "authority"})
    assert await noted(someone.account_id) == ["restrict", "unrestrict", "restrict"]


async def test_a_restriction_that_cannot_be_noted_is_not_made(
    boss: Person, someone: Person, monkeypatch: pytest.MonkeyPatch
):
    async def away(*_: object, **__: object) -> None:
        raise StorageError

    monkeypatch.setattr(journal, "write", away)
    state = await opened(boss, someone.account_id)
    await call(state, "restrict", {"reason": "person"})
    assert [toast.kind for toast in state.toasts] == ["error"]
    await call(state, "find", {"search": str(someone.account_id)})
    assert state.rows[0].restricted == ""
