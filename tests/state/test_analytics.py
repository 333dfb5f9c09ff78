"""The operator sees counts, nobody else does; a person sees their own answers about cookies."""

from __future__ import annotations

from uuid import uuid4

from studio.db import SYSTEM, transaction
from studio.services import consent, usage
from studio.services.experiments import Assignment, note
from studio.state.operator_analytics import AnalyticsState
from studio.state.privacy import PrivacyState
from tests.factories import Person
from tests.state.tab import call, tab


async def test_counts_are_for_the_operator(boss: Person, other: Person):
    async with transaction(SYSTEM) as session:
        number = uuid4()
        for page in ("/", "/", "/library"):
            await usage.count(session, number=number, name=usage.page_name(page))
        await usage.count(session, number=number, name="feature:Generate")
        seen = await note(session, assignment=Assignment("landing", "price"), event="view")
        assert seen is not None
        await note(session, assignment=seen, event="start")
    stranger = tab(AnalyticsState, other)
    await call(stranger, "load")
    assert (stranger.denied, stranger.loaded, stranger.pages) == (True, False, [])
    state = tab(AnalyticsState, boss)
    await call(state, "load")
    assert state.loaded
    assert [(row.name, row.uses, row.share) for row in state.pages[:2]] == [
        ("Studio", "2", "100.0%"),
        ("Library", "1", "50.0%"),
    ]
    assert [row.name for row in state.features] == ["Generate"]
    assert (len(state.days), state.days[-1].height, state.days[-1].views) == (30, "100.0%", "3")
    assert [(arm.arm, arm.views, arm.starts, arm.rate) for arm in state.arms] == [
        ("work", "0", "0", ""),
        ("price", "1", "1", "100.0%"),
    ]
    assert str(number) not in str(state.dict())


async def test_answers_are_shown_in_words_newest_first_and_only_ones_own(someone: Person, other: Person):
    for allowed, signal in ((consent.KEYS, False), (frozenset[str](), False), (frozenset({"experiments"}), True)):
        async with transaction(SYSTEM) as session:
            await consent.answer(
                session, token=someone.token, allowed=allowed, shown=consent.text_hash(), signal=signal
            )
    state = tab(PrivacyState, someone)
    await call(state, "load")
    assert [answer.words for answer in state.answers] == [
        "Turned on Design experiments, beside the browser's signal",
        "Rejected optional cookies",
        "Accepted optional cookies",
    ]
    assert {answer.text for answer in state.answers} == {consent.text_hash()[:8]}
    theirs = tab(PrivacyState, other)
    await call(theirs, "load")
    assert theirs.answers == []
