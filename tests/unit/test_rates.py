"""The setting of the limits: names and figures, or a start that stops with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio import config, rates

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()


def test_without_a_setting_the_defaults_are_in_force():
    assert rates.parse("") == dict(rates.DEFAULTS)


def test_a_setting_replaces_what_it_names_and_all_stands_for_the_rest():
    found = rates.parse(" submit=7/30 , all=1000/60,")
    assert (found["submit"].most, found["submit"].seconds) == (7, 30)
    assert found["submit"].what == rates.DEFAULTS["submit"].what
    assert {(rate.most, rate.seconds) for name, rate in found.items() if name != "submit"} == {(1000, 60)}


@pytest.mark.parametrize(
    "value",
    [
        "submit",
        "submit=60",
        "submit=60/0",
        "submit=0/60",
        "submit=60/86401",
        "submit=-1/60",
        "teapot=1/1",
        "a;b",
        "=1/1",
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(value: str, tmp_path: Path):
    with pytest.raises(config.SettingsError, match=r"^STUDIO_LIMITS: expected"):
        config.load({"STUDIO_DATA": str(tmp_path), "STUDIO_LIMITS": value})


def test_no_window_is_longer_than_a_day_and_every_limit_is_in_the_documentation():
    for name, rate in rates.DEFAULTS.items():
        assert 1 <= rate.seconds <= rates.LONGEST_SECONDS
        assert f"| `{name}` | {rate.most} in {rate.seconds} s |" in DOCUMENT, name
