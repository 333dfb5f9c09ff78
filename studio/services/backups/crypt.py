"""age (X25519, ChaCha20-Poly1305 in blocks of 64 KB), as streams in constant memory. The only place that knows pyrage.

The library reads and writes file-like objects and blocks while it does. It runs in a thread of its own; blocks of a
megabyte cross over to the event loop, one waiting on each side at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import cache
from pathlib import Path
from typing import Any

from studio.services.backups.errors import Damaged, WrongKey

_BLOCK = 1 << 20
_END = b""


def new_pair() -> tuple[str, str]:
    """A new private key and its public one."""
    identity = _age().x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def read_identities(path: Path) -> list[str]:
    """The private keys in a file: one a line, lines with # are remarks.

    Raises:
        WrongKey: there is none, or the file cannot be read.
    """
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError):
        raise WrongKey("STUDIO_BACKUP_IDENTITY_FILE cannot be read.") from None
    found = [line for line in lines if line and not line.startswith("#")]
    for line in found:
        _identity(line)
    if not found:
        raise WrongKey("STUDIO_BACKUP_IDENTITY_FILE holds no private key.")
    return found


def recipient_of(identity: str) -> str:
    """The public key of a private one."""
    return str(_identity(identity).to_public())


def check_recipient(recipient: str) -> None:
    """Raise WrongKey unless it is a public key."""
    _recipient(recipient)


def encrypted(source: AsyncIterator[bytes], *, recipient: str) -> AsyncGenerator[bytes, None]:
    """The stream, encrypted for whoever holds the recipient's private key."""
    key = _recipient(recipient)
    return _through(source, lambda reader, writer: _age().encrypt_io(reader, writer, [key]))


def decrypted(source: AsyncIterator[bytes], *, identities: list[str]) -> AsyncGenerator[bytes, None]:
    """The stream in the clear. Raises WrongKey or Damaged; a stream that was cut off is damaged."""
    keys = [_identity(each) for each in identities]

    def run(reader: Any, writer: Any) -> None:
        try:
            _age().decrypt_io(reader, writer, keys)
        except _age().DecryptError as error:
            raise (WrongKey if "No matching keys" in str(error) else Damaged) from None
        except OSError:
            raise Damaged from None

    return _through(source, run)


def _age() -> Any:
    """The library, imported at first use; its compiled part tells a type checker nothing."""
    import pyrage

    return pyrage


def _identity(text: str) -> Any:
    try:
        return _age().x25519.Identity.from_str(text)
    except _age().IdentityError:
        raise WrongKey("STUDIO_BACKUP_IDENTITY_FILE holds something else than age private keys.") from None


def _recipient(text: str) -> Any:
    try:
        return _age().x25519.Recipient.from_str(text)
    except _age().RecipientError:
        raise WrongKey("STUDIO_BACKUP_RECIPIENT is not an age public key.") from None


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="age")


class _StopError(OSError):
    """Ends the thread. Not an InterruptedError, after which the library would try again for ever."""


class _Bridge:
    """The file-like ends of the thread. An error of the source is kept, since the library would swallow it."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self.loop = asyncio.get_running_loop()
        self.source = source
        self.ready: asyncio.Queue[bytes] = asyncio.Queue(1)
        self.error: BaseException | None = None
        self.stopped = False
        self._waiting: Future[Any] | None = None
        self._in = memoryview(b"")
        self._out = bytearray()

    # In the thread

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._in:
            self._in = memoryview(self._wait(self._next()))
        taken = bytes(self._in[: size if size >= 0 else None])
        self._in = self._in[len(taken) :]
        return taken

    def write(self, data: bytes) -> int:
        """Take some; passed on by the megabyte."""
        self._out += data
        if len(self._out) >= _BLOCK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Pass on what is held."""
        if self._out:
            block, self._out = bytes(self._out), bytearray()
            self._wait(self.ready.put(block))

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self.stopped:
            work.close()
            raise _StopError
        self._waiting = asyncio.run_coroutine_threadsafe(work, self.loop)
        if self.stopped:
            self._waiting.cancel()
        try:
            return self._waiting.result()
        except BaseException as error:  # noqa: BLE001  # kept, and raised where the stream is read
            self.error = self.error or error
            raise _StopError from None

    # On the loop

    async def _next(self) -> bytes:
        async for block in self.source:
            if block:
                return block
        return _END

    def stop(self) -> None:
        """Let the thread fail at its next step."""
        self.stopped = True
        if self._waiting is not None:
            self._waiting.cancel()


async def _through(source: AsyncIterator[bytes], work: Callable[[Any, Any], object]) -> AsyncGenerator[bytes, None]:
    bridge = _Bridge(source)

    def run() -> None:
        work(bridge, bridge)
        bridge.flush()

    async def pump() -> None:
        try:
            await asyncio.wrap_future(_pool().submit(run))
        finally:
            if not bridge.stopped:
                await bridge.ready.put(_END)

    pumping = asyncio.ensure_future(pump())
    try:
        while block := await bridge.ready.get():
            yield block
        await asyncio.wait([pumping])
        if (error := pumping.exception()) is not None:
            raise (bridge.error or error) from None
    finally:
        bridge.stop()
        while not pumping.done():  # a block it still holds would keep it from ending
            with suppress(asyncio.QueueEmpty):
                bridge.ready.get_nowait()
            await asyncio.wait([pumping], timeout=0.01)
        if not pumping.cancelled():
            pumping.exception()


async def whole(stream: AsyncGenerator[bytes, None], *, most: int) -> bytes:
    """A small stream in one piece. Raises Damaged when it is larger than `most` bytes."""
    held = bytearray()
    async with aclosing(stream):
        async for block in stream:
            held += block
            if len(held) > most:
                raise Damaged
    return bytes(held)
