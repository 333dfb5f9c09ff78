"""Rating, labelling, moving, deleting and restoring from the pages; the details of an output; workspaces."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.runtime import journal as journal_store
from studio.runtime import storage
from studio.services import journal, labels, pairing, trash, workspaces
from studio.services.generations import Input
from studio.services.library import windows
from studio.services.storage import key_for
from studio.state.compare import CompareState
from studio.state.guard import acting_as
from studio.state.library import LibraryState
from studio.state.studio import StudioState
from studio.state.views import ErasingView
from studio.state.workspaces import WorkspacesState
from tests.factories import Person, finished, image, person, submitted, video
from tests.hostile import encoded
from tests.state.tab import at_path, call, tab


async def loaded(who: Person, kind: Any = StudioState) -> Any:
    state = tab(kind, who)
    await call(state, "load")
    return state


async def made(who: Person, *args: Any, **rest: Any) -> tuple[UUID, list[UUID]]:
    """Finished outputs whose bytes are stored."""
    batch_id, ids = await finished(who, *args, **rest)
    async with transaction(SYSTEM) as session:
        rows = await session.execute(text("SELECT generation_id FROM assets WHERE id = ANY(:ids)"), {"ids": ids})
        for row in rows:
            await storage().put(key_for("o", row.generation_id), encoded("PNG"), content_type="image/png")
    return batch_id, ids


async def facts(ids: list[UUID]) -> list[tuple[Any, ...]]:
    """(rating, in the trash, workspace, labels) of each."""
    async with transaction(SYSTEM) as session:
        rows = await session.execute(
            text(
                "SELECT rating, trashed_at IS NOT NULL, workspace_id, ARRAY(SELECT l.name FROM asset_labels al "
                "JOIN labels l ON l.id = al.label_id WHERE al.asset_id = a.id) FROM assets a "
                "JOIN unnest(CAST(:ids AS uuid[])) WITH ORDINALITY t(id, n) ON t.id = a.id ORDER BY n"
            ),
            {"ids": ids},
        )
        return [tuple(row) for row in rows]


async def test_what_is_selected_is_rated_labelled_moved_and_deleted_with_one_way_back(settings):
    who = await person()
    _, ids = await finished(who, image(count=3))
    async with transaction(who.actor) as session:
        there = await workspaces.create(session, actor=who.actor, name="Autumn")
    state = await loaded(who, LibraryState)
    state._choose([str(each) for each in ids[:2]])
    await call(state, "rate_selected", 4)
    await call(state, "new_label_selected", {"label": "hero"})
    await call(state, "move_selected", str(there))
    assert (await facts(ids))[:2] == [(4, False, there, ["hero"])] * 2
    assert (await facts(ids))[2] == (None, False, who.identity.workspace_id, [])
    assert [(each.name, each.count) for each in state.labels] == [("hero", "2 outputs")]
    await call(state, "label_selected", state.labels[0].id, False)
    await call(state, "trash_selected")
    assert state.selected_count == 0
    assert (state.toasts[-1].title, state.toasts[-1].undo) == ("2 outputs moved to the trash", True)
    assert [each[1] for each in await facts(ids)] == [True, True, False]
    await call(state, "undo")
    assert [each[1] for each in await facts(ids)] == [False] * 3
    assert [(each.title, each.undo) for each in state.toasts][-1] == ("Restored", False)
    assert not any(each.undo for each in state.toasts)
    await call(state, "undo")  # once
    assert state.toasts[-1].title == "Restored"


@pytest.mark.parametrize(("key", "menu"), [("l", "label"), ("M", "move")])
async def test_a_menu_key_selects_what_the_keyboard_is_on_and_the_menu_goes_with_the_selection(settings, key, menu):
    who = await person()
    _, ids = await finished(who, image(count=2))
    state = await loaded(who, LibraryState)
    await call(state, "press", key, str(ids[1]))
    assert (state.menu, state.selection, await state._targets()) == (menu, "1 selected", [ids[1]])
    await call(state, "choose", "none", "", "")
    assert (state.menu, state.selected_count) == ("", 0)
    await call(state, "choose", "one", str(ids[0]), "")
    await call(state, "press", key, str(ids[1]))
    assert await state._targets() == [ids[0]], "what is selected stays"


async def test_the_trash_gives_back_or_erases_what_is_selected_after_a_question(settings):
    who = await person()
    _, ids = await finished(who, image(count=3))
    state = await loaded(who, LibraryState)
    state._choose([str(each) for each in ids])
    await call(state, "trash_selected")
    state._choose([str(ids[0])])
    await call(state, "restore_selected")
    state._choose([str(each) for each in ids[1:]])
    await call(state, "erase_selected_asked")
    assert state.erasing.title == "Delete 2 outputs for good?"
    await call(state, "keep")
    await call(state, "erase")
    assert len(await facts(ids)) == 3
    await call(state, "erase_selected_asked")
    await call(state, "erase")
    assert state.selected_count == 0
    windows.forget(who.account_id)  # as the message does that each process hears
    assert (await loaded(who, LibraryState)).total == "1 output"
    assert await trash.erase_asked() >= 2
    assert [each[1] for each in await facts(ids)] == [False]


async def test_a_selection_of_somebody_elses_outputs_does_nothing(settings):
    who, thief = await person(), await person()
    _, ids = await finished(who, image(count=2))
    before = await facts(ids)
    async with transaction(thief.actor) as session:
        label = await labels.create(session, actor=thief.actor, name="mine")
    acts: list[tuple[str, list[Any]]] = [
        ("rate_selected", [5]),
        ("label_selected", [str(label), True]),
        ("new_label_selected", [{"label": "new"}]),
        ("move_selected", [str(thief.identity.workspace_id)]),
        ("trash_selected", []),
        ("restore_selected", []),
        ("erase_selected_asked", []),
        ("erase", []),
        ("download_selected", []),
    ]
    state = await loaded(thief, LibraryState)
    for name, given in acts:
        state._choose([str(each) for each in ids])
        assert await call(state, name, *given) is None
        assert state.erasing.id == ""
    assert await facts(ids) == before


async def test_a_download_is_named_by_its_selection_alone(settings):
    who = await person()
    _, ids = await finished(who, image(count=2))
    state = await loaded(who, LibraryState)
    state._choose([str(each) for each in ids])
    event = str(await call(state, "download_selected"))
    assert "/zip/" in event
    assert not any(str(each) in event for each in ids)


async def test_the_details_tell_rating_labels_files_and_the_whole_line_with_its_cost(settings):
    who = await person()
    _, (first,) = await made(who, image("a lake"))
    _, (second, _) = await made(who, image("a better lake", count=2), (Input("reference", first),))
    _, (clip,) = await made(who, video(), (Input("first_frame", second),), charged=50_000)
    state = await loaded(who)
    await call(state, "open_output", str(second))
    assert state.details_open
    assert [(each.role, each.here) for each in state.kept.line] == [
        ("Reference", False),
        ("This image", True),
        ("Video", False),
    ]
    assert state.kept.so_far == "$0.08 so far"
    assert [each.name for each in state.kept.files] == ["Original file", "Copy with its story", "Clean copy"]
    assert state.kept.credentials == ""
    await call(state, "rate_output", 3)
    await call(state, "add_label", {"label": "hero"})
    assert (state.kept.rating, [each.name for each in state.kept.labels]) == (3, ["hero"])
    await call(state, "label_output", state.kept.labels[0].id, False)
    await call(state, "rate_output", 3)  # the same again takes it away
    assert (state.kept.rating, state.kept.labels) == (0, [])
    await call(state, "open_output", str(clip))
    assert [each.role for each in state.kept.line] == ["Reference", "First frame", "This video"]
    assert state.kept.so_far == "$0.13 so far"


async def test_deleting_the_open_output_closes_it_in_every_tab_and_undo_brings_it_back(settings):
    who = await person()
    batch_id, (first, second) = await made(who, image(count=2))
    here, there = await loaded(who), await loaded(who)
    for state in (here, there):
        await call(state, "open_output", str(first))
    await call(here, "trash_output")
    async with acting_as(who.identity):
        await there._changed()
    for state in (here, there):
        assert not state.details_open
        assert [tile.asset_id for tile in state.batches[0].tiles] == [str(second)]
    await call(here, "undo")
    assert len(here.batches[0].tiles) == 2
    await call(here, "open_output", str(first))
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM batches WHERE id = :id"), {"id": batch_id})
    async with acting_as(who.identity):
        await here._changed()
    assert not here.details_open


async def test_an_output_in_the_trash_is_looked_at_restored_or_deleted_from_its_details(settings):
    who = await person()
    _, (first, second) = await made(who, image(count=2))  # one of a batch, and then all of it
    library, state = await loaded(who, LibraryState), await loaded(who)
    for gone in (first, second):
        library._choose([str(gone)])
        await call(library, "trash_selected")
        assert "open_details" in str(await call(library, "open_output", str(gone)))
        await call(state, "open_output", str(gone))
        assert (state.details_open, state.details.asset_id, state.details.trashed) == (True, str(gone), True)
        async with acting_as(who.identity):
            await state._changed()
        assert state.details_open, "what is rated or labelled elsewhere does not close it"
    assert state.batches == []
    await call(state, "restore_output")
    assert (state.details_open, state.toasts[-1].title) == (False, "1 output restored")
    assert [each[1] for each in await facts([first, second])] == [True, False]
    assert [tile.asset_id for tile in state.batches[0].tiles] == [str(second)]
    await call(state, "open_output", str(second))
    assert not state.details.trashed
    await call(state, "open_output", str(first))
    async with transaction(who.actor) as session:
        await trash.restore(session, actor=who.actor, asset_ids=[first])
    async with acting_as(who.identity):
        await state._changed()
    assert not state.details_open, "it came back elsewhere"


async def test_a_workspace_is_made_renamed_archived_deleted_after_its_name_and_restored(settings):
    who = await person()
    await finished(who, image(count=2))
    state = await loaded(who, WorkspacesState)
    for wrong in ("", "x" * 300):
        await call(state, "create", {"workspace": wrong})
        assert "characters" in state.problem
    await call(state, "create", {"workspace": "Autumn"})
    autumn = state.places[1]
    await call(state, "rename", {"id": autumn.id, "name": "Winter"})
    await call(state, "archive", autumn.id, True)
    assert (state.places[1].name, state.places[1].state) == ("Winter", "archived")
    mine = state.places[0]
    await call(state, "archive", mine.id, True)
    assert "only workspace" in state.toasts[-1].title
    await call(state, "archive", autumn.id, False)
    await call(state, "keep_defaults", mine.id, True)
    assert state.places[0].starts == "Seedream 4.5, 1:1, 2K"
    await call(state, "ask_delete", mine.id)
    await call(state, "delete", {"typed": "no"})
    assert state.typed_problem.startswith("Type My studio")
    assert state.doomed.id == mine.id
    await call(state, "delete", {"typed": "My studio"})
    assert (state.doomed.id, state.places[0].state) == ("", "trashed")
    assert state.toasts[-1].title == "My studio and 2 outputs moved to the trash"
    await call(state, "restore", mine.id)
    assert (state.places[0].state, state.places[0].facts) == ("open", "2 outputs")
    await call(state, "delete", {"typed": "My studio"})  # nothing is asked any more
    assert state.places[0].state == "open"


async def test_a_workspace_in_the_trash_goes_for_good_at_once_after_the_question(settings):
    who, thief = await person(), await person()
    _, ids = await finished(who, image("a harbour", count=2))
    ended = await submitted(who, image("cancelled, so without an output"))
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                "UPDATE generations SET state = 'cancelled', charged_micros = 0, ended_at = studio_now() "
                "WHERE batch_id = :id"
            ),
            {"id": ended.batch_id},
        )
    state = await loaded(who, WorkspacesState)
    await call(state, "create", {"workspace": "Autumn"})
    mine = state.places[0]
    await call(state, "ask_erase_workspace", mine.id)
    assert state.erasing.id == "", "one that is in use goes into the trash first"
    await call(state, "ask_delete", mine.id)
    await call(state, "delete", {"typed": "My studio"})
    stranger = await loaded(thief, WorkspacesState)
    for _ in range(2):
        await call(stranger, "ask_erase_workspace", mine.id)
        assert stranger.erasing.id == ""
        stranger.erasing = ErasingView(id=mine.id, what="workspace")
        await call(stranger, "erase")
    assert len(await facts(ids)) == 2
    await call(state, "ask_erase_workspace", mine.id)
    assert state.erasing.title == "Delete My studio for good?"
    assert state.erasing.words.startswith("The workspace, 2 files in it and their prompts are deleted now.")
    await call(state, "keep")
    await call(state, "erase")  # nothing is asked any more
    assert len(await facts(ids)) == 2
    await call(state, "ask_erase_workspace", mine.id)
    await call(state, "erase")
    assert [each.name for each in state.places] == ["Autumn"]
    assert state.toasts[-1].title == "Deleted for good"
    await trash.erase_asked()  # as the worker does at once
    noted = {entry.id async for entry in journal.entries(store=journal_store())}
    assert set(ids) <= noted
    async with transaction(SYSTEM) as session:
        for table, column in (("workspaces", "id"), ("batches", "workspace_id"), ("assets", "workspace_id")):
            left = await session.scalar(
                text(f"SELECT count(*) FROM {table} WHERE {column} = :id"), {"id": UUID(mine.id)}
            )
            assert left == 0, table
    await call(state, "ask_erase_workspace", mine.id)
    assert state.erasing.id == ""
    assert "restored or erased meanwhile" in state.toasts[-1].title


async def test_labels_are_looked_after_on_the_same_page(settings):
    who = await person()
    state = await loaded(who, WorkspacesState)
    for name in ("hero", "autumn"):
        await call(state, "create_label", {"label": name})
    first, second = state.labels
    await call(state, "color_label", first.id, "red")
    await call(state, "rename_label", {"id": first.id, "name": "Herbst"})
    assert [(each.name, each.color) for each in state.labels] == [("Herbst", "red"), ("hero", "iris")]
    await call(state, "merge_label", first.id, second.id)
    await call(state, "delete_label", second.id)
    assert state.labels == []
    await call(state, "create_label", {"label": " "})
    assert "1 to 40 characters" in state.label_problem


@pytest.mark.parametrize("on", [False, True])
async def test_single_keys_are_a_setting_of_the_account(on: bool, settings):
    who = await person()
    state = await loaded(who)
    assert state.single_keys
    await call(state, "set_single_keys", on)
    assert (await loaded(who)).single_keys is on


# Comparing


@pytest.mark.parametrize(
    ("first", "second", "left", "right"),
    [
        ("a red fox", "a blue fox", ["red"], ["blue"]),
        ("at dusk, violet sky", "before sunrise, quiet sky", ["at dusk", "violet"], ["before sunrise", "quiet"]),
        ("the same", "the same", [], []),
        ("", "new", [], ["new"]),
    ],
)
def test_words_that_differ_are_marked_and_the_texts_stay_whole(first: str, second: str, left: list, right: list):
    pieces = pairing.words(first, second)
    assert ["".join(text for text, _ in each) for each in pieces] == [first, second]
    assert [[text.strip() for text, changed in each if changed] for each in pieces] == [left, right]


def test_very_long_texts_are_shown_whole_instead_of_taking_seconds():
    first, second = "a b " * 5000, "b c " * 5000
    assert pairing.words(first, second) == ([(first, True)], [(second, True)])


async def comparing(who: Person, ids: list[Any]) -> Any:
    state = tab(CompareState, who)
    at_path(state, f"/compare?ids={','.join(map(str, ids))}")
    await call(state, "load")
    return state


async def test_two_to_four_are_compared_by_what_differs_and_one_is_kept(settings):
    who, stranger = await person(), await person()
    _, (first,) = await finished(who, image("a red fox"))
    _, (second,) = await finished(who, image("a blue fox"), (Input("reference", first),))
    _, (clip,) = await finished(who, video())
    _, (theirs,) = await finished(stranger, image("a secret"))
    state = await comparing(who, [first, theirs, "nonsense", second, first])
    assert [pick.letter for pick in state.picks] == ["A", "B"]
    assert [row.term for row in state.rows if not row.same] == ["Prompt", "References"]
    assert state.changed == f"2 of {len(state.rows)}"
    assert [word.text for word in state.rows[0].cells[1].words if word.changed] == ["blue"]
    await call(state, "set_mode", "slider")
    await call(state, "rate", "B", 5)
    assert (state.mode, state.picks[1].rating) == ("slider", 5)
    await call(state, "keep_one", "B")
    assert (len(state.picks), state.mode, state.rows) == (1, "side", [])
    assert [each[1] for each in await facts([first, second])] == [True, False]
    await call(state, "undo")
    assert [pick.asset_id for pick in state.picks] == [str(first), str(second)]
    await call(state, "rate", "D", 1)
    assert state.toasts[-1].title == "This is gone already."
    three = await comparing(who, [first, second, clip])
    await call(three, "set_mode", "slider")  # only over two
    assert (three.mode, len(three.picks), len(three.rows[0].cells)) == ("side", 3, 3)
    assert (await comparing(who, [])).picks == []


async def test_compare_follows_other_tabs_and_knows_the_way_back_to_what_the_library_showed(settings):
    who = await person()
    _, (first, second) = await finished(who, image(count=2))
    state = await comparing(who, [first, second])
    other = await comparing(who, [first, second])
    await call(other, "rate", "A", 3)
    async with acting_as(who.identity):
        await state._follow()
    assert [pick.rating for pick in state.picks] == [3, 0]
    at_path(state, "/library")
    await call(other, "keep_one", "A")
    async with acting_as(who.identity):
        await state._follow()
    assert len(state.picks) == 2, "a tab that shows another page reads nothing"
    library = tab(LibraryState, who, "/library?rating=3&media=image")
    assert library.address == "/library"
    await call(library, "load")
    assert library.address == "/library?media=image&rating=3"
