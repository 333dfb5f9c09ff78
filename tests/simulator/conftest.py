"""A real simulator process on a free port, and the official SDK to talk to it."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from byteplussdkarkruntime import Ark
from PIL import Image

from studio.simulator import command, environment

T = TypeVar("T")
LITE = "seedream-5-0-260128"
GROUPS = "seedream-4-5-251128"
SMALL = "seedream-4-0-250828"  # takes 1K, the quickest to paint
FAST = "dreamina-seedance-2-0-fast-260128"
FRAMED = "seedance-1-0-pro-250528"


def eventually(look: Callable[[], T | None], seconds: float = 20.0) -> T:
    """What `look` returns as soon as it returns something; asks again until the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.03)
    raise AssertionError("it did not happen in time")


@dataclass
class Running:
    url: str
    data: Path
    process: subprocess.Popen[bytes]

    @property
    def api(self) -> str:
        return f"{self.url}/api/v3"

    def ark(self, key: str = "sim-key") -> Ark:
        return Ark(base_url=self.api, api_key=key, max_retries=0, timeout=30)

    def http(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": "Bearer sim-key", **options.pop("headers", {})}
        return httpx.request(method, f"{self.url}{path}", headers=headers, timeout=30, **options)

    def control(self, name: str, **body: Any) -> None:
        assert self.http("POST", f"/_sim/{name}", json=body).status_code == 200

    def stats(self) -> dict[str, Any]:
        return self.http("GET", "/_sim/stats").json()

    def image(self, prompt: str, **fields: Any) -> httpx.Response:
        body = {"model": SMALL, "prompt": prompt, "size": "1024x1024", **fields}
        headers = body.pop("headers", {})
        return self.http("POST", "/api/v3/images/generations", json=body, headers=headers)

    def picture(self, prompt: str, **fields: Any) -> Image.Image:
        answer = self.image(prompt, **fields)
        assert answer.status_code == 200, answer.text
        return self.open(answer.json()["data"][0]["url"])

    def open(self, url: str) -> Image.Image:
        return Image.open(io.BytesIO(httpx.get(url).raise_for_status().content))

    def task(self, text: str, **fields: Any) -> str:
        content = [{"type": "text", "text": text}, *fields.pop("more", [])]
        body = {"model": FAST, "content": content, "resolution": "480p", "duration": 4, "ratio": "16:9", **fields}
        answer = self.http("POST", "/api/v3/contents/generations/tasks", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def look(self, task_id: str) -> dict[str, Any]:
        return self.http("GET", f"/api/v3/contents/generations/tasks/{task_id}").json()

    def until(self, task_id: str, *statuses: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            view = self.look(task_id)
            return view if view["status"] in statuses else None

        return eventually(reached)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(data: Path, **setup: Any) -> Iterator[Running]:
    """A simulator process; it is stopped in the end if it still runs."""
    port = free_port()
    variables = {**os.environ, **environment(data, **{"pace": "instant", "key": "sim-key", "limits": "off", **setup})}
    process = subprocess.Popen(command("127.0.0.1", port), env=variables)
    sim = Running(f"http://127.0.0.1:{port}", data, process)

    def ready() -> bool | None:
        assert process.poll() is None, "the simulator did not start"
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{sim.url}/healthz").status_code == 200 or None
        return None

    try:
        eventually(ready)
        yield sim
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("simulator"), closed_models=("seedream-4-0-closed",)) as sim:
        yield sim


@pytest.fixture
def sim(simulator_process: Running) -> Running:
    simulator_process.control("reset")
    return simulator_process


@pytest.fixture
def photo() -> bytes:
    """A photo nobody would mistake for a painted scene: four flat quarters."""
    image = Image.new("RGB", (640, 480), "#1040c0")
    image.paste("#f0d020", (320, 0, 640, 240))
    image.paste("#d02050", (0, 240, 320, 480))
    image.paste("#20a060", (320, 240, 640, 480))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
