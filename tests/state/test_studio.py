"""The studio page and the library without a browser: sending, the words of every tile, paging, reuse and remix."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services import attempts
from studio.services.byteplus import catalog
from studio.services.dates import ENGLISH, Dates
from studio.services.generations import Input
from studio.state.library import LibraryState
from studio.state.studio import StudioState
from studio.state.tiles import ordinal, when
from studio.state.views import TileView
from tests.factories import Person, image, person, stored_asset, submitted, upload, video
from tests.state.tab import call, tab


async def opened(who: Person, kind: type[Any] = StudioState) -> Any:
    """A tab that has loaded."""
    state = tab(kind, who)
    await call(state, "load")
    return state


async def update(generation_id: object, **columns: Any) -> None:
    """Put an output into a state; all but waiting and cancelled ones were sent."""
    if columns.get("state", "cancelled") != "cancelled":
        columns.setdefault("attempt_id", uuid4())
    columns.setdefault("tries", 0)
    pairs = ", ".join(f"{name} = :{name}" for name in columns)
    async with transaction(SYSTEM) as session:
        await session.execute(text(f"UPDATE generations SET {pairs} WHERE id = :id"), {"id": generation_id, **columns})


async def tile(who: Person, **columns: Any) -> TileView:
    """The tile of one output in a state."""
    sent = await submitted(who)
    await update(sent.generation_ids[0], **columns)
    return (await opened(who)).batches[0].tiles[0]


NOW = datetime.now(UTC)
ENDED: dict[str, Any] = {"ended_at": NOW, "charged_micros": 0}


async def test_sending_clears_nothing_and_shows_the_place_at_once(someone: Person):
    state = await opened(someone)
    await call(state, "set_count", "2")
    await call(state, "generate", {"prompt": "a lake at dawn"})
    assert (state.prompt, state.count, state.price) == ("a lake at dawn", 2, "$0.08")
    [batch] = state.batches
    assert (batch.prompt, batch.name) == ("a lake at dawn", "Batch: a lake at dawn")
    assert [t.name for t in batch.tiles] == ["Image 1 of 2, waiting", "Image 2 of 2, waiting"]
    assert [t.place for t in batch.tiles] == ["1st in line", "2nd in line"]
    assert (batch.tiles[0].width, batch.tiles[0].height) == (2048, 2048)
    assert batch.meta[-1] == "$0.08 held"
    assert (state.queue, state.queue_name) == ("2 waiting", "Queue: 2 waiting")
    assert state.cap_text == "$0.08 of $40.00 used"


async def test_a_double_click_sends_once(someone: Person):
    state = await opened(someone)
    for _ in range(3):
        await call(state, "generate", {"prompt": "once"})
    assert len(state.batches) == 1


async def test_an_empty_prompt_is_asked_for_and_nothing_is_sent(someone: Person):
    state = await opened(someone)
    for prompt in ("", "   \n"):
        state._sent_at = 0.0
        await call(state, "generate", {"prompt": prompt})
    assert state.batches == []
    assert {t.title for t in state.toasts} == {"Describe what you want to see first."}


async def test_at_the_cap_nothing_is_written_and_the_prompt_stays(settings):
    state = await opened(await person(cap_micros=60_000))
    await call(state, "set_count", "4")
    await call(state, "generate", {"prompt": "too much"})
    assert state.batches == []
    assert state.prompt == "too much"
    assert state.toasts[0].title.startswith("This needs $0.16, you have $0.06. Your cap resets on 1 ")
    assert state.cap_text == "$0.00 of $0.06 used"


WORDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("waiting", {}, {"title": "Waiting", "place": "1st in line", "note": "", "can_cancel": True}),
    (
        "busy",
        {"tries": 1},
        {"title": "Waiting", "note": "The provider is busy. Waiting to try again.", "can_cancel": True},
    ),
    ("sending", {"state": "submitting"}, {"state": "running", "title": "Rendering", "usually": "usually 20 s"}),
    ("storing", {"state": "storing"}, {"state": "saving", "title": "Saving to your library", "can_cancel": False}),
    (
        "declined",
        {"state": "failed", "error_title": "Declined by the content filter", **ENDED},
        {"title": "Declined by the content filter", "note": "Not charged", "retry_label": "Retry · $0.04"},
    ),
    (
        "unknown",
        {"state": "unknown", "unknown_at": NOW},
        {
            "title": "Reconciling with the provider",
            "note": "The connection dropped after sending. We are looking it up and will not send it twice. "
            "$0.04 held.",
            "retry_label": "",
            "can_cancel": False,
        },
    ),
    (
        "cancelled",
        {"state": "cancelled", **ENDED},
        {"title": "Cancelled", "note": "Before it started. Not charged", "retry_label": "Run again · $0.04"},
    ),
    (
        "settled",
        {"state": "settled", "ended_at": NOW, "charged_micros": 40_000, "error_title": "The outcome stayed unknown"},
        {"state": "failed", "title": "The outcome stayed unknown", "note": "$0.04 charged", "retry_label": ""},
    ),
]


@pytest.mark.parametrize(("columns", "words"), [w[1:] for w in WORDS], ids=[w[0] for w in WORDS])
async def test_a_tile_says_what_happened_what_it_cost_and_what_next(
    someone: Person, columns: dict[str, Any], words: dict[str, Any]
):
    shown = dataclasses.asdict(await tile(someone, **columns))
    assert {name: shown[name] for name in words} == words


async def test_how_long_it_usually_takes_is_told_from_the_like_of_it(someone: Person):
    model = "seedance-1-0-pro-250528"
    final = dataclasses.replace(video(model=model), resolution="1080p", duration=12)
    for params, seconds in ((video(model=model), (30, 32, 90)), (final, (300, 310, 320)), (image(), (7, 9))):
        for took in seconds:
            sent = await submitted(someone, params)
            began = NOW - timedelta(seconds=took)
            await update(sent.generation_ids[0], state="succeeded", submitted_at=began, ended_at=NOW, charged_micros=1)
    flex = dataclasses.replace(final, service_tier="flex")
    expected = [
        (video(model=model), 32),
        (dataclasses.replace(video(model=model), prompt="quite another", seed=7), 32),
        (final, 310),
        (flex, catalog.typical_seconds(flex)),  # none of these was made yet
        (image(), catalog.typical_seconds(image())),  # two say too little
    ]
    for params, _ in expected:
        sent = await submitted(someone, params)
        await update(sent.generation_ids[0], state="submitting")
    batches = (await opened(someone)).batches[: len(expected)]
    assert [b.tiles[0].usually for b in reversed(batches)] == [f"usually {seconds} s" for _, seconds in expected]


async def test_a_clip_that_failed_after_a_long_wait_was_still_asked_for_once(someone: Person):
    sent = await submitted(someone, video())
    await update(
        sent.generation_ids[0], state="failed", error_title="The provider could not make it", tries=12, **ENDED
    )
    [shown] = (await opened(someone)).batches[0].tiles
    assert shown.note == "Not charged", "looking at a running task is not another try"


@pytest.mark.parametrize(("number", "words"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd")])
def test_places_in_line_are_read_aloud_right(number: int, words: str):
    assert ordinal(number) == words


def test_a_moment_is_told_as_shortly_as_it_can_be():
    now = datetime(2026, 11, 22, 14, 6, tzinfo=UTC)
    assert when(now - timedelta(seconds=20), now, ENGLISH) == "just now"
    assert when(now - timedelta(hours=2), now, ENGLISH) == "12:06"
    assert when(now - timedelta(days=1), now, ENGLISH) == "21 Nov"
    assert when(now - timedelta(days=400), now, ENGLISH) == "18 Oct 2025"
    tokyo = Dates.of("en-US", "Asia/Tokyo")  # 23:06 there
    assert when(now - timedelta(hours=2), now, tokyo) == "9:06 PM"
    assert when(now - timedelta(hours=2), now + timedelta(hours=1), tokyo) == "Nov 22", "it is the 23rd there"


async def test_running_and_waiting_are_counted_in_the_queue(someone: Person):
    sent = await submitted(someone, image(count=4))
    for each in sent.generation_ids[:2]:
        await update(each, state="submitting")
    await update(sent.generation_ids[2], state="unknown", unknown_at=NOW)
    state = await opened(someone)
    assert state.queue == "2 running · 1 waiting · 1 unknown"
    assert state.queue_name == "Queue: 2 running, 1 waiting, 1 unknown"


async def test_the_feed_comes_in_pages_newest_first_and_can_be_filtered(someone: Person):
    for number in range(15):
        await submitted(someone, image(f"picture {number}"))
    await submitted(someone, video("clip"))
    state = await opened(someone)
    assert [b.prompt for b in state.batches] == ["clip", *[f"picture {n}" for n in range(14, 3, -1)]]
    assert state.has_more
    await call(state, "more")
    assert [b.prompt for b in state.batches][12:] == [f"picture {n}" for n in range(3, -1, -1)]
    assert not state.has_more
    await call(state, "set_show", "videos")
    assert [b.prompt for b in state.batches] == ["clip"]
    await call(state, "set_show", "images")
    assert len(state.batches) == 12


async def test_work_below_the_loaded_pages_does_not_jump_to_the_top(someone: Person):
    oldest = await submitted(someone, image("oldest"))
    for number in range(14):
        await submitted(someone, image(f"picture {number}"))
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE batches SET created_at = created_at - interval '1 hour' WHERE id = :id"),
            {"id": oldest.batch_id},
        )
    state = await opened(someone)
    await call(state, "cancel", str(oldest.generation_ids[0]))
    assert "oldest" not in [b.prompt for b in state.batches]


async def test_cancelling_gives_the_money_back_and_a_retry_takes_the_same_place(someone: Person):
    state = await opened(someone)
    await call(state, "generate", {"prompt": "a lake"})
    await call(state, "cancel", state.batches[0].tiles[0].id)
    [cancelled] = state.batches[0].tiles
    assert (cancelled.state, state.cap_text) == ("cancelled", "$0.00 of $40.00 used")
    await call(state, "retry", cancelled.id)
    [again] = state.batches[0].tiles
    assert (again.state, again.index, again.id != cancelled.id) == ("waiting", 1, True)
    assert state.cap_text == "$0.04 of $40.00 used"


async def test_a_batch_that_ends_is_announced_once(someone: Person):
    state = await opened(someone)
    await call(state, "generate", {"prompt": "a lake"})
    await call(state, "cancel", state.batches[0].tiles[0].id)
    assert state.announcement == "0 of 1 finished: a lake"


async def video_batch(who: Person) -> tuple[str, str, str]:
    """A clip with two frames and a seed; returns its batch and its pictures."""
    first, last = await upload(who), await upload(who)
    params = dataclasses.replace(
        video("a slow push in", model="seedance-1-0-pro-250528"), seed=77, camera_fixed=True, service_tier="flex"
    )
    params = dataclasses.replace(params, ratio="adaptive", duration=7, watermark=True)
    sent = await submitted(who, params, (Input("first_frame", first), Input("last_frame", last)))
    return str(sent.batch_id), str(first), str(last)


@pytest.mark.parametrize(("handler", "seed"), [("reuse", "77"), ("remix", "")])
async def test_reuse_restores_everything_and_remix_all_but_the_seed(someone: Person, handler: str, seed: str):
    batch_id, first, last = await video_batch(someone)
    state = await opened(someone)
    await call(state, "use_as", str(await upload(someone)), "reference")
    await call(state, handler, batch_id)
    assert (state.media, state.model, state.prompt) == ("video", "seedance-1-0-pro-250528", "a slow push in")
    assert (state.resolution, state.duration, state.ratio) == ("480p", 7, "Auto")
    assert (state.camera_fixed, state.delivery, state.watermark) == (True, "flex", True)
    assert (state.first_frame.asset_id, state.last_frame.asset_id) == (first, last)
    assert state.references == []
    assert state.seed == seed
    assert state.notices == []
    assert state.price != ""


async def test_reuse_of_pictures_brings_size_count_and_references_back(someone: Person):
    ids = [await upload(someone) for _ in range(2)]
    params = dataclasses.replace(image("vases", count=3), ratio="16:9", size="4K")
    sent = await submitted(someone, params, tuple(Input("reference", each) for each in ids))
    state = await opened(someone)
    await call(state, "reuse", str(sent.batch_id))
    assert (state.ratio, state.size, state.count, state.prompt) == ("16:9", "4K", 3, "vases")
    assert [r.asset_id for r in state.references] == [str(each) for each in ids]


async def test_dates_are_the_persons_in_the_feed_the_details_and_the_library(someone: Person):
    """23:30 UTC on 2 January 2025 is 08:30 on the 3rd in Tokyo."""
    sent = await submitted(someone, image("a lake"))
    done = sent.generation_ids[0]
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE generations SET state = 'storing', attempt_id = :attempt WHERE id = :id"),
            {"attempt": uuid4(), "id": done},
        )
        work = await attempts.load(session, generation_id=done)
        assert work is not None
        await attempts.stored(session, work=work, asset=stored_asset(work.id), charged=1)
    async with transaction(SYSTEM) as session:
        at = {"at": datetime(2025, 1, 2, 23, 30, tzinfo=UTC), "id": someone.account_id}
        await session.execute(
            text("UPDATE accounts SET time_zone = 'Asia/Tokyo', date_locale = 'de-DE' WHERE id = :id"),
            {"id": someone.account_id},
        )
        await session.execute(text("UPDATE batches SET created_at = :at WHERE account_id = :id"), at)
        await session.execute(text("UPDATE generations SET ended_at = :at WHERE account_id = :id"), at)
        await session.execute(text("UPDATE assets SET created_at = :at WHERE account_id = :id"), at)
    state = await opened(someone)
    assert "3. Jan. 2025" in state.batches[0].meta
    await call(state, "open_details", str(done))
    assert {fact.term: fact.value for fact in state.details.facts}["Made"] == "3. Jan. 2025, 08:30"
    library = await opened(someone, LibraryState)
    await call(library, "view", 0, 900, 1286)
    assert [day.day for day in library.days] == ["Freitag, 3. Januar 2025"]
