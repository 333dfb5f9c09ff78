"""People who are to be erased: a life with a canary in every text column and every file, and a search for what is left.

Shared by bench/erasure.py and its test. A canary is a word that occurs nowhere else, made anew for each account.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import text
from sqlmodel import SQLModel

from studio.db import SYSTEM, role_options, transaction
from studio.embedded.postgres import binaries
from studio.jobs.exporting import Builder
from studio.runtime import storage
from studio.services import assets, erasure, registry
from studio.services.exports import archives
from studio.services.generations import Input
from studio.services.storage import Storage, new_key
from tests.factories import Person, fresh, image, person, submitted

WORD = "cnry"
CANARY = re.compile(rb"cnry[0-9a-f]{32}")
# The edge cases of the contract, in its order. Each account is one of them.
CASES = (
    "a job in flight",
    "one at the provider",
    "a running export",
    "a held reservation",
    "an unread mail",
    "an open tab",
    "a second device",
    "a signed link still valid",
    "the clock stepped forward and back",
    "down at the due time",
    "a restore of an older backup",
    "the same identity again",
    "cancelled in the last second",
)
# Names of objects, kinds and states: what the product reads to find its way. A canary there would be another life.
_WAYS = re.compile(r"(_key|_hash|^kind|^state|^role|^plan|^mime|^sha256|^thumbnails|^outcome|^model|^issuer)$")

READ_BY_PAGES = ("params", "content", "settings", "defaults", "query")


def canary() -> str:
    """A word that is nowhere else."""
    return WORD + uuid4().hex


@dataclass
class Life:
    """Somebody with something in every corner."""

    who: Person
    word: str
    case: str
    generations: tuple[UUID, ...]
    export_id: UUID | None = None


def text_columns() -> list[tuple[str, str, str]]:
    """Every column of a person's row that holds text: table, column, type (text, jsonb or text[])."""
    found = []
    for entity in registry.entities():
        if entity.owned_by is None:
            continue
        for name, held in entity.columns.items():
            kind = SQLModel.metadata.tables[entity.table].columns[name].type.__class__.__name__
            said = {"AutoString": "text", "Text": "text", "JSONB": "jsonb", "ARRAY": "text[]"}.get(kind)
            if (
                said
                and held.fate == "erase"
                and not _WAYS.search(name)
                and name not in ("email", "picture_gone", "alerts")
            ):
                found.append((entity.table, name, said))
    return found


class Filler:
    """Writes the canary into every text column that takes it; which do is found out with the first account."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, options=role_options("sys"), autocommit=True)
        self.taken: list[tuple[str, str, str]] | None = None
        self.closed: list[str] = []  # columns whose values are a short list, or that have to be an address

    def fill(self, account_id: UUID, word: str, *, readable: bool) -> None:
        """Write it. A column that refuses it the first time is noted and left alone.

        `readable`: not into parameters and drafts, so that a page can still show them.
        """
        if self.taken is None:
            self.taken = [each for each in text_columns() if self._write(account_id, word, *each, first=True)]
            return
        for each in self.taken:
            if not (readable and each[1] in READ_BY_PAGES):
                self._write(account_id, word, *each)

    def _write(self, account_id: UUID, word: str, table: str, column: str, kind: str, *, first: bool = False) -> bool:
        where = next(each.owned_by for each in registry.entities() if each.table == table)
        assert where is not None
        value = {"jsonb": f'{{"{word}": "{word}"}}', "text[]": f"{{{word}}}"}.get(kind, word)
        unique = "|| id" if column in ("message_id", "dedupe_key") else ""
        owned = where.replace(":account", "%(account)s")
        statement = f"UPDATE {table} SET {column} = CAST(%(value)s AS {kind}) {unique} WHERE {owned}"
        try:
            changed = self.connection.execute(statement, {"value": value, "account": account_id})  # type: ignore[arg-type]  # the registry's words
        except psycopg.Error:
            if not first:
                raise
            self.closed.append(f"{table}.{column}")
            return False
        if first and not changed.rowcount:
            raise LookupError(f"nobody has a row in {table}")
        return True


async def stored(who: Person, word: str) -> UUID:
    """A picture whose every byte is the canary's."""
    asset_id, data = uuid4(), word.encode() * 20 + os.urandom(2_000)
    objects = await assets.write_objects(
        storage(),
        owner=asset_id,
        data=data,
        mime="image/png",
        thumbnails=dict.fromkeys(assets.THUMBNAILS, word.encode()),
    )
    async with transaction(who.actor) as session:
        await assets.add_upload(session, actor=who.actor, asset_id=asset_id, objects=objects, width=8, height=8)
    return asset_id


