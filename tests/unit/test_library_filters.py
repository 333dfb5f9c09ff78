"""Filters of the library: one address for each, and every address, however hostile, means something."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.services.library import filters
from studio.services.library.filters import Filters, parse

A, B = UUID(int=1), UUID(int=2)
ALL = Filters(
    text="a lake & more",
    media="video",
    models=("seedance-1", "seedream-4.5"),
    rating=3,
    labels=(A, B),
    workspace=A,
    batch=B,
    since=date(2026, 1, 2),
    until=date(2026, 3, 4),
    cost_min=10_000,
    cost_max=40_000,
    trash=True,
    sort="cost",
)


def test_an_address_says_everything_and_is_read_back():
    assert parse(ALL.query()) == ALL
    assert parse(f"?{ALL.query()}") == ALL
    assert Filters().query() == ""
    assert (ALL.active, Filters(sort="cost", trash=True).active) == (9, 0)
    assert ALL.cleared() == Filters(trash=True, sort="cost")


def test_the_same_filters_have_one_address():
    turned = f"sort=newest&label={B},{A},{A}&q=%20a%20%20lake%20"
    assert parse(turned).query() == f"q=a+lake&label={A},{B}"


@pytest.mark.parametrize(
    "query",
    [
        "rating=9e9&media=audio&model=<script>&label=1,2&workspace=x&batch=&since=yesterday&sort=;drop",
        "rating=-1&since=2026-13-40&until=0001-01-01&from=-5&to=1e9&state=gone",
        "model=" + "a" * 5000,
        "&".join(f"x{n}=1" for n in range(500)),
        "rating=%FF%FE&q=%00%01",
        "from=" + "9" * 400,
        "rating=²",
    ],
)
def test_what_does_not_fit_is_as_if_it_were_not_there(query: str):
    assert parse(query) == Filters()


def test_values_are_clamped_and_spans_turned_the_right_way():
    assert parse("rating=7").rating == 5
    found = parse("since=2026-05-01&until=2026-01-01&from=90000&to=10000")
    assert (found.since, found.until) == (date(2026, 1, 1), date(2026, 5, 1))
    assert (found.cost_min, found.cost_max) == (10_000, 90_000)
    assert len(parse("model=" + ",".join(f"m{n}" for n in range(100))).models) == filters.MOST_CHOICES
    assert len(parse("q=" + "a" * 900).text) == filters.MOST_TEXT


@given(st.text(max_size=300))
def test_any_text_parses_to_filters_whose_address_is_stable(query: str):
    once = parse(query)
    assert parse(once.query()) == once
    assert parse(f"q={query}").query() == parse(parse(f"q={query}").query()).query()


def test_a_choice_is_put_and_taken_back():
    one = filters.toggled(Filters(), "model", "a")
    two = filters.toggled(one, "model", "b")
    assert (one.models, two.models) == (("a",), ("a", "b"))
    assert filters.toggled(two, "model", "a").models == ("b",)
    assert filters.toggled(filters.toggled(Filters(), "rating", "3"), "rating", "3") == Filters()
    assert filters.without(ALL, "date") == filters.spanned(ALL, None, None)
    assert filters.without(ALL, "cost") == filters.costing(ALL, "", "")


@pytest.mark.parametrize(
    ("text", "words", "letters"),
    [
        ("Soft Light", "soft:* & light:*", "%Soft Light%"),
        ("a&b | !(c)", "a:* & b:* & c:*", "%a&b | !(c)%"),
        ("50%_\\", "50:* & _:*", "%50\\%\\_\\\\%"),
        ("ab", "ab:*", ""),
        ("'; --", "", "%'; --%"),
    ],
)
def test_what_is_searched_for_is_words_and_letters_and_never_syntax(text: str, words: str, letters: str):
    assert (filters.tsquery(text), filters.like(text)) == (words, letters)
