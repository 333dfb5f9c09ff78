"""A small body is read no further than it may be large, whatever the browser says about its size."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request
from starlette.types import Message

from studio.errors import ValidationError
from studio.http.access import form_of, json_of
from studio.http.signin import set_theme

MEGABYTE = b"x" * 1_000_000


class Flood:
    """A body that goes on for as long as somebody reads it."""

    def __init__(self, first: bytes = MEGABYTE, *, ends: bool = False) -> None:
        self.first, self.ends, self.read = first, ends, 0

    async def receive(self) -> Message:
        """One more piece."""
        self.read += 1
        return {"type": "http.request", "body": self.first, "more_body": not self.ends}

    def request(self) -> Request:
        """A request with this body."""
        return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, self.receive)


@pytest.mark.parametrize("reader", [form_of, json_of])
async def test_a_body_without_an_end_is_refused_at_its_first_piece(reader):
    flood = Flood()
    with pytest.raises(ValidationError):
        await reader(flood.request())
    assert flood.read == 1


async def test_a_theme_in_a_body_without_an_end_is_refused_and_what_is_left_is_read_away_up_to_a_limit():
    flood = Flood()
    answer = await set_theme(flood.request())
    assert answer.status_code == 422
    assert flood.read < 100


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"a":' * 300, b'{"a": 1'])
async def test_what_is_no_object_is_empty(body: bytes):
    assert await json_of(Flood(body, ends=True).request()) == {}


async def test_an_object_is_read():
    assert await json_of(Flood(json.dumps({"theme": "dark"}).encode(), ends=True).request()) == {"theme": "dark"}
