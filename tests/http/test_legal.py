"""The public documents can be read without signing in and without a script, and say what is so at this installation."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import psycopg
import pytest

from studio.config import settings as ours
from studio.http.routes import ROUTES
from studio.legal import texts
from studio.links import DOCUMENTS, FOOTER
from studio.services import cookies, installation, retention
from tests.conftest import Database
from tests.http.people import COOKIE, value, visitor
from tests.system import ROOT, System

TEN = [
    "Data we collect",
    "Why we collect it",
    "Third parties involved",
    "Where data lives",
    "Retention",
    "Your rights",
    "Cookies",
    "Children",
    "Changes",
    "Contact",
]
# What /privacy promises, in figures and names that a reader could hold it to.
PROMISED = (
    *("name", "e-mail address", "profile picture", "account was made", "prompts", "reference images", "parameters"),
    *("labels and ratings", "workspaces", "path, status code, latency, request id", "error events", "queue", "ledger"),
    *("do not sell", "do not use your content to train", "ByteDance / BytePlus", "Standard Contractual Clauses"),
    *("purged within 30 days", "kept for 30 days", "7 years", "Download my data", "Delete my account", "72 hours"),
    *("under 16", "at least 14 days before", "mailed to every account holder", "encrypted at rest"),
)


def words(html: str) -> str:
    """What a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def footed(html: str) -> list[str]:
    """Where the footer of a page leads."""
    return re.findall(r'<a href="([^"]+)">', html.partition("<footer")[2])


async def text_of(system: System, path: str) -> str:
    async with visitor(system) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, path
    return answer.text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.kind)
async def test_a_document_is_whole_without_a_script(system: System, document):
    html = await text_of(system, document.path)
    shipped = next(text for text in texts.shipped() if text.kind == document.kind)
    wanted = [line[3:] for line in shipped.body.splitlines() if line.startswith("## ")]
    found = re.findall(r'<h2 id="([^"]+)"><span class="n">(\d+\.)</span> ([^<]+)</h2>', html)
    assert [unescape(f"{number} {title}") for _, number, title in found] == wanted
    assert [number for _, number, _ in found] == [f"{n}." for n in range(1, len(wanted) + 1)]
    contents = re.findall(r'<a href="#([^"]+)">', html.partition('class="toc"')[2].partition("</nav>")[0])
    assert contents == [anchor for anchor, _, _ in found]
    said = words(html)
    for part in (f"Version {shipped.number}", "Last updated 25 November 2026", "In effect", shipped.sha256):
        assert part in said, part
    for contact in (ours().privacy_contact, ours().legal_contact):
        assert f'href="mailto:{contact}"' in html
    assert ours().operator_name in said
    assert "not been reviewed by counsel" in said
    assert html.count("<h1>") == 1
    for never in ("<script", "onclick", "javascript:", "{{", "{%", "http://localhost"):
        assert never not in html, never


async def test_the_policy_has_the_ten_sections_and_every_figure_of_the_contract(system: System):
    html = await text_of(system, "/privacy")
    assert re.findall(r"</span> ([^<]+)</h2>", html) == TEN
    said = words(html)
    for promise in PROMISED:
        assert promise in said, promise
    assert "a simulator on our own machine stands in" in said, "no key is set here"
    assert f"primary region of {ours().operator_name}: {ours().region}" in said


@pytest.mark.parametrize("path", ["/signin/nothing", *(path for _, path in FOOTER if "#" not in path)])
async def test_every_plain_page_leads_to_every_document(system: System, path: str):
    async with visitor(system) as client:
        answer = await client.get(path)
    assert footed(answer.text) == [target for _, target in FOOTER]


async def test_each_link_of_a_footer_leads_somewhere_and_none_is_missing(system: System):
    async with visitor(system) as client:
        for _, path in FOOTER:
            assert (await client.get(path)).status_code == 200, path
    assert {document.path for document in DOCUMENTS} <= {path for _, path in FOOTER}
    # The page of proofs is linked from the day its route exists, and not before.
    proofs = "/privacy/proof"
    assert (proofs in {route.path for route in ROUTES}) == (proofs in {path for _, path in FOOTER})


async def test_cookies_lists_each_cookie_with_its_purpose_and_its_life(system: System):
    said = words(await text_of(system, "/cookies"))
    for cookie in cookies.cookies(ours()):
        assert f"{cookie.name} {cookie.purpose}" in said or f"{cookie.name} {cookie.category} {cookie.purpose}" in said
        assert cookie.life in said
    for item in cookies.STORAGE:
        assert f"{item.name} {item.place} {item.purpose} {item.life}" in said
    assert cookies.necessary(ours()) == {COOKIE, "workspace", "theme"}


