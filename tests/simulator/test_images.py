"""Images over the wire, mostly through the official SDK."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast

import httpx
import numpy as np
import psutil
import pytest
from byteplussdkarkruntime._exceptions import (
    ArkAPIError,
    ArkAuthenticationError,
    ArkBadRequestError,
    ArkInternalServerError,
    ArkNotFoundError,
    ArkRateLimitError,
)
from byteplussdkarkruntime.types.images.images import SequentialImageGenerationOptions
from PIL import Image

from studio.services.byteplus.catalog_data import IMAGE_MODELS
from studio.simulator.limits import Limiter
from studio.simulator.pool import RenderPool
from studio.simulator.wire import ApiError
from tests.simulator.conftest import GROUPS, LITE, SMALL, Running


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize((128, 128)), np.float32)


def _apart(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two pictures in grey levels."""
    return float(np.abs(_pixels(a) - _pixels(b)).mean())


def _data_uri(photo: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(photo).decode()


def test_the_sdk_gets_a_picture_of_the_size_asked_for_and_its_usage(sim: Running) -> None:
    answer = sim.ark().images.generate(model=GROUPS, prompt="alpine lake at dawn", size="2560x1440")
    item = answer.data[0]
    assert item.size == "2560x1440"
    image = sim.open(item.url)
    assert (image.format, image.size) == ("JPEG", (2560, 1440))
    assert answer.to_dict()["usage"] == {"generated_images": 1, "output_tokens": 14400, "total_tokens": 14400}


@pytest.mark.parametrize(("size", "model"), [("1024x1024", SMALL), ("1303x1000", SMALL), ("6240x2656", GROUPS)])
def test_every_pixel_asked_for_is_there(sim: Running, size: str, model: str) -> None:
    image = sim.picture("dunes", size=size, model=model)
    assert "x".join(map(str, image.size)) == size


def test_a_keyword_becomes_a_size_of_the_models_table(sim: Running) -> None:
    image = sim.picture("ocean, 16:9", size="2k", model=GROUPS)
    assert image.size == (2848, 1600)


def test_b64_png_carries_the_picture_itself(sim: Running) -> None:
    fields = {"model": LITE, "size": "2K", "response_format": "b64_json", "output_format": "png"}
    item = sim.image("paper layers 1:1", **fields).json()["data"][0]
    assert "url" not in item
    image = Image.open(io.BytesIO(base64.b64decode(item["b64_json"])))
    assert (image.format, image.size) == ("PNG", (2048, 2048))


def test_the_prompt_and_the_seed_change_the_picture_and_the_same_two_repeat_it(sim: Running) -> None:
    first = sim.picture("a red vase", seed=7)
    assert _apart(first, sim.picture("a red vase", seed=7)) < 1
    assert _apart(first, sim.picture("a red vase", seed=8)) > 6
    assert _apart(first, sim.picture("night city with neon", seed=7)) > 20


def test_a_colour_named_in_the_prompt_is_seen(sim: Running) -> None:
    red, blue = (_pixels(sim.picture(f"{name} paper layers", seed=3)) for name in ("red", "blue"))
    assert red[..., 0].mean() - red[..., 2].mean() > 25
    assert blue[..., 2].mean() - blue[..., 0].mean() > 25


def test_a_reference_photo_is_in_the_picture(sim: Running, photo: bytes) -> None:
    plain = sim.picture("in soft film light", seed=5)
    edited = sim.picture("in soft film light", seed=5, image=_data_uri(photo))
    source = Image.open(io.BytesIO(photo))
    crop = source.crop((80, 0, 560, 480))  # what filling a square keeps of it
    assert _apart(edited, crop) < 60 < _apart(plain, crop) + 25
    pixels = _pixels(edited)
    corners = [pixels[y : y + 8, x : x + 8].mean((0, 1)) for y, x in ((40, 40), (40, 80), (80, 40), (80, 80))]
    assert corners[0].argmax() == 2  # blue, yellow, red, green: the photo's quarters, graded
    assert corners[1][2] < corners[1][:2].min()
    assert corners[2].argmax() == 0
    assert corners[3].argmax() == 1


def test_a_keyword_size_follows_the_first_reference(sim: Running, photo: bytes) -> None:
    assert sim.picture("edit", size="1K", image=[_data_uri(photo)]).size == (1152, 864)


def test_the_watermark_is_there_unless_switched_off(sim: Running) -> None:
    corner = (700, 960, 1024, 1024)
    signed = sim.picture("pebbles", seed=2).crop(corner)
    plain = sim.picture("pebbles", seed=2, watermark=False).crop(corner)
    assert float(np.abs(np.asarray(signed, np.float32) - np.asarray(plain, np.float32)).max()) > 60


def test_a_group_streams_each_picture_and_then_the_usage(sim: Running) -> None:
    events = list(
        sim.ark().images.generate(
            model=GROUPS,
            prompt="forest",
            size="2560x1440",
            stream=True,
            sequential_image_generation="auto",
            sequential_image_generation_options=SequentialImageGenerationOptions(max_images=3),
        )
    )
    kinds = [event.type.removeprefix("image_generation.") for event in events if event is not None]
    assert kinds == ["partial_succeeded"] * 3 + ["completed"]
    first, second = (sim.open(str(event.to_dict()["url"])) for event in events[:2])
    assert _apart(first, second) > 5
    assert cast("dict", events[3].to_dict()["usage"])["generated_images"] == 3


def test_the_stream_is_one_line_of_json_an_event_and_ends_with_done(sim: Running) -> None:
    fields = {"stream": True, "sequential_image_generation": "auto", "size": "1K"}
    lines = sim.image("two pictures of dunes", **fields).text.split("\n\n")
    assert lines[-2] == "data: [DONE]"
    assert all(block.count("\n") == 1 for block in lines[:-2])
    assert len(lines) == 5  # two pictures, completed, DONE and the end


def test_one_failing_picture_leaves_the_others(sim: Running) -> None:
    options = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}}
    answer = sim.image("lake [[sim:partial_failed=1]]", **options).json()
    assert ["error" in item for item in answer["data"]] == [False, True, False]
    assert answer["data"][1]["error"]["code"] == "OutputImageSensitiveContentDetected"
    assert answer["usage"]["generated_images"] == 2


