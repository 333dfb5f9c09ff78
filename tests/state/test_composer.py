"""The composer without a browser: what is kept, what moves and is named, what it costs and why it cannot be sent."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services.byteplus import catalog
from studio.state.studio import StudioState
from tests.factories import Person, person, upload
from tests.state.tab import call, tab

SEEDANCE_1 = "seedance-1-0-pro-250528"
SEEDREAM_5_PRO = "dola-seedream-5-0-pro-260628"
FIRST_FRAME_ONLY = "seedance-1-0-pro-fast-251015"
NEEDS_ADAPTIVE = "dreamina-seedance-2-5-260628"


async def opened(who: Person) -> StudioState:
    """A tab that has loaded."""
    state = tab(StudioState, who)
    await call(state, "load")
    return state


async def next_month() -> str:
    """When caps reset, as people read it."""
    async with transaction(SYSTEM) as session:
        day = await session.scalar(text("SELECT (studio_month() + interval '1 month')::date"))
    return f"1 {day:%B} at 00:00 UTC"


async def test_a_new_tab_starts_with_the_first_image_model_and_its_price(someone: Person):
    state = await opened(someone)
    assert (state.media, state.model, state.ratio, state.size, state.count) == (
        "image",
        catalog.models("image")[0].id,
        "1:1",
        "2K",
        1,
    )
    assert state.price == "$0.04"
    assert state.cap_text == "$0.00 of $40.00 used"
    assert state.notices == []
    assert not state.can_generate, "there is no prompt yet"
    await call(state, "set_prompt", "a lake")
    assert state.can_generate


async def test_the_price_follows_the_number_of_images_and_the_model(someone: Person):
    state = await opened(someone)
    for count, price in (("1", "$0.04"), ("4", "$0.16"), ("15", "$0.60")):
        await call(state, "set_count", count)
        assert state.price == price
        assert state.count_price == f"{count} × $0.04"
    await call(state, "set_media", "video")
    short = state.price
    await call(state, "set_duration", [state.duration_max])
    longer = state.price
    assert float(longer[1:]) > float(short[1:]) > 0
    assert re.fullmatch(r"\d+ × \d+ px, 24 fps", state.pixels)


@pytest.mark.parametrize("wrong", ["", "0x4", "-1", "1.5", "²", "٣", "many", "9" * 40])
async def test_a_number_that_is_none_changes_nothing(someone: Person, wrong: str):
    state = await opened(someone)
    await call(state, "set_count", "4")
    await call(state, "set_count", wrong)
    assert (state.count, state.price) == (4, "$0.16")


async def test_fifteen_images_are_the_most(someone: Person):
    state = await opened(someone)
    for asked in ("16", "99", "500"):
        await call(state, "set_count", asked)
        assert state.count == state.max_count == 15
    await call(state, "set_count", "0")
    assert state.count == 1


async def test_above_the_cap_the_reason_is_the_exact_shortfall_and_the_day_it_ends(settings):
    state = await opened(await person(cap_micros=60_000))
    await call(state, "set_prompt", "a lake")
    assert state.can_generate
    await call(state, "set_count", "4")
    assert not state.can_generate
    assert state.blocked == f"This needs $0.16, you have $0.06. Your cap resets on {await next_month()}."
    await call(state, "set_count", "1")
    assert (state.can_generate, state.blocked) == (True, "")


async def test_switching_the_medium_keeps_prompt_references_and_frames(someone: Person):
    state = await opened(someone)
    reference, frame = await upload(someone), await upload(someone)
    await call(state, "set_prompt", "a lake at dawn")
    await call(state, "use_as", str(reference), "reference")
    await call(state, "set_media", "video")
    await call(state, "use_as", str(frame), "first_frame")
    await call(state, "set_media", "image")
    await call(state, "set_media", "video")
    assert state.prompt == "a lake at dawn"
    assert [r.asset_id for r in state.references] == [str(reference)]
    assert state.first_frame.asset_id == str(frame)
    assert state.ratio == "Auto", "a clip still takes its first frame's shape"


async def test_a_value_that_no_longer_fits_is_moved_and_named_in_one_line(someone: Person):
    state = await opened(someone)
    await call(state, "set_size", "4K")
    await call(state, "set_model", SEEDREAM_5_PRO)
    assert state.size == "2K"
    assert state.notices == ["4K is not offered by this model: the size is now 2K."]
    await call(state, "set_ratio", "3:2")
    await call(state, "set_media", "video")
    assert len(state.notices) == 1
    assert state.notices[0].startswith("3:2 is not offered by this model: the aspect ratio is now ")


async def test_each_medium_remembers_its_model(someone: Person):
    state = await opened(someone)
    await call(state, "set_model", SEEDREAM_5_PRO)
    await call(state, "set_media", "video")
    await call(state, "set_model", SEEDANCE_1)
    await call(state, "set_media", "image")
    assert state.model == SEEDREAM_5_PRO
    await call(state, "set_media", "video")
    assert state.model == SEEDANCE_1


async def test_references_that_a_model_does_not_take_are_kept_and_said_so(someone: Person):
    state = await opened(someone)
    await call(state, "use_as", str(await upload(someone)), "reference")
    await call(state, "set_media", "video")
    await call(state, "set_model", SEEDANCE_1)
    assert state.left_out == ["Seedance 1.0 Pro takes no references: yours are kept, not sent."]
    assert (len(state.references), state.given) == (1, [])


async def test_references_beyond_a_models_limit_are_said_not_to_be_sent(someone: Person):
    state = await opened(someone)
    for _ in range(11):
        await call(state, "use_as", str(await upload(someone)), "reference")
    await call(state, "set_model", SEEDREAM_5_PRO)
    assert state.left_out == ["Seedream 5.0 Pro takes 10 references: the first ones are sent."]
    assert [r.number for r in state.given] == list(range(1, 11))
    await call(state, "use_as", str(await upload(someone)), "reference")
    assert state.left_out == ["Seedream 5.0 Pro takes 10 references: the first ones are sent."]
    await call(state, "set_prompt", "like @10 and @12, not @13")
    assert (state.can_generate, state.blocked) == (
        False,
        "@12 in the prompt names a picture that is not sent. Take it out of the prompt.",
    )
    await call(state, "generate", {"prompt": "like @11"})
    assert (state.toasts[-1].title, state.batches) == (
        "@11 in the prompt names a picture that is not sent. Take it out of the prompt.",
        [],
    )
    await call(state, "set_prompt", "like @10, not @13")
    assert state.can_generate, "what names no picture is only text"


async def test_a_first_frame_says_that_references_stay_and_what_is_sent_is_what_is_shown(someone: Person):
    state = await opened(someone)
    await call(state, "set_media", "video")
    await call(state, "set_prompt", "a lake like @1")
    await call(state, "use_as", str(await upload(someone)), "reference")
    assert (state.left_out, len(state.given), state.can_generate) == ([], 1, True)
    await call(state, "use_as", str(await upload(someone)), "first_frame")
    assert state.left_out == ["Frames go without references: yours are kept, not sent."]
    assert (len(state.references), state.given, state.can_generate) == (1, [], False)
    await call(state, "clear_frame", "first_frame")
    assert (state.left_out, len(state.given), state.can_generate) == ([], 1, True)


async def test_a_last_frame_alone_is_not_sent_without_it_being_said(someone: Person):
    state = await opened(someone)
    await call(state, "set_media", "video")
    await call(state, "set_prompt", "a lake")
    await call(state, "use_as", str(await upload(someone)), "last_frame")
    sentence = "A last frame needs a first frame too. Add one, or take the last frame out."
    assert (state.can_generate, state.blocked) == (False, sentence)
    await call(state, "generate", {"prompt": "a lake"})
    assert (state.toasts[-1].title, state.batches) == (sentence, [])
    await call(state, "use_as", str(await upload(someone)), "first_frame")
    assert (state.can_generate, state.blocked, state.left_out) == (True, "", [])
    await call(state, "set_model", FIRST_FRAME_ONLY)
    assert state.left_out == ["Seedance 1.0 Pro Fast takes no last frame: yours is kept, not sent."]
    assert state.can_generate


async def test_a_seed_exists_only_where_the_model_takes_one(someone: Person):
    state = await opened(someone)
    assert not state.supports_seed
    await call(state, "set_media", "video")
    await call(state, "set_model", SEEDANCE_1)
    assert state.supports_seed
    await call(state, "set_seed", "48 213")
    assert state.seed.replace(" ", "") == "48213"
    for wrong in ("abc", "-5", "1.5", "9" * 30, "²"):
        await call(state, "set_seed", wrong)
        assert state.seed.replace(" ", "") == "48213", wrong
    await call(state, "set_seed", "")
    assert state.seed == ""
    await call(state, "random_seed")
    assert 0 <= int(state.seed) < 2**32


@pytest.mark.parametrize("model", [catalog.models("video")[0].id, SEEDANCE_1, NEEDS_ADAPTIVE])
async def test_a_first_frame_gives_the_clip_its_shape(someone: Person, model: str):
    state = await opened(someone)
    await call(state, "set_media", "video")
    await call(state, "set_model", model)
    before = [r.name for r in state.ratios]
    assert "Auto" not in before
    await call(state, "use_as", str(await upload(someone)), "first_frame")
    assert state.ratio == "Auto"
    assert "Auto" in [r.name for r in state.ratios]
    await call(state, "clear_frame", "first_frame")
    assert [r.name for r in state.ratios] == before
    assert state.ratio in before


async def test_frames_can_be_swapped_when_there_are_two(someone: Person):
    state = await opened(someone)
    first, last = str(await upload(someone)), str(await upload(someone))
    await call(state, "use_as", first, "first_frame")
    assert state.media == "video", "a frame belongs to a clip"
    await call(state, "swap_frames")
    assert (state.first_frame.asset_id, state.last_frame.asset_id) == (first, "")
    await call(state, "use_as", last, "last_frame")
    await call(state, "swap_frames")
    assert (state.first_frame.asset_id, state.last_frame.asset_id) == (last, first)


async def test_removing_a_reference_renumbers_the_rest_and_one_picture_is_added_once(someone: Person):
    state = await opened(someone)
    ids = [str(await upload(someone)) for _ in range(3)]
    for each in (*ids, ids[0]):
        await call(state, "use_as", each, "reference")
    assert [(r.number, r.asset_id) for r in state.references] == list(enumerate(ids, 1))
    await call(state, "remove_reference", ids[0])
    assert [(r.number, r.alt) for r in state.references] == [(1, "Reference 1"), (2, "Reference 2")]


async def test_uploads_that_were_refused_become_messages_and_the_others_are_used(someone: Person):
    state = await opened(someone)
    await call(state, "upload_started", 2)
    assert state.uploading == "Uploading 2 pictures"
    good = str(await upload(someone))
    sentence = "PNG, JPEG and WebP only. This file is a PDF. Nothing was kept."
    await call(state, "add_uploads", {"role": "reference", "ids": [good], "errors": [sentence]})
    assert state.uploading == ""
    assert [r.asset_id for r in state.references] == [good]
    assert [(t.kind, t.title) for t in state.toasts] == [("error", sentence)]
    await call(state, "dismiss_toast", state.toasts[0].id)
    assert state.toasts == []


async def test_reset_brings_the_defaults_back_and_keeps_prompt_and_pictures(someone: Person):
    state = await opened(someone)
    await call(state, "set_prompt", "kept")
    await call(state, "use_as", str(await upload(someone)), "reference")
    for handler, value in (("set_size", "4K"), ("set_ratio", "16:9"), ("set_count", "6"), ("set_watermark", True)):
        await call(state, handler, value)
    await call(state, "reset_parameters")
    assert (state.size, state.ratio, state.count, state.watermark) == ("2K", "1:1", 1, False)
    assert (state.prompt, len(state.references), state.notices) == ("kept", 1, [])
    assert state.price == "$0.04"
