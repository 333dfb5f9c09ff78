"""`studio backup` and `studio restore`: the commands' bodies, for the command line and for the worker's job."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from studio import db, egress, runtime, schema
from studio.config import Settings, settings
from studio.errors import StudioError
from studio.services import guards
from studio.services.backups import crypt, records, restoring, shelf, taking, verifying
from studio.services.backups.errors import NotConfigured, WrongKey
from studio.services.storage import Storage

T = TypeVar("T")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _place(ours: Settings) -> Storage:
    if ours.backup is None:
        raise NotConfigured
    return runtime.open_place(ours.backup)


def _identities(ours: Settings) -> list[str]:
    if ours.backup_identity_file is None:
        raise WrongKey("STUDIO_BACKUP_IDENTITY_FILE: expected, because only the private key opens a backup.")
    return crypt.read_identities(ours.backup_identity_file)


def size(count: int) -> str:
    """Bytes for a person."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


async def run(ours: Settings) -> None:
    """Make a backup, note it, and remove what expired, also when the backup failed."""
    assert ours.database_url is not None
    await asyncio.to_thread(schema.current, ours.database_url)
    if ours.backup_recipient is None:
        raise NotConfigured("STUDIO_BACKUP_RECIPIENT: expected; studio backup key makes a pair of keys.")
    place = _place(ours)
    try:
        async with taking.alone(ours.database_url):
            try:
                await _noted(ours, place)
            finally:
                await _prune(place)
    finally:
        await place.close()


async def _noted(ours: Settings, place: Storage) -> None:
    assert ours.database_url is not None
    assert ours.backup_recipient is not None
    snapshot = uuid4()
    async with db.transaction(db.SYSTEM) as session:
        ident = await records.begin(session, kind="backup", snapshot=snapshot)
    source = taking.Source(ours.database_url, runtime.storage(), runtime.journal(), ours.secret_key)
    try:
        taken = await taking.take(source, place, recipient=ours.backup_recipient, days=ours.backup_days, ident=snapshot)
    except BaseException as error:
        reason = error.code if isinstance(error, StudioError) else type(error).__name__
        async with db.transaction(db.SYSTEM) as session:
            await records.end(session, ident, ok=False, reason=reason)
        raise
    made = taken.snapshot
    async with db.transaction(db.SYSTEM) as session:
        await records.end(
            session,
            ident,
            ok=True,
            objects=made.objects,
            copied=taken.copied,
            size=made.bytes,
            expires_at=made.expires,
        )
    _say(f"Backup {made.id}: {size(made.bytes)}, {made.objects} files, {taken.copied} of them new.")
    _say(f"It is kept until {made.expires:%Y-%m-%d %H:%M} UTC.")


async def _prune(place: Storage, *, thorough: bool = False) -> tuple[int, int]:
    async with db.transaction(db.SYSTEM) as session:
        now = await records.now(session)
    gone = await shelf.prune(place, now=now, thorough=thorough)
    async with db.transaction(db.SYSTEM) as session:
        await records.removed(session, now=now)
    return gone


async def prune(ours: Settings, *, thorough: bool = True) -> None:
    """Remove expired snapshots, and copies that no snapshot names."""
    assert ours.database_url is not None
    place = _place(ours)
    try:
        async with taking.alone(ours.database_url):
            snapshots, copies = await _prune(place, thorough=thorough)
    finally:
        await place.close()
    _say(f"Removed {snapshots} expired backups and {copies} files that no other one needs.")


async def due(ours: Settings) -> None:
    """What the schedule asks for: a backup when its time has come, else only the removal of what expired."""
    async with db.transaction(db.SYSTEM) as session:
        now = await records.due(session, hours=ours.backup_hours)
    if now:
        await run(ours)
    else:
        await prune(ours, thorough=False)


async def listed(ours: Settings) -> None:
    """Print every snapshot there is. Needs no key."""
    place = _place(ours)
    try:
        there = await shelf.snapshots(place)
    finally:
        await place.close()
    for each in there:
        kept = f"kept until {each.expires:%Y-%m-%d %H:%M}"
        _say(f"{each.id}  {each.at:%Y-%m-%d %H:%M} UTC  {size(each.bytes):>9}  {each.objects} files  {kept}")
    if not there:
        _say("There is no backup in this place.")


