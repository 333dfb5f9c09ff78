"""How long until the first page, and how much memory at rest.

    python bench/start.py --json           second start and memory, with this checkout's environment
    python bench/start.py --json --full    the same from a bare clone with an empty home folder and empty caches

`cold_s` runs from `make run` in a fresh clone to the first page with its scripts and styles loaded, `warm_s` the same
for the second `make run`. `pss_mb` sums the proportional set size (shared pages counted once) over every process the
command started, Postgres included, after twenty quiet seconds. `--worktree` copies the files as they are instead of
cloning the last commit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"cold_s": 120.0, "warm_s": 4.0, "pss_mb": 400.0}
PATIENCE = 600.0
IDLE_SECONDS = 20.0
ASSET = re.compile(r'(?:src|href)="(/[^"]+\.(?:js|css))"')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bare_environment(home: Path) -> dict[str, str]:
    """This machine's network settings, but no file that an earlier run left: home and every cache are empty."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STUDIO_", "ARK_", "VIRTUAL_ENV"))}
    for name, folder in {
        "HOME": "home",
        "UV_CACHE_DIR": "uv",
        "PIP_CACHE_DIR": "pip",
        "BUN_INSTALL_CACHE_DIR": "bun",
        "npm_config_cache": "npm",
        "XDG_CACHE_HOME": "cache",
        "XDG_DATA_HOME": "share",
        "XDG_CONFIG_HOME": "config",
    }.items():
        (home / folder).mkdir(parents=True, exist_ok=True)
        env[name] = str(home / folder)
    return env


def clone(target: Path, *, worktree: bool) -> None:
    if worktree:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
        return
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback address
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def load_page(base: str, process: subprocess.Popen[bytes], began: float) -> float:
    """Seconds from `began` until the first page and everything it names have arrived."""
    while True:
        if process.poll() is not None:
            sys.exit(f"make run ended with {process.returncode} before the first page")
        status, page = get(base + "/")
        if status == 200:
            break
        if time.monotonic() - began > PATIENCE:
            sys.exit(f"no page after {PATIENCE:.0f} s")
        time.sleep(0.02)
    assets = sorted(set(ASSET.findall(page)))
    for asset in assets:
        status, _ = get(urljoin(base, asset))
        if status != 200:
            sys.exit(f"{asset} answered {status}")
    if not assets:
        sys.exit("the first page names no script")
    return time.monotonic() - began


@contextlib.contextmanager
def running(checkout: Path, env: dict[str, str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """`make run`, and the seconds it took to the first page; Ctrl-C to everything at the end."""
    port = free_port()
    with log.open("ab") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}"],
            cwd=checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process, load_page(f"http://127.0.0.1:{port}", process, began)
        except SystemExit:
            sys.stderr.write(log.read_text(errors="replace")[-3000:])
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def tree(root: int) -> list[int]:
    """A process and everything below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def role(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if "postgres" in command:
        return "postgres"
    known = re.search(r"-m studio(?:\.(\w+))? ?(\w*)", command)
    if known:
        return {"serve": "supervisor"}.get(known[2], known[1] or known[2] or "other")
    return "make" if command.startswith("make") else "other"


def memory(root: int) -> dict[str, float]:
    """PSS in MB by role."""
    sums: dict[str, float] = {}
    for pid in tree(root):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
            if found:
                name = role(pid)
                sums[name] = sums.get(name, 0.0) + int(found[1]) / 1024
    return {name: round(value, 1) for name, value in sorted(sums.items())}


def measure(*, full: bool, worktree: bool) -> dict[str, object]:
    result: dict[str, object] = {"bench": "start", "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="studio-start-") as folder:
        base = Path(folder)
        base.chmod(0o755)
        checkout, log, data = ROOT, base / "log", base / "data"
        env = {**os.environ, "STUDIO_DATA": str(data)}
        if full:
            checkout = base / "clone"
            checkout.mkdir()
            clone(checkout, worktree=worktree)
            env = {**bare_environment(base / "home"), "STUDIO_DATA": str(data)}
        try:
            with running(checkout, env, log) as (_, seconds):
                if full:
                    result["cold_s"] = round(seconds, 1)
            with running(checkout, env, log) as (process, seconds):
                result["warm_s"] = round(seconds, 2)
                time.sleep(IDLE_SECONDS)
                by_role = memory(process.pid)
            result["pss_mb"] = round(sum(by_role.values()), 1)
            result["pss_by_role_mb"] = by_role
        finally:
            marker = data / "postgres-home"
            if marker.is_file():  # as root the database lives outside the data folder
                shutil.rmtree(marker.read_text().strip(), ignore_errors=True)
    limits = {name: limit for name, limit in LIMITS.items() if name in result}
    return {**result, "limits": limits}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time to the first page and memory at rest.")
    parser.add_argument("--json", action="store_true", help="print one JSON object (the only format there is)")
    parser.add_argument("--full", action="store_true", help="from a bare clone, with an empty home and empty caches")
    parser.add_argument(
        "--worktree", action="store_true", help="with --full: copy the files as they are, uncommitted too"
    )
    arguments = parser.parse_args()
    # A bench that is ended takes what it started along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(json.dumps(measure(full=arguments.full, worktree=arguments.worktree)))


if __name__ == "__main__":
    main()
