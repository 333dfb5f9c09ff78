"""What the framework keeps of a tab, taken away when its session ends: from memory, from disk and from Redis.

Private API of Reflex's state managers, pinned exactly: a tab's state is one pickle for each class under the tab's
token, and the session's id stands in the root's (see `studio.http.socket`). A handler that is still running could
write once more, so whoever forgets looks again a moment later.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import reflex as rx
from reflex.istate.manager.disk import StateManagerDisk
from reflex.istate.manager.redis import StateManagerRedis
from reflex.state import State

from studio.http.socket import SESSION_HEADER

AGAIN_SECONDS = 3.0
_OWNER = re.compile(rb"%s.{1,40}?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})" % SESSION_HEADER.encode(), re.DOTALL)
_TOKEN = re.compile(rb"tok-[0-9a-f]{64}")
_AT_ONCE = 200


def owner(pickled: bytes) -> UUID | None:
    """The session that a root state belongs to; None for a page of nobody, and for what is no root."""
    found = _OWNER.search(pickled)
    return UUID(found[1].decode()) if found else None


def _below(kind: type[Any]) -> Iterable[type[Any]]:
    yield kind
    for child in kind.get_substates():
        yield from _below(child)


async def kept(manager: Any) -> Mapping[UUID, set[str]]:
    """The tabs that anything is kept of, by their session."""
    found: dict[UUID, set[str]] = defaultdict(set)
    cached = manager.states if isinstance(manager, StateManagerDisk) else getattr(manager, "_cached_states", {})
    for token, state in list(cached.items()):
        session = getattr(state, "rx_router_headers", None)
        raw = getattr(session, "raw_headers", {}).get(SESSION_HEADER, "")
        if raw:
            found[UUID(raw)].add(token)
    async for token, session_id in _stored(manager):
        found[session_id].add(token)
    return found


async def _stored(manager: Any) -> AsyncIterator[tuple[str, UUID]]:
    if isinstance(manager, StateManagerDisk):
        for each in await asyncio.to_thread(_read_folder, manager.states_directory):
            yield each
    elif isinstance(manager, StateManagerRedis):
        ending = f"/{State.__module__}.{State.__name__}"
        keys = [key async for key in manager.redis.scan_iter(match=f"tok-*{ending}", count=_AT_ONCE)]
        for at in range(0, len(keys), _AT_ONCE):
            chunk = keys[at : at + _AT_ONCE]
            for key, pickled in zip(chunk, await manager.redis.mget(chunk), strict=True):
                session_id = owner(pickled) if pickled else None
                if session_id is not None:
                    yield key.decode().removesuffix(ending), session_id


def _read_folder(folder: Path) -> list[tuple[str, UUID]]:
    found = []
    for path in folder.glob("*.pkl"):
        try:
            pickled = path.read_bytes()
        except FileNotFoundError:
            continue
        session_id, token = owner(pickled), _TOKEN.search(pickled)
        if session_id is not None and token is not None:
            found.append((token[0].decode(), session_id))
    return found


async def forget(manager: Any, tokens: Iterable[str]) -> None:
    """Take away everything that is kept of these tabs."""
    for token in tokens:
        if isinstance(manager, StateManagerDisk):
            await _forget_on_disk(manager, token)
        elif isinstance(manager, StateManagerRedis):
            await _forget_in_redis(manager, token)


async def _forget_on_disk(manager: StateManagerDisk, token: str) -> None:
    root = rx.BaseStateToken(ident=token, cls=State)
    async with _held(manager._states_locks, token):
        for waiting in [each for each in manager._write_queue if each.ident == token]:
            manager._write_queue.pop(waiting, None)
        manager._purge_token(root)
        for kind in _below(State):
            await asyncio.to_thread(manager.token_path(root.with_cls(kind)).unlink, missing_ok=True)


async def _forget_in_redis(manager: StateManagerRedis, token: str) -> None:
    root = rx.BaseStateToken(ident=token, cls=State)
    async with _held(manager._cached_states_locks, token):
        manager._cached_states.pop(token, None)  # what a lease would write later
        await manager.redis.delete(*(str(root.with_cls(kind)) for kind in _below(State)))


@asynccontextmanager
async def _held(locks: Mapping[str, asyncio.Lock], token: str) -> AsyncIterator[None]:
    """The tab's own lock, where there is one: a handler that is running ends first."""
    lock = locks.get(token)
    if lock is None:
        yield
        return
    async with lock:
        yield


async def forget_sessions(manager: Any, ended: Iterable[UUID], tokens: Iterable[str] = ()) -> None:
    """Take away every tab of sessions that ended, and these of which that is known; and look again a moment later."""
    over, known = set(ended), set(tokens)
    for wait in (0.0, AGAIN_SECONDS):
        await asyncio.sleep(wait)
        for session_id, found in (await kept(manager)).items():
            if session_id in over:
                known |= found
        await forget(manager, known)
