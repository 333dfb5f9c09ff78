"""What the settings pages say and do, without a browser."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services import ledger, sessions, spend
from studio.services.dates import ENGLISH, Dates
from studio.services.ledger import Budget
from studio.state.devices import DevicesState
from studio.state.profile import ProfileState
from studio.state.spend import SpendState
from studio.state.spend_views import chart, chart_said, forecast, model_totals
from tests.factories import IMAGE_MODEL, VIDEO_MODEL, Person, image, person, submitted, video
from tests.state.tab import call, tab

CENT = 10_000


def month_of(*days: spend.DayModel, cap: int = 30 * 100 * CENT, today: date = date(2026, 11, 15)) -> spend.Month:
    """A made-up November."""
    spent = sum(day.micros for day in days)
    return spend.Month(Budget(date(2026, 11, 1), cap, 0, spent), days, 0, 0, 0, [], today)


def cost(day: int, micros: int, model: str | None = IMAGE_MODEL, kind: str = "image") -> spend.DayModel:
    return spend.DayModel(date(2026, 11, day), model, kind, micros, 1)


def test_a_bar_is_stacked_from_its_models_on_a_scale_of_round_steps():
    bars, ticks, rows, pace = chart(month_of(cost(2, 90 * CENT), cost(2, 30 * CENT, VIDEO_MODEL, "video")))
    assert [len(bar.segments) for bar in bars] == [0, 2] + [0] * 28
    assert [part.height for part in bars[1].segments] == ["60.00%", "20.00%"]
    assert [tick.label for tick in ticks] == ["$0.00", "$0.50", "$1.00", "$1.50"]
    assert (pace.label, pace.at) == ("daily pace of the cap, $1.00", "66.67%")
    assert [(row.day, row.amounts, row.total) for row in rows] == [("2 Nov", ["$0.90", "$0.30"], "$1.20")]
    assert [bar.to_come for bar in bars] == [False] * 15 + [True] * 15


def test_a_month_without_charges_has_an_empty_chart_that_says_so():
    bars, ticks, rows, pace = chart(month_of())
    assert (len(bars), rows, pace.label) == (30, [], "")
    assert len(ticks) >= 3
    assert chart_said(month_of()) == "No charges in November 2026."


def test_more_models_than_colours_and_deleted_ones_are_told_apart_by_name():
    models = ["seedream-5-0-pro-260628", IMAGE_MODEL, VIDEO_MODEL, "m4", "m5", None]
    totals = model_totals(month_of(*[cost(1, (10 - n) * CENT, model) for n, model in enumerate(models)]))
    assert [total.colour for total in totals] == ["iris", "teal", "amber", "plum", "gray", "gray"]
    assert totals[-1].name == "Deleted images"
    assert totals[0].share == "100%"


@pytest.mark.parametrize(
    ("spent", "today", "told"),
    [
        (5, 15, ("Forecast", "$10.00", "At this pace, by 30 November. Well under the cap.")),
        (14, 15, ("Forecast", "$28.00", "At this pace, by 30 November. Close to the cap.")),
        (20, 15, ("Forecast", "$40.00", "At this pace, by 30 November. Above the cap, which stops it.")),
    ],
)
def test_the_forecast_is_the_months_pace(spent: int, today: int, told: tuple[str, str, str]):
    assert forecast(month_of(cost(1, spent * 100 * CENT), today=date(2026, 11, today))) == told


def test_a_finished_month_tells_its_average_instead():
    assert forecast(month_of(cost(1, 300 * CENT), today=date(2026, 12, 1)))[:2] == ("Per day", "$0.10")


def test_a_moment_is_told_in_the_persons_own_time_zone():
    at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert ENGLISH.moment(at) == "31 Dec, 23:30"
    assert Dates.of("en-GB", "Asia/Tokyo").moment(at) == "1 Jan, 08:30"
    assert ENGLISH.moment(at, datetime(2027, 1, 2, tzinfo=UTC)) == "31 Dec 2026, 23:30"


async def spent(who: Person) -> None:
    """Four cents charged, four released, four held."""
    made = await submitted(who, image("a paper lantern", count=3))
    month = datetime.now(UTC).date().replace(day=1)
    async with transaction(SYSTEM) as session:
        holds = [ledger.Reservation(g, who.account_id, month, "image", 4 * CENT) for g in made.generation_ids]
        await ledger.settle(session, holds[0], charged=4 * CENT)
        await ledger.release(session, holds[1])


async def test_the_spend_page_tells_charged_held_and_left_and_each_entry(someone: Person):
    await spent(someone)
    state = tab(SpendState, someone)
    await call(state, "load")
    assert (state.used, state.charged, state.held, state.left) == ("$0.08", "$0.04", "$0.04", "$39.92")
    assert (state.not_charged, state.total, state.has_older) == ("$0.04", "5 entries", False)
    assert [entry.entry for entry in state.entries] == ["Released", "Charged", "Held", "Held", "Held"]
    assert state.entries[1].what == "Image 1 of 3, a paper lantern"
    assert [(e.amount, e.held) for e in state.entries[:3]] == [
        ("$0.00", "−$0.04"),
        ("$0.04", "−$0.04"),
        ("–", "+$0.04"),
    ]
    await call(state, "set_kind", "settle")
    assert [entry.entry for entry in state.entries] == ["Charged"]
    await call(state, "set_model", IMAGE_MODEL)
    assert state.total == "1 entry"
    await call(state, "set_kind", "nonsense")
    await call(state, "set_month", "1999-01")
    assert (state.kind, len(state.entries)) == ("settle", 1)


async def test_a_ledger_longer_than_a_page_is_turned_to_its_end_and_no_further(someone: Person):
    await submitted(someone, image(count=15))
    await submitted(someone, image(count=15))
    state = tab(SpendState, someone)
    await call(state, "load")
    assert (len(state.entries), state.span, state.has_newer, state.has_older) == (25, "1–25 of 30", False, True)
    for _ in range(3):
        await call(state, "turn", 1)
    assert (len(state.entries), state.span, state.has_newer, state.has_older) == (5, "26–30 of 30", True, False)
    for _ in range(3):
        await call(state, "turn", -1)
    assert state.span == "1–25 of 30"


async def test_a_cap_that_does_not_fit_is_a_sentence_in_the_open_dialog_and_one_that_fits_closes_it(someone: Person):
    state = tab(SpendState, someone)
    await call(state, "load")
    await call(state, "set_cap_open", True)
    assert (state.cap_plain, state.cap_open) == ("40.00", True)
    for typed in ("", "lots", "501", "-3", 7, None):
        await call(state, "save_cap", {"cap": typed})
        assert state.cap_open
        assert state.cap_error.endswith(".")
        assert state.cap == "$40.00"
    await call(state, "save_cap", {"cap": "0"})
    assert (state.cap_open, state.cap_error, state.cap, state.left) == (False, "", "$0.00", "$0.00")
    assert state.over.startswith("Nothing more can be submitted")
    assert [alert.amount for alert in state.alerts] == ["$0.00"] * 3


async def test_raising_the_cap_offers_to_sign_in_again_and_comes_back_with_what_was_typed(someone: Person):
    state = tab(SpendState, someone)
    await call(state, "load")
    await call(state, "set_cap_open", True)
    await call(state, "save_cap", {"cap": "55.50"})
    assert (state.cap_open, state.cap_error, state.cap) == (True, "", "$40.00")
    assert state.reauth_href == "/reauth?next=%2Fsettings%2Fspend%3Fcap%3D55.50"
    await call(state, "save_cap", {"cap": "30"})  # a lower one needs nothing
    assert (state.cap_open, state.reauth_href, state.cap) == (False, "", "$30.00")
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=someone.identity.session_id)
    back = tab(SpendState, someone, "/settings/spend?cap=55.50")
    assert "/settings/spend" in str(await call(back, "load"))
    assert (back.cap_open, back.cap_plain, back.cap) == (True, "55.50", "$30.00")
    await call(back, "save_cap", {"cap": back.cap_plain})
    assert (back.cap_open, back.reauth_href, back.cap) == (False, "", "$55.50")


async def test_an_alert_that_was_turned_off_stays_off(someone: Person):
    state = tab(SpendState, someone)
    await call(state, "load")
    await call(state, "set_alert", 80, False)
    again = tab(SpendState, someone)
    await call(again, "load")
    assert [(a.name, a.amount, a.on) for a in again.alerts] == [
        ("Alert at 50%", "$20.00", True),
        ("Alert at 80%", "$32.00", False),
        ("Alert at 100%", "$40.00", True),
    ]


async def test_sessions_are_named_and_ended_from_the_page(someone: Person):
    async with transaction(SYSTEM) as session:
        token = await sessions.start(session, account_id=someone.account_id)
        second = await sessions.identify(session, token=token)
        await session.execute(
            text("UPDATE sessions SET reauth_at = studio_now() WHERE id = :id"), {"id": someone.identity.session_id}
        )
    assert second is not None
    state = tab(DevicesState, someone)
    await call(state, "load")
    assert [(d.title, d.current, d.seen) for d in state.devices] == [
        ("Browser without a name", True, "now"),
        ("Browser without a name", False, "now"),
    ]
    await call(state, "name_session", str(second.session_id), True)
    await call(state, "save_name", {"name": "x" * 99})
    assert (state.naming, state.naming_error) == (str(second.session_id), state.naming_error)
    assert "at most 60" in state.naming_error
    await call(state, "save_name", {"name": "Tablet"})
    assert (state.naming, state.devices[1].title) == ("", "Tablet")
    await call(state, "end", str(second.session_id))
    assert (len(state.devices), state.others) == (1, 0)
    answer = await call(state, "end_all")
    assert "/welcome" in str(answer)
    assert "/welcome" in str(await call(state, "load"))


async def test_another_persons_session_is_not_touched_from_the_page(someone: Person, other: Person):
    state = tab(DevicesState, someone)
    await call(state, "load")
    theirs = str(other.identity.session_id)
    await call(state, "name_session", theirs, True)
    assert state.naming == ""
    state.naming = theirs
    await call(state, "save_name", {"name": "mine"})
    await call(state, "end", theirs)
    await call(state, "end_others")
    seen = tab(DevicesState, other)
    await call(seen, "load")
    assert [(d.id, d.name) for d in seen.devices] == [(theirs, "")]


async def test_a_name_and_a_time_zone_are_kept_and_dates_follow(someone: Person):
    state = tab(ProfileState, someone)
    await call(state, "load")
    assert (state.email, state.time_zone) == (someone.email, "UTC")
    assert len(state.facts) > 10
    await call(state, "save_name", {"name": " "})
    assert state.name_error == "A name has 1 to 80 characters."
    answer = await call(state, "save_name", {"name": "Mira Kessler"})
    assert (state.name, state.name_error) == ("Mira Kessler", "")
    assert "identify" in str(getattr(answer, "fn", answer))
    await call(state, "set_time_zone", "Asia/Kathmandu")
    await call(state, "set_time_zone", "Not/AZone")
    assert state.time_zone == "Asia/Kathmandu"
    await submitted(someone, video())
    money = tab(SpendState, someone)
    await call(money, "load")
    now = datetime.now(ZoneInfo("Asia/Kathmandu"))
    assert money.entries[0].when.startswith(f"{now.day} {now:%b}, {now:%H}:")


async def test_nothing_of_one_person_is_on_anothers_pages(someone: Person):
    victim = await person()
    await spent(victim)
    for kind in (SpendState, DevicesState, ProfileState):
        state = tab(kind, someone)
        await call(state, "load")
        shown = str(state.dict())
        for trace in ("paper lantern", victim.email, str(victim.identity.session_id)):
            assert trace not in shown
