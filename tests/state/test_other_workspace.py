"""What a tab of the studio shows once its session works in another workspace: nothing is done where nobody looks."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy import text

from studio.db import SYSTEM, Actor, transaction
from studio.services import presets, sessions, workspaces
from studio.state.guard import acting_as
from studio.state.studio import StudioState
from tests.factories import Person, image, submitted
from tests.state.tab import call, tab


async def opened(who: Person) -> StudioState:
    """A tab that has loaded."""
    state = tab(StudioState, who)
    await call(state, "load")
    return state


async def session_moves_to(who: Person, name: str) -> Actor:
    """On another page their session goes to a new workspace; who acts there."""
    async with transaction(who.actor) as session:
        made = await workspaces.create(session, actor=who.actor, name=name)
        await workspaces.set_active(session, actor=who.actor, workspace_id=made)
    return replace(who.actor, workspace_id=made)


async def pushed(who: Person, state: StudioState, *batch_ids: UUID) -> None:
    """What a push does to a tab: word of batches, or else of something kept."""
    async with transaction(SYSTEM) as session:
        now = await sessions.still_live(session, session_id=who.identity.session_id)
    assert now is not None
    async with acting_as(now):
        if batch_ids:
            await state._refresh([str(each) for each in batch_ids])
        else:
            await state._changed()


async def test_nothing_is_sent_in_a_workspace_that_the_page_does_not_show_and_the_page_follows(someone: Person):
    state = await opened(someone)
    await submitted(someone, image("made in the first"))
    await call(state, "load")
    there = await session_moves_to(someone, "Second")
    await call(state, "generate", {"prompt": "half a sentence"})
    assert state.toasts[-1].title == "This session works in Second now, and so does this page."
    assert (state.workspace, state.batches, state.prompt) == ("Second", [], "half a sentence")
    async with transaction(SYSTEM) as session:
        kept = await session.scalar(
            text("SELECT content ->> 'prompt' FROM drafts WHERE workspace_id = :id"),
            {"id": someone.identity.workspace_id},
        )
        made = await session.scalar(
            text("SELECT count(*) FROM batches WHERE workspace_id = :id"), {"id": there.workspace_id}
        )
    assert (kept, made) == ("half a sentence", 0)
    state._sent_at = 0.0
    await call(state, "generate", {"prompt": "now here"})
    assert [b.prompt for b in state.batches] == ["now here"]


async def test_a_preset_is_not_saved_in_a_workspace_that_the_page_does_not_show(someone: Person):
    state = await opened(someone)
    await session_moves_to(someone, "Second")
    await call(state, "save_preset", {"name": "Wide"})
    assert (state.presets, state.workspace, len(state.toasts)) == ([], "Second", 1)
    await call(state, "save_preset", {"name": "Wide"})
    assert [each.name for each in state.presets] == ["Wide"]


async def test_an_open_page_follows_when_its_workspace_is_left_or_archived_elsewhere(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "of the first")
    there = await session_moves_to(someone, "Second")
    async with transaction(there) as session:
        await presets.save_draft(session, actor=there, content={**state._content(), "prompt": "of the second"})
    await pushed(someone, state)
    assert (state.workspace, state.prompt) == ("Second", "of the second")
    assert [each.name for each in state.places if each.active] == ["Second"]
    async with transaction(there) as session:
        await workspaces.archive(session, actor=there, workspace_id=there.workspace_id or uuid4())
    await pushed(someone, state)
    assert (state.workspace, state.prompt) == ("My studio", "of the first")


async def test_what_is_made_in_another_workspace_is_announced_and_not_shown_in_this_one(someone: Person):
    elsewhere = await submitted(someone, image("of the first"))
    await session_moves_to(someone, "Second")
    state = await opened(someone)
    await call(state, "set_queue_open", True)
    await pushed(someone, state, elsewhere.batch_id)
    assert (state.batches, [row.prompt for row in state.queue_rows]) == ([], ["of the first"])
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                "UPDATE generations SET state = 'failed', attempt_id = gen_random_uuid(), charged_micros = 0, "
                "ended_at = studio_now() WHERE batch_id = :id"
            ),
            {"id": elsewhere.batch_id},
        )
    await pushed(someone, state, elsewhere.batch_id)
    await pushed(someone, state, elsewhere.batch_id)
    assert (state.batches, state.finished) == ([], 1)
    assert state.announcement == "0 of 1 finished: of the first"
