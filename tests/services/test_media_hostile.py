"""Every hostile file is refused with a sentence, or what is stored holds its pixels and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests import hostile

MOST_MB = 512
MOST_S = 10.0  # of a processor, so that a busy machine changes nothing
REFUSED = {name for family in hostile.REFUSED for name in family()} - hostile.HARMLESS_ONCE_STRIPPED
ACCEPTED = {*hostile.two_in_one(), *hostile.heavy(), *hostile.HARMLESS_ONCE_STRIPPED}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The whole corpus through one process of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in hostile.corpus():
        (folder / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", str(folder)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["name"]: line for line in lines}


def test_the_corpus_is_complete(outcome: dict[str, dict[str, Any]]) -> None:
    assert set(outcome) == REFUSED | ACCEPTED
    assert len(outcome) >= 100


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_is_refused_with_a_sentence(outcome: dict[str, dict[str, Any]], name: str) -> None:
    line = outcome[name]
    assert line.get("refused", "").startswith("Upload"), line
    assert line["says"].endswith("Nothing was kept.")
    assert not re.search(r"!|sorry|oops|please|invalid|Traceback|PIL", line["says"])


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_is_stored_without_its_payload(outcome: dict[str, dict[str, Any]], name: str) -> None:
    line = outcome[name]
    assert "refused" not in line, line
    assert line["payload"] is False


def test_memory_and_time_stay_within_bounds(outcome: dict[str, dict[str, Any]]) -> None:
    assert max(line["peak_mb"] for line in outcome.values()) <= MOST_MB
    slow = {name: line["s"] for name, line in outcome.items() if line["s"] > MOST_S}
    assert slow == {}
