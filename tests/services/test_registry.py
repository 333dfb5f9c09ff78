"""The registry knows every table, whose rows they are, and every prefix of the object store."""

from __future__ import annotations

import ast
import os
import re
import time
from pathlib import Path

import pytest
from reflex.istate.manager.disk import StateManagerDisk
from reflex_base.config import get_config
from sqlalchemy import Column, MetaData, Table, Text, text

from studio import config
from studio.db import SYSTEM, transaction
from studio.models.base import ACCOUNT
from studio.services import leftovers, registry
from tests.factories import Person, image, submitted, upload

ROOT = Path(registry.__file__).resolve().parents[1]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> MetaData:
    """A schema of its own, read in place of ours."""
    metadata = MetaData()
    monkeypatch.setattr(registry.SQLModel, "metadata", metadata)
    registry.entities.cache_clear()
    return metadata


@pytest.fixture(autouse=True)
def _forget():
    yield
    registry.entities.cache_clear()


def test_a_column_without_a_class_is_an_error(tables: MetaData):
    Table("diaries", tables, Column("account_id", Text, info=ACCOUNT["info"]), Column("secret", Text))
    with pytest.raises(LookupError, match=r"diaries\.secret has no privacy class"):
        registry.entities()


def test_a_table_that_does_not_say_whose_its_rows_are_is_an_error(tables: MetaData):
    Table("diaries", tables, Column("page", Text, info=ACCOUNT["info"]))
    with pytest.raises(LookupError, match="whose the rows of diaries are"):
        registry.entities()


async def test_the_condition_of_every_table_runs_and_finds_only_the_owners_rows(someone: Person, other: Person):
    for who in (someone, other):
        await submitted(who, image())
        await upload(who)
    seen = set()
    async with transaction(SYSTEM) as session:
        for entity in registry.entities():
            if entity.owned_by is None:
                continue
            count = text(f"SELECT count(*) FROM {entity.table} WHERE {entity.owned_by}")
            mine = await session.scalar(count, {"account": someone.account_id})
            everyones = await session.scalar(text(f"SELECT count(*) FROM {entity.table}"))
            if mine:
                seen.add(entity.table)
                assert mine < everyones, entity.table
    assert {"accounts", "assets", "batches", "generations", "workspaces", "ledger_entries", "budgets"} <= seen


def test_every_kind_of_object_that_the_code_stores_is_a_place():
    kinds = set()
    for file in ROOT.rglob("*.py"):
        source = file.read_text()
        kinds |= set(re.findall(r"\b(?:key_for|new_key)\(\s*\"([a-z])\"", source))
        kinds |= set(re.findall(r"^KIND = \"([a-z])\"", source, re.MULTILINE))
    assert kinds >= {"o", "p", "t"}
    assert {f"{kind}/" for kind in kinds} <= {place.key for place in registry.places()}


def test_a_page_of_the_framework_is_gone_an_hour_after_its_last_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REFLEX_STATES_WORKDIR", str(tmp_path))
    now = time.time()
    for name, age in (("old", 3_601), ("new", 3_500)):
        (tmp_path / f"{name}.pkl").write_bytes(b"")
        os.utime(tmp_path / f"{name}.pkl", (now - age, now - age))
    assert StateManagerDisk().token_expiration == 3_600
    assert [path.stem for path in tmp_path.iterdir()] == ["new"]
    assert get_config().redis_token_expiration == 3_600, "the same where Redis keeps them"


def test_a_wake_up_call_carries_an_account_id_at_most():
    carried = set()
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "queue.defer":
                carried |= {keyword.arg for keyword in node.keywords}
    assert carried - {"times"} <= {"account_id"}


async def test_what_a_killed_worker_left_of_a_clip_is_deleted_and_a_clip_at_work_is_not(settings: config.Settings):
    folder = settings.data_dir / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    old, new = folder / "old.mp4", folder / "new.mp4"
    for path in (old, new):
        path.write_bytes(b"clip")
    long_ago = time.time() - 25 * 3600
    os.utime(old, (long_ago, long_ago))
    assert await leftovers.clear_temporary() == 1
    assert (old.exists(), new.exists()) == (False, True)
    new.unlink()


def test_the_short_table_of_the_policy_has_every_kind_once():
    kinds, lines = registry.kinds(), registry.summary()
    assert {kind.source for kind in kinds} == {name for line in lines for name in line.what.split(", ")}
    assert len(lines) < len(kinds)
    assert all(line.what and line.why and line.leaves for line in lines)


def test_secrets_are_held_but_not_handed_out():
    sessions = next(entity for entity in registry.entities() if entity.table == "sessions")
    assert "token_hash" in sessions.columns
    assert "token_hash" not in sessions.exported
