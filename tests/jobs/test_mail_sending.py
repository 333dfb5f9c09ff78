"""The postman against a real mail server: what is accepted, refused, cut short or not to be trusted."""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from studio import config
from studio.config import SettingsError
from studio.db import SYSTEM, role_options, transaction
from studio.jobs.mailing import Mailer
from studio.services import mail, mail_outbox
from studio.services.mail_smtp import server_of
from tests.fixtures_mail import LOCK, Postbox, empty_outbox, post, rows_of, send, serve

__all__ = ["post"]


async def write(to: str, template: str = "welcome", **data: Any) -> UUID:
    async with transaction(SYSTEM) as session:
        made = await mail.enqueue(session, account_id=None, to=to, template=template, data=data)
    assert made is not None
    return made


async def row(to: str) -> Any:
    (found,) = await rows_of(to)
    return found


def address(name: str = "") -> str:
    return f"{name}{uuid4().hex[:12]}@example.org"


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return body.get_content()


async def test_a_mail_arrives_as_text_and_html_with_the_id_of_its_row(post: Postbox):
    to = address()
    await write(to, "cap_reached", percent=80, used=32_000_000, cap=40_000_000, resets="2026-12-01")
    await send()
    (message,) = post.to(to)
    sent = await row(to)
    assert message["Message-ID"] == sent.message_id
    assert (message["To"], message["From"]) == (to, "Example operator <studio@studio.example.org>")
    assert message["Subject"] == "80 % of your monthly cap is used"
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(message["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert message.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        said = part(message, kind)
        assert "$32.00" in said
        assert "1 December 2026" in said
        assert "http://127.0.0.1:3000/settings/spend" in said
    assert (sent.state, sent.code, sent.tries, sent.data, sent.worker_lock) == ("sent", 250, 1, {}, None)


async def test_a_refused_address_is_recorded_with_its_code_and_never_tried_again(post: Postbox):
    bad, good = address("bad"), address()
    post.rcpt = lambda recipient, _: "550 5.1.1 no such user" if recipient == bad else None
    await write(bad)
    await write(good)
    await send(turns=2)
    refused = await row(bad)
    assert (refused.state, refused.code, refused.reason) == ("bounced", 550, "recipient_refused")
    assert (refused.data, refused.tries, post.tries[bad]) == ({}, 1, 1)
    assert len(post.to(good)) == 1


async def test_a_refused_message_is_a_bounce_as_well(post: Postbox):
    to = address()
    post.data = lambda *_: "554 5.7.1 not this one"
    await write(to)
    await send(turns=2)
    found = await row(to)
    assert (found.state, found.code, found.reason) == ("bounced", 554, "message_refused")


@pytest.mark.parametrize("answer", ["450 4.2.1 later", "451 4.3.0 later", "452 4.2.2 full", "421 4.3.2 going down"])
@pytest.mark.parametrize("where", ["rcpt", "data"])
async def test_a_passing_refusal_is_tried_again_later_with_the_same_id(post: Postbox, answer: str, where: str):
    to = address()
    setattr(post, where, lambda _, tries: answer if tries <= 2 else None)
    await write(to)
    await send()
    waiting = await row(to)
    assert (waiting.state, waiting.tries, waiting.code) == ("queued", 1, int(answer[:3]))
    assert timedelta(seconds=20) < waiting.due_at - datetime.now(UTC) < timedelta(seconds=60)
    await send()  # not due yet
    assert (await row(to)).tries == 1
    await send(turns=3)
    sent = await row(to)
    assert (sent.state, sent.tries) == ("sent", 3)
    assert [message["Message-ID"] for message in post.to(to)] == [waiting.message_id]


async def test_each_wait_is_longer_than_the_one_before_up_to_an_hour(post: Postbox):
    to = address()
    mail_id = await write(to)
    post.rcpt = lambda *_: "451 later"
    waits = []
    for _ in range(10):
        await send()
        waits.append(((await row(to)).due_at - datetime.now(UTC)).total_seconds())
        async with transaction(SYSTEM) as session:
            await session.execute(text("UPDATE mails SET due_at = studio_now() WHERE id = :id"), {"id": mail_id})
    assert waits[0] < waits[2] < waits[4] < waits[6]
    assert 3500 < waits[-1] < 4600


async def test_a_mail_that_did_not_get_through_for_two_days_has_failed_and_may_be_sent_again(post: Postbox):
    to = address()
    mail_id = await write(to)
    post.rcpt = lambda *_: "451 later"
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE mails SET created_at = created_at - interval '49 hours'"))
    await send()
    failed = await row(to)
    assert (failed.state, failed.code) == ("failed", 451)
    post.rcpt = lambda *_: None
    async with transaction(SYSTEM) as session:
        await mail_outbox.send_again(session, mail_id=mail_id)
    await send()
    assert [message["Message-ID"] for message in post.to(to)] == [failed.message_id]


async def test_a_connection_cut_in_the_middle_of_a_message_is_made_again_with_the_same_id(post: Postbox):
    cut, next_one = address(), address()
    post.cuts[cut] = 1
    mail_id = await write(cut)
    await write(next_one)
    await send()
    waiting = await row(cut)
    assert (waiting.state, waiting.reason) == ("queued", "connection_lost")
    assert len(post.to(next_one)) == 1  # on a new connection
    await send(turns=2)
    assert [message["Message-ID"] for message in post.to(cut)] == [f"<{mail_id}@studio.example.org>"]


async def test_while_the_server_is_away_one_mail_is_tried_and_the_others_wait(
    post: Postbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:1")
    config.settings.cache_clear()
    to = [address() for _ in range(5)]
    for each in to:
        await write(each)
    mailer = Mailer(lock=LOCK)
    await mailer.run()
    await mailer.run()
    found = [await row(each) for each in to]
    assert sorted(each.tries for each in found) == [0, 0, 0, 0, 1]
    assert {each.state for each in found} == {"queued"}


async def test_what_is_wrong_with_us_is_no_reason_to_give_an_address_up(post: Postbox):
    to = address()
    post.mail = lambda *_: "550 5.7.1 we do not know you"
    await write(to)
    await send()
    found = await row(to)
    assert (found.state, found.code, found.reason) == ("queued", 550, "sender_refused")


# Who is in the middle of something


async def test_a_mail_a_dead_worker_was_sending_goes_again_and_that_of_a_living_one_does_not(post: Postbox):
    dead, living = address(), address()
    for lock, to in ((LOCK + 1, dead), (LOCK + 2, living)):
        await write(to)
        async with transaction(SYSTEM) as session:
            assert await mail_outbox.claim(session, worker_lock=lock)
    url = config.settings().database_url
    assert url is not None
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, options=role_options("sys")) as alive:
        await alive.execute("SELECT pg_advisory_lock(%s)", (LOCK + 2,))
        async with transaction(SYSTEM) as session:
            assert await mail_outbox.due(session)
        await send()
        assert [message["Message-ID"] for message in post.to(dead)] == [(await row(dead)).message_id]
        assert (post.to(living), (await row(living)).state) == ([], "sending")
        async with transaction(SYSTEM) as session:
            assert not await mail_outbox.due(session)


async def test_a_worker_sends_one_at_a_time_and_two_workers_share_without_doubles(post: Postbox):
    at_once, most = 0, 0
    to = [address() for _ in range(30)]
    for each in to:
        await write(each)
    mailers = [Mailer(lock=LOCK), Mailer(lock=LOCK + 1)]
    original = Mailer._try

    async def counted(self: Mailer, *args: Any) -> Any:
        nonlocal at_once, most
        if self is mailers[0]:
            at_once += 1
            most = max(most, at_once)
        try:
            return await original(self, *args)
        finally:
            if self is mailers[0]:
                at_once -= 1

    url = config.settings().database_url
    assert url is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mailer, "_try", counted)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, options=role_options("sys")) as alive:
            for lock in (LOCK, LOCK + 1):
                await alive.execute("SELECT pg_advisory_lock(%s)", (lock,))
            await asyncio.gather(*(mailer.run() for mailer in mailers for _ in range(3)))
    assert most == 1
    assert sorted(recipient for recipient, _ in post.received) == sorted(to)