def test_the_sdk_raises_at_the_failing_picture_of_a_stream(sim: Running) -> None:
    stream = sim.ark().images.generate(
        model=GROUPS,
        prompt="lake [[sim:partial_failed=1]]",
        size="2560x1440",
        stream=True,
        sequential_image_generation="auto",
        sequential_image_generation_options=SequentialImageGenerationOptions(max_images=3),
    )
    seen = []
    with pytest.raises(ArkAPIError):
        seen.extend(event.type for event in stream)
    raw = sim.image(
        "lake [[sim:partial_failed=1]]",
        stream=True,
        sequential_image_generation="auto",
        sequential_image_generation_options={"max_images": 3},
    ).text
    assert raw.count("event: image_generation.partial_succeeded") == 2
    assert raw.count("event: image_generation.partial_failed") == 1
    assert raw.count("event: image_generation.completed") == 1


def test_a_blocked_single_picture_fails_the_request(sim: Running) -> None:
    with pytest.raises(ArkBadRequestError) as failure:
        sim.ark().images.generate(model=GROUPS, prompt="x [[sim:fail=OutputImageSensitiveContentDetected]]", size="2K")
    assert failure.value.code == "OutputImageSensitiveContentDetected"


def test_the_recorded_refusals(sim: Running) -> None:
    with pytest.raises(ArkAuthenticationError, match="missing or invalid"):
        sim.ark("another").images.generate(model=GROUPS, prompt="x")
    with pytest.raises(ArkNotFoundError) as unknown:
        sim.ark().images.generate(model="seedream-9", prompt="x")
    assert unknown.value.code == "InvalidEndpointOrModel.NotFound"
    with pytest.raises(ArkNotFoundError, match="has not activated the model") as closed:
        sim.ark().images.generate(model="seedream-4-0-closed", prompt="x")
    assert closed.value.code == "ModelNotOpen"
    small = sim.image("x", model=GROUPS, size="1024x1024").json()["error"]
    assert "image size must be at least 3686400 pixels" in small["message"]
    wrong = sim.image("x", model=LITE, size="1K").json()["error"]
    assert "size must be one of 'WIDTHxHEIGHT', '2k', '3k', or '4k'." in wrong["message"]
    assert set(wrong) == {"code", "message", "param", "type"}


def test_ids_of_a_request_come_back_and_are_in_the_error_text(sim: Running) -> None:
    answer = sim.image("x", size="nonsense", headers={"X-Client-Request-Id": "mine-1"})
    assert answer.headers["x-client-request-id"] == "mine-1"
    assert answer.headers["x-error-code"] == "InvalidParameter"
    assert f"Request id: {answer.headers['x-request-id']}" in answer.json()["error"]["message"]


