"""What the composer keeps without a browser: drafts over reloads and devices, presets, and the way back to prompts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, Actor, transaction
from studio.services import presets, purge, registry, workspaces
from studio.services.byteplus.requests import spoken
from studio.services.generations import Input
from studio.state.studio import StudioState
from tests.factories import Person, image, person, restricted, submitted, upload
from tests.state.tab import call, tab

SEEDANCE_1 = "seedance-1-0-pro-250528"


async def opened(who: Person) -> StudioState:
    """A tab that has loaded."""
    state = tab(StudioState, who)
    await call(state, "load")
    return state


async def drafts(who: Person) -> list[dict[str, Any]]:
    """The drafts of an account."""
    async with transaction(SYSTEM) as session:
        rows = await session.scalars(text("SELECT content FROM drafts WHERE account_id = :id"), {"id": who.account_id})
        return list(rows)


async def test_a_draft_is_there_on_another_device_with_its_pictures_in_order(someone: Person):
    here = await opened(someone)
    one, two, first = [str(await upload(someone)) for _ in range(3)]
    await call(here, "set_prompt", "a lake like @2")
    for each in (one, two):
        await call(here, "use_as", each, "reference")
    for handler, value in (("set_size", "4K"), ("set_ratio", "16:9"), ("set_count", "3"), ("set_series", True)):
        await call(here, handler, value)
    await call(here, "use_as", first, "first_frame")
    await call(here, "set_media", "image")
    await call(here, "save_draft")
    there = await opened(someone)
    assert there.prompt == "a lake like @2"
    assert [r.asset_id for r in there.references] == [one, two]
    assert there.first_frame.asset_id == first
    assert (there.media, there.size, there.ratio, there.count, there.series) == ("image", "4K", "16:9", 3, True)
    assert (there.price, there.notices) == (here.price, [])


async def test_only_what_changed_is_saved_and_the_last_device_wins(someone: Person):
    here, there = await opened(someone), await opened(someone)
    await call(here, "save_draft")
    assert await drafts(someone) == [], "nothing was written yet"
    stamp = here.draft_stamp
    await call(here, "set_prompt", "first")
    assert here.draft_stamp > stamp, "the browser is told that there is something to keep"
    await call(here, "save_draft")
    await call(there, "set_prompt", "second")
    await call(there, "save_draft")
    assert [d["prompt"] for d in await drafts(someone)] == ["second"]
    await call(here, "load")
    assert here.prompt == "second"


async def test_a_reload_of_the_same_tab_keeps_what_the_tab_holds(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "kept")
    await call(state, "save_draft")
    await call(state, "set_prompt", "kept and more")
    await call(state, "load")
    assert state.prompt == "kept and more"


async def test_a_picture_that_is_gone_and_a_model_that_left_do_not_stop_a_draft(someone: Person):
    gone = str(uuid4())
    content = {
        "model": "no-such-model",
        "media": "video",
        "prompt": "still here",
        "references": [gone, 7],
        "count": "x",
    }
    async with transaction(someone.actor) as session:
        await presets.save_draft(session, actor=someone.actor, content={**content, "first_frame": {"a": 1}})
    state = await opened(someone)
    assert (state.media, state.prompt, state.references) == ("video", "still here", [])
    assert state.can_generate


async def test_what_cannot_be_stored_in_a_prompt_does_not_stop_a_draft(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "a \x00 lake \ud800")
    await call(state, "save_draft")
    assert [d["prompt"] for d in await drafts(someone)] == ["a  lake "]
    assert state.toasts == []


async def test_a_draft_belongs_to_its_workspace(someone: Person, other: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "of this one")
    await call(state, "save_draft")
    workspace = uuid4()
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :account, 'Second')"),
            {"id": workspace, "account": someone.account_id},
        )
        await session.execute(
            text("UPDATE sessions SET workspace_id = :workspace WHERE id = :id"),
            {"workspace": workspace, "id": someone.identity.session_id},
        )
    assert (await opened(someone)).prompt == ""
    assert (await opened(other)).prompt == ""


async def moved_to_a_new_workspace(who: Person, name: str = "Second") -> Actor:
    """Their session works in another workspace now, as the one who acts there."""
    async with transaction(who.actor) as session:
        made = await workspaces.create(session, actor=who.actor, name=name)
        await workspaces.set_active(session, actor=who.actor, workspace_id=made)
    return replace(who.actor, workspace_id=made)


async def test_what_was_written_is_kept_where_it_was_written_also_after_the_session_went_elsewhere(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "saved")
    await call(state, "save_draft")
    await call(state, "set_prompt", "of the first")
    there = await moved_to_a_new_workspace(someone)
    async with transaction(there) as session:
        await presets.save_draft(session, actor=there, content={**state._content(), "prompt": "of the second"})
    await call(state, "load")
    assert state.prompt == "of the second"
    assert {d["prompt"] for d in await drafts(someone)} == {"of the first", "of the second"}
    await call(state, "set_prompt", "late")
    async with transaction(someone.actor) as session:
        await session.execute(
            text("UPDATE sessions SET workspace_id = :first WHERE id = :id"),
            {"first": someone.identity.workspace_id, "id": someone.identity.session_id},
        )
    await call(state, "save_draft")
    assert {d["prompt"] for d in await drafts(someone)} == {"of the first", "late"}


async def test_what_came_along_into_a_workspace_without_a_draft_is_to_be_kept_there(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "came along")
    await call(state, "save_draft")
    await moved_to_a_new_workspace(someone)
    stamp = state.draft_stamp
    await call(state, "load")
    assert (state.prompt, state.draft_stamp > stamp) == ("came along", True)
    await call(state, "save_draft")
    assert [d["prompt"] for d in await drafts(someone)] == ["came along"] * 2


async def test_a_change_that_nobody_kept_is_still_one_after_a_reload(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "kept")
    await call(state, "save_draft")
    await call(state, "set_prompt", "kept and more")
    stamp = state.draft_stamp
    await call(state, "load")
    assert state.draft_stamp > stamp
    await call(state, "save_draft")
    assert [d["prompt"] for d in await drafts(someone)] == ["kept and more"]


async def test_a_restricted_person_writes_without_a_message_at_every_pause(settings):
    state = await opened(await restricted())
    await call(state, "set_prompt", "a careful prompt")
    await call(state, "save_draft")
    assert state.toasts == []


async def test_a_preset_holds_parameters_and_leaves_prompt_and_pictures(someone: Person):
    state = await opened(someone)
    for handler, value in (("set_size", "4K"), ("set_ratio", "21:9"), ("set_count", "6"), ("set_watermark", True)):
        await call(state, handler, value)
    await call(state, "save_preset", {"name": "  Wide   banners "})
    [kept] = state.presets
    assert (kept.name, kept.words) == ("Wide banners", "Seedream 4.5 · 21:9 · 4K · 6")
    await call(state, "reset_parameters")
    await call(state, "set_prompt", "mine")
    await call(state, "use_as", str(await upload(someone)), "reference")
    await call(state, "set_media", "video")
    await call(state, "apply_preset", kept.id)
    assert (state.media, state.size, state.ratio, state.count, state.watermark) == ("image", "4K", "21:9", 6, True)
    assert (state.prompt, len(state.references), state.price) == ("mine", 1, "$0.24")
    assert "prompt" not in json.dumps(state._parameters())


async def test_a_preset_is_replaced_renamed_and_deleted(someone: Person):
    state = await opened(someone)
    await call(state, "save_preset", {"name": "One"})
    await call(state, "set_count", "8")
    await call(state, "save_preset", {"name": "one"})
    assert [(p.name, p.words[-1]) for p in state.presets] == [("one", "8")]
    await call(state, "save_preset", {"name": "Two"})
    first, second = state.presets
    await call(state, "rename_preset", second.id, "ONE")
    assert state.preset_error == "There is a preset of that name here already. Choose another name."
    assert [p.name for p in state.presets] == ["one", "Two"]
    await call(state, "rename_preset", second.id, "Three")
    assert (state.preset_error, [p.name for p in state.presets]) == ("", ["one", "Three"])
    await call(state, "delete_preset", first.id)
    assert [p.name for p in state.presets] == ["Three"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "Give the preset a name."), ("x" * 61, "A name has at most 60 characters; this one has 61.")],
)
async def test_a_name_that_does_not_fit_is_said_beside_it_and_nothing_is_saved(
    someone: Person, name: str, sentence: str
):
    state = await opened(someone)
    await call(state, "save_preset", {"name": name})
    assert (state.preset_error, state.presets) == (sentence, [])


async def test_somebody_elses_preset_is_not_there(someone: Person, other: Person):
    state = await opened(other)
    await call(state, "save_preset", {"name": "Theirs"})
    theirs = state.presets[0].id
    mine = await opened(someone)
    for handler, *rest in (("apply_preset",), ("rename_preset", "Mine"), ("delete_preset",)):
        await call(mine, handler, theirs, *rest)
    assert mine.presets == []
    await call(state, "set_presets_open", True)
    assert [p.name for p in state.presets] == ["Theirs"]


async def test_earlier_prompts_come_one_by_one_and_what_was_being_written_comes_back(someone: Person, other: Person):
    await submitted(other, image("theirs"))
    for prompt in ("a lake", "a ferry", "a ferry", "a kite"):
        await submitted(someone, image(prompt))
    state = await opened(someone)
    await call(state, "set_prompt", "being written")
    shown = []
    for way in ("older", "older", "older", "older", "newer", "newer", "newer"):
        await call(state, "recall", way)
        shown.append(state.prompt)
    assert shown == ["a kite", "a ferry", "a lake", "a lake", "a ferry", "a kite", "being written"]
    assert state.announcement == "There is no earlier prompt in this workspace."
    await call(state, "recall", "newer")
    await call(state, "recall", "sideways")
    assert state.prompt == "being written"
    state.batches = []  # the feed shows its own page
    assert "a ferry" not in json.dumps(state.dict(), default=str), "a tab holds no history"


async def test_writing_and_sending_begin_anew_at_the_newest_prompt_and_down_leads_back(someone: Person):
    for prompt in ("a lake", "a ferry", "a kite"):
        await submitted(someone, image(prompt))
    state = await opened(someone)

    async def steps(*ways: str) -> list[str]:
        shown = []
        for way in ways:
            await call(state, "recall", way)
            shown.append(state.prompt)
        return shown

    await call(state, "set_prompt", "being written")
    assert await steps("older", "older") == ["a kite", "a ferry"]
    await call(state, "set_prompt", "a ferry")
    assert await steps("older") == ["a lake"], "the browser says again what is shown: nothing was written"
    await call(state, "set_prompt", "a lake at dawn")
    assert await steps("older", "newer", "newer") == ["a kite", "a lake at dawn", "a lake at dawn"]
    await call(state, "recall", "older")
    await call(state, "generate", {"prompt": "a comet"})
    assert await steps("older", "older", "newer", "newer") == ["a kite", "a ferry", "a kite", "a comet"]


async def test_down_leads_from_what_an_edit_put_aside_back_to_what_was_written_since(someone: Person):
    await submitted(someone, image("a lake"))
    state = await opened(someone)
    await call(state, "set_prompt", "half a thought")
    await call(state, "edit_with_prompt", str(await upload(someone)))
    await call(state, "set_prompt", "make it red")
    shown = []
    for way in ("older", "older", "newer", "newer", "newer"):
        await call(state, "recall", way)
        shown.append(state.prompt)
    assert shown == ["half a thought", "a lake", "half a thought", "make it red", "make it red"]
    await call(state, "generate", {"prompt": "make it red"})
    await call(state, "recall", "older")
    assert state.prompt == "a lake", "what was put aside does not stand before what was sent for ever"


async def test_a_prompt_of_another_workspace_is_not_recalled(someone: Person):
    sent = await submitted(someone, image("elsewhere"))
    workspace = uuid4()
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :account, 'Second')"),
            {"id": workspace, "account": someone.account_id},
        )
        await session.execute(
            text("UPDATE batches SET workspace_id = :workspace WHERE id = :id"),
            {"workspace": workspace, "id": sent.batch_id},
        )
    state = await opened(someone)
    await call(state, "recall", "older")
    assert state.prompt == ""


async def test_moving_a_reference_keeps_what_the_prompt_says_of_each(someone: Person):
    state = await opened(someone)
    ids = [str(await upload(someone)) for _ in range(3)]
    for each in ids:
        await call(state, "use_as", each, "reference")
    await call(state, "set_prompt", "@1 in the light of @3, not me@1.org nor @12 nor @2x")
    await call(state, "move_reference", ids[2], 1)
    assert [r.asset_id for r in state.references] == [ids[2], ids[0], ids[1]]
    assert [r.number for r in state.references] == [1, 2, 3]
    assert state.prompt == "@2 in the light of @1, not me@1.org nor @12 nor @2x"
    assert state.announcement == "Reference moved to place 1 of 3"
    await call(state, "move_reference", ids[2], 99)
    assert [r.asset_id for r in state.references] == ids
    await call(state, "move_reference", str(uuid4()), 1)
    await call(state, "remove_reference", ids[0])
    assert state.prompt.startswith("@? in the light of @2")
    assert state.notices == ["@? in the prompt named a reference that was taken out."]


async def test_a_mention_is_said_to_the_model_as_it_knows_pictures_and_only_for_those_that_go(someone: Person):
    params = image("@1 like @2, not @3, mail a@1.org", references=2)
    assert spoken(params) == "image 1 like image 2, not @3, mail a@1.org"
    pictures = [Input("reference", await upload(someone)) for _ in range(2)]
    sent = await submitted(someone, params, tuple(pictures))
    async with transaction(SYSTEM) as session:
        kept = await session.scalar(text("SELECT prompt FROM batches WHERE id = :id"), {"id": sent.batch_id})
    assert kept == params.prompt, "what was typed is what is kept"


async def test_presets_and_drafts_are_in_the_copy_and_go_with_the_account(settings):
    who = await person()
    state = await opened(who)
    await call(state, "save_preset", {"name": "Mine"})
    await call(state, "set_prompt", "unsent words")
    await call(state, "save_draft")
    exported = {e.table: e.exported for e in registry.entities()}
    assert {"name", "settings"} <= set(exported["presets"])
    assert {"content", "saved_at"} <= set(exported["drafts"])
    async with transaction(SYSTEM) as session:
        await purge.erase_account_rows(session, account_id=who.account_id)
        kept = await session.scalar(text("SELECT count(*) FROM presets WHERE account_id = :id"), {"id": who.account_id})
    assert (kept, await drafts(who)) == (0, [])