async def test_an_accepted_mail_whose_record_failed_is_recorded_later_and_not_sent_again(
    post: Postbox, monkeypatch: pytest.MonkeyPatch
):
    to = address()
    await write(to)
    mailer = Mailer(lock=LOCK)

    async def broken(*_: Any, **__: Any) -> None:
        raise psycopg.OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(mail_outbox, "record", broken)
        with pytest.raises(psycopg.OperationalError):
            await mailer.run()
    assert (await row(to)).state == "sending"
    await mailer.run()
    assert ((await row(to)).state, len(post.to(to))) == ("sent", 1)


async def test_a_worker_that_is_stopped_while_it_sends_records_how_it_went(post: Postbox):
    to = address()
    post.data = lambda *_: time.sleep(0.5)  # in the server's own thread
    await write(to)
    job = asyncio.create_task(Mailer(lock=LOCK).run())
    while not await _claimed(to):  # each look waits for the database
        pass
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert ((await row(to)).state, len(post.to(to))) == ("sent", 1)


async def _claimed(to: str) -> bool:
    return (await row(to)).state != "queued"


async def test_what_somebody_waits_for_goes_before_what_can_wait(post: Postbox):
    slow, fast = address(), address()
    await write(slow, "receipt", month="October 2026", charged=1, images=1, videos=0)
    await write(fast)
    await send()
    assert [recipient for recipient, _ in post.received] == [fast, slow]


