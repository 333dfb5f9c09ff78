"""Live pages: one LISTEN per web process, and a push to the tabs of the account that something changed for.

Notifications are hints. A tab that misses one is right again after its next event, a reload or a reconnect.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from uuid import UUID

import psycopg
import reflex as rx
from reflex.state import BaseState

from studio.config import settings
from studio.db import SYSTEM, role_options, transaction
from studio.http import states
from studio.http.socket import StudioApp
from studio.queue import CHANNEL
from studio.services import keeping, presets, sessions
from studio.services.library import windows
from studio.state.compare import CompareState
from studio.state.guard import acting_as
from studio.state.library import LibraryState
from studio.state.privacy import PrivacyState
from studio.state.profile import ProfileState
from studio.state.spend import SpendState
from studio.state.studio import StudioState
from studio.state.workspaces import WorkspacesState

log = logging.getLogger("studio")
WEB_LOCK = 7305003
HEARTBEAT = 30  # seconds without news, after which a connection is asked whether it lives
# What changed, beside the ids of batches.
ADDRESS, ACCOUNT, EXPORT = "address", "account", "export"
LIBRARY = frozenset({keeping.CHANGED, windows.CHANGED})
KINDS = frozenset({ADDRESS, ACCOUNT, EXPORT, presets.CHANGED}) | LIBRARY


class SecondWebError(Exception):
    """Another web process serves this database. Set REDIS_URL to run more than one."""


async def only_web() -> psycopg.AsyncConnection | None:
    """Without Redis, tabs live in one process: a lock that a second one cannot get, held as long as the connection.

    Raises:
        SecondWebError: another web process has it.
    """
    url = settings().database_url
    if settings().redis_url is not None or url is None:
        return None
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, options=role_options("sys"))
    for _ in range(20):
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (WEB_LOCK,))).fetchone()
        if row and row[0]:
            return connection
        await asyncio.sleep(0.25)  # the one before may be on its way out
    await connection.close()
    raise SecondWebError


async def stay_only(connection: psycopg.AsyncConnection) -> None:
    """Hold the lock for as long as the process lives: a lost connection, as when Postgres restarts, takes it anew.

    Raises:
        SecondWebError: another web process took it meanwhile.
    """
    held: psycopg.AsyncConnection | None = connection
    try:
        while True:
            try:
                held = held or await only_web()
                assert held is not None
                async for _ in held.notifies(timeout=HEARTBEAT):
                    pass
                await held.execute("SELECT 1")
            except psycopg.OperationalError as error:
                log.warning("The lock of the web process was lost (%s); taking it again.", type(error).__name__)
                if held is not None:
                    await held.close()
                held = None
                await asyncio.sleep(0.25)
    finally:
        if held is not None:
            await held.close()


class Live:
    """Collects what changed per account and pushes it, one push at a time for each account."""

    def __init__(self, app: StudioApp) -> None:
        self.app = app
        self.changed: dict[UUID, set[str]] = defaultdict(set)
        self.pushing: dict[UUID, asyncio.Task[None]] = {}
        self.catching_up: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Listen for as long as the process lives; a lost connection is made again."""
        while True:
            try:
                await self._listen()
            except (psycopg.OperationalError, TimeoutError) as error:
                log.warning("The live connection was lost (%s); trying again.", type(error).__name__)
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        url = settings().database_url
        assert url
        connection = await psycopg.AsyncConnection.connect(
            url, autocommit=True, options=role_options("sys"), application_name="studio-live"
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            windows.forget_all()  # what changed while nobody listened
            self.catching_up = asyncio.create_task(self._catch_up())
            while True:
                async for notice in connection.notifies(timeout=HEARTBEAT):
                    self._note(notice.payload)
                async with asyncio.timeout(HEARTBEAT):  # a connection that died in silence shows itself here
                    await connection.execute("SELECT 1")

    def _note(self, payload: str) -> None:
        message = json.loads(payload)
        account = UUID(message["account"])
        if message["what"] in LIBRARY:
            windows.forget(account)
        if message["what"] == "revoked":
            ended = UUID(message["session_id"])
            self.pushing[ended] = asyncio.create_task(self._end(ended))
            self.pushing[ended].add_done_callback(lambda _: self.pushing.pop(ended, None))
        elif message["what"] in ("batch", *KINDS) and self.app.tabs.tokens_of(account):
            self.changed[account].add(message.get("batch", message["what"]))
            if account not in self.pushing:
                self.pushing[account] = asyncio.create_task(self._push(account))

    async def _end(self, session_id: UUID) -> None:
        """Close an ended session's tabs, and keep nothing of them."""
        tokens = self.app.tabs.tokens_of_session(session_id)
        await self.app.tabs.close_session(session_id)
        try:
            await states.forget_sessions(self.app.state_manager, [session_id], tokens)
        except Exception as error:  # noqa: BLE001  # the look at each start catches up
            log.warning("The pages of an ended session could not be forgotten: %s", type(error).__name__)

    async def _catch_up(self) -> None:
        """Sessions that ended while nobody listened."""
        try:
            kept = await states.kept(self.app.state_manager)
            async with transaction(SYSTEM) as session:
                ended = await sessions.not_live(session, session_ids=list(kept))
            await states.forget_sessions(self.app.state_manager, ended)
        except Exception as error:  # noqa: BLE001  # the framework forgets by itself within the hour
            log.warning("Old pages could not be forgotten: %s", type(error).__name__)

    async def _push(self, account: UUID) -> None:
        """What comes in during a push is pushed together after it."""
        try:
            while changed := self.changed.pop(account, set()):
                for token in self.app.tabs.tokens_of(account):
                    try:
                        await self._push_tab(account, token, changed)
                    except Exception as error:  # noqa: BLE001  # one broken tab must not silence the others
                        log.warning("A push failed: %s", type(error).__name__)
        finally:
            del self.pushing[account]

    async def _push_tab(self, account: UUID, token: str, changed: set[str]) -> None:
        sid = self.app.tabs.token_to_sid.get(token)
        tab = self.app.tabs.tabs.get(sid) if sid else None
        if tab is None or tab.account_id != account:
            return
        if changed == {EXPORT} and not await self._shows_archives(token):
            return  # an archive tells often how far it is: only the page that shows it costs a query
        async with transaction(SYSTEM) as session:
            who = await sessions.still_live(session, session_id=tab.session_id)
        if who is None:
            await self.app.tabs.close_session(tab.session_id)
            return
        async with (
            acting_as(who),
            self.app.modify_state(rx.BaseStateToken(ident=token, cls=StudioState)) as state,
        ):
            if changed & {ADDRESS, ACCOUNT}:
                await _show_person(state)
            if changed & {ACCOUNT, EXPORT}:
                await _show_privacy(state, changed)
            if presets.CHANGED in changed:
                await (await state.get_state(StudioState))._show_presets()
            if batches := sorted(changed - KINDS):
                await _show_batches(state, batches)
            if keeping.CHANGED in changed:
                await _show_kept(state)
            if changed & LIBRARY:
                await (await state.get_state(LibraryState))._follow()
                await (await state.get_state(CompareState))._follow()

    async def _shows_archives(self, token: str) -> bool:
        async with self.app.modify_state(rx.BaseStateToken(ident=token, cls=StudioState)) as state:
            return (await state.get_state(PrivacyState))._shown()


async def _show_batches(state: BaseState, batches: list[str]) -> None:
    studio = await state.get_state(StudioState)
    if studio.signed_in:
        await studio._refresh(batches)
    await (await state.get_state(SpendState))._follow()


async def _show_kept(state: BaseState) -> None:
    """Something was rated, labelled, moved or deleted, or a workspace changed, on any page of the account."""
    studio = await state.get_state(StudioState)
    if studio.signed_in:
        studio._identify()
        await studio._read_places()
        await studio._changed()
    await (await state.get_state(WorkspacesState))._follow()


async def _show_privacy(state: BaseState, changed: set[str]) -> None:
    privacy = await state.get_state(PrivacyState)
    if not privacy._shown():
        return
    if EXPORT in changed:
        await privacy._read_archives()
    if ACCOUNT in changed:
        await privacy._read_leaving()


async def _show_person(state: BaseState) -> None:
    studio = await state.get_state(StudioState)
    if studio.signed_in:
        studio._identify()
    await (await state.get_state(ProfileState))._follow()
