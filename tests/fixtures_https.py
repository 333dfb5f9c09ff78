"""A real https server of this machine with a certificate of its own authority, for what fetches from outside."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from studio.services.identity.fetching import Rules

LOCAL = "127.0.0.1"
Answer = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived: the name of the TLS handshake, the request line's path, the headers."""

    sni: str | None
    path: str
    headers: dict[str, str]


@dataclass
class Server:
    """What was asked of it, and the rules under which it may be reached."""

    port: int
    authority: ssl.SSLContext
    asked: list[Asked] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    names: dict[str, Sequence[str]] = field(default_factory=dict)

    def url(self, path: str, host: str = "pictures.example.org") -> str:
        return f"https://{host}:{self.port}{path}"

    def rules(self, *, seconds: float = 20.0) -> Rules:
        """This machine counts as public here, and nothing else does; names are answered from `names`."""

        async def resolve(host: str, port: int) -> Sequence[str]:
            self.resolved.append(host)
            return self.names.get(host, [LOCAL])

        return Rules(
            resolve=resolve,
            allowed=lambda address: address == ipaddress.ip_address(LOCAL),
            ports=frozenset({self.port}),
            context=self.authority,
            seconds=seconds,
        )


def _certificate(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority for one test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


async def _read(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    return head[0].split()[1], {name.lower(): value.strip() for name, _, value in pairs}


@asynccontextmanager
async def https(folder: Path, answers: dict[str, Answer], names: Sequence[str]) -> AsyncIterator[Server]:
    """Serve `answers` by path until the block ends; `names` are on the certificate."""
    certificate, key = _certificate(folder, names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    said: dict[ssl.SSLObject | ssl.SSLSocket, str | None] = {}
    context.sni_callback = lambda connection, name, _: said.__setitem__(connection, name)  # type: ignore[assignment]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path, headers = await _read(reader)
            asked = Asked(said.get(writer.get_extra_info("ssl_object")), path, headers)
            running.asked.append(asked)
            await answers[path.partition("?")[0]](asked, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side has gone, as it should when it has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, LOCAL, 0, ssl=context)
    running = Server(server.sockets[0].getsockname()[1], ssl.create_default_context(cafile=certificate))
    try:
        yield running
    finally:
        server.close()
