"""The Library without a browser: windows, filters in the address, selection, and what other tabs change."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services.library import windows
from studio.state import library
from studio.state.guard import acting_as
from studio.state.library import LibraryState
from tests.factories import Person
from tests.library_rows import Made, fill, label
from tests.state.tab import at_path, call, tab


async def opened(who: Person, query: str = "", *, width: int = 1286) -> Any:
    """A tab that shows the Library at these filters."""
    state: Any = tab(LibraryState, who, f"/library?{query}" if query else "/library")
    await call(state, "load")
    await call(state, "view", 0, 900, width)
    await call(state, "settle")
    return state


def shown(state: Any) -> list[str]:
    return [tile.id for row in state.rows for tile in row.tiles]


def address(answer: Any) -> str:
    """Where an answer sends the browser."""
    return next(str(value._var_value) for key, value in answer.args if key._js_expr == "path")


async def test_an_empty_library_says_so_and_an_account_sees_only_its_own(someone: Person, other: Person):
    await fill(other, [Made("not yours")])
    state = await opened(someone)
    assert (state.loaded, state.count, state.rows, state.total, state.hidden) == (True, 0, [], "0 outputs", "")


async def test_a_window_shows_names_days_and_lengths(someone: Person):
    ids = await fill(
        someone,
        [Made("a lake", rating=4), Made("a slow push", kind="video", days_ago=0.1), Made("older", days_ago=400)],
    )
    state = await opened(someone)
    assert shown(state) == [str(each) for each in ids]
    tiles = [tile for row in state.rows for tile in row.tiles]
    assert [tile.name for tile in tiles] == ["Image: a lake, rated 4 of 5", "Video: a slow push", "Image: older"]
    assert (tiles[0].rating, tiles[1].duration, tiles[2].at) == (4, "0:05", 2)
    assert [day.count for day in state.days] == ["2 outputs", "1 output"]
    assert [row.line for row in state.rows] == [2, 4]
    assert (state.total, state.lines, len(state.stops)) == ("3 outputs", 4, 2)
    assert state.days[1].day == "Thursday 13 February 2025"


async def test_a_far_window_is_small_and_where_the_page_is(someone: Person):
    await fill(someone, [Made(f"number {n}", days_ago=n / 10) for n in range(700)])
    state = await opened(someone)
    assert state.count == 700
    await call(state, "view", 20_000, 900, 1286)
    assert all(20_000 - 2_000 < row.top < 20_000 + 3_000 for row in state.rows)
    assert 10 < len(shown(state)) < 150
    assert state.low <= 20_000 - 900
    assert state.high >= 21_800


@pytest.mark.parametrize("view", [(-5, -5, -5), (10**12, 10**12, 10**12), (0, 0, 0), (2**31, 900, 50_000)])
async def test_what_a_page_says_of_its_size_is_clamped(someone: Person, view: tuple[int, int, int]):
    await fill(someone, [Made(days_ago=n) for n in range(60)])
    state = await opened(someone)
    await call(state, "view", *view)
    assert 0 < len(shown(state)) <= windows.MOST_WINDOW
    assert library.NARROWEST <= state._width <= library.WIDEST


async def test_the_first_rows_come_before_the_whole_and_are_the_same(someone: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(windows, "BEGINNING", 60)
    await fill(someone, [Made(days_ago=n / 30) for n in range(200)])
    state: Any = tab(LibraryState, someone, "/library")
    await call(state, "load")
    answer = await call(state, "view", 0, 400, 1286)
    assert "settle" in str(answer)
    first = shown(state)
    assert state.stops == []
    await call(state, "settle")
    assert shown(state)[: len(first)] == first
    assert (state.count, state.total) == (200, "200 outputs")


FILTERS = [
    ("media=video", [1]),
    ("rating=4", [0, 4]),
    ("q=lan", [2]),
    ("q=anter", [2]),
    ("q=lantren", [2]),
    ("q=red+kites", [3]),
    ("q=seedance", [1]),
    ("q=autumn", [4]),
    ("from=100000", [3]),
    ("to=10000", [2]),
    ("since=2026-03-19", [0, 1]),
    ("until=2026-03-18&since=2026-03-18", [2]),
    ("sort=oldest", [4, 3, 2, 1, 0]),
    ("sort=rating", [4, 0, 1, 2, 3]),
    ("sort=cost", [3, 0, 1, 4, 2]),
    ("state=trash", [5]),
    ("q=zebra", []),
    ("q=%27%3B+DROP", []),
]


@pytest.mark.parametrize(("query", "found"), FILTERS, ids=[query for query, _ in FILTERS])
async def test_a_filter_shows_what_it_says(someone: Person, other: Person, query: str, found: list[int]):
    rows = [
        Made("a lake at dawn", rating=4),
        Made("a harbour", kind="video", days_ago=1),
        Made("a paper lantern", days_ago=2, cost=5000),
        Made("red kite", days_ago=3, cost=200_000),
        Made("a fox", days_ago=9, rating=5),
        Made("gone", trashed=True),
    ]
    ids = await fill(someone, rows)
    await fill(other, rows)
    await label(someone, "Autumn catalogue", [ids[4]])
    state = await opened(someone, query)
    assert shown(state) == [str(ids[n]) for n in found]
    if not found and "q" in query:
        assert state.hidden == "5 outputs are hidden by 1 filter."


async def test_labels_workspaces_models_and_batches_are_filters_with_counts(someone: Person):
    ids = await fill(someone, [Made(), Made(model="seedream-4-0-250828"), Made()])
    one, two = await label(someone, "One", ids[:1]), await label(someone, "Two", ids[1:])
    state = await opened(someone, f"label={one}")
    assert (shown(state), state.words.label, state.active) == ([str(ids[0])], "One", 1)
    assert [(each.label, each.count, each.on) for each in state.options.label] == [
        ("One", "1", True),
        ("Two", "2", False),
    ]
    assert state.total == "1 of 3 outputs"
    assert len(shown(await opened(someone, f"label={one},{two}"))) == 3
    assert shown(await opened(someone, "model=seedream-4-0-250828")) == [str(ids[1])]
    place = await opened(someone, f"workspace={someone.actor.workspace_id}")
    assert (len(shown(place)), place.words.workspace) == (3, someone.identity.workspace)
    async with transaction(SYSTEM) as session:
        batch = await session.scalar(text("SELECT batch_id FROM assets WHERE id = :id"), {"id": ids[2]})
    assert shown(await opened(someone, f"batch={batch}")) == [str(ids[2])]


async def test_every_choice_is_an_address(someone: Person):
    state = await opened(someone, "q=a+lake&model=b")
    for handler, given, wanted in (
        ("set_filter", ("model", "a"), "/library?q=a+lake&model=a,b"),
        ("set_filter", ("rating", "3"), "/library?q=a+lake&model=b&rating=3"),
        ("set_filter", ("cost", "5-9"), "/library?q=a+lake&model=b&from=5&to=9"),
        ("drop_filter", ("q",), "/library?model=b"),
        ("set_text", ("  a fox ",), "/library?q=a+fox&model=b"),
        ("set_text", ("",), "/library?model=b"),
        ("set_sort", ("cost",), "/library?q=a+lake&model=b&sort=cost"),
        ("set_days", ({"since": "2026-01-02", "until": "nonsense"},), "/library?q=a+lake&model=b&since=2026-01-02"),
        ("clear_filters", (), "/library"),
        ("set_trash", (True,), "/library?state=trash"),
    ):
        assert address(await call(state, handler, *given)) == wanted, handler
    assert await call(state, "set_text", "a lake") is None
    assert await call(state, "set_filter", "date", "for ever") is None
    assert "since=" in address(await call(state, "set_filter", "date", "week"))


async def test_another_address_starts_at_the_top_and_the_same_one_where_it_was(someone: Person):
    await fill(someone, [Made(days_ago=n / 10, rating=1 + n % 5) for n in range(500)])
    state = await opened(someone)
    await call(state, "view", 9_000, 900, 1286)
    await call(state, "load")
    assert state.place == 9_000
    at_path(state, "/library?rating=3")
    await call(state, "load")
    assert (state.place, state.move.to, state.count) == (0, 0, 300)


async def test_a_selection_is_one_a_range_or_everything(someone: Person):
    ids = [str(each) for each in await fill(someone, [Made(days_ago=n / 10) for n in range(450)])]
    state = await opened(someone)
    await call(state, "choose", "one", ids[3], "")
    await call(state, "choose", "range", ids[6], "")
    assert (state.selected, state.selection) == (ids[3:7], "4 selected")
    await call(state, "choose", "one", ids[4], "")
    assert state.selected_count == 3
    await call(state, "choose", "all", "", "")
    assert (state.selected_count, len(state.selected)) == (450, len(shown(state)))
    assert len(state._targets()) == 450
    await call(state, "choose", "none", "", "")
    assert (state.selected_count, state.selected) == (0, [])
    await call(state, "choose", "range", ids[9], ids[8])
    assert state.selected == ids[8:10]


async def test_more_than_an_act_takes_is_not_selected_and_that_is_said(
    someone: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("studio.state.selection.MOST_CHOSEN", 20)
    await fill(someone, [Made(days_ago=n / 10) for n in range(50)])
    state = await opened(someone)
    await call(state, "choose", "all", "", "")
    assert state.selected_count == 20
    assert state.toasts[-1].title == "The first 20 of 50 are selected."


async def test_new_work_stands_on_top_and_does_not_move_what_is_seen(someone: Person):
    await fill(someone, [Made(days_ago=1 + n / 10) for n in range(300)])
    top, deep = await opened(someone), await opened(someone)
    await call(deep, "view", 4_000, 900, 1286)
    seen = next(row for row in deep.rows if row.top >= 4_000)
    fresh = await fill(someone, [Made("fresh")])
    windows.forget(someone.account_id)
    async with acting_as(someone.identity):
        await top._follow()
        await deep._follow()
    assert shown(top)[0] == str(fresh[0])
    assert top.move.by == 0
    now = next(row for row in deep.rows if any(tile.id == seen.tiles[0].id for tile in row.tiles))
    assert (deep.move.by, now.top) == (now.top - seen.top, seen.top + deep.move.by)
    assert deep.move.by > 0


async def test_a_rating_given_elsewhere_shows_and_what_is_gone_leaves(someone: Person):
    ids = await fill(someone, [Made("one"), Made("two", days_ago=1)])
    state = await opened(someone)
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE assets SET rating = 2 WHERE id = :id"), {"id": ids[0]})
        await session.execute(text("DELETE FROM assets WHERE id = :id"), {"id": ids[1]})
    windows.forget(someone.account_id)
    async with acting_as(someone.identity):
        await state._follow()
    assert [tile.rating for row in state.rows for tile in row.tiles] == [2]
    assert state.total == "1 output"


async def test_a_tab_that_shows_another_page_reads_nothing(someone: Person):
    state = await opened(someone)
    await fill(someone, [Made()])
    at_path(state, "/settings/profile")
    windows.forget(someone.account_id)
    async with acting_as(someone.identity):
        await state._follow()
    assert state.count == 0


async def test_a_view_is_saved_listed_overwritten_by_name_and_removed(someone: Person, other: Person):
    state = await opened(someone, "rating=4&q=fox")
    await call(state, "save_view", {"name": "  Foxes "})
    assert [(each.name, each.href) for each in state.saved] == [("Foxes", "/library?q=fox&rating=4")]
    at_path(state, "/library?rating=5")
    await call(state, "load")
    await call(state, "save_view", {"name": "foxes"})
    assert [(each.name, each.href) for each in state.saved] == [("foxes", "/library?rating=5")]
    stranger = await opened(other)
    await call(stranger, "remove_view", state.saved[0].id)
    await call(stranger, "set_view_open", True)
    assert stranger.saved == []
    for name in ("", " ", "x" * 61, 5):
        await call(state, "save_view", {"name": name})
        assert state.toasts[-1].title == "A name has 1 to 60 characters."
    await call(state, "remove_view", state.saved[0].id)
    assert state.saved == []


async def test_previous_and_next_follow_the_filters(someone: Person):
    ids = [
        str(each)
        for each in await fill(someone, [Made(f"n {n}", rating=1 if n == 1 else 5, days_ago=n) for n in range(4)])
    ]
    state = await opened(someone, "rating=5")
    await call(state, "open_output", ids[0])
    seen = state.neighbours
    assert (seen.of, seen.position, seen.before, seen.after) == (ids[0], "1 of 3", False, True)
    await call(state, "step_output", ids[0], 1)
    assert (state.neighbours.of, state.neighbours.position) == (ids[2], "2 of 3")
    await call(state, "step_output", ids[2], 1)
    assert (state.neighbours.of, state.neighbours.after) == (ids[3], False)
    for of, by in ((ids[3], 1), (ids[0], -1), (ids[0], 2), (ids[1], 1)):
        assert await call(state, "step_output", of, by) is None
    assert state.neighbours.of == ids[3]


async def test_details_open_for_ones_own_output_only(someone: Person, other: Person):
    (mine,) = await fill(someone, [Made()])
    (theirs,) = await fill(other, [Made()])
    state = await opened(someone)
    assert "open_details" in str(await call(state, "open_output", str(mine)))
    assert await call(state, "open_output", str(theirs)) is None
    assert state.toasts[-1].title == "This output was deleted."