async def test_security_reads_the_settings_in_force(system: System):
    said = words(await text_of(system, "/security"))
    assert f"after {ours().session_idle_days} days without use, and after {ours().session_absolute_days} days" in said
    assert "monthly cap of $40.00; no cap is higher than $500.00" in said
    assert "Backups are not set up at this installation" in said
    assert "without TLS and is meant for this computer only" in said
    assert "row-level security" in said
    assert "Request logs and error events 30 days" in said


async def test_security_shows_what_is_kept_now_and_the_last_backups(system: System):
    said = words(await text_of(system, "/security"))
    for each in retention.TABLE:
        assert each.label in said, each.what
        assert f"from {each.since}" in said, each.what
    assert "Last backup: never." in said
    assert "In time" in said


def test_the_text_says_how_often_backups_are_made_and_how_long_they_are_kept():
    assert installation.facts(ours())["backups"] == ""
    kept = replace(ours(), backup=Path("backups"), backup_hours=6, backup_days=14)
    assert (
        "every 6 hours, encrypted before it leaves the machine, and removed after 14 days"
        in (installation.facts(kept)["backups"])
    )


async def test_the_addendum_holds_the_standard_contractual_clauses(system: System):
    said = words(await text_of(system, "/dpa"))
    for part in ("(EU) 2021/914", "Module Two", "Module Three", "Annex I ", "Annex II ", "Annex III ", "Article 28"):
        assert part in said, part


async def test_without_a_vendor_nobody_is_listed(system: System):
    said = words(await text_of(system, "/subprocessors"))
    assert "sends data to no third party" in said


@pytest.mark.parametrize(("cookie", "theme"), [("dark", "dark"), ("light", "light"), ("system", ""), ('"><b', "")])
async def test_the_theme_is_the_cookies_or_the_systems(system: System, cookie: str, theme: str):
    async with visitor(system, headers={"cookie": f"theme={cookie}"}) as client:
        answer = await client.get("/terms")
    assert f'<html lang="en" class="{theme}">' in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/prices/versions",
        "/privacy/versions/9.9",
        "/privacy/versions/x",
        "/privacy/versions/1.0.0",
        "/x/versions/1.0/diff",
    ],
)
async def test_what_there_is_no_version_of_is_not_found(system: System, path: str):
    async with visitor(system) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


async def test_reading_leaves_no_cookie_and_a_template_in_the_log(system: System):
    async with visitor(system) as client:
        answer = await client.get("/privacy/versions/1")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


@pytest.fixture(scope="module")
def published(database: Database, scratch: Path) -> Iterator[System]:
    """A Studio of its own with vendors, whose operator published a version and new terms with the product's command."""
    folder = scratch / "published"
    folder.mkdir()
    (folder / "processors.toml").write_text(
        '[mail]\nname = "Post & Sons"\nregion = "eu-west"\ndpa = "https://post.example.net/dpa"\n'
        '[hosting]\nname = "House <b>"\nregion = "eu-west"\ndpa = "https://house.example.net/dpa"\n'
    )
    extra = {
        "STUDIO_OPERATOR_NAME": "Lakeside <i>Studio</i>",
        "STUDIO_PRIVACY_CONTACT": "privacy@lakeside.studio",
        "STUDIO_LEGAL_CONTACT": "legal@lakeside.studio",
        "STUDIO_REGION": "eu-central",
        "STUDIO_COUNSEL_REVIEWED": "2026-11-25",
        "SMTP_URL": "smtp://nobody:nothing@mail.post.example.net:2525",
        "STUDIO_PROCESSORS_FILE": str(folder / "processors.toml"),
    }
    shipped = next(text for text in texts.shipped() if text.kind == "privacy")
    new = (
        shipped.source.replace("version: 1.0", "version: 1.1")
        .replace("updated: 2026-11-25", "updated: 2026-11-26")
        .replace("The first version.", "Logs are kept for 20 days instead of 30.")
        .replace("logs are kept for 30 days", "logs are kept for 20 days")
        .replace("We do not sell your personal data. ", "")
    )
    (folder / "privacy.md").write_text(new.replace("## 8. Children", "## 8. Children and schools"))
    with System(folder=folder / "system", database_url=database.fresh(), workers=0, extra=extra) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


