"""Video tasks over the wire, mostly through the official SDK."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from av import open as open_media
from av.container import InputContainer
from byteplussdkarkruntime._exceptions import ArkBadRequestError, ArkConflictError, ArkNotFoundError
from PIL import Image

from tests.simulator.conftest import FAST, FRAMED, Running, eventually, running


def _frames(url: str) -> tuple[list[Image.Image], InputContainer]:
    container = open_media(io.BytesIO(httpx.get(url).raise_for_status().content), "r")
    return [frame.to_image() for frame in container.decode(video=0)], container


def _apart(a: Image.Image, b: Image.Image) -> float:
    small = [np.asarray(image.convert("RGB").resize((96, 54)), np.float32) for image in (a, b)]
    return float(np.abs(small[0] - small[1]).mean())


def _picture(photo: bytes, role: str) -> Any:
    url = "data:image/png;base64," + base64.b64encode(photo).decode()
    return {"type": "image_url", "image_url": {"url": url}, "role": role}


def test_the_sdk_makes_follows_and_deletes_a_task(sim: Running) -> None:
    tasks = sim.ark().content_generation.tasks
    raw = tasks.with_raw_response.create(
        model=FAST,
        content=[{"type": "text", "text": "alpine lake at dawn"}],
        resolution="480p",
        ratio="16:9",
        duration=5,
        return_last_frame=True,
        safety_identifier="ref-1",
    )
    task_id = raw.parse().id
    assert raw.headers["x-request-id"].startswith("02")
    view = sim.until(task_id, "succeeded")
    assert view["usage"] == {"completion_tokens": 864 * 496 * 121 // 1024, "total_tokens": 864 * 496 * 121 // 1024}
    assert (view["ratio"], view["duration"], view["safety_identifier"]) == ("16:9", 5, "ref-1")
    frames, container = _frames(view["content"]["video_url"])
    assert frames[0].size == (864, 496)
    assert abs(float(container.duration or 0) / 1e6 - 5) < 0.1
    assert {stream.type for stream in container.streams} == {"video", "audio"}
    assert container.streams.video[0].codec_context.name == "h264"
    assert _apart(frames[0], frames[-1]) > 2
    last = sim.open(view["content"]["last_frame_url"])
    assert last.format == "PNG"
    assert _apart(last, frames[-1]) < 4
    listed = tasks.list(page_num=1, page_size=10, status="succeeded", task_ids=[task_id])
    assert [item.id for item in listed.items] == [task_id]
    tasks.delete(task_id=task_id)
    with pytest.raises(ArkNotFoundError):
        tasks.get(task_id=task_id)


def test_a_clip_starts_at_its_first_frame_and_ends_at_its_last(sim: Running, photo: bytes) -> None:
    last = Image.new("RGB", (640, 480), "#e8e0d0")
    last.paste("#202428", (200, 100, 440, 380))
    buffer = io.BytesIO()
    last.save(buffer, "PNG")
    more = [_picture(photo, "first_frame"), _picture(buffer.getvalue(), "last_frame")]
    task_id = sim.task("a slow morph", model=FRAMED, duration=2, ratio="adaptive", more=more)
    view = sim.until(task_id, "succeeded")
    assert view["ratio"] == "4:3"
    frames, _ = _frames(view["content"]["video_url"])
    first = Image.open(io.BytesIO(photo))
    assert frames[0].size == (736, 544)
    assert _apart(frames[0], first) < 6 < _apart(frames[0], last)
    assert _apart(frames[-1], last) < 6


def test_a_task_shows_no_result_before_it_has_one_and_cannot_be_deleted_while_it_runs(sim: Running) -> None:
    task_id = sim.task("wall [[sim:hold]]", generate_audio=False)
    view = sim.until(task_id, "running")
    assert "content" not in view
    assert "usage" not in view
    with pytest.raises(ArkConflictError, match="because it is currently running") as conflict:
        sim.ark().content_generation.tasks.delete(task_id=task_id)
    assert conflict.value.code == "InvalidAction.RunningTaskDeletion"
    sim.control("release")
    sim.until(task_id, "succeeded")


def test_a_queued_task_is_cancelled_by_delete(sim: Running) -> None:
    task_id = sim.task("lake [[sim:queue=30]]")
    answer = sim.http("DELETE", f"/api/v3/contents/generations/tasks/{task_id}")
    assert (answer.status_code, answer.json()) == (200, {})
    assert sim.look(task_id)["status"] == "cancelled"


def test_over_the_concurrency_limit_a_task_stays_queued(sim: Running) -> None:
    sim.control("limits", mode="individual")
    held = [sim.task(f"lake {i} [[sim:hold]] [[sim:fail]]") for i in range(3)]
    for task_id in held:
        sim.until(task_id, "running")
    fourth = sim.task("lake 4 [[sim:hold]] [[sim:fail]]")
    assert sim.look(fourth)["status"] == "queued"
    sim.control("release")
    sim.until(held[0], "failed")
    sim.until(fourth, "running")
    sim.control("release")


def test_tasks_fail_and_expire_as_asked(sim: Running) -> None:
    failed = sim.until(sim.task("x [[sim:fail=OutputVideoSensitiveContentDetected]]"), "failed")
    assert failed["error"]["code"] == "OutputVideoSensitiveContentDetected"
    assert "output video may contain sensitive information" in failed["error"]["message"]
    assert "content" not in failed
    sim.until(sim.task("x [[sim:expired]]"), "expired")


def test_a_lost_answer_leaves_one_task_that_its_tag_finds(sim: Running) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        sim.task("lake [[sim:lost]]", safety_identifier="ours-1")
    stats = sim.stats()
    assert stats["by_safety_identifier"] == {"ours-1": 1}
    items = sim.http("GET", "/api/v3/contents/generations/tasks").json()["items"]
    assert [item["safety_identifier"] for item in items] == ["ours-1"]


def test_the_list_pages_and_hides_flex_tasks_unless_asked(sim: Running) -> None:
    made = [sim.task(f"x {i} [[sim:fail]]") for i in range(3)]
    flex = sim.task("x [[sim:fail]]", model=FRAMED, service_tier="flex")
    assert flex.startswith("cgt-batch-")
    path = "/api/v3/contents/generations/tasks"
    page = sim.http("GET", path, params={"page_num": 2, "page_size": 2}).json()
    assert ([item["id"] for item in page["items"]], page["total"]) == (made[:1], 3)
    only_flex = sim.http("GET", path, params={"filter.service_tier": "flex"}).json()
    assert [item["id"] for item in only_flex["items"]] == [flex]
    by_model = sim.http("GET", path, params={"filter.model": FRAMED}).json()
    assert by_model["total"] == 0
    assert sim.http("GET", path, params={"page_size": 501}).status_code == 400


def test_the_list_answers_once_a_second_when_limits_are_on(sim: Running) -> None:
    sim.control("limits", mode="individual")
    path = "/api/v3/contents/generations/tasks"
    assert [sim.http("GET", path).status_code for _ in range(2)] == [200, 429]


def test_the_recorded_refusals(sim: Running, photo: bytes) -> None:
    tasks = sim.ark().content_generation.tasks
    text: Any = {"type": "text", "text": "x"}
    with pytest.raises(ArkBadRequestError, match="less than or equal to 12 for model seedance-1-0-pro in t2v"):
        tasks.create(model=FRAMED, content=[text], duration=13)
    with pytest.raises(ArkBadRequestError, match="parameter resolution specified in the request is not valid"):
        tasks.create(model=FAST, content=[text], resolution="1080p")
    two = [_picture(photo, "first_frame"), _picture(photo, "first_frame")]
    with pytest.raises(ArkBadRequestError, match="expected at most one first frame image content but got 2 instead"):
        tasks.create(model=FAST, content=[text, *two])
    mixed = [_picture(photo, "first_frame"), _picture(photo, "reference_image")]
    with pytest.raises(ArkBadRequestError, match="cannot be mixed with reference media content"):
        tasks.create(model=FAST, content=[text, *mixed])
    with pytest.raises(ArkNotFoundError, match="has not activated"):
        tasks.create(model="dreamina-seedance-2-5-premium-260915", content=[text])
    assert sim.stats()["accepted"] == 0


def test_a_video_link_is_for_get_only(sim: Running) -> None:
    view = sim.until(sim.task("wall", duration=4, generate_audio=False), "succeeded")
    url = view["content"]["video_url"]
    assert httpx.head(url).status_code == 403
    assert httpx.get(url).headers["content-type"] == "video/mp4"


class _Receiver(BaseHTTPRequestHandler):
    seen: list[str]
    refuse: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = json.loads(body)["status"]
        type(self).seen.append(status)
        refused = status == "failed" and type(self).refuse > 0
        type(self).refuse -= int(refused)
        self.send_response(500 if refused else 200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, type[_Receiver]]]:
    class Handler(_Receiver):
        seen: list[str] = []
        refuse = 2

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/callback?token=t", Handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_callbacks_follow_every_change_and_are_repeated_until_taken(
    sim: Running, receiver: tuple[str, type[_Receiver]]
) -> None:
    url, handler = receiver
    sim.task("x [[sim:fail]]", callback_url=url)
    eventually(lambda: True if handler.seen.count("failed") == 3 else None)
    assert handler.seen == ["queued", "running", "failed", "failed", "failed"]


def test_a_killed_simulator_finds_its_tasks_again_and_finishes_them(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        done = first.until(first.task("wall [[sim:fail]]"), "failed")["id"]
        held = first.task("wall [[sim:hold]]", safety_identifier="kept", duration=4)
        first.until(held, "running")
        first.process.kill()
        first.process.wait()
    with running(tmp_path) as second:
        assert second.look(done)["status"] == "failed"
        second.until(held, "running")
        second.control("release")
        assert second.until(held, "succeeded")["safety_identifier"] == "kept"
        assert second.stats()["by_safety_identifier"] == {"kept": 1}


def test_what_people_write_is_not_kept_once_it_was_counted(tmp_path: Path) -> None:
    for pace, kept in (("instant", True), ("believable", False)):
        folder = tmp_path / pace
        with running(folder, pace=pace) as sim:
            assert sim.image("nobody's business", model="seedream-0").status_code == 404
        assert any(b"nobody's business" in file.read_bytes() for file in folder.rglob("*.sqlite")) == kept
