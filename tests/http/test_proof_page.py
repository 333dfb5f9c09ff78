"""A whole run: somebody signs in, makes a picture, gets mail. Nothing else was called, and the proofs say so."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from studio.services.proofs import PROOFS
from tests.fixtures_mail import Postbox, serve
from tests.http.people import rows, sign_in, until, visitor
from tests.http.wire import STUDIO, connect, load
from tests.system import ROOT, System


@pytest.fixture(scope="module")
async def busy(database, scratch: Path) -> AsyncIterator[System]:
    """A studio of its own with a mail server, used once by somebody."""
    post = Postbox()
    server = serve(post)
    extra = {"SMTP_URL": f"smtp://127.0.0.1:{post.port}", "STUDIO_OPERATORS": "operator@example.org"}
    try:
        with System(folder=scratch / "proofs", database_url=database.fresh(), extra=extra) as running:
            who = await sign_in(running)
            async with connect(running, cookie=who.token) as socket:
                await load(socket)
                socket.call(f"{STUDIO}.generate", form={"prompt": "a lake"})
                await until(running, "SELECT true FROM assets WHERE account_id = %s", who.account_id, seconds=60)
            await until(running, "SELECT true FROM mails WHERE state = 'sent'", seconds=60)
            assert post.received
            yield running
    finally:
        await asyncio.to_thread(server.stop)


def measured(system: System, *more: str) -> tuple[int, list[dict]]:
    """What the command says: its exit code and its list."""
    done = subprocess.run(
        [sys.executable, "-m", "studio", "privacy", "proofs", "--json", *more],
        env=system.environment(system.ports[0]), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


async def test_a_full_run_calls_no_host_outside_the_list(busy: System):
    for guard, process in (("egress", "worker"), ("cookies", "web")):
        counted = "SELECT sum(allowed) > 0 FROM guard_counts WHERE guard = %s AND process = %s"
        await until(busy, counted, guard, process, seconds=90)
    assert rows(busy, "SELECT sum(refused) AS n FROM guard_counts")[0].n == 0
    assert "Refused" not in "".join(path.read_text() for path in busy.folder.glob("*.log"))


async def test_the_command_measures_all_of_them_and_its_exit_says_whether_they_are_kept(busy: System):
    code, found = measured(busy, "--store")
    assert [each["id"] for each in found] == [each.id for each in PROOFS]
    assert all(set(each) == {"id", "ok", "figure", "checked_at"} for each in found)
    by_id = {each["id"]: each for each in found}
    for name in ("D1", "D2", "D3", "W1", "W2", "W3", "C1", "K1"):
        assert by_id[name]["ok"], by_id[name]
    assert code == (0 if all(each["ok"] for each in found) else 1)
    stored = rows(busy, "SELECT id, ok, figure, runs FROM proof_results")
    assert {row.id for row in stored} == set(by_id)


async def test_what_turns_red_is_mailed_to_the_operator_and_shown_to_everybody(busy: System):
    rows(busy, "UPDATE accounts SET attested_at = NULL")
    try:
        code, found = measured(busy, "--store")
        assert code == 1
        assert not next(each for each in found if each["id"] == "K1")["ok"]
        told = rows(busy, "SELECT recipient, category FROM mails WHERE dedupe_key LIKE 'proof:K1:%%'")
        assert [(row.recipient, row.category) for row in told] == [("operator@example.org", "security")]
        row = rows(busy, "SELECT ok, runs, failures FROM proof_results WHERE id = 'K1'")[0]
        assert (row.ok, row.failures) == (False, 1)
    finally:
        rows(busy, "UPDATE accounts SET attested_at = studio_now()")
    async with visitor(busy) as client:
        page = (await client.get("/privacy/proof")).text
        feed = ElementTree.fromstring((await client.get("/privacy/proof.atom")).text)  # noqa: S314  # it is our own
    shown = re.search(r'<tr id="K1">.*?</tr>', page, re.DOTALL)
    assert shown
    assert "not kept" in shown[0], "the day on which it was red stays to be seen"
    atom = "{http://www.w3.org/2005/Atom}"
    entries = feed.findall(f"{atom}entry")
    assert len(entries) == 1
    title, content = (entries[0].findtext(f"{atom}{name}") or "" for name in ("title", "content"))
    assert "K1" in title
    assert "measurements failed" in content


async def test_the_page_is_whole_without_a_script_and_names_nobody(busy: System):
    who = await sign_in(busy)
    async with visitor(busy) as client:
        answer = await client.get("/privacy/proof")
        figures = (await client.get("/privacy/proof.json")).json()
    assert answer.status_code == 200
    assert "<script" not in answer.text
    for proof in PROOFS:
        row = re.search(rf'<tr id="{proof.id}">.*?</tr>', answer.text, re.DOTALL)
        assert row
        assert proof.promise in row[0]
        assert row[0].count("<i ") == 30
        assert re.search(r"Passing|Failing|Late", row[0])
    assert who.email not in answer.text
    assert "operator@example.org" not in answer.text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", answer.text), "no id of anything"
    assert [each["id"] for each in figures] == [each.id for each in PROOFS]
    assert set(answer.cookies) == set()


async def test_a_cookie_that_nobody_was_told_of_does_not_leave(busy: System):
    from starlette.responses import PlainTextResponse
    from starlette.types import Receive, Scope, Send

    from studio.http.cookielist import CookieList
    from studio.services import guards

    async def sets_cookies(scope: Scope, receive: Receive, send: Send) -> None:
        answer = PlainTextResponse("x")
        year = 365 * 86_400
        answer.set_cookie("theme", "dark", max_age=year)
        answer.set_cookie("_tracker", "1")
        answer.set_cookie("theme", "long", max_age=year + 1)
        answer.headers.append("set-cookie", "theme=dated; Expires=Fri, 01 Jan 2100 00:00:00 GMT")
        answer.headers.append("set-cookie", "theme=odd; Max-Age=soon")
        await answer(scope, receive, send)

    sent: list = []

    async def send(message) -> None:
        sent.append(message)

    before = guards.COOKIES.take()
    await CookieList(sets_cookies)({"type": "http"}, None, send)  # type: ignore[arg-type]  # it receives nothing
    left = [value.partition(b";")[0] for name, value in sent[0]["headers"] if name == b"set-cookie"]
    assert left == [b"theme=dark"]
    assert guards.COOKIES.take() == (1, 4)
    guards.COOKIES.put_back(before)
