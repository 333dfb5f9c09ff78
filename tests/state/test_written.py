"""What was written is not lost to a take-over, and a clip's length is the one that was asked for."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import ValidationError
from studio.services import generations, workspaces
from tests.factories import Person, image, submitted, upload, video
from tests.state.tab import call
from tests.state.test_onward import SEEDANCE_2_5, drafted, opened, output


async def test_what_was_being_written_is_one_step_back_after_reuse(someone: Person):
    batch, _ = await output(someone, image("a lake"))
    state = await opened(someone)
    await call(state, "set_prompt", "half a thought")
    await call(state, "reuse", batch)
    assert state.prompt == "a lake"
    await call(state, "recall", "older")
    assert state.prompt == "half a thought"


async def test_a_workspaces_own_length_ends_one_that_the_model_chooses(someone: Person):
    state = await opened(someone)
    await call(state, "set_media", "video")
    await call(state, "set_model", SEEDANCE_2_5)
    await call(state, "set_auto_duration", True)
    params = replace(video(model=SEEDANCE_2_5), duration=8)
    state._restore({**{k: v for k, v in params.to_json().items() if k != "kind"}, "media": "video"})
    assert (state.auto_duration, state.duration) == (False, 8)


async def test_a_final_clip_is_not_tried_again_once_its_draft_is_gone(someone: Person):
    _, clip = await drafted(someone)
    async with transaction(someone.actor) as session:
        found = await generations.draft(session, actor=someone.actor, asset_id=UUID(clip))
    sent = await submitted(someone, found.params, (generations.Input(generations.DRAFT, UUID(clip)),))
    async with transaction(someone.actor) as session:
        await generations.cancel(session, actor=someone.actor, generation_id=sent.generation_ids[0])
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM batch_inputs WHERE batch_id = :id"), {"id": sent.batch_id})
    with pytest.raises(ValidationError, match="The draft is gone"):
        async with transaction(someone.actor) as session:
            await generations.retry(session, actor=someone.actor, generation_id=sent.generation_ids[0])


async def test_an_upload_does_not_move_into_a_workspace_in_the_trash(someone: Person):
    here, picture = someone.actor.workspace_id, await upload(someone)
    assert here is not None
    made: list[UUID] = []
    for name in ("Second", "Third"):
        async with transaction(someone.actor) as session:
            made.append(await workspaces.create(session, actor=someone.actor, name=name))
    second = replace(someone.actor, workspace_id=made[0])
    async with transaction(second) as session:
        given = (generations.Input("reference", picture),)
        sent = await generations.submit(session, actor=second, params=image(), inputs=given)
        await generations.cancel(session, actor=second, generation_id=sent.generation_ids[0])
    for ident, name in ((made[0], "Second"), (here, "My studio")):
        async with transaction(someone.actor) as session:
            await workspaces.delete(session, actor=someone.actor, workspace_id=ident, typed=name)
    async with transaction(SYSTEM) as session:
        found = await session.execute(
            text("SELECT workspace_id, trashed_at IS NOT NULL AS gone FROM assets WHERE id = :id"), {"id": picture}
        )
        assert tuple(found.one()) == (here, True)
