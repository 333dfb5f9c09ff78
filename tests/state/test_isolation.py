"""Every event handler, found in Reflex's own registry: foreign ids, no session, an ended session, wrong types."""

from __future__ import annotations

import inspect
import json
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import pytest
import reflex as rx
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services import attempts, sessions
from studio.services.generations import Input
from studio.state.library import LibraryState
from studio.state.studio import StudioState
from tests.factories import Person, image, person, submitted, upload
from tests.state.tab import call, tab

SECRET = "the other person's secret prompt"
# Reflex's own, on every state; our namespace lets no client reach it (tests/http/test_socket.py).
FRAMEWORK = {"setvar"}
# Handlers of the signed-out page, each with its reason: anybody may call them, so they know nobody.
PUBLIC = {("WelcomeState", "load")}  # names the sign-in providers


def our_states() -> list[Any]:
    """Every state of ours that the pages load."""
    import studio.pages.routes  # noqa: F401  (imports every page and so every state)

    def below(kind: Any) -> list[Any]:
        return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

    found = {kind for kind in below(rx.State) if kind.__module__.startswith("studio.") and not kind._mixin}
    return sorted(found, key=lambda kind: kind.__name__)


HANDLERS = [(kind, name) for kind in our_states() for name in kind.event_handlers if name not in FRAMEWORK]
ACTIONS = [(kind, name) for kind, name in HANDLERS if (kind.__name__, name) not in PUBLIC]


@pytest.fixture(scope="module")
async def victim(settings) -> tuple[list[str], UUID]:
    """Somebody else's ids, and whose: a waiting batch with an input, a finished output, an upload."""
    other = await person()
    picture = await upload(other)
    waiting = await submitted(other, image(SECRET), (Input("reference", picture),))
    done = await submitted(other, image(SECRET))
    async with transaction(SYSTEM) as session:
        attempt = uuid4()
        await session.execute(
            text("UPDATE generations SET state = 'storing', attempt_id = :attempt WHERE id = :id"),
            {"attempt": attempt, "id": done.generation_ids[0]},
        )
        work = await attempts.load(session, generation_id=done.generation_ids[0])
        assert work is not None
        asset = {
            "key": f"o/{work.id.hex[:2]}/{work.id.hex}",
            "mime": "image/png",
            "size": 1,
            "sha256": "b" * 64,
            "crc32": 1,
            "width": 8,
            "height": 8,
            "duration": None,
            "thumbnails": {"256": f"t/{work.id.hex[:2]}/{work.id.hex}.w256"},
        }
        await attempts.stored(session, work=work, asset=asset, charged=1)
        output = await session.scalar(
            text("SELECT id FROM assets WHERE generation_id = :id"), {"id": done.generation_ids[0]}
        )
    ids = [waiting.batch_id, done.batch_id, waiting.generation_ids[0], done.generation_ids[0], picture, output]
    return [str(each) for each in ids], other.account_id


async def snapshot(account_id: UUID) -> str:
    """Everything an account has, as text."""
    async with transaction(SYSTEM) as session:
        rows = {}
        for table in ("batches", "generations", "assets", "batch_inputs", "budgets", "workspaces"):
            found = await session.execute(text(f"SELECT * FROM {table} WHERE account_id = :id"), {"id": account_id})
            rows[table] = sorted(json.dumps(dict(row._mapping), default=str, sort_keys=True) for row in found)
    return json.dumps(rows)


def arguments(kind: type[rx.State], name: str, an_id: str) -> list[Any]:
    """Plausible arguments that carry somebody else's id wherever one could stand."""
    fn = kind.event_handlers[name].fn
    hints = get_type_hints(fn)
    given: list[Any] = []
    for parameter in list(inspect.signature(fn).parameters)[1:]:
        declared = getattr(hints[parameter], "__origin__", hints[parameter])
        if parameter == "role":
            given.append("first_frame")
        elif declared is str:
            given.append(an_id)
        elif declared is dict:
            given.append({"role": "reference", "ids": [an_id], "errors": [], "prompt": "mine"})
        else:
            given.append({bool: True, int: 1, list: [5], float: 1.0}[declared])
    return given


def test_the_registry_has_every_handler_and_each_is_guarded():
    assert len(HANDLERS) >= 35
    assert {kind for kind, _ in HANDLERS} >= {StudioState, LibraryState}
    for kind, name in HANDLERS:
        fn = kind.event_handlers[name].fn
        assert getattr(fn, "__wrapped__", None) is not None, f"{kind.__name__}.{name} is not an @action"


async def test_what_anybody_may_call_is_listed_and_everything_else_asks_for_a_session(settings):
    """A handler that does not turn nobody away is public, and only those in the list are."""
    open_to_all = set()
    for kind, name in HANDLERS:
        answer = await call(tab(kind, None), name, *arguments(kind, name, str(uuid4())))
        if "/welcome" not in str(answer):
            open_to_all.add((kind.__name__, name))
    assert open_to_all == PUBLIC


@pytest.mark.parametrize(("kind", "name"), HANDLERS, ids=lambda v: v if isinstance(v, str) else v.__name__)
async def test_another_accounts_ids_show_nothing_and_change_nothing(
    someone: Person, victim: tuple[list[str], UUID], kind: type[rx.State], name: str
):
    ids, account_id = victim
    before = await snapshot(account_id)
    state = tab(kind, someone)
    await call(state, "load")
    for an_id in ids:
        await call(state, name, *arguments(kind, name, an_id))
    shown = json.dumps(state.dict(), default=str)
    assert SECRET not in shown
    assert not [an_id for an_id in ids if f"/media/{an_id}" in shown]
    assert await snapshot(account_id) == before


@pytest.mark.parametrize(("kind", "name"), ACTIONS, ids=lambda v: v if isinstance(v, str) else v.__name__)
async def test_without_a_live_session_a_handler_only_sends_to_the_welcome_page(
    settings, kind: type[rx.State], name: str
):
    gone = await person()
    async with transaction(SYSTEM) as session:
        await sessions.revoke(session, account_id=gone.account_id, session_id=gone.identity.session_id)
    before = await snapshot(gone.account_id)
    for who in (None, gone, str(uuid4())):
        state = tab(kind, who)
        clean = json.dumps(state.dict(), default=str)
        answer = await call(state, name, *arguments(kind, name, str(uuid4())))
        assert "/welcome" in str(answer)
        assert json.dumps(state.dict(), default=str) == clean
    assert await snapshot(gone.account_id) == before


@pytest.mark.parametrize(("kind", "name"), HANDLERS, ids=lambda v: v if isinstance(v, str) else v.__name__)
async def test_arguments_of_the_wrong_kind_or_size_become_a_sentence(someone: Person, kind: type[rx.State], name: str):
    state = tab(kind, someone)
    await call(state, "load")
    before = await snapshot(someone.account_id)
    count = len(inspect.signature(kind.event_handlers[name].fn).parameters) - 1
    hostile: list[Any] = [None, -(10**30), 10**9, float("nan"), "x" * 30_000, ["a"] * 1000, {"a": {"b": 1}}, True, b"x"]
    for value in hostile:
        await call(state, name, *[value] * count)
        await call(state, name, *[value] * (count + 1))
    assert await snapshot(someone.account_id) == before
