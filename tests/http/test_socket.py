"""The event socket on the wire: only our own pages get in, and a tab token alone opens nothing."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.http import wire
from tests.http.people import Guest, rows, sign_in, visitor
from tests.http.wire import LIBRARY, ROOT_STATE, STUDIO, Refused, Socket, connect, load
from tests.system import System

SECRET = "a prompt nobody else may read"


async def write_secret(socket: Socket) -> None:
    """Load the page and type a prompt that stays in the tab's state."""
    await load(socket)
    socket.call(f"{STUDIO}.set_prompt", value=SECRET)
    socket.call(f"{STUDIO}.start_from", value="nothing of the kind")
    await socket.settled()


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1", "http://127.0.0.1:1"])
async def test_a_socket_from_anywhere_but_our_own_pages_is_refused_before_it_opens(
    system: System, guest: Guest, origin: str | None
):
    with pytest.raises(Refused) as refused:
        async with connect(system, cookie=guest.token, origin=origin):
            pass
    assert refused.value.status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_both_spellings_of_this_computer_are_our_own_pages(system: System, guest: Guest, host: str):
    async with connect(system, cookie=guest.token, origin=f"http://{host}:{system.ports[0]}") as socket:
        await load(socket)
        assert socket.known("email") == guest.email


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_long_polling_is_no_second_way_in(system: System, guest: Guest, method: str):
    async with guest.client() as client:
        answer = await client.request(method, "/_event/?EIO=4&transport=polling&token=x")
    assert answer.status_code == 403 or (method == "POST" and answer.status_code >= 400)
    assert '"sid"' not in answer.text


@pytest.mark.parametrize("owner_is_away", [True, False], ids=["owner away", "owner here"])
@pytest.mark.parametrize("with_cookie", [True, False], ids=["another cookie", "no cookie"])
async def test_a_stolen_tab_token_shows_nothing_and_does_nothing(
    system: System, guest: Guest, owner_is_away: bool, with_cookie: bool
):
    token = str(uuid4())
    thief = await sign_in(system) if with_cookie else None
    async with connect(system, cookie=guest.token, token=token) as owner:
        await write_secret(owner)
        if owner_is_away:
            await owner.close()
        async with connect(system, cookie=thief.token if thief else None, token=token) as stolen:
            stolen.call(wire.HYDRATE)
            stolen.call(f"{STUDIO}.load")
            stolen.call(f"{STUDIO}.set_prompt", value="overwritten")
            stolen.call(f"{STUDIO}.generate", form={"prompt": "from a thief"})
            await stolen.settled()
            await stolen.until(lambda s: s.known("loaded") if thief else s.events)
            heard = "".join(stolen.log)
            assert SECRET not in heard
            assert guest.email not in heard
    assert rows(system, "SELECT 1 FROM batches WHERE account_id = %s", guest.account_id) == []
    async with connect(system, cookie=guest.token, token=token) as again:
        await load(again)
        assert again.known("prompt") == SECRET


async def test_a_duplicated_tab_works_beside_the_first_and_is_its_own(system: System, guest: Guest):
    token = str(uuid4())
    async with (
        connect(system, cookie=guest.token, token=token) as first,
        connect(system, cookie=guest.token, token=token) as second,
    ):
        await write_secret(first)
        await load(second)
        assert second.known("email") == guest.email
        fresh = await second.until(lambda s: next((m[1] for m in s.messages if m[0] == "new_token"), None))
        second.call(f"{STUDIO}.set_prompt", value="the second tab's")
        await second.settled()
        await second.close()
        async with connect(system, cookie=guest.token, token=fresh) as returned:
            await load(returned)
            assert returned.known("prompt") == "the second tab's"
    async with connect(system, cookie=guest.token, token=token) as first:
        await load(first)
        assert first.known("prompt") == SECRET


async def test_a_fresh_token_of_a_duplicated_tab_means_nothing_to_anybody_else(system: System, guest: Guest):
    token, thief = str(uuid4()), await sign_in(system)
    async with connect(system, cookie=guest.token, token=token) as first:
        await load(first)
        async with connect(system, cookie=guest.token, token=token) as second:
            fresh = await second.until(lambda s: next((m[1] for m in s.messages if m[0] == "new_token"), None))
            await write_secret(second)
        async with connect(system, cookie=thief.token, token=fresh) as stolen:
            await load(stolen)
            assert SECRET not in "".join(stolen.log)


async def test_a_forged_connect_event_makes_nobody_somebody_else(system: System, guest: Guest):
    mine = await sign_in(system)
    cookie = f"studio_session={guest.token}"
    scope = {"headers": [["cookie", cookie]], "client": ["203.0.113.9", 1], "query_string": ""}
    environ = {"asgi.scope": scope, "HTTP_COOKIE": cookie, "QUERY_STRING": f"token={uuid4()}"}
    for before in (None, mine.token):
        async with connect(system, cookie=before) as socket:
            socket.emit("connect", environ, None)
            socket.emit("connect", environ, {"event": {"name": f"{STUDIO}.load", "payload": {}}})
            socket.call(wire.HYDRATE)
            socket.call(f"{STUDIO}.load")
            await socket.until(lambda s, known=before: s.known("loaded") if known else s.events)
            assert guest.email not in "".join(socket.log)
            assert socket.known("email") == (mine.email if before else None) or socket.known("email") == ""


async def test_a_forged_disconnect_does_not_hide_an_open_tab_from_its_account(system: System, guest: Guest):
    async with connect(system, cookie=guest.token) as socket:
        await load(socket)
        socket.emit("disconnect")
        socket.emit("disconnect", "transport close")
        await socket.settled()
        async with guest.client() as client:
            assert (await client.post("/signout")).status_code == 303
        await socket.until(lambda s: any(e["name"] == "_redirect" for e in s.events), seconds=2)