def test_nulls_and_unknown_fields_are_as_good_as_absent(sim: Running) -> None:
    assert sim.image("ink", seed=None, watermark=None, image=None, made_up={"a": None}).status_code == 200


def test_refusals_strike_as_often_as_asked(sim: Running) -> None:
    with pytest.raises(ArkRateLimitError):
        sim.ark().images.generate(model=SMALL, prompt="x [[sim:429*2]]", size="1K")
    statuses = [sim.image("x [[sim:429*2]]").status_code for _ in range(2)]
    assert statuses == [429, 200]
    with pytest.raises(ArkInternalServerError):
        sim.ark().images.generate(model=SMALL, prompt="y [[sim:500]]", size="1K")
    assert sim.image("plain", headers={"X-Sim-Fault": "refuse=AccountOverdueError"}).status_code == 403
    assert sim.image("z [[sim:block_input]]").json()["error"]["code"] == "InputTextSensitiveContentDetected"


def test_a_lost_answer_was_still_done_and_is_counted_once(sim: Running) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        sim.image("wall [[sim:lost]]", headers={"X-Studio-Attempt": "attempt-1", "X-Client-Request-Id": "c-1"})
    stats = sim.stats()
    assert stats["by_attempt"] == {"attempt-1": 1}
    assert stats["by_client_request_id"] == {"c-1": 1}
    assert stats["accepted_images"] == 1


def test_refused_posts_are_seen_but_not_accepted(sim: Running) -> None:
    sim.image("x [[sim:500]]", headers={"X-Studio-Attempt": "a"})
    stats = sim.stats()
    assert (stats["posts"], stats["accepted"], stats["by_attempt"]) == (1, 0, {})
    assert stats["requests"][0]["code"] == "InternalServiceError"


def test_links_end(sim: Running) -> None:
    url = sim.image("wall").json()["data"][0]["url"]
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.replace("sig=", "sig=0")).status_code == 403
    sim.control("urls", ttl=0)
    assert httpx.get(sim.image("wall").json()["data"][0]["url"]).status_code == 403


def test_downloads_fail_as_often_as_asked(sim: Running) -> None:
    url = sim.image("wall [[sim:flaky_download=1]] [[sim:cut_download=1]]").json()["data"][0]["url"]
    assert httpx.get(url).status_code == 400
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url)
    assert httpx.get(url).status_code == 200


def test_the_minute_holds_five_hundred_images() -> None:
    limiter = Limiter("individual")
    model = next(model for model in IMAGE_MODELS if model.id == GROUPS)
    for _ in range(33):
        limiter.images(model, 15)
    limiter.images(model, 5)
    with pytest.raises(ApiError) as refused:
        limiter.images(model, 1)
    assert (refused.value.code, refused.value.status) == ("ModelAccountIpmRateLimitExceeded", 429)


def test_models_are_listed_and_an_unknown_path_is_not_there(sim: Running) -> None:
    ids = {model["id"] for model in sim.http("GET", "/api/v3/models").json()["data"]}
    assert {SMALL, GROUPS, LITE} <= ids
    assert sim.http("GET", "/api/v3/nothing").status_code == 404


@pytest.fixture
def photo_port(photo: bytes) -> Iterator[tuple[int, list[str]]]:
    """A web server with one photo, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(photo)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_photo_is_fetched_from_this_computer_only(sim: Running, photo_port: tuple[int, list[str]]) -> None:
    port, asked = photo_port
    assert sim.image("x", image=f"http://127.0.0.1:{port}/near").status_code == 200
    # 0.0.0.0 would reach the same server, but it is not an address of this computer alone.
    answer = sim.image("x", image=f"http://0.0.0.0:{port}/far").json()
    assert "resource download failed" in answer["error"]["message"]
    assert asked == ["/near"]


async def test_the_painter_leaves_when_it_has_nothing_to_do() -> None:
    pool = RenderPool(idle_seconds=0.05)
    assert await pool.run({"kind": "probe"}, [b"no picture"]) == {"images": [None], "blobs": []}
    (child,) = [one for one in psutil.Process().children() if "studio.simulator.render.worker" in one.cmdline()]
    await asyncio.to_thread(child.wait, 10)
    assert await pool.run({"kind": "probe"}, [b"another"]) == {"images": [None], "blobs": []}
    await pool.close()
