"""A provider's picture is fetched from the public internet only, however its address is written or answered."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from studio.services.identity import fetching
from studio.services.identity.fetching import MAX_BYTES, PictureRefused, Rules, clean_url, fetch, is_public
from tests.fixtures_https import LOCAL, Answer, Asked, Server, https

BYTES = b"\x89PNG not quite" * 100


def answer(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    async def send(_: Asked, writer: asyncio.StreamWriter) -> None:
        length = (
            ()
            if any(h.lower().startswith(("content-length", "transfer")) for h in headers)
            else (f"content-length: {len(body)}",)
        )
        lines = [f"HTTP/1.1 {status}", "connection: close", *length, *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return send


def to(location: str) -> Answer:
    """A redirect; `{port}` in it is this server's own, so that nothing but the rest can be the reason to refuse."""

    async def send(asked: Asked, writer: asyncio.StreamWriter) -> None:
        there = location.replace("{port}", asked.headers["host"].rpartition(":")[2])
        await answer(b"", f"location: {there}", status="302 Found")(asked, writer)

    return send


async def unsaid(_: Asked, writer: asyncio.StreamWriter) -> None:
    """One byte too many, and no word of how many there will be."""
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * (MAX_BYTES + 1))


async def endless(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while True:  # until the other side hangs up
        writer.write(b"x" * 65_536)
        await writer.drain()


async def silent(_: Asked, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def dripping(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)  # slow on purpose


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    answers: dict[str, Answer] = {
        "/me.png": answer(BYTES),
        "/chunked": answer(b"3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        "/once": to("/me.png"),
        "/twice": to("/once"),
        "/thrice": to("/twice"),
        "/inside": to("https://inside.example.org:{port}/me.png"),
        "/literal": to("https://127.0.0.1:{port}/me.png"),
        "/http": to("http://pictures.example.org:{port}/me.png"),
        "/file": to("file:///etc/passwd"),
        "/loop": to("/loop"),
        "/large": answer(b"x" * (MAX_BYTES + 1)),
        "/unsaid": unsaid,
        "/exact": answer(b"x" * MAX_BYTES),
        "/packed": answer(BYTES, "content-encoding: gzip"),
        "/gone": answer(b"", status="404 Not Found"),
        "/negative": answer(b"", "content-length: -1"),
        "/endless": endless,
        "/silent": silent,
        "/dripping": dripping,
    }
    names = ["pictures.example.org", "inside.example.org", "other.example.org"]
    async with https(tmp_path, answers, names) as running:
        running.names["inside.example.org"] = ["10.0.0.7"]
        yield running


async def test_a_picture_comes_from_the_checked_address_under_its_own_name(server: Server):
    assert await fetch(server.url("/me.png?s=96"), rules=server.rules()) == BYTES
    [asked] = server.asked
    assert asked.sni == "pictures.example.org"
    assert asked.headers["host"] == f"pictures.example.org:{server.port}"
    assert asked.path == "/me.png?s=96"
    assert set(asked.headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert server.resolved == ["pictures.example.org"], "the name is looked up once: nothing can answer anew"


@pytest.mark.parametrize(("path", "body"), [("/once", BYTES), ("/twice", BYTES), ("/exact", b"x" * MAX_BYTES)])
async def test_what_is_within_the_rules_is_fetched(server: Server, path: str, body: bytes):
    assert await fetch(server.url(path), rules=server.rules()) == body


@pytest.mark.parametrize(
    "path",
    ["/thrice", "/loop", "/inside", "/literal", "/http", "/file", "/large", "/unsaid", "/packed", "/gone", "/negative",
     "/endless"],
)  # fmt: skip
async def test_what_is_not_is_refused(server: Server, path: str):
    with pytest.raises(PictureRefused):
        await fetch(server.url(path), rules=server.rules())
    assert len(server.asked) <= 3
    assert "/me.png" not in [asked.path for asked in server.asked]


@pytest.mark.parametrize("path", ["/silent", "/dripping"])
async def test_a_slow_server_is_left_alone_after_a_while(server: Server, path: str):
    loop = asyncio.get_running_loop()
    before = loop.time()
    with pytest.raises(PictureRefused):
        await fetch(server.url(path), rules=server.rules(seconds=0.5))
    assert loop.time() - before < 10


async def test_a_certificate_of_another_name_or_authority_is_refused(server: Server):
    with pytest.raises(PictureRefused):
        await fetch(server.url("/me.png", host="somebody-else.example.org"), rules=server.rules())
    rules = server.rules()
    stranger = Rules(resolve=rules.resolve, allowed=rules.allowed, ports=rules.ports, seconds=rules.seconds)
    with pytest.raises(PictureRefused):
        await fetch(server.url("/me.png"), rules=stranger)
    assert server.asked == []


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.7"],
        ["127.0.0.1", "10.0.0.7"],
        ["10.0.0.7", "127.0.0.1"],
        ["::1"],
        [],
        ["nonsense"],
        [LOCAL, "::ffff:127.0.0.1"],
    ],
)
async def test_a_name_with_one_private_address_is_not_connected_to_at_all(server: Server, answers: list[str]):
    server.names["pictures.example.org"] = answers
    with pytest.raises(PictureRefused):
        await fetch(server.url("/me.png"), rules=server.rules())
    assert server.asked == []


async def test_a_proxy_of_the_environment_is_not_asked(server: Server, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await fetch(server.url("/me.png"), rules=server.rules()) == BYTES


HOSTILE = [
    "", "pictures.example.org", "http://pictures.example.org/a.png", "ftp://pictures.example.org/a.png",
    "file:///etc/passwd", "data:image/png;base64,AAAA", "javascript:alert(1)", "//pictures.example.org/a.png",
    "https://", "https:///a.png", "https://localhost/a.png", "https://intranet/a.png",
    "https://127.0.0.1/a.png", "https://127.1/a.png", "https://2130706433/a.png", "https://0x7f000001/a.png",
    "https://0x7f.0.0.1/a.png", "https://0177.0.0.1/a.png", "https://017700000001/a.png", "https://127.0.0.1./a.png",
    "https://8.8.8.8/a.png", "https://[::1]/a.png", "https://[::ffff:127.0.0.1]/a.png", "https://[fe80::1%25eth0]/a.png",
    "https://[64:ff9b::7f00:1]/a.png", "https://①②⑦.⓪.⓪.①/a.png", "https://pictures.example.org。/a.png",
    "https://user@pictures.example.org/a.png", "https://user:word@pictures.example.org/a.png",
    "https://pictures.example.org:8443/a.png", "https://pictures.example.org:22/a.png",
    "https://pictures.example.org:99999/a.png", "https://pictures.example.org:0/a.png",
    "https://pictures.example.org\\@127.0.0.1/a.png", "https://127.0.0.1\t.example.org/a.png",
    "https://pictures.example.org/a\r\nhost: 127.0.0.1", "https://pictures.example.org/a b",
    "https://pictures.example.org./a.png", "https://-a.example.org/a.png", "https://a..example.org/a.png",
    "https://" + "a" * 64 + ".example.org/a.png", "https://pictures.example.org/" + "a" * 2000,
    "https://[pictures.example.org]/a.png", "https://pictures.example.org[::1]/a.png", "https://pictures.example.123/a",
    "https://pictures.example.0x7f/a",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_neither_kept_nor_looked_up(url: str):
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["93.184.215.14"]

    assert clean_url(url) == ""
    with pytest.raises(PictureRefused):
        await fetch(url, rules=Rules(resolve=resolve))
    assert looked_up == []


@pytest.mark.parametrize("value", [None, 7, ["https://a.example.org/"], {"url": "https://a.example.org/"}])
def test_a_claim_that_is_no_text_is_no_picture(value: object):
    assert clean_url(value) == ""


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://lh3.googleusercontent.com/a/AC=s96-c", "https://lh3.googleusercontent.com/a/AC=s96-c"),
        ("https://Pictures.Example.ORG:443/a.png?s=1#top", "https://pictures.example.org/a.png?s=1"),
        ("https://pictures.example.org", "https://pictures.example.org/"),
        ("https://xn--bcher-kva.example/ä".replace("ä", "%C3%A4"), "https://xn--bcher-kva.example/%C3%A4"),
    ],
)
def test_an_ordinary_address_is_kept(url: str, kept: str):
    assert clean_url(url) == kept


PRIVATE = [
    "0.0.0.0",  # noqa: S104  # nothing is bound
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2001:20::1", "2002:7f00:1::1", "2002:808:808::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_somebodys_public_one_is_refused(address: str):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "142.250.74.97", "2606:4700::1111", "2a00:1450::1"])
def test_a_public_address_is_one(address: str):
    assert is_public(ipaddress.ip_address(address))


async def test_the_systems_own_resolver_is_held_to_the_same_rule():
    with pytest.raises(PictureRefused):
        await fetch("https://localhost.localdomain/", rules=Rules(resolve=_this_machine, seconds=20))


async def _this_machine(host: str, port: int) -> Sequence[str]:
    return await fetching.resolve("localhost", port)