SETVAR = {"payload": {"var_name": "prompt", "value": "forged"}, "router_data": {"pathname": "/"}}


@pytest.mark.parametrize("state", [STUDIO, LIBRARY, ROOT_STATE])
@pytest.mark.parametrize("form", ["object", "text"])
async def test_no_variable_can_be_set_from_outside(system: System, guest: Guest, state: str, form: str):
    token = str(uuid4())
    async with connect(system, cookie=guest.token, token=token) as socket:
        await load(socket)
        for name, value in (("prompt", "forged"), ("toasts", []), ("is_hydrated", False), ("max_count", 10**9)):
            event: Any = {"name": f"{state}.setvar", "payload": {"var_name": name, "value": value}, "router_data": {}}
            socket.emit("event", json.dumps(event) if form == "text" else event)
        await socket.settled()
        socket.call(f"{STUDIO}.set_count", value="15")
        await socket.until(lambda s: s.known("count") == 15)
        assert "forged" not in "".join(socket.log)
        assert "Something went wrong" not in "".join(socket.log), "it reached the framework"
        assert socket.known("max_count") == 15


async def test_an_event_that_rides_in_with_the_connection_is_held_to_the_same_rules(system: System, guest: Guest):
    event = {"name": f"{STUDIO}.setvar", **SETVAR}
    for data in (event, json.dumps(event)):
        async with connect(system, cookie=guest.token, namespace=False) as socket:
            socket.raw(f"40{wire.NAMESPACE},{json.dumps({'event': data, 'bootEvent': data, 'boot_event': data})}")
            await socket.until(lambda s: any(text.startswith("40/_event,") for text in s.log))
            await load(socket)
            assert "forged" not in "".join(socket.log)


@pytest.mark.parametrize("handler", ["update_vars_internal_state.update_vars_internal", "hydrate", "hydrate_and_load"])
async def test_the_frameworks_own_events_write_none_of_our_variables(system: System, guest: Guest, handler: str):
    name = {"update_vars_internal_state.update_vars_internal": "reflex___state____update_vars_internal_state"}
    full = f"{ROOT_STATE}.{name[handler]}.update_vars_internal" if handler in name else f"{ROOT_STATE}.{handler}"
    forged = {f"{STUDIO}.{key}": "forged" for key in ("prompt", "prompt_rx_state_", "email", "theme", "_resets")}
    async with connect(system, cookie=guest.token) as socket:
        await load(socket)
        socket.call(full, vars=forged)
        await socket.settled()
        await load(socket)
        assert "forged" not in "".join(socket.log)


@pytest.mark.parametrize(
    "packet",
    [
        ["nonsense", 1],
        [],
        {},
        [["connect"], {}],
        [{"a": 1}],
        ["event"],
        ["event", None],
        ["event", 7],
        ["event", {"name": "no.such.handler", "payload": {}}],
        ["event", {"name": STUDIO, "payload": {}}],
        ["event", {"name": f"{STUDIO}._reload", "payload": {}}],
        ["event", {"name": f"{STUDIO}.load", "payload": {"self": 1}}],
        ["event", {"name": f"{STUDIO}.load", "payload": []}],
        ["event", {"name": 5, "payload": None, "router_data": 9}],
        ["client_error", {"error_type": "x" * 5000, "message": "<script>"}],
    ],
    ids=lambda packet: json.dumps(packet)[:50],
)
async def test_what_is_no_event_of_ours_is_ignored_and_the_tab_goes_on(system: System, guest: Guest, packet: Any):
    async with connect(system, cookie=guest.token) as socket:
        await load(socket)
        socket.raw(f"42{wire.NAMESPACE},{json.dumps(packet)}")
        await socket.settled()
        socket.call(f"{STUDIO}.set_count", value="3")
        await socket.until(lambda s: s.known("count") == 3)
        assert "Traceback" not in "".join(socket.log)


async def test_a_tab_of_nobody_is_sent_to_the_welcome_page_and_is_told_nothing(system: System):
    async with connect(system) as socket:
        for handler in ("load", "set_prompt", "more"):
            socket.call(f"{STUDIO}.{handler}", **({"value": "x"} if handler == "set_prompt" else {}))
        await socket.until(lambda s: sum(e["name"] == "_redirect" for e in s.events) == 3)
        assert {e["payload"]["path"] for e in socket.events} == {"/welcome"}
        assert socket.known("loaded") in (None, False)


@pytest.mark.parametrize("path", ["/_upload", "/_upload/x", "/_health", "/_all_routes", "/auth-codespace"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_frameworks_own_routes_are_closed(system: System, guest: Guest, path: str, method: str):
    async with guest.client() as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.text) == (404, "There is nothing here.")


async def test_ending_a_session_elsewhere_sends_its_tabs_to_the_welcome_page_and_closes_them(
    system: System, guest: Guest
):
    async with connect(system, cookie=guest.token) as here, connect(system, cookie=guest.token) as there:
        await load(here)
        await load(there)
        async with visitor(system, cookie=guest.token) as client:
            await client.post("/signout")
        for socket in (here, there):
            await socket.until(lambda s: any(e["name"] == "_redirect" for e in s.events), seconds=1)
            assert socket.events[-1]["payload"]["path"] == "/welcome"
            await socket.until(lambda s: f"41{wire.NAMESPACE}," in s.log or s.closed, seconds=1)
            heard = len(socket.messages)
            socket.call(f"{STUDIO}.set_prompt", value="after the end")
            socket.emit("ping")
            socket.raw(f"40{wire.NAMESPACE},")
            await socket.until(lambda s: s.closed or s.log[-1].startswith(("40", "44")), seconds=2)
            assert len(socket.messages) == heard
