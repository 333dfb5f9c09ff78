"""The one way into an event handler: who acts is checked, arguments have their declared types, errors become sentences.

Every undecorated public method of a state can be called by anyone who opens a socket. So every handler is an
`@action`: it cannot run without a live session, and it cannot see an argument of another type than it declares.
The few that serve the signed-out page are `@public`: they know nobody.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, get_type_hints
from uuid import UUID

import reflex as rx
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import SYSTEM, Actor, transaction
from studio.errors import NotFound, NotSignedIn, StudioError, ValidationError
from studio.services import abuse, sessions

SESSION_HEADER = "x-studio-session"
LONGEST_TEXT = 20_000
MOST_ITEMS = 64

_acting: ContextVar[sessions.Identity] = ContextVar("acting")
log = logging.getLogger("studio")


def identity() -> sessions.Identity:
    """Who acts in this handler."""
    return _acting.get()


def actor() -> Actor:
    """The same, as services take it."""
    return identity().actor


@asynccontextmanager
async def system_work() -> AsyncIterator[AsyncSession]:
    """A transaction that sees every row, for an `@operator_action`: each service it calls asks who acts.

    An `@action` needs it for what a person does to rows that only the system may write, such as a deletion; the
    service then takes `actor()` and nothing that names another account.
    """
    async with transaction(SYSTEM) as session:
        yield session


@asynccontextmanager
async def work() -> AsyncIterator[AsyncSession]:
    """A transaction of whoever acts."""
    async with transaction(actor()) as session:
        yield session


async def limit(what: str) -> None:
    """Count a try of whoever acts, before the work. Raises TooOften, which an action shows as its sentence."""
    async with transaction(SYSTEM) as session:
        await abuse.count(session, what=what, actor=actor())


async def identify(state: rx.State) -> sessions.Identity:
    """The live session behind a tab. The header was written by our namespace, never by the browser.

    Raises:
        NotSignedIn: no session, or it ended meanwhile.
    """
    raw = state.router.headers.raw_headers.get(SESSION_HEADER, "")
    if not raw:
        raise NotSignedIn
    async with transaction(SYSTEM) as session:
        found = await sessions.still_live(session, session_id=UUID(raw))
    if found is None:
        raise NotSignedIn
    return found


@asynccontextmanager
async def acting_as(who: sessions.Identity) -> AsyncIterator[None]:
    """Run state code for a person outside an event: a push of what changed."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)


def uuid(value: str) -> UUID:
    """An id from a browser. What is not one names nothing: NotFound."""
    try:
        return UUID(value)
    except ValueError:
        raise NotFound from None


def _check(name: str, value: Any, declared: type) -> Any:
    kind = getattr(declared, "__origin__", declared)
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not fits:
        raise ValidationError(f"“{name}” is not of the kind that is expected here.")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise ValidationError(f"“{name}” is longer than {LONGEST_TEXT:,} characters.")
    if isinstance(value, list | dict) and len(value) > MOST_ITEMS:
        raise ValidationError(f"“{name}” has more than {MOST_ITEMS} entries.")
    return value


def _binder(handler: Callable[..., Any]) -> Callable[..., inspect.BoundArguments]:
    """What checks that a call fits a handler's declaration."""
    hints = {key: kind for key, kind in get_type_hints(handler).items() if key != "return"}
    signature = inspect.signature(handler)

    def bind(*args: Any, **kwargs: Any) -> inspect.BoundArguments:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            raise ValidationError("That is not how this is used.") from None
        for name, kind in hints.items():
            if name in given.arguments:
                given.arguments[name] = _check(name, given.arguments[name], kind)
        return given

    return bind


def public(handler: Callable[..., Awaitable[Any]]) -> Any:
    """Make an event handler that anybody may call, signed in or not. tests/state/test_isolation.py lists each one.

    Its arguments are checked like an action's; a call that does not fit does nothing, for nobody is there to be told.
    """
    bind = _binder(handler)

    @functools.wraps(handler)
    async def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            given = bind(self, *args, **kwargs)
        except ValidationError:
            return None
        return await handler(*given.args, **given.kwargs)

    return rx.event(guarded)


def action(handler: Callable[..., Awaitable[Any]]) -> Any:
    """Make an event handler of an async method `(self, …)` whose parameters are annotated."""
    bind = _binder(handler)

    @functools.wraps(handler)
    async def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            who = await identify(self)
            given = bind(self, *args, **kwargs)
            async with acting_as(who):
                return await handler(*given.args, **given.kwargs)
        except NotSignedIn:
            return rx.redirect("/welcome")
        except StudioError as error:
            if isinstance(error, sessions.ReauthNeeded) and hasattr(self, "_sign_in_again"):
                self._sign_in_again(self.router.url.path or "/")
            else:
                self._say("error", error.message)
        return None

    return rx.event(guarded)


def operator_action(handler: Callable[..., Awaitable[Any]]) -> Any:
    """Make an event handler that only operators may call, on a state with `denied` and `loaded`.

    To everybody else there is nothing here: the state only learns that, and shows what any wrong address shows.
    """
    bind = _binder(handler)

    @functools.wraps(handler)
    async def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            who = await identify(self)
            if not who.operator:
                self.reset()
                self.denied = True
                return None
            given = bind(self, *args, **kwargs)
            async with acting_as(who):
                return await handler(*given.args, **given.kwargs)
        except NotSignedIn:
            if self.loaded:  # an operator whose session ended; a stranger's page says that there is nothing
                return rx.redirect("/welcome")
            self.denied = True
        except StudioError as error:
            self._say("error", error.message)
        return None

    return rx.event(guarded)
