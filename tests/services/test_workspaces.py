"""The workspace a session works in: chosen among one's own, for that session only."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import NotFound
from studio.services import sessions, workspaces
from tests.factories import Person


async def another(who: Person, name: str, *, archived: bool = False) -> UUID:
    made = uuid4()
    async with transaction(who.actor) as session:
        await session.execute(
            text(
                "INSERT INTO workspaces (id, account_id, name, archived_at) "
                "VALUES (:id, :account, :name, CASE WHEN :archived THEN studio_now() END)"
            ),
            {"id": made, "account": who.account_id, "name": name, "archived": archived},
        )
    return made


async def choose(who: Person, workspace_id: UUID) -> None:
    async with transaction(who.actor) as session:
        await workspaces.set_active(session, actor=who.actor, workspace_id=workspace_id)


async def test_a_workspace_is_chosen_for_one_session_and_its_next_request_works_there(someone: Person):
    autumn = await another(someone, "Autumn")
    async with transaction(SYSTEM) as session:
        second = await sessions.start(session, account_id=someone.account_id)
    await choose(someone, autumn)
    async with transaction(SYSTEM) as session:
        here = await sessions.identify(session, token=someone.token)
        there = await sessions.identify(session, token=second)
    assert here is not None
    assert there is not None
    assert (here.workspace, there.workspace) == ("Autumn", "My studio")
    async with transaction(here.actor) as session:
        assert await workspaces.active(session, actor=here.actor) == autumn
        listed = await workspaces.listed(session, actor=here.actor)
    assert [(each.name, each.active) for each in listed] == [("My studio", False), ("Autumn", True)]


async def test_neither_somebody_elses_nor_an_archived_nor_no_workspace_is_chosen(someone: Person, other: Person):
    archived = await another(someone, "Done", archived=True)
    for wrong in (other.identity.workspace_id, archived, uuid4()):
        with pytest.raises(NotFound):
            await choose(someone, wrong)
    # Even where no policy helps, the query names the account.
    stolen = replace(someone.actor, session_id=other.identity.session_id)
    async with transaction(SYSTEM) as session:
        with pytest.raises(NotFound):
            await workspaces.set_active(session, actor=stolen, workspace_id=someone.identity.workspace_id)
        with pytest.raises(NotFound):
            await workspaces.active(session, actor=stolen)
        listed = await workspaces.listed(session, actor=someone.actor)
    assert [each.name for each in listed] == ["My studio"]
