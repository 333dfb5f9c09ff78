"""Ratings, labels, moves and the trash: for oneself, many at once, and back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import config
from studio.db import SYSTEM, Actor, transaction
from studio.errors import Conflict, NotFound, Restricted, StudioError, ValidationError
from studio.runtime import journal as journal_store
from studio.services import (
    assets,
    feed,
    journal,
    keeping,
    labels,
    moving,
    purge,
    ratings,
    restriction,
    selections,
    trash,
    workspaces,
)
from studio.services.exports import archives
from studio.services.generations import Input
from studio.services.library import views, windows
from studio.services.library.filters import Filters
from tests.factories import Person, finished, fresh, image, person, ready_archive, submitted, upload


async def value(query: str, **values: object) -> object:
    async with transaction(SYSTEM) as session:
        return await session.scalar(text(query), values)


async def many(who: Person, count: int) -> list[UUID]:
    """Outputs as rows alone, as many as an act takes."""
    _, (one,) = await finished(who)
    async with transaction(SYSTEM) as session:
        rows = await session.scalars(
            text(
                "WITH made AS (INSERT INTO generations (id, account_id, batch_id, position, kind, model, state, month, "
                "reserved_micros, charged_micros, attempt_id, submitted_at, ended_at) SELECT gen_random_uuid(), "
                "account_id, batch_id, n, kind, model, 'succeeded', month, reserved_micros, charged_micros, "
                "gen_random_uuid(), submitted_at, ended_at FROM generations, generate_series(2, :count) n "
                "WHERE id = (SELECT generation_id FROM assets WHERE id = :one) "
                "RETURNING id) INSERT INTO assets (id, account_id, workspace_id, generation_id, batch_id, model, kind, "
                "mime, object_key, size_bytes, sha256, crc32, width, height, thumbnails) SELECT gen_random_uuid(), "
                "a.account_id, a.workspace_id, made.id, a.batch_id, a.model, a.kind, a.mime, 'o/' || made.id, "
                "a.size_bytes, a.sha256, a.crc32, a.width, a.height, a.thumbnails FROM made, assets a "
                "WHERE a.id = :one RETURNING id"
            ),
            {"one": one, "count": count},
        )
        return [one, *rows]


async def place(who: Person, name: str) -> UUID:
    async with transaction(who.actor) as session:
        return await workspaces.create(session, actor=who.actor, name=name)


async def test_a_thousand_at_once_take_one_transaction_under_a_second_and_one_message(someone: Person):
    ids = await many(someone, 1000)
    there = await place(someone, "Elsewhere")
    async with transaction(someone.actor) as session:
        label = await labels.create(session, actor=someone.actor, name="hero")
    acts = {
        "rate": lambda s: ratings.rate(s, actor=someone.actor, asset_ids=ids, stars=4),
        "label": lambda s: labels.put_on(s, actor=someone.actor, label_id=label, asset_ids=ids),
        "move": lambda s: moving.move(s, actor=someone.actor, asset_ids=ids, workspace_id=there),
        "trash": lambda s: trash.put(s, actor=someone.actor, asset_ids=ids),
        "restore": lambda s: trash.restore(s, actor=someone.actor, asset_ids=ids),
        "take off": lambda s: labels.take_off(s, actor=someone.actor, label_id=label, asset_ids=ids),
    }
    took = {}
    for name, act in acts.items():
        began = time.perf_counter()
        async with transaction(someone.actor) as session:
            done = await act(session)
        took[name] = time.perf_counter() - began
        assert getattr(done, "count", done) == 1000, name
    assert {name: seconds for name, seconds in took.items() if seconds > 1} == {}
    assert (
        await value(
            "SELECT count(*) FROM assets WHERE account_id = :id AND rating = 4 AND workspace_id = :there",
            id=someone.account_id,
            there=there,
        )
        == 1000
    )
    async with transaction(someone.actor) as session:
        with pytest.raises(ValidationError, match="200,000 outputs at a time"):
            await ratings.rate(
                session, actor=someone.actor, asset_ids=[uuid4() for _ in range(keeping.MOST + 1)], stars=1
            )


async def test_a_rating_is_one_to_five_or_none_and_only_on_ones_own_outputs(someone: Person, other: Person):
    _, ids = await finished(someone, image(count=2))
    picture = await upload(someone)
    _, theirs = await finished(other)
    async with transaction(someone.actor) as session:
        assert await ratings.rate(session, actor=someone.actor, asset_ids=[*ids, picture, *theirs], stars=5) == 2
        for wrong in (-1, 6, 10**9):
            with pytest.raises(ValidationError, match="1 to 5"):
                await ratings.rate(session, actor=someone.actor, asset_ids=ids, stars=wrong)
    async with transaction(SYSTEM) as session:  # even where no policy helps, the query names the account
        assert await ratings.rate(session, actor=someone.actor, asset_ids=theirs, stars=1) == 0
        assert await ratings.rate(session, actor=someone.actor, asset_ids=ids[:1], stars=0) == 1
    assert await value(
        "SELECT array_agg(rating ORDER BY id = :first DESC) FROM assets WHERE id = ANY(:ids)", ids=ids, first=ids[0]
    ) == [None, 5]


async def test_labels_are_made_once_coloured_renamed_merged_and_deleted(someone: Person):
    me = someone.actor
    _, (first, second) = await finished(someone, image(count=2))
    async with transaction(me) as session:
        hero = await labels.create(session, actor=me, name="  Hero \n shot ")
        autumn = await labels.create(session, actor=me, name="autumn")
        assert await labels.create(session, actor=me, name="hero SHOT") == hero
        await labels.put_on(session, actor=me, label_id=hero, asset_ids=[first])
        assert await labels.put_on(session, actor=me, label_id=autumn, asset_ids=[first, second]) == 2
        assert await labels.put_on(session, actor=me, label_id=autumn, asset_ids=[first]) == 0
        await labels.change(session, actor=me, label_id=autumn, name="Autumn", color="red")
        with pytest.raises(labels.LabelTaken):
            await labels.change(session, actor=me, label_id=autumn, name="HERO shot")
        for name, color in (("", None), ("x" * 41, None), (None, "pink")):
            with pytest.raises(ValidationError):
                await labels.change(session, actor=me, label_id=autumn, name=name, color=color)
        shown = await labels.listed(session, actor=me)
        assert [(each.name, each.color, each.count) for each in shown] == [
            ("Autumn", "red", 2),
            ("Hero shot", "iris", 1),
        ]
        assert [each.name for each in await labels.on(session, actor=me, asset_id=first)] == ["Autumn", "Hero shot"]
        await labels.merge(session, actor=me, label_id=autumn, into=hero)
        assert [(each.name, each.count) for each in await labels.listed(session, actor=me)] == [("Hero shot", 2)]
        for wrong in (hero, autumn):
            with pytest.raises(NotFound):
                await labels.merge(session, actor=me, label_id=wrong, into=hero)
        assert await labels.take_off(session, actor=me, label_id=hero, asset_ids=[first]) == 1
        await labels.delete(session, actor=me, label_id=hero)
        with pytest.raises(NotFound):
            await labels.put_on(session, actor=me, label_id=hero, asset_ids=[first])
    assert await value("SELECT count(*) FROM assets WHERE id = ANY(:ids)", ids=[first, second]) == 2


async def tried(attempt: Any, whose: Any, number: int) -> None:
    """In a transaction that ends badly in any case."""
    async with transaction(whose) as session:
        await attempt(session)
        pytest.fail(f"attempt {number} went through")


async def test_nobody_reaches_somebody_elses_labels_trash_or_selection(someone: Person, other: Person):
    me = someone.actor
    _, theirs = await finished(other)
    async with transaction(other.actor) as session:
        label = await labels.create(session, actor=other.actor, name="secret")
        view = (await views.save(session, actor=other.actor, name="mine", query="q=secret")).id
        picked = await selections.pick(session, actor=other.actor, asset_ids=theirs)
        gone = await trash.put(session, actor=other.actor, asset_ids=theirs)
    attempts = [
        lambda s: labels.change(s, actor=me, label_id=label, name="taken"),
        lambda s: labels.delete(s, actor=me, label_id=label),
        lambda s: labels.put_on(s, actor=me, label_id=label, asset_ids=theirs),
        lambda s: selections.picked(s, actor=me, selection_id=picked),
        lambda s: selections.pick(s, actor=me, asset_ids=theirs),
        lambda s: trash.put(s, actor=me, asset_ids=theirs),
        lambda s: trash.restore(s, actor=me, asset_ids=theirs),
        lambda s: trash.undo(s, actor=me, at=gone.at),
        lambda s: moving.move(s, actor=me, asset_ids=theirs, workspace_id=other.identity.workspace_id),
        lambda s: workspaces.rename(s, actor=me, workspace_id=other.identity.workspace_id, name="taken"),
        lambda s: workspaces.archive(s, actor=me, workspace_id=other.identity.workspace_id),
        lambda s: workspaces.delete(s, actor=me, workspace_id=other.identity.workspace_id, typed="My studio"),
        lambda s: workspaces.keep_defaults(s, actor=me, workspace_id=other.identity.workspace_id),
    ]
    await place(someone, "Another")  # so that none is refused for being the last
    for number, attempt in enumerate(attempts):
        for whose in (me, SYSTEM):  # even where no policy helps, the query names the account
            with pytest.raises(StudioError):
                await tried(attempt, whose, number)
    async with transaction(other.actor) as session:
        await views.remove(session, actor=me, view_id=view)
        assert [each.name for each in await views.listed(session, actor=other.actor)] == ["mine"]
        assert [each.name for each in await labels.listed(session, actor=other.actor)] == ["secret"]


async def test_what_is_in_the_trash_leaves_the_feed_and_one_undo_brings_the_whole_act_back(someone: Person):
    me = someone.actor
    batch_id, (first, second) = await finished(someone, image(count=2))
    async with transaction(me) as session:
        await trash.put(session, actor=me, asset_ids=[first])
    async with transaction(me) as session:
        assert [o.asset_id for o in (await feed.batch(session, actor=me, batch_id=batch_id)).outputs] == [second]
        act = await trash.put(session, actor=me, asset_ids=[first, second])
        assert (act.count, await trash.count(session, actor=me)) == (1, 2)
        assert await feed.page(session, actor=me) == []
        with pytest.raises(NotFound):
            await feed.batch(session, actor=me, batch_id=batch_id)
        with pytest.raises(Conflict):
            await trash.put(session, actor=me, asset_ids=[first, second])
    async with transaction(me) as session:
        assert await trash.undo(session, actor=me, at=act.at) == 1  # the first went with another act
        assert [o.asset_id for o in (await feed.page(session, actor=me))[0].outputs] == [second]
        assert await trash.restore(session, actor=me, asset_ids=[first, second]) == 1
        for again in (trash.undo(session, actor=me, at=act.at), trash.restore(session, actor=me, asset_ids=[first])):
            with pytest.raises(Conflict, match="restored or erased meanwhile"):
                await again


async def aged(who: Person, days: float) -> None:
    """Everything in the trash went there that long ago."""
    async with transaction(SYSTEM) as session:
        for table in ("assets", "workspaces"):
            await session.execute(
                text(f"UPDATE {table} SET trashed_at = trashed_at - make_interval(secs => :s) WHERE account_id = :id"),
                {"s": days * 86_400, "id": who.account_id},
            )


@pytest.fixture
async def trashed(settings: config.Settings) -> AsyncIterator[tuple[Person, list[UUID]]]:
    """Somebody with three outputs, two of them in the trash."""
    who = await person()
    _, ids = await finished(who, image(count=3))
    async with transaction(who.actor) as session:
        await trash.put(session, actor=who.actor, asset_ids=ids[:2])
    yield who, ids
    async with transaction(SYSTEM) as session:  # what this leaves must not come due for another test
        await session.execute(
            text("UPDATE assets SET trashed_at = NULL WHERE account_id = :id"), {"id": who.account_id}
        )


async def left(ids: list[UUID]) -> set[UUID]:
    async with transaction(SYSTEM) as session:
        return set(await session.scalars(text("SELECT id FROM assets WHERE id = ANY(:ids)"), {"ids": ids}))


async def test_the_trash_is_emptied_after_its_days_noted_in_the_journal_and_what_is_due_does_not_come_back(trashed):
    who, ids = trashed
    await aged(who, 29.99)
    await trash.empty()
    assert await left(ids) == set(ids)
    await aged(who, 0.02)
    async with transaction(who.actor) as session:
        with pytest.raises(Conflict):
            await trash.restore(session, actor=who.actor, asset_ids=ids)
    due = await value(trash.DUE, days=30)
    assert isinstance(due, datetime)
    assert timedelta(0) < datetime.now(UTC) - due < timedelta(hours=1)
    assert await trash.empty() == 2
    assert await left(ids) == {ids[2]}
    noted = {entry.id async for entry in journal.entries(store=journal_store())}
    assert set(ids[:2]) <= noted
    assert ids[2] not in noted
    assert await value("SELECT count(*) FROM object_removals WHERE key LIKE 'o/%'")
    assert await trash.empty() == 0


async def test_what_is_deleted_for_good_is_nowhere_any_more_and_noted_only_once_that_is_certain(trashed):
    who, ids = trashed
    at = await value("SELECT trashed_at FROM assets WHERE id = :id", id=ids[0])
    assert isinstance(at, datetime)
    async with transaction(SYSTEM) as session:  # a restriction is no reason to keep it
        await restriction.restrict(session, by=None, account_id=who.account_id, reason="person")
    async with transaction(SYSTEM) as session:  # killed before it is certain
        assert await trash.for_good(session, actor=who.actor, asset_ids=ids) == 3
        await session.rollback()
    await trash.erase_asked()
    assert await left(ids) == set(ids)
    async with transaction(SYSTEM) as session:
        assert await trash.for_good(session, actor=(await person()).actor, asset_ids=ids) == 0
        assert await trash.for_good(session, actor=who.actor, asset_ids=[ids[0], ids[2]]) == 2
        assert await trash.for_good(session, actor=who.actor, asset_ids=ids[:1]) == 0, "once"
    async with transaction(SYSTEM) as session:
        await restriction.unrestrict(session, by=None, account_id=who.account_id)
    async with transaction(who.actor) as session:
        with pytest.raises(Conflict):
            await trash.restore(session, actor=who.actor, asset_ids=[ids[0], ids[2]])
        assert await trash.undo(session, actor=who.actor, at=at) == 1
        await trash.put(session, actor=who.actor, asset_ids=[ids[1]])
        assert await trash.count(session, actor=who.actor) == 1
        assert [each.id for each in await assets.many(session, actor=who.actor, asset_ids=ids)] == [ids[1]]
        shown = await windows.page(session, actor=who.actor, wanted=Filters(trash=True), zone=ZoneInfo("UTC"), most=9)
        assert [each.asset_id for each in shown] == [ids[1]]
        assert await purge.chosen(session, actor=who.actor, asset_ids=ids) == [ids[1]]
    known = {entry.id async for entry in journal.entries(store=journal_store())}
    assert not set(ids) & known
    due = await value(trash.DUE, days=30)
    assert isinstance(due, datetime)
    assert datetime.now(UTC) - due < timedelta(hours=1)
    assert await trash.erase_asked() == 2
    assert await left(ids) == {ids[1]}
    known = {entry.id async for entry in journal.entries(store=journal_store())}
    assert {ids[0], ids[2]} <= known
    assert ids[1] not in known


async def test_a_restricted_persons_trash_is_kept_and_they_put_nothing_there(trashed):
    who, ids = trashed
    await aged(who, 40)
    async with transaction(SYSTEM) as session:
        await restriction.restrict(session, by=None, account_id=who.account_id, reason="person")
    await trash.empty()
    assert await left(ids) == set(ids)
    acts = [
        lambda s: trash.put(s, actor=who.actor, asset_ids=ids),
        lambda s: ratings.rate(s, actor=who.actor, asset_ids=ids, stars=1),
        lambda s: labels.create(s, actor=who.actor, name="new"),
        lambda s: views.save(s, actor=who.actor, name="new", query=""),
    ]
    for act in acts:
        with pytest.raises(Restricted):
            async with transaction(who.actor) as session:
                await act(session)


async def test_a_moved_request_follows_once_all_of_it_is_there(someone: Person):
    me = someone.actor
    batch_id, ids = await finished(someone, image(count=2))
    there = await place(someone, "Autumn")
    where = "SELECT workspace_id FROM batches WHERE id = :id"
    async with transaction(me) as session:
        assert await moving.move(session, actor=me, asset_ids=ids[:1], workspace_id=there) == 1
    assert await value(where, id=batch_id) == me.workspace_id
    async with transaction(me) as session:
        assert await moving.move(session, actor=me, asset_ids=ids, workspace_id=there) == 1
        await workspaces.archive(session, actor=me, workspace_id=there)
        with pytest.raises(NotFound):
            await moving.move(session, actor=me, asset_ids=ids, workspace_id=there)
    assert await value(where, id=batch_id) == there


# Workspaces


async def test_a_workspace_goes_with_its_content_after_its_name_was_typed_and_one_undo_brings_all_back(someone: Person):
    me = someone.actor
    shared, own = await upload(someone), await upload(someone)
    _, ids = await finished(someone, image(count=2), (Input("reference", shared),))
    _, before = await finished(someone)
    async with transaction(me) as session:
        await trash.put(session, actor=me, asset_ids=before)
    there = await place(someone, "Autumn")
    inside = replace(me, workspace_id=there)
    elsewhere = replace(someone, identity=replace(someone.identity, workspace_id=there))
    await finished(elsewhere, image("another"), (Input("reference", shared),))
    async with transaction(me) as session:
        with pytest.raises(ValidationError, match="Type My studio to confirm"):
            await workspaces.delete(session, actor=me, workspace_id=someone.identity.workspace_id, typed="my studio")
        gone = await workspaces.delete(
            session, actor=me, workspace_id=someone.identity.workspace_id, typed=" My studio "
        )
        assert gone.count == 2
        assert await workspaces.active(session, actor=me) == there
        assert [each.name for each in await workspaces.listed(session, actor=inside)] == ["Autumn"]
        with pytest.raises(NotFound):
            await workspaces.set_active(session, actor=me, workspace_id=someone.identity.workspace_id)
        with pytest.raises(Conflict, match="only workspace"):
            await workspaces.delete(session, actor=me, workspace_id=there, typed="Autumn")
        kept = {each.name: each for each in await workspaces.kept(session, actor=inside)}
        assert (kept["My studio"].outputs, kept["My studio"].trashed_at) == (2, gone.at)
    assert await value("SELECT workspace_id FROM assets WHERE id = :id", id=shared) == there  # still used there
    assert await value("SELECT trashed_at FROM assets WHERE id = :id", id=own) == gone.at
    async with transaction(me) as session:
        assert await trash.undo(session, actor=me, at=gone.at) == 3  # with the upload; what went before stays
        assert len(await workspaces.listed(session, actor=me)) == 2
    assert await value("SELECT trashed_at IS NOT NULL FROM assets WHERE id = :id", id=before[0])
    assert await value("SELECT count(*) FROM assets WHERE id = ANY(:ids) AND trashed_at IS NULL", ids=ids) == 2


async def test_a_deleted_workspace_is_emptied_with_its_rows_but_not_what_was_moved_out_of_it(someone: Person):
    me = someone.actor
    batch_id, (stays, goes) = await finished(someone, image(count=2))
    there = await place(someone, "Autumn")
    async with transaction(me) as session:
        await moving.move(session, actor=me, asset_ids=[stays], workspace_id=there)
        await workspaces.delete(session, actor=me, workspace_id=someone.identity.workspace_id, typed="My studio")
    await aged(someone, 31)
    assert await trash.empty() == 2
    assert await left([stays, goes]) == {stays}
    noted = {(entry.kind, entry.id) async for entry in journal.entries(store=journal_store())}
    assert ("workspace", someone.identity.workspace_id) in noted
    assert await value("SELECT workspace_id FROM batches WHERE id = :id", id=batch_id) == there
    assert await value("SELECT count(*) FROM workspaces WHERE account_id = :id", id=someone.account_id) == 1


async def test_a_workspace_without_a_file_takes_the_archive_that_names_it_along(someone: Person):
    me = someone.actor
    await place(someone, "Autumn")
    async with transaction(me) as session:
        await workspaces.delete(session, actor=me, workspace_id=someone.identity.workspace_id, typed="My studio")
    await ready_archive(someone)
    await trash.empty()
    state = "SELECT state FROM exports WHERE account_id = :id"
    assert await value(state, id=someone.account_id) == "ready"
    await aged(someone, 31)
    assert await trash.empty() == 1
    assert await value(state, id=someone.account_id) == "revoked"


async def test_a_restored_output_brings_its_workspace_back_and_one_that_came_late_too(someone: Person):
    me = someone.actor
    _, ids = await finished(someone, image(count=2))
    await place(someone, "Autumn")
    async with transaction(me) as session:
        await workspaces.delete(session, actor=me, workspace_id=someone.identity.workspace_id, typed="My studio")
    async with transaction(me) as session:
        assert await trash.restore(session, actor=me, asset_ids=ids[:1]) == 1
        assert await trash.count(session, actor=me) == 1
        assert len(await workspaces.listed(session, actor=me)) == 2
    async with transaction(me) as session:
        await workspaces.delete(session, actor=me, workspace_id=someone.identity.workspace_id, typed="My studio")
    async with transaction(SYSTEM) as session:  # as a result that was stored while the workspace was deleted
        await session.execute(text("UPDATE assets SET trashed_at = NULL WHERE id = :id"), {"id": ids[0]})
    await aged(someone, 31)
    await trash.empty()
    assert await left(ids) == {ids[0]}
    assert (
        await value(
            "SELECT count(*) FROM workspaces WHERE account_id = :id AND trashed_at IS NULL", id=someone.account_id
        )
        == 2
    )


async def test_nothing_under_way_is_deleted_with_its_workspace(someone: Person):
    await submitted(someone)
    await place(someone, "Autumn")
    async with transaction(someone.actor) as session:
        with pytest.raises(Conflict, match="still under way"):
            await workspaces.delete(
                session, actor=someone.actor, workspace_id=someone.identity.workspace_id, typed="My studio"
            )


async def test_a_workspace_starts_with_how_its_newest_request_was_made(someone: Person):
    me = someone.actor
    async with transaction(me) as session:
        with pytest.raises(Conflict, match="Nothing was made"):
            await workspaces.keep_defaults(session, actor=me, workspace_id=someone.identity.workspace_id)
    await submitted(someone, replace(image("a secret lake", count=3), ratio="3:4"))
    async with transaction(me) as session:
        await workspaces.keep_defaults(session, actor=me, workspace_id=someone.identity.workspace_id)
        kept = await workspaces.defaults(session, actor=me)
        assert kept is not None
        assert (kept["kind"], kept["ratio"], kept["count"]) == ("image", "3:4", 3)
        assert not {"prompt", "seed", "reference_count"} & set(kept)
        await workspaces.drop_defaults(session, actor=me, workspace_id=someone.identity.workspace_id)
        assert await workspaces.defaults(session, actor=me) is None


async def test_a_selection_names_its_files_for_an_hour(someone: Person):
    me = someone.actor
    _, ids = await finished(someone, image(count=2))
    async with transaction(me) as session:
        made = await selections.pick(session, actor=me, asset_ids=[*ids, uuid4()])
        assert set(await selections.picked(session, actor=me, selection_id=made)) == set(ids)
        with pytest.raises(ValidationError):
            await selections.pick(session, actor=me, asset_ids=[])
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE selections SET created_at = created_at - interval '61 minutes' WHERE id = :id"), {"id": made}
        )
        with pytest.raises(NotFound, match="no longer offered"):
            await selections.picked(session, actor=me, selection_id=made)
        assert await selections.sweep(session) == 1


async def test_a_workspace_deleted_for_good_is_out_of_reach_at_once_and_takes_archives_back(
    someone: Person, other: Person
):
    me, here = someone.actor, someone.identity.workspace_id
    assert here is not None
    batch_id, (stays, goes) = await finished(someone, image(count=2))
    there = await place(someone, "Autumn")
    await fresh(someone)
    async with transaction(me) as session:
        await moving.move(session, actor=me, asset_ids=[stays], workspace_id=there)
        export_id = await archives.request(session, actor=me)

    async def erase(actor: Actor) -> None:
        async with transaction(SYSTEM) as session:
            await trash.workspace_for_good(session, actor=actor, workspace_id=here)

    with pytest.raises(Conflict, match="restored or erased"):
        await erase(me)  # it is not in the trash
    async with transaction(me) as session:
        await workspaces.delete(session, actor=me, workspace_id=here, typed="My studio")
    with pytest.raises(Conflict, match="restored or erased"):
        await erase(other.actor)
    change = "UPDATE generations SET state = '{}', ended_at = {}, charged_micros = {} WHERE batch_id = :id"
    async with transaction(SYSTEM) as session:
        await session.execute(text(change.format("running", "NULL", "NULL")), {"id": batch_id})
    with pytest.raises(Conflict, match="under way"):
        await erase(me)
    async with transaction(SYSTEM) as session:
        await session.execute(text(change.format("succeeded", "studio_now()", 0)), {"id": batch_id})
        await session.execute(text("UPDATE exports SET state = 'ready' WHERE id = :id"), {"id": export_id})
    await erase(me)
    with pytest.raises(Conflict, match="restored or erased"):
        await erase(me)
    async with transaction(me) as session:
        assert here not in {each.id for each in await workspaces.kept(session, actor=me)}
        with pytest.raises(Conflict, match="restored or erased"):
            await trash.restore(session, actor=me, asset_ids=[goes])
    assert await left([stays, goes]) == {stays, goes}
    await trash.erase_asked()
    assert await left([stays, goes]) == {stays}
    assert await value("SELECT workspace_id FROM batches WHERE id = :id", id=batch_id) == there
    assert await value("SELECT count(*) FROM workspaces WHERE id = :id", id=here) == 0
    assert await value("SELECT state FROM exports WHERE id = :id", id=export_id) == "revoked"


async def test_one_account_whose_erasure_fails_does_not_keep_others_from_theirs(
    someone: Person, other: Person, monkeypatch: pytest.MonkeyPatch
):
    files = {}
    for who in (someone, other):
        _, ids = await finished(who, image())
        files[who.account_id] = list(ids)
        async with transaction(SYSTEM) as session:
            await trash.for_good(session, actor=who.actor, asset_ids=ids)
    real = purge.erase_outputs

    async def breaks(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> int:
        if actor.account_id == someone.account_id:
            raise RuntimeError("this one does not go")
        return await real(session, actor=actor, asset_ids=asset_ids)

    with monkeypatch.context() as broken:
        broken.setattr(purge, "erase_outputs", breaks)
        with pytest.raises(RuntimeError, match="does not go"):
            await trash.erase_asked()
    assert await left(files[other.account_id]) == set()
    assert await left(files[someone.account_id]) == set(files[someone.account_id])
    await trash.erase_asked()
    assert await left(files[someone.account_id]) == set()