ROWS = (
    (
        "INSERT INTO identities (id, account_id, issuer, subject, email) VALUES (gen_random_uuid(), :id, "
        "'https://id.example', :word, :email)"
    ),
    (
        "INSERT INTO address_changes (id, account_id, old_email, new_email, confirm_hash, stop_hash, expires_at) "
        "VALUES (gen_random_uuid(), :id, :email, :email, sha256(:salt || 'a'), sha256(:salt || 'b'), "
        "studio_now() + interval '1 day')"
    ),
    "INSERT INTO agreements (id, account_id, kind, version) VALUES (gen_random_uuid(), :id, 'privacy', '1.0')",
    (
        "INSERT INTO consents (id, account_id, session_id, text_hash, analytics, experiments, "
        "despite_signal, kept_until) "
        "VALUES (gen_random_uuid(), :id, :session, repeat('0', 64), true, true, false, "
        "studio_now() + interval '5 months')"
    ),
    (
        "INSERT INTO invitations (id, email, expires_at) "
        "VALUES (gen_random_uuid(), :email, studio_now() + interval '9 days')"
    ),
    (
        "INSERT INTO signin_links (id, token_hash, email, expires_at) VALUES (gen_random_uuid(), sha256(:salt), "
        ":email, studio_now() + interval '9 days')"
    ),
    "INSERT INTO mail_optins (id, account_id, text_version) VALUES (gen_random_uuid(), :id, '1')",
    (
        "INSERT INTO mails (id, account_id, recipient, template, category, rank, data, message_id, dedupe_key, due_at) "
        "VALUES (gen_random_uuid(), :id, :email, 'welcome', 'account', 0, '{}', :word, :word, "
        "studio_now() + interval '30 days')"
    ),
    (
        "INSERT INTO policy_notices (kind, major, minor, account_id, outcome) SELECT kind, major, minor, :id, 'queued' "
        "FROM policy_versions LIMIT 1"
    ),
    (
        "INSERT INTO privacy_requests (id, kind, account_id, address, note, received_at, due_at) VALUES "
        "(gen_random_uuid(), 'access', :id, NULL, :word, studio_now(), studio_now() + interval '1 month')"
    ),
    # one that came before the account was known by its address
    (
        "INSERT INTO privacy_requests (id, kind, account_id, address, note, received_at, due_at) VALUES "
        "(gen_random_uuid(), 'access', NULL, :email, :word, studio_now(), studio_now() + interval '1 month')"
    ),
    (
        "INSERT INTO erasures (id, account_id, state, due_at, ended_at) VALUES (gen_random_uuid(), :id, 'cancelled', "
        "studio_now(), studio_now())"
    ),
    (
        "INSERT INTO exports (id, account_id, state, counted, ended_at) VALUES (gen_random_uuid(), :id, 'expired', "
        "false, studio_now())"
    ),
    (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', 'pictures.fetch', "
        "jsonb_build_object('account_id', CAST(:id AS text)))"
    ),
    (
        "INSERT INTO presets (id, account_id, workspace_id, name, settings) "
        "VALUES (gen_random_uuid(), :id, :place, 'x', '{}')"
    ),
    "INSERT INTO drafts (workspace_id, account_id, content) VALUES (:place, :id, '{}')",
    "INSERT INTO saved_views (id, account_id, name, query) VALUES (gen_random_uuid(), :id, 'x', '')",
    "INSERT INTO selections (id, account_id, asset_ids) VALUES (gen_random_uuid(), :id, ARRAY[CAST(:picture AS uuid)])",
    "INSERT INTO labels (id, account_id, name, color) VALUES (gen_random_uuid(), :id, 'x', 'jade')",
    (
        "INSERT INTO asset_labels (asset_id, label_id, account_id) SELECT CAST(:picture AS uuid), id, :id "
        "FROM labels WHERE account_id = :id"
    ),
    "UPDATE accounts SET picture_key = :face WHERE id = :id",
)


