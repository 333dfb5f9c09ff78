"""Every event handler, found in Reflex's own registry, against everybody who should not get through.

Somebody else with foreign ids, nobody, an ended session, a restricted account, somebody who is no operator; and wrong
types from whoever may call it.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import pytest
import reflex as rx
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.services import (
    attempts,
    labels,
    mail,
    operator_people,
    presets,
    restriction,
    selections,
    sessions,
)
from studio.services.generations import Input
from studio.services.library import views
from studio.state.library import LibraryState
from studio.state.studio import StudioState
from tests.factories import Person, image, person, restricted, stored_asset, submitted, upload
from tests.state.tab import call, tab

SECRET = "the other person's secret prompt"
# Reflex's own, on every state; our namespace lets no client reach it (tests/http/test_socket.py).
FRAMEWORK = {"setvar"}
# Handlers of the signed-out page, each with its reason: anybody may call them, so they know nobody.
PUBLIC = {("WelcomeState", "load")}  # names the sign-in providers
# Taking a message away shows and changes nothing, so the operator's states share it with every other.
EVERYBODYS = {"dismiss_toast"}


def our_states() -> list[Any]:
    """Every state of ours that the pages load."""
    import studio.pages.routes  # noqa: F401  (imports every page and so every state)

    def below(kind: Any) -> list[Any]:
        return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

    found = {kind for kind in below(rx.State) if kind.__module__.startswith("studio.") and not kind._mixin}
    return sorted(found, key=lambda kind: kind.__name__)


HANDLERS = [(kind, name) for kind in our_states() for name in kind.event_handlers if name not in FRAMEWORK]
OPERATORS = [(kind, name) for kind, name in HANDLERS if "denied" in kind.vars and name not in EVERYBODYS]
ACTIONS = [row for row in HANDLERS if (row[0].__name__, row[1]) not in PUBLIC and row not in OPERATORS]
PERSONAL = [(kind, name) for kind, name in ACTIONS if "denied" not in kind.vars]


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
        await attempts.stored(session, work=work, asset=stored_asset(work.id), charged=1)
        output = await session.scalar(
            text("SELECT id FROM assets WHERE generation_id = :id"), {"id": done.generation_ids[0]}
        )
    async with transaction(other.actor) as session:
        await presets.save(session, actor=other.actor, name=SECRET, settings={"ratio": "1:1"})
        await presets.save_draft(session, actor=other.actor, content={"prompt": SECRET})
        preset = (await presets.listed(session, actor=other.actor))[0].id
    async with transaction(SYSTEM) as session:
        letter = await mail.enqueue(session, account_id=other.account_id, to=other.email, template="welcome", data={})
        await operator_people.invite(session, by=None, email="invited@example.net")
        invitation = await session.scalar(text("SELECT id FROM invitations WHERE email = 'invited@example.net'"))
    async with transaction(other.actor) as session:
        label = await labels.create(session, actor=other.actor, name=SECRET[:40])
        await labels.put_on(session, actor=other.actor, label_id=label, asset_ids=[output])
        view = (await views.save(session, actor=other.actor, name="a view", query="q=secret")).id
        selection = await selections.pick(session, actor=other.actor, asset_ids=[output])
    kept = [label, view, selection, other.identity.workspace_id]
    ids = [waiting.batch_id, done.batch_id, waiting.generation_ids[0], done.generation_ids[0], picture, output]
    ids += [other.account_id, other.identity.session_id, letter, invitation, preset, *kept]
    return [str(each) for each in ids], other.account_id


async def operators_things(account_id: UUID) -> list[Any]:
    """What an operator could change of an account, and the log of it."""
    async with transaction(SYSTEM) as session:
        rows = await session.execute(
            text(
                "SELECT (SELECT count(*) FROM audit_entries) AS acts, (SELECT count(*) FROM invitations) AS invited, "
                "(SELECT json_agg(m ORDER BY m.id)::text FROM mails m WHERE account_id = :id) AS mails, "
                "(SELECT json_agg(s ORDER BY s.id)::text FROM sessions s WHERE account_id = :id) AS sessions"
            ),
            {"id": account_id},
        )
        return [tuple(row) for row in rows]


async def snapshot(account_id: UUID) -> str:
    """Everything an account has, as text."""
    async with transaction(SYSTEM) as session:
        rows = {}
        own = ("batches", "generations", "assets", "batch_inputs", "budgets", "workspaces", "presets", "drafts")
        own += ("labels", "asset_labels", "saved_views")
        for table in own:
            found = await session.execute(text(f"SELECT * FROM {table} WHERE account_id = :id"), {"id": account_id})
            rows[table] = sorted(json.dumps(dict(row._mapping), default=str, sort_keys=True) for row in found)
        account = await session.execute(text("SELECT * FROM accounts WHERE id = :id"), {"id": account_id})
        rows["accounts"] = [json.dumps(dict(row._mapping), default=str, sort_keys=True) for row in account]
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
            words = dict.fromkeys(("name", "workspace", "reference", "search", "id", "label", "typed"), an_id)
            given.append(
                {**words, "role": "reference", "ids": [an_id], "errors": [], "prompt": "mine", "cap": "7"}
                | {"email": "friend@example.org", "reason": "operator"}
            )
        else:
            given.append({bool: True, int: 1, list: [5], float: 1.0}[declared])
    return given


def test_the_registry_has_every_handler_and_each_is_guarded():
    assert len(HANDLERS) >= 75
    assert len(OPERATORS) >= 25
    assert {kind for kind, _ in HANDLERS} >= {StudioState, LibraryState}
    for kind, name in HANDLERS:
        fn = kind.event_handlers[name].fn
        assert getattr(fn, "__wrapped__", None) is not None, f"{kind.__name__}.{name} is not an @action"


async def test_what_anybody_may_call_is_listed_and_everything_else_asks_for_a_session(settings):
    """A handler that does not turn nobody away is public, and only those in the list are."""
    open_to_all = set()
    for kind, name in HANDLERS:
        state: Any = tab(kind, None)
        answer = await call(state, name, *arguments(kind, name, str(uuid4())))
        if "/welcome" not in str(answer) and not getattr(state, "denied", False):
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


@pytest.mark.parametrize(("kind", "name"), OPERATORS, ids=lambda v: v if isinstance(v, str) else v.__name__)
async def test_to_whoever_is_no_operator_there_is_nothing_here(
    someone: Person, victim: tuple[list[str], UUID], kind: type[rx.State], name: str
):
    """Nobody, an ended session, somebody else, a restricted account: the state learns that, and nothing else."""
    ids, account_id = victim
    gone = await person()
    async with transaction(SYSTEM) as session:
        await sessions.revoke(session, account_id=gone.account_id, session_id=gone.identity.session_id)
    held = await restricted()
    before = (await snapshot(account_id), await operators_things(account_id))
    empty: Any = tab(kind, None)
    empty.denied = True
    nothing = json.dumps(empty.dict()[kind.get_full_name()], default=str)
    for who in (None, gone, str(uuid4()), someone, held):
        for an_id in ids if who is someone else ids[:1]:
            state: Any = tab(kind, who)
            assert await call(state, name, *arguments(kind, name, an_id)) is None
            shown = json.dumps(state.dict()[kind.get_full_name()], default=str)
            assert shown == nothing
    assert (await snapshot(account_id), await operators_things(account_id)) == before


@pytest.mark.parametrize("kind", [kind for kind, name in OPERATORS if name == "load"], ids=lambda kind: kind.__name__)
async def test_an_operator_whose_session_ends_is_asked_to_sign_in_and_one_who_is_none_any_more_sees_nothing(
    boss: Person, kind: type[rx.State]
):
    state: Any = tab(kind, boss)
    await call(state, "load")
    assert (state.loaded, state.denied) == (True, False)
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE accounts SET proved_email = NULL WHERE id = :id"), {"id": boss.account_id})
    await call(state, "load")
    assert (state.loaded, state.denied) == (False, True)
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE accounts SET proved_email = email WHERE id = :id"), {"id": boss.account_id})
    await call(state, "load")
    async with transaction(SYSTEM) as session:
        await sessions.revoke(session, account_id=boss.account_id, session_id=boss.identity.session_id)
    state.loaded = True
    assert "/welcome" in str(await call(state, "load"))


@pytest.mark.parametrize(("kind", "name"), PERSONAL, ids=lambda v: v if isinstance(v, str) else v.__name__)
async def test_a_restricted_account_changes_nothing_of_its_own(settings, kind: type[rx.State], name: str):
    who = await person()
    picture = await upload(who)
    sent = await submitted(who, image(SECRET), (Input("reference", picture),))
    async with transaction(SYSTEM) as session:
        await restriction.restrict(session, by=None, account_id=who.account_id, reason="person")
    before = await snapshot(who.account_id)
    for an_id in (sent.batch_id, sent.generation_ids[0], picture):
        state = tab(kind, who)
        await call(state, "load")
        await call(state, name, *arguments(kind, name, str(an_id)))
        assert await snapshot(who.account_id) == before


async def test_a_restricted_person_reads_why_and_keeps_what_they_wrote(settings):
    who = await restricted()
    state: Any = tab(StudioState, who)
    await call(state, "load")
    assert state.restricted.startswith("This account is restricted at your own request")
    await call(state, "generate", {"prompt": "a long and careful prompt"})
    assert [toast.title for toast in state.toasts] == [state.restricted]
    assert state.prompt == "a long and careful prompt"
    async with transaction(SYSTEM) as session:
        await restriction.unrestrict(session, by=None, account_id=who.account_id)
    state = tab(StudioState, who)
    await call(state, "load")
    await call(state, "generate", {"prompt": "a long and careful prompt"})
    assert (state.restricted, state.toasts) == ("", [])
    assert state.batches[0].prompt == "a long and careful prompt"


@pytest.mark.parametrize(("kind", "name"), HANDLERS, ids=lambda v: v if isinstance(v, str) else v.__name__)
async def test_arguments_of_the_wrong_kind_or_size_become_a_sentence(
    someone: Person, boss: Person, kind: type[rx.State], name: str
):
    state = tab(kind, boss if (kind, name) in OPERATORS else someone)
    await call(state, "load")
    before = await snapshot(someone.account_id)
    count = len(inspect.signature(kind.event_handlers[name].fn).parameters) - 1
    hostile: list[Any] = [None, -(10**30), 10**9, float("nan"), "x" * 30_000, ["a"] * 1000, {"a": {"b": 1}}, True, b"x"]
    for value in hostile:
        if count:  # without parameters, a call without arguments is how it is meant
            await call(state, name, *[value] * count)
        await call(state, name, *[value] * (count + 1))
    assert await snapshot(someone.account_id) == before
