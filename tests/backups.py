"""A studio to be backed up and restored: people, pictures, a ledger, a journal, and the places for all of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg

from studio import db
from studio.services.backups import restoring, taking
from studio.services.storage import Storage, key_for

CANARY = "canary-7f3a-lakeside"
SECRET = "s" * 40


async def joined(stream: AsyncIterator[bytes]) -> bytes:
    """A stream in one piece."""
    return b"".join([block async for block in stream])


@dataclass
class Studio:
    """A database with people, objects for their pictures, a journal, and a place for backups."""

    url: str
    objects: Storage
    journal: Storage
    place: Storage
    private: str
    public: str
    accounts: list[Any] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)

    @property
    def source(self) -> taking.Source:
        return taking.Source(self.url, self.objects, self.journal, SECRET)

    async def backup(self, *, days: int = 30) -> taking.Taken:
        async with taking.alone(self.url):
            return await taking.take(self.source, self.place, recipient=self.public, days=days)

    async def restore(self, url: str, objects: Storage, *, wanted: str = "latest", key: str | None = None, **rest: Any):
        target = restoring.Target(url, objects, rest.pop("journal", self.journal))
        return await restoring.restore(target, self.place, wanted=wanted, identities=[key or self.private], **rest)

    async def picture(self, account: Any, *, size: int = 2_000, thumbnail: bool = True) -> Any:
        """A stored picture with its row; returns the asset's id."""
        asset = uuid4()
        data = f"{CANARY} {asset}".encode() + os.urandom(size)
        key, small = key_for("o", asset), key_for("t", asset, suffix="w512")
        self.keys[key] = data
        await self.objects.put(key, data, content_type="image/png")
        if thumbnail:
            self.keys[small] = data[:500]
            await self.objects.put(small, data[:500], content_type="image/webp")
        self.execute(
            "INSERT INTO assets (id, account_id, kind, mime, object_key, size_bytes, sha256, crc32, width, height, "
            "thumbnails) VALUES (%s, %s, 'upload', 'image/png', %s, %s, %s, 1, 5, 5, %s::jsonb)",
            asset,
            account,
            key,
            len(data),
            hashlib.sha256(data).hexdigest(),
            f'{{"512": "{small}"}}' if thumbnail else "{}",
        )
        return asset

    def person(self, email: str | None = None) -> Any:
        """An account with an identity, a workspace, a session, a mail in the queue and an entry in the ledger."""
        account = uuid4()
        email = email or f"{account.hex}@{CANARY}.example"
        workspace, batch, generation, mail = uuid4(), uuid4(), uuid4(), uuid4()
        for statement, values in (
            ("INSERT INTO accounts (id, email, name) VALUES (%s, %s, %s)", (account, email, CANARY)),
            (
                "INSERT INTO identities (id, account_id, issuer, subject) VALUES (%s, %s, 'https://id.example', %s)",
                (uuid4(), account, email),
            ),
            ("INSERT INTO workspaces (id, account_id, name) VALUES (%s, %s, 'w')", (workspace, account)),
            (
                "INSERT INTO sessions (id, token_hash, account_id) VALUES (%s, %s, %s)",
                (uuid4(), os.urandom(32), account),
            ),
            (
                (
                    "INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params) "
                    "VALUES (%s, %s, %s, 'image', 'm', %s, '{}')"
                ),
                (batch, account, workspace, CANARY),
            ),
            ("INSERT INTO ledger_pseudonyms (account_id, pseudonym) VALUES (%s, %s)", (account, uuid4())),
            (
                "INSERT INTO budgets (account_id, month, cap_micros, held_micros) VALUES (%s, studio_month(), 9, 5)",
                (account,),
            ),
            (
                (
                    "INSERT INTO generations (id, account_id, batch_id, position, kind, model, month, reserved_micros) "
                    "VALUES (%s, %s, %s, 0, 'image', 'm', studio_month(), 5)"
                ),
                (generation, account, batch),
            ),
            (
                (
                    "INSERT INTO ledger_entries (pseudonym, kind, generation_kind, amount_micros, month, reservation, "
                    "idempotency_key) SELECT pseudonym, 'reserve', 'image', 5, studio_month(), %s, %s "
                    "FROM ledger_pseudonyms WHERE account_id = %s"
                ),
                (generation, f"reserve:{generation}", account),
            ),
            (
                (
                    "INSERT INTO mails (id, account_id, recipient, template, category, rank, data, message_id) "
                    "VALUES (%s, %s, %s, 'welcome', 'account', 0, '{}', %s)"
                ),
                (mail, account, email, mail.hex),
            ),
        ):
            self.execute(statement, *values)
        self.accounts.append(account)
        return account

    def execute(self, statement: str, *values: Any, url: str | None = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(url or self.url, options=db.role_options("sys")) as connection:
            done = connection.execute(statement, values or None)  # type: ignore[arg-type]  # our own statements
            return done.fetchall() if done.description else []

    def owner(self, statement: str, *, url: str | None = None) -> None:
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]  # our own statements


def empty(server_url: str) -> str:
    """A database without anything."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[arg-type]  # our own name
    head, _, tail = server_url.partition("@/")
    return f"{head}@/{name}?{tail.partition('?')[2]}"


async def content(store: Storage) -> dict[str, str]:
    """Every object and its hash."""
    found = {}
    async for item in store.list(""):
        async with await store.open(item.key) as stream:
            found[item.key] = hashlib.sha256(await joined(stream)).hexdigest()
    return found


def rows(url: str) -> dict[str, list[str]]:
    """Every row of every table as text, in order, seen as the system."""
    with psycopg.connect(url, options=db.role_options("sys")) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
                "AND NOT relispartition AND relname <> 'alembic_version' ORDER BY 1"
            )
        ]
        return {
            table: [row[0] for row in connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1")]  # type: ignore[arg-type]
            for table in tables
        }
