"""npm's certified `oidc-provider`, run for a test with one client: this studio."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from tests import npm
from tests.system import ROOT, wait_until

VERSION = "9.13.3"
CLIENT = "studio"
SECRET = "studio-secret-for-one-test-only"
SCRIPT = ROOT / "tests" / "oidc" / "server.mjs"


def installed() -> Path:
    """Our script beside the provider's packages."""
    place = npm.installed("oidc-provider", VERSION)
    shutil.copy(SCRIPT, place / SCRIPT.name)
    return place / SCRIPT.name


@contextmanager
def running(folder: Path, port: int, redirect: str) -> Iterator[str]:
    """The provider on a port, knowing the one address that it may send people back to. Gives the issuer."""
    log = folder / "oidc-provider.log"
    with log.open("wb") as out:
        process = subprocess.Popen(["node", str(installed()), str(port), redirect], stdout=out, stderr=out)
    try:
        wait_until(lambda: "ready" in log.read_text() or process.poll() is not None, 60, "oidc-provider answers")
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


async def approve(url: str, name: str, back: str) -> dict[str, str]:
    """Sign in and say yes on the provider's own pages, as a person would; returns what it sends to `back`."""
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(url)
        for _ in range(12):
            if answer.is_redirect:
                target = urljoin(str(answer.request.url), answer.headers["location"])
                if urlsplit(target).path == back:
                    return dict(httpx.URL(target).params)
                answer = await client.get(target)
                continue
            assert answer.status_code == 200, answer.text
            action = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert action is not None, answer.text
            assert prompt is not None, answer.text
            form = {"prompt": prompt[1], "login": name, "password": "any"}
            answer = await client.post(urljoin(str(answer.request.url), action[1]), data=form)
    raise AssertionError("the provider did not come to an end")
