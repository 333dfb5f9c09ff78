"""Which way imports point, how large a file may grow, and that every column says what it is."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import studio.models  # noqa: F401  (registers the tables)
from studio.models.base import Held

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "studio").rglob("*.py"))
LONGEST = 450

# What a folder never imports. Reflex stays out of everything that holds a rule.
FORBIDDEN = {
    "studio/services": ("reflex", "studio.jobs", "studio.http", "studio.state", "studio.pages", "studio.components"),
    "studio/models": ("reflex", "studio.services", "studio.jobs", "studio.http", "studio.state", "studio.db"),
    "studio/jobs": ("reflex", "studio.http", "studio.state", "studio.pages", "studio.components"),
    "studio/simulator": ("reflex", "studio.db", "studio.jobs", "studio.http", "studio.state", "studio.models"),
    "studio/pages": ("studio.services", "studio.db", "studio.jobs", "studio.http", "studio.models"),
    "studio/components": ("studio.services", "studio.db", "studio.jobs", "studio.http", "studio.models"),
    "studio/state": ("studio.jobs", "studio.pages", "studio.components", "studio.simulator"),
    "studio/queue.py": ("studio.services", "studio.jobs", "reflex"),
    "studio/db.py": ("studio.services", "studio.jobs", "studio.http", "reflex"),
    "studio/config.py": ("studio.services", "studio.db", "reflex"),
}
# Vendors, and the only places that know them.
VENDORS = {
    "boto3": ("studio/services/storage",),
    "botocore": ("studio/services/storage",),
    "httpx": ("studio/services/byteplus", "studio/services/identity", "studio/simulator"),
    "authlib": ("studio/services/identity",),
    "joserfc": ("studio/services/identity",),
    "PIL": ("studio/services/media", "studio/simulator"),
    "av": ("studio/services/media", "studio/simulator"),
    "procrastinate": ("studio/queue.py", "studio/jobs"),
    "apscheduler": ("studio/jobs",),
    "pyrage": ("studio/services/backups/crypt.py",),
    "smtplib": ("studio/services/mail_smtp.py",),
}


@cache  # each case asks for all of them
def imports(path: Path) -> frozenset[str]:
    """Every module a file imports, inside functions too; relative ones made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def within(module: str, forbidden: str) -> bool:
    return module == forbidden or module.startswith(f"{forbidden}.")


@pytest.mark.parametrize("place", sorted(FORBIDDEN))
def test_imports_point_the_agreed_way(place: str):
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in FILES
        if path.relative_to(ROOT).as_posix() == place or path.relative_to(ROOT).as_posix().startswith(f"{place}/")
        for module in imports(path)
        if any(within(module, forbidden) for forbidden in FORBIDDEN[place])
    ]
    assert wrong == []


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_a_vendor_is_known_in_one_place_only(vendor: str):
    users = {path.relative_to(ROOT).as_posix() for path in FILES if any(within(m, vendor) for m in imports(path))}
    assert users, f"nobody uses {vendor}: remove it from the list"
    assert [user for user in users if not user.startswith(VENDORS[vendor])] == []


def test_no_file_has_grown_too_long_to_live_in():
    long = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text().splitlines())) > LONGEST}
    assert long == {}


def test_only_db_commits():
    commits = [str(p.relative_to(ROOT)) for p in FILES if ".commit()" in p.read_text() and p.name != "db.py"]
    assert [c for c in commits if not c.startswith("studio/simulator/")] == []  # the simulator has a store of its own


def test_every_column_says_what_it_is_and_why_it_is_held():
    silent = [
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if not isinstance(column.info.get("held"), Held)
    ]
    assert silent == []