# Hostile and foreign characters


async def test_nothing_in_a_mail_can_become_a_header(post: Postbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STUDIO_OPERATOR_NAME", "Evil\u2028Bcc: x@example.org\x0b")
    config.settings.cache_clear()
    to = address()
    title = "Hi\u0085X-Evil: 1\u2029Bcc: y@example.org \u202edrawkcab"
    with pytest.raises(mail.UnknownMail):
        await write(
            to, "policy_change", document="a\rBcc: z@example.org", summary="s", effective="2026-12-24", link="/"
        )
    await write(to, "policy_change", document=title, summary="s", effective="2026-12-24", link="/terms")
    await send()
    (message,) = post.to(to)
    assert (message["Bcc"], message["X-Evil"]) == (None, None)
    assert message["Subject"].isprintable()
    assert [recipient for recipient, _ in post.received] == [to]
    head = post.raw[0].partition(b"\r\n\r\n")[0]
    names = {line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))}
    assert names == {
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version", b"Content-Type"
    }  # fmt: skip


async def test_markup_in_a_fact_stays_text(post: Postbox):
    to = address()
    evil = '<script>alert(1)</script> & "x"'
    await write(to, "policy_change", document=evil, summary=evil, effective="2026-12-24", link="/terms")
    await send()
    (message,) = post.to(to)
    assert "<script" not in part(message, "html")
    assert "&lt;script&gt;" in part(message, "html")
    assert evil in part(message, "plain")


async def test_addresses_and_subjects_beyond_ascii_arrive(post: Postbox):
    domain, local = f"x{uuid4().hex[:6]}@bücher.example", f"jörg{uuid4().hex[:6]}@example.org"
    for to in (domain, local):
        await write(to, "receipt", month="März ✓ " + "lang " * 20, charged=1, images=1, videos=0)
    await send()
    (first,) = post.to(domain.replace("bücher", "xn--bcher-kva"))
    (second,) = post.to(local)
    for message in (first, second):
        assert message["Subject"].startswith("Your receipt for März ✓ lang lang")
    assert all(len(line) <= 998 for raw in post.raw for line in raw.split(b"\r\n"))


