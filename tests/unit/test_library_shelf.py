"""The shelf of layouts holds few and young ones, and no word that somebody searched for."""

from __future__ import annotations

from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from studio.db import Actor
from studio.services.library import filters, windows
from studio.services.library.layout import PACKED, Layout, arrange
from studio.services.library.windows import Key, Shelf

ZONE = ZoneInfo("UTC")
WHO, OTHER = Actor(account_id=uuid4()), Actor(account_id=uuid4())


def made(count: int) -> Layout:
    data: Any = np.zeros(count, PACKED)
    data["ratio"] = 1000
    return arrange(data.tobytes(), width=1200, dated=False, zone=ZONE)


def key(shelf: Shelf, words: str, who: Actor = WHO) -> Key:
    return shelf.key(who, filters.parse(f"q={words}"), ZONE, 1200)


def put(shelf: Shelf, words: str, count: int = 0, who: Actor = WHO) -> None:
    shelf.put(key(shelf, words, who), made(count), shelf.turn(who.account_id))


def test_however_little_was_found_there_are_only_so_many_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(windows, "MOST_LAYOUTS", 20)
    shelf = Shelf()
    for n in range(50):
        put(shelf, f"word{n}")
        assert shelf.get(key(shelf, "word0")), "one that is used is not the oldest"
    assert [n for n in range(50) if shelf.get(key(shelf, f"word{n}"))] == [0, *range(31, 50)]


def test_what_many_outputs_take_is_given_back_exactly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(windows, "MOST_KEPT", 100)
    shelf = Shelf()
    for n in range(30):
        put(shelf, "same", 50)
        put(shelf, f"other{n}", 50)
        assert len(shelf) == 2, "one that is put anew counts once"
    put(shelf, "theirs", 40, OTHER)
    shelf.forget(OTHER.account_id)
    put(shelf, "one more", 50)
    assert len(shelf) == 2
    assert shelf.get(key(shelf, "other29"))
    put(shelf, "huge", 500)
    assert len(shelf) == 1, "the newest stays, whatever it takes"


def test_what_is_too_old_goes_when_something_comes(monkeypatch: pytest.MonkeyPatch):
    shelf = Shelf()
    for n in range(5):
        put(shelf, f"word{n}")
    monkeypatch.setattr(windows, "KEPT_SECONDS", -1.0)
    put(shelf, "new")
    assert len(shelf) == 1


def test_no_word_that_was_searched_for_is_in_it():
    shelf = Shelf()
    put(shelf, "confidential")
    assert len(shelf) == 1
    assert "confidential" not in repr(vars(shelf))
    assert key(shelf, "a") != key(shelf, "b")
    assert key(shelf, "a") != key(Shelf(), "a"), "nor can it be guessed from the key"


def test_after_everything_was_forgotten_nothing_that_was_being_made_is_kept():
    shelf = Shelf()
    put(shelf, "one")
    turn = shelf.turn(WHO.account_id)
    shelf.forget_all()
    assert len(shelf) == 0
    shelf.put(key(shelf, "two"), made(1), turn)
    assert len(shelf) == 0
    put(shelf, "three")
    assert len(shelf) == 1
