"""A tab without a browser: a state whose session header is what our namespace would have written."""

from __future__ import annotations

from typing import Any, TypeVar

import reflex as rx
from reflex.istate.data import HeaderData, ReflexURL, URLData

from studio.state.guard import SESSION_HEADER
from tests.factories import Person

S = TypeVar("S", bound=rx.State)


def tab(kind: type[S], who: Person | str | None, path: str = "") -> S:
    """A fresh state of `kind` for a person, for a raw session id, or for nobody; `path`: the page it is on."""
    state = kind(_reflex_internal_init=True)  # type: ignore[call-arg]
    session_id = str(who.identity.session_id) if isinstance(who, Person) else who
    headers = {SESSION_HEADER: session_id} if session_id else {}
    _root(state).rx_router_headers = HeaderData.from_router_data({"headers": headers})
    at_path(state, path)
    return state


def at_path(state: rx.State, path: str) -> None:
    """The tab is on this page now."""
    _root(state).rx_router_url = URLData.from_url(ReflexURL(f"http://127.0.0.1:3000{path}"))


def _root(state: rx.State) -> Any:
    root: Any = state
    while root.parent_state is not None:
        root = root.parent_state
    return root


async def call(state: rx.State, handler: str, *args: Any) -> Any:
    """Run an event handler as the socket would."""
    return await type(state).event_handlers[handler].fn(state, *args)