def policy(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The product's own command."""
    return subprocess.run(
        [sys.executable, "-m", "studio", "policy", *arguments],
        env=system.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_an_operator_publishes_a_version_and_everybody_can_read_what_changes(published: System):
    file = str(published.folder.parent / "privacy.md")
    for day, why in (("2026-02-30", "expected a date"), ("2026-11-27", "first day it can take effect")):
        refused = policy(published, "publish", file, "--effective", day)
        assert (refused.returncode, why in refused.stderr) == (2, True), refused.stderr
    assert "cannot be read" in policy(published, "publish", file + "x", "--effective", "2030-01-01").stderr
    done = policy(published, "publish", file, "--effective", "2030-01-01")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Privacy policy 1.1 is published and takes effect on 2030-01-01" in done.stdout
    assert "privacy 1.1" in policy(published, "list").stdout
    assert "+- Operational logs are kept for 20 days" in policy(published, "diff", "privacy").stdout
    assert (
        policy(published, "show", "privacy", "1.1").stdout
        == (published.folder.parent / "privacy.md").read_text() + "\n"
    )

    now = words(await text_of(published, "/privacy"))
    assert "Version 1.1 takes effect on 1 January 2030. See what changes" in now
    assert "logs are kept for 30 days" in now
    history = words(await text_of(published, "/privacy/versions"))
    assert history.index("Version 1.1") < history.index("Version 1.0 in force")
    coming = words(await text_of(published, "/privacy/versions/1.1"))
    assert "not in force yet. It takes effect on 1 January 2030; until then version 1.0 applies" in coming
    assert "logs are kept for 20 days" in coming
    diff = (await text_of(published, "/privacy/versions/1.1/diff")).partition('class="compared"')[2]
    assert "are kept for <del>30</del><ins>20</ins> days" in diff
    assert "<ins> and schools</ins>" in diff
    assert "<del>We do not sell your personal data. </del>" in diff or "<del>sell" in diff
    assert len(re.findall(r"<(?:ins|del)>", diff)) < 12


async def test_settings_are_text_wherever_they_appear(published: System):
    for document in DOCUMENTS:
        html = await text_of(published, document.path)
        assert "<i>" not in html
        assert "Lakeside &lt;i&gt;Studio&lt;/i&gt;" in html
        assert "example.com" not in html


async def test_processors_are_those_of_the_settings_and_of_the_operators_file(published: System):
    html = await text_of(published, "/subprocessors")
    rows = re.findall(r"<tr><td>(.*?)</td></tr>", html)
    assert len(rows) == 2
    assert words(rows[0]) == (
        "Post & Sons Delivers mail about accounts eu-west E-mail address and what the mail says DPA of Post & Sons"
    )
    assert '<a href="https://post.example.net/dpa">' in rows[0]
    assert words(rows[1]).startswith("House <b> Runs the servers")


async def test_a_review_speaks_for_the_texts_that_were_there(published: System):
    assert "not been reviewed" not in await text_of(published, "/privacy")
    assert "not been reviewed" in await text_of(published, "/privacy/versions/1.1")


async def test_who_joins_is_shown_what_comes_and_agrees_to_both(published: System):
    from tests.http.people import make_link, rows

    link = make_link(published, "new@lakeside.studio")
    rows(published, "DELETE FROM agreements")  # the person has an account, and has answered nothing yet
    async with visitor(published) as client:
        answer = await client.get(f"/signin/{link}")
        client.cookies = answer.cookies
        page = (await client.get("/join")).text
        assert footed(page) == [target for _, target in FOOTER]
        assert "Privacy policy 1.0" in page
        assert "from 1 January 2030" in words(page)
        assert '<a href="/privacy/versions/1.1"' in page
        form = {"adult": "1", "terms": "1"}
        stale = await client.post("/join", data={**form, "shown": "privacy-1.0,terms-1.0"})
        assert (stale.status_code, "A new version was published" in stale.text) == (422, True)
        shown = re.search(r'name="shown" value="([^"]+)"', page)
        assert shown is not None
        assert (await client.post("/join", data={**form, "shown": shown[1]})).status_code == 303
    agreed = rows(published, "SELECT kind, version FROM agreements ORDER BY kind, version")
    assert [tuple(row) for row in agreed] == [("privacy", "1.0"), ("privacy", "1.1"), ("terms", "1.0")]
    assert value(published, "SELECT outcome FROM policy_notices") == "joined"


def test_a_changed_text_stops_the_start(published: System):
    with psycopg.connect(published.database_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE policy_versions DISABLE TRIGGER policy_versions_stay")
        owner.execute(
            "UPDATE policy_versions SET source = source || 'x', sha256 = encode(sha256(convert_to(source || 'x', "
            "'UTF8')), 'hex') WHERE kind = 'terms'"
        )
    done = subprocess.run(
        [sys.executable, "-m", "studio", "worker"],
        env=published.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "terms/1.0.md: this text was changed after it was registered" in done.stderr
