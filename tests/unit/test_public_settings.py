"""What still stands in for something real is named, and a vendor in use is never unlisted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from studio.config import Settings, SettingsError, load, placeholders
from studio.services import installation, processors

REAL = {
    "STUDIO_OPERATOR_NAME": "Lakeside",
    "STUDIO_REGION": "eu-central",
    "STUDIO_PRIVACY_CONTACT": "privacy@lakeside.studio",
    "STUDIO_LEGAL_CONTACT": "legal@lakeside.studio",
    "SMTP_FROM": "studio@lakeside.studio",
}


def read(folder: Path, **env: str) -> Settings:
    return load({"STUDIO_DATA": str(folder), "STUDIO_SECRET_KEY": "x" * 32, **env})


def test_every_example_is_named_until_it_is_replaced(tmp_path: Path):
    assert [each.partition(":")[0] for each in placeholders(read(tmp_path))] == list(REAL)
    assert placeholders(read(tmp_path, **REAL)) == []
    for name in REAL:
        left = placeholders(read(tmp_path, **{key: value for key, value in REAL.items() if key != name}))
        assert [each.partition(":")[0] for each in left] == [name]


@pytest.mark.parametrize("address", ["a@example.com", "a@EXAMPLE.ORG", "a@m.example.net", "a@b.example", "a@b.invalid"])
def test_example_addresses_are_known_in_every_spelling(tmp_path: Path, address: str):
    assert placeholders(read(tmp_path, **{**REAL, "STUDIO_LEGAL_CONTACT": address})) == [
        f"STUDIO_LEGAL_CONTACT: {address}"
    ]


def test_an_address_that_only_looks_like_one_is_real(tmp_path: Path):
    assert placeholders(read(tmp_path, **{**REAL, "STUDIO_LEGAL_CONTACT": "a@myexample.com"})) == []


VENDORS = {
    "generation": {"ARK_API_KEY": "k"},
    "signin": {"OIDC_ISSUER": "https://id.lakeside.studio", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"},
    "google": {"OIDC_GOOGLE_CLIENT_ID": "a", "OIDC_GOOGLE_CLIENT_SECRET": "b"},
    "storage": {
        "STUDIO_S3_ENDPOINT": "https://s3.store.studio",
        "STUDIO_S3_BUCKET": "b",
        "STUDIO_S3_ACCESS_KEY": "a",
        "STUDIO_S3_SECRET_KEY": "s",
    },
    "journal": {
        "STUDIO_JOURNAL_URL": "s3://journal/home",
        "STUDIO_JOURNAL_S3_ENDPOINT": "https://s3.journal.studio",
        "STUDIO_JOURNAL_S3_ACCESS_KEY": "a",
        "STUDIO_JOURNAL_S3_SECRET_KEY": "s",
    },
    "backups": {
        "STUDIO_BACKUP_URL": "s3://backup",
        "STUDIO_BACKUP_S3_ENDPOINT": "https://s3.backup.studio",
        "STUDIO_BACKUP_S3_ACCESS_KEY": "a",
        "STUDIO_BACKUP_S3_SECRET_KEY": "s",
        "STUDIO_BACKUP_RECIPIENT": f"age1{'q' * 58}",
    },
    "database": {"DATABASE_URL": "postgresql://u:p@db.rows.studio/x"},
    "mail": {"SMTP_URL": "smtps://u:p@mail.post.studio"},
    "redis": {"REDIS_URL": "rediss://cache.keys.studio"},
}


@pytest.mark.parametrize("key", VENDORS)
def test_a_vendor_in_use_is_on_the_page_and_missing_until_it_is_described(tmp_path: Path, key: str):
    ours = read(tmp_path, **VENDORS[key])
    assert [row.key for row in processors.listed(ours)] == [key]
    found = processors.missing(ours)
    assert len(found) == 1
    assert found[0].startswith(f"{key}: ")
    file = tmp_path / "processors.toml"
    file.write_text(f'[{key}]\nname = "Known"\nregion = "here"\ndpa = "https://known.studio/dpa"\n')
    described = replace(ours, processors_file=file)
    assert processors.missing(described) == []
    (row,) = processors.listed(described)
    assert (row.name, row.region, row.dpa, row.used) == ("Known", "here", "https://known.studio/dpa", True)
    for without in ("dpa",) if key in ("generation", "storage", "journal", "backups") else ("dpa", "region"):
        file.write_text("\n".join(line for line in file.read_text().splitlines() if not line.startswith(without)))
        assert (
            f"without {without}" in processors.missing(described)[0]
            or "region and dpa" in processors.missing(described)[0]
        )


def test_a_description_of_another_vendor_does_not_count(tmp_path: Path):
    file = tmp_path / "processors.toml"
    file.write_text('[mail]\nhost = "mail.old.studio"\nname = "Old"\nregion = "x"\ndpa = "https://old.studio"\n')
    ours = read(tmp_path, STUDIO_PROCESSORS_FILE=str(file), **VENDORS["mail"])
    assert processors.missing(ours) == ["mail: mail.post.studio is in use, but mail.old.studio is listed"]


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"SMTP_URL": "smtp://127.0.0.1:25", "DATABASE_URL": "postgresql://u@localhost/x"},
        {"DATABASE_URL": "postgresql://owner@/x?host=/run/pg", "REDIS_URL": "unix:///run/redis.sock"},
        {"DATABASE_URL": "postgresql://u@10.0.0.4/x", "REDIS_URL": "redis://cache"},
    ],
)
def test_a_machine_of_ones_own_is_no_third_party(tmp_path: Path, env: dict[str, str]):
    assert list(processors.listed(read(tmp_path, **env))) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[mail", "cannot be read as TOML"),
        ('mail = "x"', "not a table"),
        ("[mail]\nsize = 3", "unexpected: size"),
        ('[mail]\nname = ""', "an empty value"),
        ('[mail]\nname = "x"\ndpa = "javascript:alert(1)"', "begins with https://"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, content: str, why: str):
    file = tmp_path / "processors.toml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=f"^STUDIO_PROCESSORS_FILE: .*{why}"):
        processors.listed(read(tmp_path, STUDIO_PROCESSORS_FILE=str(file)))


@pytest.mark.parametrize(
    ("value", "expected"), [("", False), ("0", False), ("1", True), ("2026-11-25", True), ("2026-11-24", False)]
)
def test_counsel_reviewed_what_was_there_then(tmp_path: Path, value: str, expected: bool):
    ours = read(tmp_path, STUDIO_COUNSEL_REVIEWED=value)
    assert installation.reviewed(ours, updated=date(2026, 11, 25)) == expected


@pytest.mark.parametrize("value", ["yes", "2026-13-01", "2"])
def test_a_review_is_a_day_or_a_yes(tmp_path: Path, value: str):
    with pytest.raises(SettingsError, match=r"^STUDIO_COUNSEL_REVIEWED: expected 1 or a date"):
        read(tmp_path, STUDIO_COUNSEL_REVIEWED=value)