async def test_an_address_the_server_cannot_take_is_a_bounce(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    await empty_outbox()
    postbox = Postbox()
    controller = serve(postbox, utf8=False)
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{postbox.port}")
    config.settings.cache_clear()
    local, nonsense = f"jörg{uuid4().hex[:6]}@example.org", f"a@{'x' * 70}.example"
    try:
        for to in (local, nonsense):
            await write(to)
        await send()
    finally:
        await asyncio.to_thread(controller.stop)
        monkeypatch.undo()
        config.settings.cache_clear()
    for to in (local, nonsense):
        found = await row(to)
        assert (found.state, found.reason) == ("bounced", "address_not_supported")


# Encryption


@pytest.fixture(scope="module")
def certificate(scratch: Path) -> Path:
    """A key and a certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = scratch / "mail.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def tls_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def take_credentials(seen: list[tuple[bytes, bytes]]) -> Any:
    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/w:rd", handled=False)

    return authenticate


async def attempt(
    monkeypatch: pytest.MonkeyPatch, url: str, *, public: str = "https://studio.example.org", **environment: str
) -> Any:
    """Send one mail under these settings; returns its row."""
    await empty_outbox()
    to = address()
    with monkeypatch.context() as patch:
        for name, value in {"SMTP_URL": url, "STUDIO_PUBLIC_URL": public, **environment}.items():
            patch.setenv(name, value)
        config.settings.cache_clear()
        await write(to)
        await send()
        found = await row(to)
    config.settings.cache_clear()
    return found


async def test_where_people_come_by_https_a_server_without_tls_gets_nothing(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
):
    postbox = Postbox()
    controller = serve(postbox)
    found = await attempt(monkeypatch, f"smtp://127.0.0.1:{postbox.port}")
    await asyncio.to_thread(controller.stop)
    assert (found.state, found.reason, postbox.received) == ("queued", "no_tls", [])


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_mail_goes_by_tls_to_a_server_whose_certificate_is_trusted_and_to_no_other(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch, certificate: Path, scheme: str, trusted: bool
):
    postbox, seen = Postbox(), []
    context = tls_context(certificate)
    tls: dict[str, Any] = (
        {"ssl_context": context} if scheme == "smtps" else {"tls_context": context, "require_starttls": True}
    )
    controller = serve(postbox, authenticator=take_credentials(seen), auth_require_tls=scheme == "smtp", **tls)
    trust = {"SSL_CERT_FILE": str(certificate)} if trusted else {}
    found = await attempt(monkeypatch, f"{scheme}://me%40x:p%40ss%2Fw%3Ard@127.0.0.1:{postbox.port}", **trust)
    await asyncio.to_thread(controller.stop)
    if trusted:
        assert (found.state, seen) == ("sent", [(b"me@x", b"p@ss/w:rd")])
    else:
        assert (found.state, found.reason, seen, postbox.received) == ("queued", "no_tls", [], [])


async def test_wrong_credentials_leave_the_mail_in_the_queue(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch, certificate: Path
):
    postbox = Postbox()
    controller = serve(postbox, authenticator=take_credentials([]), tls_context=tls_context(certificate))
    url = f"smtp://me:wrong@127.0.0.1:{postbox.port}"
    found = await attempt(monkeypatch, url, SSL_CERT_FILE=str(certificate))
    await asyncio.to_thread(controller.stop)
    assert (found.state, found.code, found.reason) == ("queued", 535, "server_refused")


@pytest.mark.parametrize(
    ("url", "public", "tls", "port"),
    [
        ("smtp://127.0.0.1", "http://127.0.0.1:3000", "plain", 587),
        ("smtp://localhost:25", "http://127.0.0.1:3000", "plain", 25),
        ("smtp://localhost:25", "https://studio.example.org", "starttls", 25),
        ("smtp://mail.example.org", "http://127.0.0.1:3000", "starttls", 587),
        ("smtp://mail.example.org", "https://studio.example.org", "starttls", 587),
        ("smtps://mail.example.org", "https://studio.example.org", "implicit", 465),
        ("smtps://127.0.0.1", "http://127.0.0.1:3000", "implicit", 465),
    ],
)
def test_plain_connections_are_for_this_machine_only(
    settings: config.Settings, url: str, public: str, tls: str, port: int
):
    made = server_of(config.load({"SMTP_URL": url, "STUDIO_PUBLIC_URL": public, "STUDIO_SECRET_KEY": "x" * 32}))
    assert made is not None
    assert (made.tls, made.port) == (tls, port)


@pytest.mark.parametrize("url", ["smtp://host:0x1", "smtp://host:99999", "smtp://user@host", "smtp://host/path"])
def test_a_half_set_mail_server_is_named(url: str):
    with pytest.raises(SettingsError, match="SMTP_URL"):
        server_of(config.load({"SMTP_URL": url, "STUDIO_SECRET_KEY": "x" * 32}))


# Without a server


async def test_without_a_server_each_mail_is_printed_once_and_stays_in_its_row(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    await empty_outbox()
    monkeypatch.delenv("SMTP_URL", raising=False)
    config.settings.cache_clear()
    to = address()
    await write(to, "email_confirm", link="/email/confirm/abc")
    await send(turns=2)
    said = capsys.readouterr().out
    assert said.count("Mail: Confirm your new email address") == 1
    assert "http://127.0.0.1:3000/email/confirm/abc" in said
    assert "<" not in said
    assert to not in said
    found = await row(to)
    assert (found.state, found.data) == ("shown", {"link": "/email/confirm/abc"})
    async with transaction(SYSTEM) as session:
        assert not await mail_outbox.due(session)
        assert await mail_outbox.counts(session) == {"shown": 1}
        assert [each.recipient for each in await mail_outbox.listed(session, state="shown")] == [to]