async def life(number: int, filler: Filler, *, lock: int) -> Life:
    """One account that is case `number` of the edge cases, with a canary wherever something of a person can stand."""
    word = canary()
    who = await person(email=f"{word}@example.org")
    picture = await stored(who, word)
    face = new_key("p")
    await storage().put(face, word.encode(), content_type="image/webp")
    sent = await submitted(who, image(word, count=2), (Input("reference", picture),))
    made = Life(who, word, CASES[number % len(CASES)], tuple(sent.generation_ids))
    values = {"id": who.account_id, "session": who.actor.session_id, "word": word, "email": who.email, "face": face}
    values |= {"salt": os.urandom(16), "place": who.actor.workspace_id, "picture": picture}
    async with transaction(SYSTEM) as session:
        for statement in ROWS:
            await session.execute(text(statement), values)
        state, task = ("submitting", None) if made.case == CASES[0] else ("running", f"cgt-{word}")
        if made.case in CASES[:2]:
            await session.execute(
                text(
                    "UPDATE generations SET state = :state, task_id = :task, attempt_id = gen_random_uuid(), "
                    "submitted_at = studio_now() WHERE id = :id"
                ),
                {"state": state, "task": task, "id": sent.generation_ids[0]},
            )
    filler.fill(who.account_id, word, readable=made.case == "an open tab")
    await fresh(who)
    async with transaction(who.actor) as session:
        made.export_id = await archives.request(session, actor=who.actor)
    if made.case == "a running export":  # listed, its documents are there, and nobody goes on with it
        async with transaction(SYSTEM) as session:
            order = await archives.claim(session, worker_lock=lock)
        assert order is not None
        await Builder(lock=lock)._list(order)
    elif made.case == "a signed link still valid":
        await Builder(lock=lock).run()
    return made


async def leaving(each: Life) -> None:
    """They ask for the deletion."""
    await fresh(each.who)
    async with transaction(SYSTEM) as session:
        await erasure.request(session, actor=each.who.actor, typed=each.who.email)


# What is left


def in_dump(url: str, secrets: Iterable[str] = ()) -> Counter[str]:
    """Canaries and other words in what `pg_dump` says of the whole database."""
    command = [
        str(binaries() / "pg_dump"),
        "--format=plain",
        "--role=studio_sys",
        "--enable-row-security",
        f"--dbname={url}",
    ]
    dump = subprocess.run(command, capture_output=True, check=True).stdout
    found = Counter(each.decode() for each in CANARY.findall(dump))
    there = set(re.findall(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", dump))
    found.update(each for each in secrets if each.encode() in there)
    return found


def in_files(folders: Iterable[Path], *, without: str = "") -> Counter[str]:
    """Canaries in every file below, and in the files' names; but not in files named `without`."""
    found: Counter[str] = Counter()
    for path in _below(folders):
        if path.name == without:
            continue
        found.update(each.decode() for each in CANARY.findall(str(path).encode() + b"\n" + path.read_bytes()))
    return found


def _below(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


async def in_objects(store: Storage) -> Counter[str]:
    """Canaries in every object."""
    found: Counter[str] = Counter()
    async for item in store.list(""):
        async with await store.open(item.key) as stream:
            found.update(each.decode() for each in CANARY.findall(b"".join([block async for block in stream])))
    return found


def digest(words: Iterable[str]) -> str:
    """A short name for a set of words, for a report that shows none."""
    return hashlib.sha256("".join(sorted(words)).encode()).hexdigest()[:12]
