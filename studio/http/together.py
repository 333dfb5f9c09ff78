"""Files of one session that are asked for at once, looked up together.

A page asks for dozens of thumbnails, a few at a time. Those that come while a lookup runs share the next one: session
and files in one query, as the account, so that row-level security is the second wall it is everywhere else.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from studio.db import Actor, transaction
from studio.services import assets, sessions

MOST_KNOWN = 2000
Waiting = dict[UUID, asyncio.Future[assets.Asset | None]]

_accounts: dict[bytes, Actor] = {}  # whose the token of a cookie was, by its hash; opens nothing by itself
_waiting: dict[bytes, Waiting] = {}  # of each session that a lookup runs for, what the next one is to find
_running: set[asyncio.Task[None]] = set()
log = logging.getLogger("studio")


def remember(token: str, account_id: UUID) -> None:
    """Whose session this is, so that the next file needs one query; whether it still lives, that one asks."""
    while len(_accounts) >= MOST_KNOWN:
        _accounts.pop(next(iter(_accounts)))
    _accounts[sessions.hash_token(token)] = Actor(account_id=account_id)


async def find(token: str, asset_id: UUID) -> assets.Asset | None:
    """The file, if it is of the account whose live session this is. None: ask one after the other, and hear why."""
    key = sessions.hash_token(token)
    actor = _accounts.get(key)
    if actor is None:
        return None
    if key not in _waiting:
        _waiting[key] = {}
        task = asyncio.create_task(_look(key, actor))
        _running.add(task)
        task.add_done_callback(_running.discard)
    wanted = _waiting[key].setdefault(asset_id, asyncio.get_running_loop().create_future())
    return await asyncio.shield(wanted)  # others may wait for it too


async def _look(key: bytes, actor: Actor) -> None:
    """Find what is waited for until nothing is. Each lookup begins after all that it answers were asked."""
    try:
        while wanted := _waiting[key]:
            _waiting[key] = {}
            found: dict[UUID, assets.Asset] = {}
            try:
                async with transaction(actor) as session:
                    found = await assets.of_session(session, actor=actor, token_hash=key, asset_ids=list(wanted))
            except Exception:  # noqa: BLE001  # who asked finds the same error on the other way, and tells it
                log.debug("A lookup of files failed.")
            if not found:
                _accounts.pop(key, None)
            for asset_id, answer in wanted.items():
                answer.set_result(found.get(asset_id))
    finally:
        del _waiting[key]
