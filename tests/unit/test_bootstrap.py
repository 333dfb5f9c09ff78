"""uv is told what pip was told on this machine, and nothing is installed twice."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from studio import bootstrap


def test_uv_uses_the_index_that_pip_uses() -> None:
    pip = {"index-url": "https://packages.example.org/simple", "cert": "/etc/company.pem"}
    env = bootstrap.uv_environment({"PATH": "/bin"}, pip, bootstrap._TRANSLATED)
    assert env["UV_DEFAULT_INDEX"] == "https://packages.example.org/simple"
    assert env["SSL_CERT_FILE"] == "/etc/company.pem"
    assert env["PATH"] == "/bin"


def test_what_uv_was_told_itself_wins() -> None:
    pip = {"index-url": "https://pip.example.org/simple"}
    env = bootstrap.uv_environment({"UV_INDEX_URL": "https://uv.example.org"}, pip, bootstrap._TRANSLATED)
    assert "UV_DEFAULT_INDEX" not in env


def test_further_sources_are_spelled_as_uv_expects_them() -> None:
    pip = {"find-links": "/wheels /more", "extra-index-url": "https://a.example.org https://b.example.org"}
    env = bootstrap.uv_environment({}, pip, bootstrap._FURTHER)
    assert env["UV_FIND_LINKS"] == "/wheels,/more"
    assert env["UV_INDEX"] == "https://a.example.org https://b.example.org"


def test_a_changed_lock_file_is_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("one==1\n")
    monkeypatch.setattr(bootstrap, "RUN_LOCK", lock)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    assert not bootstrap.prepared("run")
    (tmp_path / ".stamp-run").write_text(bootstrap.digest(lock))
    assert bootstrap.prepared("run")
    assert not bootstrap.prepared("dev")
    lock.write_text("one==2\n")
    assert not bootstrap.prepared("run")


def test_a_wrong_word_is_answered_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["everything"]) == 1
    assert "Expected run, dev or lock" in capsys.readouterr().err


def test_without_bytecode_beside_the_sources_the_command_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "[$PYTHONDONTWRITEBYTECODE] [$PYTHONPYCACHEPREFIX] $*"\n')
    python.chmod(0o755)
    bootstrap._write_command()
    command = [str(python.with_name("studio")), "doctor"]

    def said(**env: str) -> str:
        done = subprocess.run(
            command, env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert said() == "[] [] -m studio doctor"
    assert said(PYTHONDONTWRITEBYTECODE="1") == f"[] [{tmp_path}/.cache/bytecode] -m studio doctor"
    assert said(PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX="/else") == "[] [/else] -m studio doctor"
