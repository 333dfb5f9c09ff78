"""Deleting one output or a batch for good, from the page: asked first, noted in the journal, gone from the page."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.runtime import journal as journal_store
from studio.runtime import storage
from studio.services import attempts, journal
from studio.services.storage import key_for
from studio.state.guard import acting_as
from studio.state.library import LibraryState
from studio.state.studio import StudioState
from studio.state.views import ErasingView
from tests.factories import Person, image, person, ready_archive, stored_asset, submitted
from tests.state.tab import call, tab


async def finished(who: Person, count: int = 2) -> tuple[UUID, list[UUID]]:
    """A batch with finished outputs and their files; the batch's id and the files'."""
    sent = await submitted(who, image("a lantern", count=count))
    async with transaction(SYSTEM) as session:
        for each in sent.generation_ids:
            await session.execute(
                text(
                    "UPDATE generations SET state = 'storing', submitted_at = studio_now(), attempt_id = :attempt "
                    "WHERE id = :id"
                ),
                {"attempt": uuid4(), "id": each},
            )
            work = await attempts.load(session, generation_id=each)
            assert work is not None
            await storage().put(key_for("o", each), b"picture", content_type="image/png")
            await attempts.stored(session, work=work, asset=stored_asset(work.id), charged=1)
    return sent.batch_id, await files(who, sent.batch_id)


async def files(who: Person, batch_id: UUID) -> list[UUID]:
    async with transaction(who.actor) as session:
        rows = await session.scalars(
            text(
                "SELECT a.id FROM assets a JOIN generations g ON g.id = a.generation_id "
                "WHERE g.batch_id = :id ORDER BY g.position"
            ),
            {"id": batch_id},
        )
        return list(rows)


async def noted(ident: UUID) -> bool:
    return bool([entry async for entry in journal.entries(store=journal_store()) if entry.id == ident])


async def loaded(who: Person, kind: Any = StudioState) -> Any:
    state = tab(kind, who)
    await call(state, "load")
    return state


async def test_one_output_goes_only_after_the_question_and_the_rest_stays(settings):
    who = await person()
    batch_id, (first, second) = await finished(who)
    state = await loaded(who)
    await call(state, "ask_erase", "output", str(first))
    assert state.erasing.title == "Delete this output for good?"
    await call(state, "keep")
    await call(state, "erase")  # nothing is asked any more
    assert await files(who, batch_id) == [first, second]
    assert not await noted(first)
    await call(state, "ask_erase", "output", str(first))
    await call(state, "erase")
    assert await files(who, batch_id) == [second]
    assert await noted(first)
    assert not await noted(second)
    assert (state.erasing.id, state.toasts[-1].title) == ("", "Deleted for good")
    assert (await loaded(who, LibraryState)).total == "1 output"
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT count(*) FROM object_removals WHERE key LIKE 'o/%'"))


async def test_a_batch_goes_with_what_failed_in_it_and_its_prompt(settings):
    who = await person()
    batch_id, ids = await finished(who, count=3)
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("DELETE FROM assets WHERE id = :id"), {"id": ids[2]}
        )  # as one that failed: ended, without a file
    state = await loaded(who)
    await call(state, "ask_erase", "batch", str(batch_id))
    assert state.erasing.words.startswith("2 files and the prompt")
    await call(state, "erase")
    async with transaction(SYSTEM) as session:
        for table, column in (("batches", "id"), ("generations", "batch_id")):
            left = await session.scalar(text(f"SELECT count(*) FROM {table} WHERE {column} = :id"), {"id": batch_id})
            assert left == 0, table
    assert all([await noted(each) for each in (batch_id, *ids[:2])])
    assert (await loaded(who)).batches == []


async def test_a_batch_of_which_nothing_came_takes_the_archive_with_its_prompt_along(settings):
    who = await person()
    batch_id, ids = await finished(who, count=1)
    await ready_archive(who)
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM assets WHERE id = :id"), {"id": ids[0]})
    state = await loaded(who)
    await call(state, "ask_erase", "batch", str(batch_id))
    await call(state, "erase")
    assert await noted(batch_id)
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT count(*) FROM batches WHERE id = :id"), {"id": batch_id}) == 0
        archive = await session.scalar(text("SELECT state FROM exports WHERE account_id = :id"), {"id": who.account_id})
    assert archive == "revoked"


async def test_a_batch_that_is_under_way_is_not_deleted(settings):
    who = await person()
    sent = await submitted(who, image(count=2))
    state = await loaded(who)
    await call(state, "ask_erase", "batch", str(sent.batch_id))
    assert state.erasing.id == ""
    assert "still under way" in state.toasts[-1].title


async def test_nobody_deletes_what_is_somebody_elses(settings):
    who, thief = await person(), await person()
    batch_id, ids = await finished(who)
    state = await loaded(thief)
    for what, ident in (("output", ids[0]), ("batch", batch_id), ("nonsense", ids[0]), ("output", batch_id)):
        await call(state, "ask_erase", what, str(ident))
        assert state.erasing.id == ""
        state.erasing = ErasingView(id=str(ident), what=what)
        await call(state, "erase")
    assert await files(who, batch_id) == ids
    assert not await noted(ids[0])


async def test_open_details_of_what_is_gone_close_in_another_tab(settings):
    who = await person()
    batch_id, ids = await finished(who)
    here, there = await loaded(who), await loaded(who)
    for state in (here, there):
        await call(state, "open_details", state.batches[0].tiles[0].id)
        assert state.details_open
    await call(here, "ask_erase", "output", str(ids[0]))
    await call(here, "erase")
    async with acting_as(who.identity):
        await there._refresh([str(batch_id)])
    assert not there.details_open
    assert [tile.asset_id for tile in there.batches[0].tiles] == [str(ids[1])]
