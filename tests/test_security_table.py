"""docs/security.md has a row for every requirement of the chapters it covers, and each test it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from studio import config
from studio.http.routes import ROUTES
from studio.services import sessions
from studio.services.identity import signin_link

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "security.md").read_text()
NOT_APPLICABLE, NO_TEST = "Not applicable: ", "none needed"
# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has, from its first one on without a gap.
SECTIONS = {
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
}  # fmt: skip


def rows() -> list[list[str]]:
    """The table of requirements, cell by cell."""
    section = DOCUMENT.partition("## ASVS 5.0.0, level 2")[2]
    lines = [line for line in section.splitlines() if re.match(r"\| \d+\.\d+\.\d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@cache
def known_tests(path: str) -> frozenset[str]:
    """The names of a file's tests."""
    tree = ast.parse((ROOT / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


def part(title: str) -> str:
    """A section of the document."""
    return re.split(r"\n## ", DOCUMENT.partition(f"\n## {title}\n")[2])[0]


def test_every_requirement_has_one_row():
    wanted = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert [row[0] for row in rows()] == wanted


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_says_how_and_names_tests_that_exist_or_says_why_it_does_not_apply(row: list[str]):
    assert len(row) == 4
    _, asks, how, proof = row
    assert len(asks) > 5
    if how.startswith(NOT_APPLICABLE):
        assert len(how) > len(NOT_APPLICABLE) + 10
        assert proof == NO_TEST
        return
    assert len(how) > 5
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proof)
    assert named
    assert proof == ", ".join(f"`{path}::{name}`" for path, name in named)
    for path, name in named:
        assert name in known_tests(path), f"{path}::{name}"


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_files_and_sections_that_a_row_names_exist(row: list[str]):
    titles = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", DOCUMENT, re.MULTILINE)}
    for path in re.findall(r"`(studio/[\w/]+\.py)`", row[2]):
        assert (ROOT / path).is_file()
    for anchor in re.findall(r"\(#([\w-]+)\)", row[2]):
        assert anchor in titles


def test_every_way_in_is_documented():
    described = set(re.findall(r"`(/[^`]+)`", part("Ways in")))
    ways = {route.path for route in ROUTES if route.path.startswith(("/signin", "/auth", "/join"))}
    assert ways == described & {route.path for route in ROUTES}
    assert f"for {signin_link.MINUTES} minutes" in part("Ways in")


def test_the_figures_about_sessions_are_those_of_the_code(tmp_path: Path):
    ours, said = config.load({"STUDIO_DATA": str(tmp_path)}), part("Sessions")
    assert f"after {ours.session_idle_days} days without use (`STUDIO_SESSION_IDLE_DAYS`)" in said
    assert f"after {ours.session_absolute_days} days in any case (`STUDIO_SESSION_DAYS`)" in said
    assert f"within {sessions.FRESH_MINUTES} minutes" in said
    assert f"at most {sessions.MOST_SESSIONS} sessions" in said
    assert f"waits {sessions.ATTEMPT_MINUTES} minutes" in said
    assert "NIST" in said
    assert "studio sign-out" in said


def test_the_rules_of_access_are_documented():
    said = part("Who may do what")
    for who in ("| nobody |", "| a person |", "| whoever runs the studio |"):
        assert who in said
    for rule in ("cannot write", "row-level\nsecurity", "column grants", "`COVERED`", "`PUBLIC`"):
        assert rule in said
