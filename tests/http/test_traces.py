"""What a visit leaves behind: no address, no browser, no query, no secret, and errors without their text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from studio.services import pictures
from tests.http.people import Guest, eventually, make_link, rows, sign_in, until, visitor
from tests.http.wire import HYDRATE, STUDIO, connect, load
from tests.system import ROOT, System

AGENT = "CanaryBrowser/9.7 (canary-machine)"
ADDRESS = "198.51.100.23"
QUERY, PATH, REFERRER, COOKIE = "canary-query", "canary-path", "canary-referrer", "canary-cookie"
HEADERS = {
    "user-agent": AGENT,
    "x-forwarded-for": ADDRESS,
    "x-real-ip": ADDRESS,
    "forwarded": f"for={ADDRESS}",
    "referer": f"https://{REFERRER}.example/",
    "accept-language": "xx-canary",
}
REFERENCE = r"Your work is safe\. Reference ([0-9a-f-]{36})"
TYPED = "something private that was being typed"
PROMPT = "canary-prompt of nobody's business"
PROOF = "/privacy/proof"


def every_text(system: System) -> dict[str, str]:
    """Each table of the database, whole, as text."""
    with psycopg.connect(system.database_url) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        told = {}
        for schema, name in names:
            statement = sql.SQL("SELECT row_to_json(t)::text FROM {} t").format(sql.Identifier(schema, name))
            told[name] = "\n".join(row[0] for row in connection.execute(statement))
        return told


def files(folder: Path) -> dict[str, bytes]:
    """Each file under a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
async def visited(system: System) -> tuple[Guest, str]:
    """Somebody with a very recognisable browser used everything once."""
    link = make_link(system, f"{uuid4().hex}@example.org")
    who = await sign_in(system, headers=HEADERS)
    async with visitor(system, origin=None, headers=HEADERS) as client:
        await client.get(f"/signin/{link}", params={"q": QUERY})
        for path in (
            "/",
            "/welcome",
            "/library",
            "/privacy/proof",
            f"/{PATH}",
            f"/media/{PATH}/256",
            f"/download/{PATH}",
        ):
            await client.get(path, params={"q": QUERY}, headers={"cookie": f"other={COOKIE}"})
    async with who.client(headers=HEADERS) as client:
        await client.post("/api/uploads", params={"q": QUERY}, files={"file": (f"{PATH}.jpg", b"no picture")})
        photo = (ROOT / "tests" / "data" / "photo-rocket.jpg").read_bytes()
        await client.post("/api/uploads", params={"q": QUERY}, files={"file": (f"{PATH}.jpg", photo)})
        await client.post("/api/theme", json={"theme": "dark"})
    async with connect(system, cookie=who.token, headers=HEADERS) as socket:
        socket.call(HYDRATE, path=f"/?q={QUERY}")
        await load(socket)
        event = {"name": f"{STUDIO}.set_prompt", "payload": {"value": PROMPT}}
        socket.emit("event", event)
        socket.emit("event", json.dumps(event))
        socket.emit("event", {"name": f"{STUDIO}.nonsense", "payload": {"value": PROMPT}})
        socket.emit("event", {"name": f"{STUDIO}.set_prompt", "payload": {"value": [PROMPT], PROMPT: PROMPT}})
        socket.emit("event", {"name": f"{STUDIO}.set_prompt", "payload": PROMPT})
        socket.emit("event", [PROMPT])
        socket.emit("client_error", {"error_type": "x", "message": PROMPT})
        await socket.settled()
    async with connect(system, cookie=who.token, token=None, no_token=True, headers=HEADERS) as socket:
        socket.emit("event", {"name": f"{STUDIO}.set_prompt", "payload": {"value": PROMPT}})
        await socket.settled()
    states = system.folder / "data" / "states"
    await eventually(lambda: list(states.rglob("*.pkl")), what="the framework writes its states down")
    asked = rows(system, "SELECT count(*) AS n FROM request_log WHERE path = '/healthz'")[0].n
    async with visitor(system) as client:
        await client.get("/healthz")  # what is noted after all else is written after all else
    await until(system, "SELECT count(*) > %s FROM request_log WHERE path = '/healthz'", asked, seconds=10)
    return who, link


def found_in(haystacks: dict[str, str] | dict[str, bytes], needles: tuple[str, ...]) -> list[tuple[str, str]]:
    """Where any of the needles turns up."""
    return [
        (name, needle)
        for name, text in haystacks.items()
        for needle in needles
        if (needle.encode() in text if isinstance(text, bytes) else needle in text)
    ]


WHO_IT_WAS = (AGENT, "canary-machine", ADDRESS, QUERY, PATH, REFERRER, COOKIE, "xx-canary")


def test_the_database_knows_neither_address_nor_browser_nor_secret(system: System, visited: tuple[Guest, str]):
    who, link = visited
    told = every_text(system)
    assert {
        "accounts",
        "sessions",
        "request_log",
        "assets",
        "rate_counts",
        "proof_results",
        "guard_counts",
    } <= told.keys()
    assert told["rate_counts"], "links and uploads were counted under something"
    assert ADDRESS.encode().hex() not in told["rate_counts"]
    assert who.email in told["accounts"]
    assert found_in(told, (*WHO_IT_WAS, who.token, link)) == []


