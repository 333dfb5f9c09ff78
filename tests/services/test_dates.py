"""Dates in each language that is offered, and what falls back."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from studio.services.dates import STYLES, Dates

AT = datetime(2026, 3, 5, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "moment", "full", "month", "dated"),
    [
        ("en-GB", "5 Mar, 00:07", "5 March 2026", "March 2026", "5 Mar 2026, 00:07"),
        ("en-US", "Mar 5, 12:07 AM", "March 5, 2026", "March 2026", "Mar 5, 2026, 12:07 AM"),
        ("de-DE", "5. März, 00:07", "5. März 2026", "März 2026", "5. März 2026, 00:07"),
        ("fr-FR", "5 mars, 00:07", "5 mars 2026", "mars 2026", "5 mars 2026, 00:07"),
        ("es-ES", "5 mar, 00:07", "5 de marzo de 2026", "marzo de 2026", "5 mar 2026, 00:07"),
        ("sv-SE", "5 mars 00:07", "5 mars 2026", "mars 2026", "5 mars 2026 00:07"),
        ("ja-JP", "3月5日 00:07", "2026年3月5日", "2026年3月", "2026年3月5日 00:07"),
    ],
)
def test_a_date_in_each_language(locale: str, moment: str, full: str, month: str, dated: str):
    dates = Dates.of(locale, "UTC")
    assert (dates.moment(AT), dates.full(AT), dates.month(date(2026, 3, 1))) == (moment, full, month)
    assert dates.moment(AT, datetime(2027, 1, 1, tzinfo=UTC)) == dated


def test_every_language_has_twelve_months_and_a_name():
    for locale, style in STYLES.items():
        assert (len(style.months.split()), len(style.full_months.split())) == (12, 12), locale
        assert style.name
        for month in range(1, 13):
            assert Dates.of(locale, "UTC").named(date(2026, month, 28)).count("28") == 1


@pytest.mark.parametrize(
    ("locale", "this_year", "another"),
    [
        ("en-GB", "Thursday 5 March", "Thursday 5 March 2026"),
        ("en-US", "Thursday, March 5", "Thursday, March 5, 2026"),
        ("de-DE", "Donnerstag, 5. März", "Donnerstag, 5. März 2026"),
        ("fr-FR", "jeudi 5 mars", "jeudi 5 mars 2026"),
        ("es-ES", "jueves, 5 de marzo", "jueves, 5 de marzo de 2026"),
        ("sv-SE", "torsdag 5 mars", "torsdag 5 mars 2026"),
        ("ja-JP", "3月5日木曜日", "2026年3月5日木曜日"),
    ],
)
def test_a_days_heading_in_each_language(locale: str, this_year: str, another: str):
    dates, day = Dates.of(locale, "UTC"), date(2026, 3, 5)
    assert (dates.heading(day, date(2026, 3, 9)), dates.heading(day, date(2027, 1, 1))) == (this_year, another)
    assert len({dates.heading(date(2026, 3, n), day).replace(str(n), "") for n in range(2, 9)}) == 7


@pytest.mark.parametrize(("hour", "said"), [(0, "12:30 AM"), (11, "11:30 AM"), (12, "12:30 PM"), (23, "11:30 PM")])
def test_twelve_hours_twice(hour: int, said: str):
    assert Dates.of("en-US", "UTC").moment(datetime(2026, 3, 5, hour, 30, tzinfo=UTC)).endswith(said)


def test_a_day_is_the_one_of_the_persons_time_zone_and_a_bare_date_stays_itself():
    tokyo = Dates.of("en-GB", "Asia/Tokyo")
    assert tokyo.day(datetime(2026, 12, 31, 23, 30, tzinfo=UTC)) == "1 Jan"
    assert tokyo.day(date(2026, 12, 31)) == "31 Dec"


def test_what_is_not_known_any_more_falls_back():
    assert Dates.of("tlh-KX", "Mars/Olympus").moment(AT) == "5 Mar, 00:07"
