"""The figures and names of docs/privacy.md are those of the code."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import get_args

from studio import cli_privacy, config
from studio.http.routes import ROUTES
from studio.services import consent, erasure, journal, requests, retention, sessions
from studio.services.exports import archives
from studio.services.proofs import record

ROOT = Path(__file__).resolve().parent.parent
SAID = " ".join((ROOT / "docs" / "privacy.md").read_text().split())


def test_the_figures_are_those_of_the_code(tmp_path: Path):
    ours = config.load({"STUDIO_DATA": str(tmp_path)})
    for words in (
        f"{consent.MONTHS} months",
        f"a sign-in within {sessions.FRESH_MINUTES} minutes",
        f"one archive in {archives.HOURS_BETWEEN} hours",
        f"gone after {archives.DAYS} days",
        f"The countdown is {erasure.HOURS} hours",
        f"did not run for {record.LATE_HOURS} hours",
        f"({record.DAYS} days)",
        f"was not swept for {retention.STALE_HOURS} hours",
        f"reminders {requests.REMIND_DAYS[0]} days and {requests.REMIND_DAYS[1]} day before",
        f"`STUDIO_BACKUP_HOURS` ({ours.backup_hours})",
        f"`STUDIO_BACKUP_DAYS` ({ours.backup_days})",
    ):
        assert words in SAID, words


def test_every_kind_of_note_and_every_file_and_address_that_it_names_exists():
    for kind in get_args(journal.Kind):
        assert f"`{kind}`" in SAID
    for path in re.findall(r"`(studio/[\w/.]+)`", SAID):
        assert (ROOT / path).exists(), path
    known = {route.path for route in ROUTES}
    for path in re.findall(r"/privacy/proof[.\w]*", SAID):
        assert path in known


def test_the_commands_that_it_names_are_understood():
    parser = argparse.ArgumentParser(prog="studio privacy")
    cli_privacy.arguments(parser)
    found = [line for line in re.findall(r"`studio privacy ([^`]+)`", SAID) if "…" not in line]
    assert len(found) >= 6
    for line in found:
        parser.parse_args(line.split())