def test_the_data_folder_knows_neither_address_nor_browser_nor_secret(system: System, visited: tuple[Guest, str]):
    who, link = visited
    kept = files(system.folder / "data")
    assert any(name.startswith("states/") for name in kept), "the framework's own files are looked at too"
    assert found_in(kept, (*WHO_IT_WAS, who.token, link)) == []


def test_the_logs_hold_nothing_of_what_people_typed_or_were(system: System, visited: tuple[Guest, str]):
    who, link = visited
    logs = {path.name: path.read_bytes() for path in system.folder.glob("*.log")}
    assert "web0.log" in logs
    assert found_in(logs, (*WHO_IT_WAS, who.token, link, who.email, "canary-prompt")) == []


def test_the_request_log_keeps_templates_only(system: System, visited: tuple[Guest, str]):
    paths = {row.path for row in rows(system, "SELECT DISTINCT path FROM request_log")}
    assert {"/", "/signin/{token}", "/media/{asset}/256", "/download/{asset}", "/api/uploads", "other"} <= paths
    template = re.compile(r"(/[a-z_]*(?:\.(?:csv|json))?|/\{[a-z]+\}|/(256|512|1024|original))+|other")
    assert [path for path in paths if not template.fullmatch(path)] == []
    columns = rows(system, "SELECT column_name FROM information_schema.columns WHERE table_name = 'request_log'")
    assert {c.column_name for c in columns} == {"request_id", "at", "path", "status", "latency_ms"}


async def test_an_unexpected_error_becomes_a_reference_and_a_row_without_its_text(system: System, guest: Guest):
    table = sql.SQL("ALTER TABLE {} RENAME TO {}")
    with psycopg.connect(system.database_url, autocommit=True) as owner:
        owner.execute(table.format(sql.Identifier("assets"), sql.Identifier("assets_away")))
        try:
            async with guest.client() as client:
                answer = await client.get(f"/media/{uuid4()}/256")
        finally:
            owner.execute(table.format(sql.Identifier("assets_away"), sql.Identifier("assets")))
    assert answer.status_code == 500
    said = re.search(rf"Something went wrong on our side\. {REFERENCE}", answer.text)
    assert said, answer.text
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff", "an error has the headers as well"
    await until(system, "SELECT true FROM error_events WHERE reference = %s", said[1], seconds=6)
    [row] = rows(system, "SELECT * FROM error_events WHERE reference = %s", said[1])
    assert (row.source, row.kind) == ("http", "ProgrammingError")
    assert re.fullmatch(r"[a-z/_]+\.py:\d+", row.location)
    assert "assets" not in (row.source + row.kind)


async def test_an_unexpected_error_in_a_tab_is_a_message_with_a_reference(system: System, guest: Guest):
    table = sql.SQL("ALTER TABLE {} RENAME TO {}")
    async with connect(system, cookie=guest.token) as socket:
        await load(socket)
        with psycopg.connect(system.database_url, autocommit=True) as owner:
            owner.execute(table.format(sql.Identifier("batches"), sql.Identifier("batches_away")))
            try:
                socket.call(f"{STUDIO}.generate", form={"prompt": TYPED})
                toasts = await socket.until(lambda s: s.known("toasts"))
            finally:
                owner.execute(table.format(sql.Identifier("batches_away"), sql.Identifier("batches")))
        assert toasts[0]["title"] == "Something went wrong on our side."
        reference = re.fullmatch(REFERENCE, toasts[0]["text"])
        assert reference
        heard = "".join(socket.log)
        assert "batches_away" not in heard
        assert TYPED not in "".join(path.read_text(errors="replace") for path in system.folder.glob("*.log"))
        assert "does not exist" not in heard
        await until(system, "SELECT true FROM error_events WHERE reference = %s", reference[1], seconds=6)
        socket.call(f"{STUDIO}.set_show", value="all")
        await socket.until(lambda s: s.known("show") == "all")


@pytest.mark.parametrize("name", [pictures.FETCH, "a job of an older release"])
async def test_a_job_that_fails_is_told_of_without_what_it_was_given(system: System, name: str):
    whose = uuid4()
    rows(
        system,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', %s, %s)",
        name,
        json.dumps({"account_id": str(whose), "more": PROMPT}),
    )
    await until(system, "SELECT count(*) = 0 FROM procrastinate_jobs WHERE task_name = %s", name)
    if name == pictures.FETCH:
        await until(system, "SELECT true FROM error_events WHERE source = %s AND kind = 'TypeError'", name)

    def told() -> bytes:
        return b"".join(body for name, body in files(system.folder).items() if name.endswith(".log"))

    await eventually(lambda: name.encode() in told())
    assert str(whose).encode() not in told()
    assert PROMPT.encode() not in told()
