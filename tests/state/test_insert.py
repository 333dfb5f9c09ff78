"""Insert from library without a browser: whose pictures it shows, what choosing does, and where it stops."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import NotFound
from studio.services.byteplus import catalog
from studio.state import insert
from studio.state.studio import StudioState
from tests.factories import Person, upload
from tests.library_rows import Made, fill
from tests.state.tab import call, tab


async def opened(who: Person, media: str = "image") -> Any:
    """A tab whose dialog is open."""
    state: Any = tab(StudioState, who)
    await call(state, "load")
    await call(state, "set_media", media)
    await call(state, "set_insert_open", True)
    return state


def names(state: Any) -> list[str]:
    return [row.name for row in state.insert_rows]


async def test_it_shows_ones_own_kept_pictures_of_the_workspace_a_page_at_a_time_and_holds_nothing_when_closed(
    someone: Person, other: Person, monkeypatch: Any
):
    monkeypatch.setattr(insert, "PAGE", 2)
    monkeypatch.setattr(insert, "MOST", 5)
    (theirs,) = await fill(other, [Made("theirs")])
    lakes = [Made(f"lake {n}", days_ago=n, rating=4 if n == 0 else None) for n in range(3)]
    lost = [Made("a clip", kind="video"), Made("thrown away", trashed=True), Made("elsewhere")]
    (*_, elsewhere) = await fill(someone, [*lakes, *lost])
    async with transaction(SYSTEM) as session:
        values = {"id": uuid4(), "account": someone.account_id, "asset": elsewhere}
        await session.execute(
            text("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :account, 'Another')"), values
        )
        await session.execute(text("UPDATE assets SET workspace_id = :id WHERE id = :asset"), values)
    await upload(someone)
    state = await opened(someone)
    assert (names(state), state.insert_more) == (["Image: lake 0, rated 4 of 5", "Image: lake 1"], True)
    await call(state, "more_insert")
    assert (len(names(state)), names(state)[-1], state.insert_more) == (3, "Image: lake 2", False)

    await call(state, "insert_picture", str(theirs))
    assert (state.references, state.insert_note) == ([], NotFound().message)
    assert str(theirs) not in str(state.dict())

    await call(state, "search_insert", "lake 2")
    assert names(state) == ["Image: lake 2"]
    await call(state, "search_insert", "zebra")
    assert names(state) == []
    await call(state, "search_insert", "")
    await call(state, "set_insert_open", False)
    for late in (("search_insert", "lake"), ("more_insert",), ("insert_picture", str(theirs))):
        await call(state, *late)
    assert (state.insert_open, state.insert_rows, state.insert_text, state.insert_note) == (False, [], "", "")

    await fill(someone, [Made(f"more {n}") for n in range(6)])
    await call(state, "set_insert_open", True)
    for _ in range(4):
        await call(state, "more_insert")
    assert (len(names(state)), state.insert_more) == (5, False)


async def test_pictures_become_the_next_references_until_the_model_takes_no_more_which_is_said(someone: Person):
    model = min((m for m in catalog.models("image") if m.max_references), key=lambda m: m.max_references)
    most = model.max_references
    ids = [str(each) for each in await fill(someone, [Made(f"lake {n}", days_ago=n) for n in range(most + 1)])]
    state = await opened(someone)
    await call(state, "set_model", model.id)
    for asset_id in ids[:2]:
        await call(state, "insert_picture", asset_id)
    assert [(r.asset_id, r.mark) for r in state.insert_rows[:3]] == [(ids[0], "1"), (ids[1], "2"), (ids[2], "")]
    assert state.insert_note == f"2 of {most} references chosen"
    await call(state, "insert_picture", ids[0])
    assert [r.asset_id for r in state.references] == [ids[1]]
    for asset_id in (ids[0], *ids[2:]):
        await call(state, "insert_picture", asset_id)
    assert [r.asset_id for r in state.references] == [ids[1], ids[0], *ids[2:most]]
    assert state.insert_note == f"{model.name} takes {most} references. Take one out to choose another."
    assert state.insert_rows[most].mark == ""


async def test_for_a_video_the_picture_is_the_first_frame_and_another_one_replaces_it(someone: Person):
    first, second = [str(each) for each in await fill(someone, [Made("one"), Made("two", days_ago=1)])]
    (clip,) = await fill(someone, [Made("a clip", kind="video")])
    state = await opened(someone, "video")
    for asset_id in (first, second):
        await call(state, "insert_picture", asset_id)
    assert (state.media, state.ratio, state.references) == ("video", "Auto", [])
    assert (state.first_frame.asset_id, [r.mark for r in state.insert_rows]) == (second, ["", "First"])
    await call(state, "insert_picture", str(clip))
    assert state.insert_note == "A clip cannot be a reference or a frame. Choose a picture."
    await call(state, "insert_picture", second)
    assert (state.first_frame.asset_id, state.insert_note) == ("", "")
