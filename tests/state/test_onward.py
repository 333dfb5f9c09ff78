"""From one output to the next without a browser, what it would cost otherwise, and the queue's words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.runtime import storage
from studio.services import assets, attempts, frames, generations, ledger, presets, trash, workspaces
from studio.services.byteplus import catalog
from studio.services.byteplus.params import Params, VideoParams
from studio.services.ledger import dollars
from studio.services.storage import key_for
from studio.state.studio import StudioState
from studio.state.views import FinalView
from tests.factories import Person, image, person, stored_asset, submitted, upload, video
from tests.state.tab import at_path, call, tab

SEEDANCE_1 = "seedance-1-0-pro-250528"
SEEDANCE_2_5 = "dreamina-seedance-2-5-260628"
SEEDREAM_5_PRO = "dola-seedream-5-0-pro-260628"


async def opened(who: Person) -> StudioState:
    """A tab that has loaded."""
    state = tab(StudioState, who)
    await call(state, "load")
    return state


async def output(
    who: Person, params: Params, data: bytes = b"", inputs: tuple[generations.Input, ...] = ()
) -> tuple[str, str]:
    """(batch, file) of a finished output; its bytes are stored where they are given."""
    sent = await submitted(who, params, inputs)
    columns: dict[str, Any] = {**stored_asset(sent.generation_ids[0])}
    if data:
        written = await assets.write_objects(
            storage(), owner=sent.generation_ids[0], data=data, mime="video/mp4", thumbnails={256: b"small"}
        )
        columns |= {**written, "width": 864, "height": 480, "duration": 5000}
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE generations SET state = 'storing', attempt_id = :attempt WHERE id = :id"),
            {"attempt": uuid4(), "id": sent.generation_ids[0]},
        )
        work = await attempts.load(session, generation_id=sent.generation_ids[0])
        assert work is not None
        await attempts.stored(session, work=work, asset=columns, charged=1)
        asset = await session.scalar(
            text("SELECT id FROM assets WHERE generation_id = :id"), {"id": sent.generation_ids[0]}
        )
    return str(sent.batch_id), str(asset)


async def test_from_another_page_it_goes_on_in_the_studio_on_top_of_what_was_being_written(someone: Person):
    picture = await upload(someone)
    writing = await opened(someone)
    await call(writing, "set_prompt", "half a sentence")
    await call(writing, "save_draft")
    elsewhere: Any = tab(StudioState, someone, "/library")
    assert "'/'" in str(await call(elsewhere, "use_as", str(picture), "reference")).replace('"', "'")
    at_path(elsewhere, "/")
    await call(elsewhere, "load")
    assert elsewhere.prompt == "half a sentence"
    assert [each.asset_id for each in elsewhere.references] == [str(picture)]
    batch, _ = await output(someone, image("a lake"))
    assert await call(writing, "use_as", str(picture), "reference") is None, "it is there already"
    assert await call(tab(StudioState, someone, "/compare"), "reuse", batch) is not None


async def test_what_is_taken_over_from_another_page_is_not_overwritten_by_a_draft_of_another_tab(someone: Person):
    batch, _ = await output(someone, image("a lake"))
    one, two = await opened(someone), await opened(someone)
    at_path(one, "/library")
    await call(two, "set_prompt", "typed in another tab")
    await call(two, "save_draft")
    await call(one, "reuse", batch)
    at_path(one, "/")
    await call(one, "load")
    assert one.prompt == "a lake"
    assert (await opened(someone)).prompt == "a lake", "it is the draft now"


async def test_what_is_taken_over_after_a_change_of_workspace_is_not_overwritten_by_its_draft(someone: Person):
    picture = await upload(someone)
    state = await opened(someone)
    await call(state, "set_prompt", "of the first")
    async with transaction(someone.actor) as session:
        second = await workspaces.create(session, actor=someone.actor, name="Second")
        await workspaces.set_active(session, actor=someone.actor, workspace_id=second)
        there = replace(someone.actor, workspace_id=second)
        await presets.save_draft(session, actor=there, content={"model": SEEDREAM_5_PRO, "prompt": "of the second"})
    at_path(state, "/library")
    await call(state, "use_as", str(picture), "reference")
    at_path(state, "/")
    await call(state, "load")
    assert (state.prompt, state.model) == ("of the second", SEEDREAM_5_PRO)
    assert [each.asset_id for each in state.references] == [str(picture)]


async def test_a_clip_is_extended_from_its_own_last_frame_which_is_taken_once(someone: Person, tiny_clip: bytes):
    _, clip = await output(someone, video(), tiny_clip)
    state = await opened(someone)
    await call(state, "set_prompt", "and on it goes")
    await call(state, "extend", clip)
    frame = state.first_frame.asset_id
    assert (state.media, state.ratio, state.prompt, state.toasts) == ("video", "Auto", "and on it goes", [])
    async with transaction(someone.actor) as session:
        kept = await assets.get(session, actor=someone.actor, asset_id=UUID(frame))
        derived = await session.scalar(text("SELECT derived_from FROM assets WHERE id = :id"), {"id": frame})
    assert (kept.kind, kept.mime, kept.width, kept.height) == ("upload", "image/png", 480, 320)
    assert str(derived) == clip
    stream = await storage().open(kept.object_key)
    assert (b"".join([part async for part in stream]))[:8] == b"\x89PNG\r\n\x1a\n"
    await call(state, "clear_frame", "first_frame")
    await call(state, "extend", clip)
    assert state.first_frame.asset_id == frame


async def test_a_frame_that_may_not_be_kept_any_more_leaves_no_file(
    someone: Person, tiny_clip: bytes, monkeypatch: pytest.MonkeyPatch
):
    _, clip = await output(someone, video(), tiny_clip)
    state = await opened(someone)
    taken: list[UUID] = []
    real = frames.take_last

    async def gone_meanwhile(*args: Any) -> frames.Taken:
        taken.append((found := await real(*args)).asset_id)
        assert await storage().stat(key_for("o", found.asset_id)) is not None
        async with transaction(SYSTEM) as session:  # first from another tab, then with all of the account
            if len(taken) == 1:
                await session.execute(
                    text("INSERT INTO erasures (id, account_id, due_at) VALUES (gen_random_uuid(), :id, studio_now())"),
                    {"id": someone.account_id},
                )
            else:
                await session.execute(text("DELETE FROM erasures WHERE account_id = :id"), {"id": someone.account_id})
                await session.execute(text("DELETE FROM assets WHERE id = :id"), {"id": clip})
        return found

    monkeypatch.setattr(frames, "take_last", gone_meanwhile)
    await call(state, "extend", clip)
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE erasures SET state = 'cancelled' WHERE account_id = :id"), {"id": someone.account_id}
        )
    await call(state, "extend", clip)
    assert ["going to be deleted" in state.toasts[0].title, state.toasts[1].title] == [
        True,
        "There is nothing here. It was deleted, or it is not yours to see.",
    ]
    assert len(taken) == 2
    for each in taken:
        assert [key for key in assets.keys_of(each) if await storage().stat(key)] == []


async def test_what_is_no_clip_is_not_extended_and_a_clip_is_not_edited(someone: Person, other: Person):
    _, picture = await output(someone, image())
    _, clip = await output(someone, video())
    _, theirs = await output(other, video())
    state = await opened(someone)
    for handler, asset in (("extend", picture), ("extend", theirs), ("edit_with_prompt", clip)):
        await call(state, handler, asset)
    assert [t.title for t in state.toasts] == [
        "Only a clip can be extended. Use a picture as first frame instead.",
        "There is nothing here. It was deleted, or it is not yours to see.",
        "A clip cannot be edited with a prompt. Extend it, or choose a picture.",
    ]
    assert (state.first_frame.asset_id, state.references) == ("", [])


async def test_editing_starts_from_the_picture_alone_and_an_empty_prompt_and_loses_no_words(someone: Person):
    _, picture = await output(someone, image("a lake"))
    state = await opened(someone)
    await call(state, "use_as", str(await upload(someone)), "reference")
    await call(state, "set_media", "video")
    await call(state, "set_prompt", "half a thought")
    answer = await call(state, "edit_with_prompt", picture)
    assert (state.media, state.prompt, [r.asset_id for r in state.references]) == ("image", "", [picture])
    assert "prompt" in str(answer), "the prompt gets the focus"
    await call(state, "recall", "older")
    assert state.prompt == "half a thought"
    await call(state, "recall", "older")
    assert state.prompt == "a lake"


async def test_a_draft_is_made_final_at_a_price_that_was_read(someone: Person, other: Person):
    batch, clip = await drafted(someone)
    state = await opened(someone)
    await call(state, "open_details", str(await generation_of(batch)))
    assert state.details.draft
    await call(state, "ask_final", clip)
    assert state.final.possible
    assert "renders this clip again in 1080p" in state.final.words
    price = state.final.send.removeprefix("Make final · ")
    async with transaction(someone.actor) as session:
        before = await ledger.budget(session, account_id=someone.account_id)
    await call(state, "make_final", clip)
    assert (state.final.id, state.batches[0].inputs[0].asset_id) == ("", clip)
    assert "from a draft" in state.batches[0].meta
    async with transaction(someone.actor) as session:
        after = await ledger.budget(session, account_id=someone.account_id)
    assert dollars(after.held - before.held) == price
    theirs = await opened(other)
    for handler in ("ask_final", "make_final"):
        await call(theirs, handler, clip)
    theirs.final = FinalView(id=clip, possible=True)  # as if it had been asked
    await call(theirs, "make_final", clip)
    assert (theirs.final.id, theirs.batches) == ("", [])
    assert len(theirs.toasts) == 2
    await call(state, "make_final", clip)
    assert len(state.batches) == 2, "a second click sends nothing: the price is read each time"


async def test_reuse_of_a_final_clip_brings_back_what_its_draft_was_given(someone: Person):
    frame = await upload(someone)
    framed = replace(video("a ferry leaves", model=SEEDANCE_2_5), draft=True, ratio="adaptive")
    _, clip = await drafted(someone, framed, generations.Input("first_frame", frame))
    state = await opened(someone)
    await call(state, "ask_final", clip)
    await call(state, "make_final", clip)
    async with transaction(someone.actor) as session:
        await trash.put(session, actor=someone.actor, asset_ids=[UUID(clip)])
    await call(state, "reuse", state.batches[0].id)
    assert (state.first_frame.asset_id, state.draft, state.resolution) == (str(frame), False, "1080p")
    assert state.can_generate


async def test_a_draft_that_the_provider_has_forgotten_goes_into_the_composer(someone: Person):
    batch, clip = await drafted(someone)
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE generations SET created_at = studio_now() - interval '8 days' WHERE batch_id = :id"),
            {"id": batch},
        )
    state = await opened(someone)
    await call(state, "ask_final", clip)
    assert (state.final.id, state.toasts[-1].title) == (
        "",
        "The provider keeps a draft for 7 days, and this one is older.",
    )
    assert (state.prompt, state.draft, state.resolution, state.duration) == ("a ferry leaves", False, "1080p", 7)
    state.final = FinalView(id=clip, possible=True)  # as if it had been asked on the seventh day
    await call(state, "make_final", clip)
    assert "keeps a draft for 7 days" in state.toasts[-1].title
    assert [b.id for b in state.batches] == [batch]


async def drafted(who: Person, params: VideoParams | None = None, *inputs: generations.Input) -> tuple[str, str]:
    """(batch, file) of a finished draft that the provider knows."""
    asked = replace(video("a ferry leaves", model=SEEDANCE_2_5), draft=True, duration=7, generate_audio=True)
    batch, clip = await output(who, params or asked, inputs=inputs)
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE generations SET task_id = 'cgt-1' WHERE batch_id = :id"), {"id": batch})
    return batch, clip


async def test_a_model_may_choose_the_length_and_is_held_at_its_longest(someone: Person):
    state = await opened(someone)
    await call(state, "set_media", "video")
    await call(state, "set_model", SEEDANCE_2_5)
    await call(state, "set_duration", [30])
    longest = state.price
    await call(state, "set_duration", [5])
    await call(state, "set_auto_duration", True)
    assert (state.price, state.length) == (longest, "up to 30 s")
    batch, _ = await output(someone, state._params("a ferry leaves"))
    await call(state, "set_auto_duration", False)
    assert state.length == "5 s"
    await call(state, "reuse", batch)
    assert (state.auto_duration, state.duration, state.length) == (True, 5, "up to 30 s")
    await call(state, "set_model", SEEDANCE_1)
    assert (state.supports_auto_duration, state.length) == (False, "5 s")


async def test_previous_and_next_go_across_batches(someone: Person):
    older, first = await output(someone, image("older"))
    newer, last = await output(someone, image("newer"))
    state = await opened(someone)
    await call(state, "open_details", str(await generation_of(newer)))
    assert (state.neighbours.of, state.neighbours.before, state.neighbours.after) == (last, False, True)
    await call(state, "step_output", last, 1)
    assert (state.details.asset_id, state.details.batch_id) == (first, older)
    assert (state.neighbours.before, state.neighbours.after) == (True, False)
    await call(state, "step_output", first, 1)
    await call(state, "step_output", str(UUID(int=5)), -1)
    assert state.details.asset_id == first
    await call(state, "step_output", first, -1)
    assert state.details.asset_id == last


async def generation_of(batch: str) -> UUID:
    """The first output of a batch."""
    async with transaction(SYSTEM) as session:
        return await session.scalar(text("SELECT id FROM generations WHERE batch_id = :id"), {"id": batch})


async def test_reuse_brings_back_exact_pixels_series_and_transparency(someone: Person):
    exact = replace(image("exact", count=3), size=None, width=2560, height=1440, series=True)
    batch, _ = await output(someone, exact)
    state = await opened(someone)
    await call(state, "reuse", batch)
    assert (state.exact, state.width, state.height, state.series, state.count) == (True, "2560", "1440", True, 3)
    assert (state.pixels, state.price) == ("2560 × 1440 px", "$0.12")
    assert state._params("exact") == replace(exact, ratio="1:1")


async def test_exact_pixels_are_judged_as_they_are_typed_and_start_from_the_tier(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "a lake")
    await call(state, "set_ratio", "16:9")
    await call(state, "set_size", "Exact")
    assert (state.width, state.height, state.size_error) == ("2848", "1600", "")
    await call(state, "set_width", "300")
    assert state.size_error.startswith("Width times height must be from 3,686,400 to 16,777,216 pixels")
    assert (state.can_generate, state.blocked) == (False, "")
    await call(state, "set_width", "3000")
    await call(state, "set_height", "1500")
    assert (state.size_error, state.pixels, state.can_generate) == ("", "3000 × 1500 px", True)
    for wrong in ("1e3", "-5", "²", "999999"):
        await call(state, "set_height", wrong)
        assert state.height == "1500", wrong
    await call(state, "set_height", "")
    assert not state.can_generate
    await call(state, "set_size", "4K")
    assert (state.exact, state.size_error, state.can_generate) == (False, "", True)


async def test_what_a_model_cannot_do_is_named_in_one_line_and_kept(someone: Person):
    state = await opened(someone)
    await call(state, "set_media", "video")
    await call(state, "set_model", SEEDANCE_1)
    for handler, value in (("set_seed", "7"), ("set_camera_fixed", True), ("set_delivery", "flex")):
        await call(state, handler, value)
    await call(state, "set_model", SEEDANCE_2_5)
    assert state.notices == ["Seed, fixed camera, flex: not supported by this model. Kept, not sent."]
    await call(state, "set_draft", True)
    await call(state, "set_prompt", "a lake")
    assert state._params("a lake").resolution == "480p"  # type: ignore[union-attr]
    await call(state, "set_model", SEEDANCE_1)
    assert "Draft: not supported by this model. Kept, not sent." in state.notices
    assert (state.seed, state.camera_fixed, state.delivery) == ("7", True, "flex")


async def test_a_series_is_asked_for_only_where_the_model_makes_one(someone: Person):
    state = await opened(someone)
    await call(state, "set_series", True)
    assert not state._params("x").series, "one picture is no series"  # type: ignore[union-attr]
    await call(state, "set_count", "5")
    assert state._params("x").series  # type: ignore[union-attr]
    await call(state, "set_model", SEEDREAM_5_PRO)
    assert not state._params("x").series  # type: ignore[union-attr]
    assert state.notices[-1] == "Series: not supported by this model. Kept, not sent."
    await call(state, "set_transparent", True)
    params: Any = state._params("x")
    assert (params.background, params.output_format) == ("transparent", "png")


# What was turned before the costs are looked at.
TURNED: dict[str, tuple[str, tuple[tuple[str, Any], ...]]] = {
    "pictures": ("image", (("set_count", "3"), ("set_series", True))),
    "a clip": ("video", ()),
    "a draft": ("video", (("set_resolution", "1080p"), ("set_duration", [9]), ("set_draft", True))),
    "a length by the model": ("video", (("set_duration", [11]), ("set_auto_duration", True))),
}


@pytest.mark.parametrize(("media", "turned"), TURNED.values(), ids=TURNED)
async def test_each_other_way_costs_what_it_said_once_it_is_chosen(
    someone: Person, media: str, turned: tuple[tuple[str, Any], ...]
):
    for model in catalog.models(media):  # pyright: ignore[reportArgumentType]  # one of the two kinds

        async def looking(chosen: str = model.id) -> StudioState:
            state = await opened(someone)
            for handler, value in (("set_model", chosen), ("set_prompt", "x"), *turned, ("set_costs_open", True)):
                await call(state, handler, value)
            return state

        state = await looking()
        assert state.costs[0].price == state.price
        before = state.dict()
        for option in state.costs[1:]:
            again = await looking()
            assert again.dict() == before, "what is looked at changes nothing"
            await call(again, "choose_cost", option.id)
            quote = catalog.quote(again._params("x"))
            if option.id == "flex":
                assert option.price == dollars(quote.expected_micros)
                assert again.price in option.note, "what is held is said"
            else:
                assert option.price == again.price, (model.id, option.id)
            assert option.left == f"{dollars(40_000_000 - quote.worst_micros, down=True)} left after"
            assert (again.costs_open, again.costs) == (False, [])


async def test_a_flex_clip_fits_only_where_all_that_is_held_fits_and_so_says_its_retry(settings):
    async def looking(cap_micros: int | None) -> StudioState:
        state = await opened(await person(cap_micros=cap_micros))
        await call(state, "set_model", SEEDANCE_1)
        await call(state, "set_costs_open", True)
        return state

    state = await looking(None)
    poor = await looking(round(float(state.price[1:]) * 750_000))
    flex = next(option for option in poor.costs if option.id == "flex")
    assert (flex.fits, flex.left.endswith("above your cap")) == (False, True)
    price = state.price
    await call(state, "choose_cost", "flex")
    await call(state, "generate", {"prompt": "a ferry"})
    await call(state, "cancel", state.batches[0].tiles[0].id)
    assert state.batches[0].tiles[0].retry_label == f"Run again · {price}"
    await call(state, "retry", state.batches[0].tiles[0].id)
    assert state.batches[0].meta[-1] == f"{price} held"


async def test_a_batch_whose_limits_changed_is_shown_without_a_retry_and_its_reuse_loses_nothing(someone: Person):
    shown, kept = await submitted(someone, image("a lake")), await submitted(someone, image("a ferry", count=2))
    state = await opened(someone)
    await call(state, "set_prompt", "half a sentence")
    await call(state, "use_as", str(await upload(someone)), "reference")
    for batch, change in ((kept, {"count": 99}), (shown, {"model": "no-such-model"})):
        async with transaction(SYSTEM) as session:
            await session.execute(
                text("UPDATE batches SET params = params || CAST(:change AS jsonb) WHERE id = :id"),
                {"change": json.dumps(change), "id": batch.batch_id},
            )
            await session.execute(
                text(
                    "UPDATE generations SET state = 'cancelled', charged_micros = 0, ended_at = studio_now() "
                    "WHERE batch_id = :id"
                ),
                {"id": batch.batch_id},
            )
    await call(state, "load")
    assert [len(b.tiles) for b in state.batches] == [2, 1]
    assert {t.retry_label for b in state.batches for t in b.tiles} == {""}
    await call(state, "reuse", str(shown.batch_id))
    assert state.toasts[-1].title == "This model is not offered here. Choose another one."
    assert (state.prompt, len(state.references)) == ("half a sentence", 1)


async def test_what_is_above_the_cap_says_by_how_much_and_what_a_cheaper_model_leaves_out(settings):
    who = await person(cap_micros=100_000)
    state = await opened(who)
    await call(state, "use_as", str(await upload(who)), "reference")
    await call(state, "set_media", "video")
    await call(state, "set_costs_open", True)
    assert state.costs[0].left.endswith("above your cap")
    assert not state.costs[0].fits
    silent = next(option for option in state.costs if option.id == SEEDANCE_1)
    assert silent.note == "No references, silent"
    await call(state, "choose_cost", "no-such-way")
    assert state.model != "no-such-way"


async def test_the_queue_lists_what_is_on_its_way_and_says_what_giving_up_means(someone: Person, other: Person):
    await submitted(other, image("theirs"))
    clip, picture = await submitted(someone, video("a ferry")), await submitted(someone, image("a lake", count=2))
    async with transaction(SYSTEM) as session:
        for sent in (clip.generation_ids[0], picture.generation_ids[0]):
            await session.execute(
                text(
                    "UPDATE generations SET state = CASE kind WHEN 'video' THEN 'running' ELSE 'submitting' END, "
                    "attempt_id = gen_random_uuid(), task_id = 'cgt-1', submitted_at = studio_now() WHERE id = :id"
                ),
                {"id": sent},
            )
    state = await opened(someone)
    await call(state, "set_queue_open", True)
    assert [(row.prompt, row.title, row.cancel) for row in state.queue_rows] == [
        ("a ferry", "Rendering", "ask"),
        ("a lake", "Rendering", "ask"),
        ("a lake", "Waiting", "now"),
    ]
    assert (state.running, state.queue_rows[2].place) == (3, "1st in line")
    await call(state, "ask_cancel", str(picture.generation_ids[0]))
    assert (state.cancelling.title, state.cancelling.possible) == ("It runs on", False)
    assert "bills it, $0.04 at most" in state.cancelling.words
    await call(state, "ask_cancel", str(clip.generation_ids[0]))
    assert (state.cancelling.title, state.cancelling.possible) == ("Give this clip up?", True)
    await call(state, "cancel", str(clip.generation_ids[0]))
    assert state.cancelling.id == ""
    assert state.queue_rows[0].cancel == ""
    tiles = {t.id: t for b in state.batches for t in b.tiles}
    assert tiles[str(clip.generation_ids[0])].note == "Asking the provider to give it up"


async def test_what_ended_while_the_page_is_open_is_counted_for_the_tabs_title(someone: Person):
    state = await opened(someone)
    sent = await submitted(someone, image(count=2))
    await state_refresh(someone, state, sent.batch_id)
    assert state.finished == 0
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                "UPDATE generations SET state = 'failed', attempt_id = gen_random_uuid(), charged_micros = 0, "
                "ended_at = studio_now() WHERE batch_id = :id"
            ),
            {"id": sent.batch_id},
        )
    await state_refresh(someone, state, sent.batch_id)
    await state_refresh(someone, state, sent.batch_id)
    assert state.finished == 2


async def test_a_tab_that_never_showed_the_feed_hears_what_ended_too(someone: Person):
    sent = await submitted(someone, image("a lake", count=2))
    state = tab(StudioState, someone, "/library")
    await call(state, "identify")
    assert (state.running, state.queue, state.finished) == (2, "2 waiting", 0)
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                "UPDATE generations SET state = 'failed', attempt_id = gen_random_uuid(), charged_micros = 0, "
                "ended_at = studio_now() WHERE batch_id = :id"
            ),
            {"id": sent.batch_id},
        )
    for _ in range(2):
        await state_refresh(someone, state, sent.batch_id)
    assert (state.running, state.finished) == (0, 2)
    assert state.announcement == "0 of 2 finished: a lake"
    assert (state.loaded, state.batches) == (False, []), "it keeps no feed"


async def state_refresh(who: Person, state: StudioState, batch_id: UUID) -> None:
    """What a push does to a tab."""
    from studio.state.guard import acting_as

    async with acting_as(who.identity):
        await state._refresh([str(batch_id)])


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second of film, 480 × 320."""
    import av
    from av.video.frame import VideoFrame
    from PIL import Image

    path: Path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 480, 320, "yuv420p"
        for n in range(24):
            frame = VideoFrame.from_image(Image.new("RGB", (480, 320), (n * 10, 90, 120)))
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path.read_bytes()