async def verify(ours: Settings) -> bool:
    """Restore the newest snapshot beside the running service, say and note what was found."""
    assert ours.database_url is not None
    identities, place = _identities(ours), _place(ours)
    try:
        async with taking.alone(ours.database_url):
            newest = await shelf.find(place, "latest")
            async with db.transaction(db.SYSTEM) as session:
                ident = await records.begin(session, kind="verify", snapshot=newest.id)
            try:
                found = await verifying.verify(
                    place,
                    database_url=ours.database_url,
                    objects=runtime.storage(),
                    identities=identities,
                    wanted=str(newest.id),
                )
            except BaseException as error:
                reason = error.code if isinstance(error, StudioError) else type(error).__name__
                async with db.transaction(db.SYSTEM) as session:
                    await records.end(session, ident, ok=False, reason=reason)
                raise
            async with db.transaction(db.SYSTEM) as session:
                reason = None if found.ok else "differs"
                await records.end(session, ident, ok=found.ok, reason=reason, objects=found.objects, size=found.bytes)
    finally:
        await place.close()
    _say(f"Backup {found.snapshot} of {newest.at:%Y-%m-%d %H:%M} UTC was restored beside the service.")
    wrong = f"{len(found.wrong_tables)} differ: {', '.join(found.wrong_tables)}" if found.wrong_tables else "all equal"
    _say(f"Rows of {found.tables} tables: {wrong}. Ledger: {'intact' if found.ledger_ok else 'broken'}.")
    _say(f"{found.objects} files ({size(found.bytes)}) have the right hash; {found.missing} are missing.")
    return found.ok


async def restore(ours: Settings, *, wanted: str, journal_lost: bool) -> None:
    """Restore into the configured, empty place and open it."""
    assert ours.database_url is not None
    identities, place = _identities(ours), _place(ours)
    target = restoring.Target(ours.database_url, runtime.storage(), runtime.journal())
    try:
        done = await restoring.restore(
            target, place, wanted=wanted, identities=identities, journal_lost=journal_lost, say=_say
        )
    finally:
        await place.close()
    again = done.replayed
    _say(f"Restored {done.objects} files ({size(done.bytes)}); {done.missing} that rows name were not in the backup.")
    _say(
        f"Erased again: {again.accounts} accounts, {again.workspaces} workspaces, {again.batches} requests, "
        f"{again.outputs} files; {again.optouts} consents withdrawn, "
        f"{again.restrictions} restrictions set, {again.countdowns} countdowns begun or ended. Everybody signs in anew."
    )
    _say("The ledger is intact." if done.ledger_ok else "The ledger's check found differences: see studio doctor.")
    _say("The database is open: start Studio.")


def new_key(where: str | None) -> None:
    """Make a pair of keys: the private one into a new file that only we can read, or to the terminal."""
    private, public = crypt.new_pair()
    if where is None:
        _say(f"Private key, for STUDIO_BACKUP_IDENTITY_FILE; keep it away from the running service:\n{private}")
    else:
        handle = os.open(Path(where), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"# Public key: {public}\n{private}\n")
        _say(f"The private key is in {where}. Keep it away from the running service, and a copy of it somewhere else.")
    _say(f"STUDIO_BACKUP_RECIPIENT={public}")


def backup(arguments: argparse.Namespace) -> int:
    """One of the actions of `studio backup`."""
    ours = settings()
    try:
        if arguments.do == "verify":
            return 0 if asyncio.run(_ended(_guarded(verify(ours)))) else 1
        if arguments.do == "list":  # looks at the place alone: there may be no database to report to
            egress.install(ours)
            asyncio.run(_ended(listed(ours)))
        else:
            work = due if arguments.if_due else {"run": run, "prune": prune}[arguments.do]
            asyncio.run(_ended(_guarded(work(ours))))
    except (StudioError, schema.RestoringError) as error:
        sys.stderr.write(f"studio backup: {error.message if isinstance(error, StudioError) else error.__doc__}\n")
        return 1
    return 0


def restored(arguments: argparse.Namespace) -> int:
    """`studio restore`: with an embedded Postgres of its own where no DATABASE_URL is set."""
    try:
        with _database():
            egress.install(settings())
            asyncio.run(_ended(restore(settings(), wanted=arguments.snapshot, journal_lost=arguments.journal_lost)))
    except StudioError as error:
        sys.stderr.write(f"studio restore: {error.message}\n")
        return 1
    return 0


async def _guarded(work: Coroutine[Any, Any, T]) -> T:
    async with guards.standing("backup"):
        return await work


async def _ended(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    finally:
        await db.dispose()


@contextmanager
def _database() -> Iterator[None]:
    """The configured database, or the data folder's own, started for the time of the restore."""
    ours = settings()
    if ours.database_url is not None:
        yield
        return
    from studio.embedded import postgres
    from studio.serve import data_lock

    with data_lock(ours.data_dir):
        server = postgres.ensure(ours.data_dir)
        os.environ["DATABASE_URL"] = server.url
        settings.cache_clear()
        try:
            yield
        finally:
            server.stop()
