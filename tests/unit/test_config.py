"""Settings: a wrong or half-set variable stops the start with its name and what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio import config

S3 = {"STUDIO_S3_BUCKET": "b", "STUDIO_S3_ACCESS_KEY": "a", "STUDIO_S3_SECRET_KEY": "s"}
OIDC = {"OIDC_ISSUER": "https://id.example.org", "OIDC_CLIENT_ID": "c", "OIDC_CLIENT_SECRET": "s"}
ROOT = Path(__file__).resolve().parent.parent.parent


def load(tmp_path: Path, **env: str) -> config.Settings:
    return config.load({"STUDIO_DATA": str(tmp_path), **env})


def test_nothing_set_is_a_complete_studio_on_loopback_with_the_simulator(tmp_path: Path):
    settings = load(tmp_path)
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 3000, "http://127.0.0.1:3000")
    assert settings.simulated
    assert settings.s3 is None
    assert settings.default_cap_micros == 40_000_000
    assert settings.cookie_name == "studio_session"
    assert settings.origins == ("http://127.0.0.1:3000", "http://localhost:3000")


def test_https_makes_the_cookie_host_bound_and_has_one_origin(tmp_path: Path):
    settings = load(tmp_path, STUDIO_PUBLIC_URL="https://studio.example.org")
    assert settings.cookie_name == "__Host-studio_session"
    assert settings.secure
    assert settings.origins == ("https://studio.example.org",)


@pytest.mark.parametrize(
    ("env", "name", "expected"),
    [
        ({"PORT": "eighty"}, "PORT", "whole number"),
        ({"PORT": "70000"}, "PORT", "65535"),
        ({"PORT": "-1"}, "PORT", "from 1"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL", "postgresql://"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL", "postgresql://"),
        ({"REDIS_URL": "http://x"}, "REDIS_URL", "redis://"),
        ({"STUDIO_PUBLIC_URL": "ftp://x"}, "STUDIO_PUBLIC_URL", "http://"),
        ({"STUDIO_PUBLIC_URL": "https://x.org/studio"}, "STUDIO_PUBLIC_URL", "no path"),
        ({"ARK_BASE_URL": "https://x.org"}, "ARK_API_KEY", "expected"),
        ({"ARK_ACCOUNT_TIER": "gold"}, "ARK_ACCOUNT_TIER", "individual or enterprise"),
        ({"STUDIO_PRICES_FILE": "/nowhere.toml"}, "STUDIO_PRICES_FILE", "readable file"),
        ({"SMTP_URL": "mail.example.org"}, "SMTP_URL", "smtp://"),
        ({"SMTP_FROM": "nobody"}, "SMTP_FROM", "e-mail"),
        ({"STUDIO_OPERATORS": "a@b.co, broken"}, "STUDIO_OPERATORS", "e-mail"),
        ({"STUDIO_OPERATORS": "id.example.org|mara"}, "STUDIO_OPERATORS", "identity"),
        ({"STUDIO_OPERATORS": "https://id.example.org| "}, "STUDIO_OPERATORS", "identity"),
        ({"STUDIO_PRIVACY_CONTACT": "us"}, "STUDIO_PRIVACY_CONTACT", "e-mail"),
        ({"STUDIO_DEFAULT_CAP_USD": "lots"}, "STUDIO_DEFAULT_CAP_USD", "US dollars"),
        ({"STUDIO_DEFAULT_CAP_USD": "-5"}, "STUDIO_DEFAULT_CAP_USD", "US dollars"),
        ({"STUDIO_DEFAULT_CAP_USD": "NaN"}, "STUDIO_DEFAULT_CAP_USD", "US dollars"),
        ({"STUDIO_DEFAULT_CAP_USD": "900"}, "STUDIO_DEFAULT_CAP_USD", "STUDIO_MAX_CAP_USD"),
        ({"STUDIO_SESSION_DAYS": "0"}, "STUDIO_SESSION_DAYS", "whole number"),
        ({"STUDIO_SECRET_KEY": "short"}, "STUDIO_SECRET_KEY", "32 characters"),
        ({**S3, "STUDIO_S3_SECRET_KEY": ""}, "STUDIO_S3_SECRET_KEY", "because other"),
        ({"STUDIO_S3_ENDPOINT": "http://127.0.0.1:9000"}, "STUDIO_S3_BUCKET", "because other"),
        ({**S3, "STUDIO_S3_ADDRESSING": "odd"}, "STUDIO_S3_ADDRESSING", "path or virtual"),
        ({"OIDC_ISSUER": "https://id.example.org"}, "OIDC_CLIENT_ID", "because other"),
        (
            {"OIDC_ISSUER": "http://id.example.org", "OIDC_CLIENT_ID": "c", "OIDC_CLIENT_SECRET": "s"},
            "OIDC_ISSUER",
            "https",
        ),
        ({"OIDC_NAME": "Acme"}, "OIDC_ISSUER", "because other"),
        ({"OIDC_GOOGLE_CLIENT_ID": "c"}, "OIDC_GOOGLE_CLIENT_SECRET", "because other"),
        ({**OIDC, "OIDC_NAME": "x" * 41}, "OIDC_NAME", "40 characters"),
        ({**OIDC, "OIDC_ISSUER": "https://id.example.org/?a=b"}, "OIDC_ISSUER", "no query"),
        ({"STUDIO_SIGNUP": "everybody"}, "STUDIO_SIGNUP", "open, invite or domain:"),
        ({"STUDIO_SIGNUP": "domain:"}, "STUDIO_SIGNUP", "open, invite or domain:"),
        ({"STUDIO_SIGNUP": "domain:exa mple"}, "STUDIO_SIGNUP", "open, invite or domain:"),
        ({"STUDIO_JOURNAL_URL": "http://x"}, "STUDIO_JOURNAL_URL", "folder"),
        ({"STUDIO_JOURNAL_URL": "s3://bucket"}, "STUDIO_JOURNAL_S3_ACCESS_KEY", "because STUDIO_JOURNAL_URL"),
        ({**S3, "STUDIO_BACKUP_URL": "s3://B_/x"}, "STUDIO_BACKUP_URL", "bucket"),
        ({"STUDIO_BACKUP_URL": "/somewhere"}, "STUDIO_BACKUP_RECIPIENT", "because STUDIO_BACKUP_URL"),
        ({"STUDIO_BACKUP_RECIPIENT": "AGE-SECRET-KEY-1ABC"}, "STUDIO_BACKUP_RECIPIENT", "public key"),
        ({"STUDIO_BACKUP_HOURS": "0"}, "STUDIO_BACKUP_HOURS", "whole number"),
        ({"STUDIO_SIMULATOR_PACE": "slow"}, "STUDIO_SIMULATOR_PACE", "believable or instant"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_expected(tmp_path: Path, env: dict[str, str], name: str, expected: str):
    with pytest.raises(config.SettingsError) as refusal:
        load(tmp_path, **env)
    assert str(refusal.value).startswith(f"{name}: ")
    assert expected in str(refusal.value)


def test_the_journal_is_a_folder_beside_the_data_until_it_is_told_a_better_place(tmp_path: Path):
    assert load(tmp_path).journal == tmp_path / "journal"
    assert load(tmp_path, STUDIO_JOURNAL_URL=str(tmp_path / "far")).journal == tmp_path / "far"
    chosen = load(tmp_path, **S3, STUDIO_JOURNAL_URL="s3://notes/a/b", STUDIO_JOURNAL_S3_SECRET_KEY="own").journal
    assert isinstance(chosen, config.S3Settings)
    assert (chosen.bucket, chosen.prefix, chosen.access_key, chosen.secret_key) == ("notes", "a/b", "a", "own")


def test_an_issuer_and_google_stand_side_by_side(tmp_path: Path):
    google = {"OIDC_GOOGLE_CLIENT_ID": "g", "OIDC_GOOGLE_CLIENT_SECRET": "t"}
    assert load(tmp_path).oidc == ()
    assert [each.key for each in load(tmp_path, **google).oidc] == ["google"]
    both = load(tmp_path, **OIDC, **google, OIDC_NAME="Acme").oidc
    assert [(each.key, each.name, each.issuer) for each in both] == [
        ("oidc", "Acme", "https://id.example.org"),
        ("google", "Google", "https://accounts.google.com"),
    ]


def test_strangers_need_an_invitation_unless_the_operator_opens_the_door(tmp_path: Path):
    assert load(tmp_path).signup == config.SignupSettings("invite")
    assert load(tmp_path, STUDIO_SIGNUP="open").signup.mode == "open"
    listed = load(tmp_path, STUDIO_SIGNUP="domain: Example.org, mara@example.com").signup
    assert listed.allowed == ("example.org", "mara@example.com")


def test_amounts_are_exact_micros(tmp_path: Path):
    assert load(tmp_path, STUDIO_DEFAULT_CAP_USD="12.345678").default_cap_micros == 12_345_678


def test_the_secret_is_made_once_kept_private_and_used_again(tmp_path: Path):
    first = load(tmp_path).secret_key
    assert len(first) >= 48
    assert load(tmp_path).secret_key == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_every_variable_that_is_read_stands_in_the_readmes_table():
    import re

    source = (ROOT / "studio" / "config.py").read_text()
    read = set(re.findall(r'"((?:STUDIO|ARK|SMTP|OIDC|DATABASE|REDIS)_[A-Z0-9_]+|PORT|HOST)"', source))
    readme = (ROOT / "README.md").read_text()
    assert len(read) > 25
    assert sorted(name for name in read if not name.endswith("_") and f"`{name}`" not in readme) == [
        "STUDIO_EMBEDDED",  # these are set by the supervisor for its own processes
        "STUDIO_SIMULATOR_URL",
    ]


def test_operators_are_addresses_or_identities(tmp_path: Path):
    ours = load(tmp_path, STUDIO_OPERATORS="Ops@Example.org, https://id.example.org/|AbC-1 ,second@example.org")
    assert ours.operators == ("ops@example.org", "second@example.org")
    assert ours.operator_identities == (("https://id.example.org/", "AbC-1"),)  # a subject is kept letter for letter
