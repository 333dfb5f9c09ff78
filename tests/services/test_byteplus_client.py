"""The client against a real socket: what goes out, what is sent again, and what an answer that did not come means."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio

from studio.errors import ValidationError
from studio.services.byteplus import client as client_module
from studio.services.byteplus import requests, transport
from studio.services.byteplus.catalog import ImageParams, ParamError, VideoParams
from studio.services.byteplus.client import (
    ImageEvent,
    ImageRequest,
    ModelArkClient,
    NullLimiter,
    Picture,
    VideoRequest,
)
from studio.services.byteplus.download import allow_hosts
from studio.services.byteplus.errors import (
    ContentDeclined,
    DownloadFailed,
    HostRefused,
    LinkExpired,
    OperatorProblem,
    OutcomeUnknown,
    ProviderBusy,
    ProviderFault,
    ProviderUnreachable,
    TaskNotFound,
    TaskRunning,
    TooLarge,
)

S45, LITE, PRO = "seedream-4-5-251128", "seedream-5-0-260128", "dola-seedream-5-0-pro-260628"
V25, V20, V10 = "dreamina-seedance-2-5-260628", "dreamina-seedance-2-0-260128", "seedance-1-0-pro-250528"


@dataclass
class Seen:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes
    reader: asyncio.StreamReader

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.content)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)


Answer = bytes | Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A raw HTTP/1.1 server that gives its answers in order, the last one again and again, and keeps what it saw."""

    answers: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            content = await reader.readexactly(int(headers.get("content-length", "0")))
            self.seen.append(Seen(method, target, headers, content, reader))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(self.seen[-1], writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, which some tests want
        finally:
            writer.close()


def http(
    status: int, content: object = b"", headers: dict[str, str] | None = None, *, length: int | None = None
) -> bytes:
    """One whole answer; `length` lies about its Content-Length."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = {"content-type": "application/json", "x-request-id": "0217", "connection": "close"} | (headers or {})
    if "transfer-encoding" not in lines and length != -1:
        lines["content-length"] = str(len(data) if length is None else length)
    head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data


def refused(status: int, code: str, headers: dict[str, str] | None = None, message: str = "text") -> bytes:
    return http(status, {"error": {"code": code, "message": message, "param": "", "type": ""}}, headers)


async def hang(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer, until the client hangs up."""
    await seen.reader.read()


async def drop(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Take the request and close without a word."""


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    listening = await asyncio.start_server(found.handle, "127.0.0.1", 0)
    found.port = listening.sockets[0].getsockname()[1]
    yield found
    listening.close()


@asynccontextmanager
async def client_of(server: Server, slept: list[float] | None = None, **options: Any) -> AsyncIterator[ModelArkClient]:
    async def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)

    async with ModelArkClient(f"{server.origin}/api/v3", "sim-key", sleep=sleep, **options) as client:
        yield client


def picture(name: str = "ref") -> Picture:
    return Picture(data=name.encode(), media_type="image/JPEG")


def image(model: str = S45, *, references: tuple[Picture, ...] = (), **fields: Any) -> ImageRequest:
    given: dict[str, Any] = {"model": model, "prompt": "a lighthouse", "reference_count": len(references), **fields}
    return ImageRequest(params=ImageParams(**given), attempt_id="attempt-1", references=references)


def video(model: str = V20, *, request: dict[str, Any] | None = None, **fields: Any) -> VideoRequest:
    given: dict[str, Any] = {"model": model, "prompt": "a lighthouse", "ratio": "16:9", **fields}
    return VideoRequest(
        params=VideoParams(**given), attempt_id="attempt-1", safety_identifier="studio-1", **(request or {})
    )


OK_IMAGE = http(
    200,
    {
        "model": S45,
        "created": 1757323224,
        "data": [{"url": "https://x.volces.com/1", "size": "2048x2048"}],
        "usage": {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384},
    },
)
OK_TASK = http(200, {"id": "cgt-20260628170504-2cv86"})


# What goes out


async def test_a_picture_request_carries_only_what_its_model_knows(server: Server) -> None:
    server.answers = [OK_IMAGE]
    async with client_of(server) as client:
        result = await client.generate_image(image())
    [seen] = server.seen
    assert (seen.method, seen.target) == ("POST", "/api/v3/images/generations")
    assert seen.json == {
        "model": S45,
        "prompt": "a lighthouse",
        "size": "2048x2048",
        "response_format": "url",
        "watermark": False,
    }
    assert seen.headers["authorization"] == "Bearer sim-key"
    assert seen.headers["content-type"] == seen.headers["accept"] == "application/json"
    assert seen.headers["x-studio-attempt"] == "attempt-1"
    assert len(seen.headers["x-client-request-id"]) == 34
    assert (result.created, result.request_id) == (1757323224, "0217")
    assert result.usage == {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384}
    assert [(item.index, item.url, item.size) for item in result.items] == [(0, "https://x.volces.com/1", (2048, 2048))]


@pytest.mark.parametrize(
    ("request_", "differs"),
    [
        (image(ratio="adaptive", size="4K"), {"size": "4K"}),
        (image(width=2000, height=2000, watermark=True), {"size": "2000x2000", "watermark": True}),
        (image(LITE, output_format="png"), {"model": LITE, "output_format": "png"}),
        (image("seedream-5-0-lite-260128"), {"model": LITE, "output_format": "jpeg"}),
        (
            image(series=True, count=4),
            {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 4}},
        ),
        (image(references=(picture("a"),)), {"image": "data:image/jpeg;base64,YQ=="}),
        (
            image(references=(picture("a"), picture("b"))),
            {"image": ["data:image/jpeg;base64,YQ==", "data:image/jpeg;base64,Yg=="]},
        ),
        (
            image(PRO, references=(picture("a"),), background="transparent", output_format="png"),
            {"model": PRO, "image": "data:image/jpeg;base64,YQ==", "background": "transparent", "output_format": "png"},
        ),
    ],
)
async def test_every_picture_setting_has_its_documented_field(
    server: Server, request_: ImageRequest, differs: dict[str, Any]
) -> None:
    server.answers = [OK_IMAGE]
    async with client_of(server) as client:
        await client.generate_image(request_)
    usual = {"model": S45, "prompt": "a lighthouse", "size": "2048x2048", "response_format": "url", "watermark": False}
    assert server.seen[0].json == usual | differs


TEXT = {"type": "text", "text": "a lighthouse"}
USUAL_VIDEO = {
    "model": V20,
    "content": [TEXT],
    "resolution": "720p",
    "ratio": "16:9",
    "duration": 5,
    "watermark": False,
    "safety_identifier": "studio-1",
    "generate_audio": False,
}


def shot(name: str, role: str) -> dict[str, Any]:
    uri = f"data:image/jpeg;base64,{base64.b64encode(name.encode()).decode()}"
    return {"type": "image_url", "image_url": {"url": uri}, "role": role}


@pytest.mark.parametrize(
    ("request_", "differs"),
    [
        (video(), {}),
        (video(duration=-1, generate_audio=True), {"duration": -1, "generate_audio": True}),
        (
            video(
                has_first_frame=True,
                has_last_frame=True,
                request={"first_frame": picture("a"), "last_frame": picture("b")},
            ),
            {"content": [TEXT, shot("a", "first_frame"), shot("b", "last_frame")]},
        ),
        (
            video(reference_count=2, request={"references": (picture("a"), picture("b"))}),
            {"content": [TEXT, shot("a", "reference_image"), shot("b", "reference_image")]},
        ),
        (
            video(V25, draft=True, resolution="480p", request={"callback_url": "https://s/cb", "expires_after": 3600}),
            {
                "model": V25,
                "draft": True,
                "resolution": "480p",
                "callback_url": "https://s/cb",
                "execution_expires_after": 3600,
            },
        ),
        (video(return_last_frame=True), {"return_last_frame": True}),
    ],
)
async def test_every_clip_setting_has_its_documented_field(
    server: Server, request_: VideoRequest, differs: dict[str, Any]
) -> None:
    server.answers = [OK_TASK]
    async with client_of(server) as client:
        assert await client.create_task(request_) == "cgt-20260628170504-2cv86"
    [seen] = server.seen
    assert (seen.method, seen.target) == ("POST", "/api/v3/contents/generations/tasks")
    assert seen.headers["x-studio-attempt"] == "attempt-1"
    assert seen.json == USUAL_VIDEO | differs


async def test_a_final_clip_names_its_draft_and_says_nothing_that_the_draft_said(server: Server) -> None:
    server.answers = [OK_TASK]
    final = video(V25, from_draft=True, resolution="1080p", request={"draft_task_id": "cgt-1"}, generate_audio=True)
    async with client_of(server) as client:
        await client.create_task(final)
        with pytest.raises(ValidationError, match="The draft is gone"):
            await client.create_task(replace(final, draft_task_id=None))
    [seen] = server.seen
    assert seen.json == {
        "model": V25,
        "content": [{"type": "draft_task", "draft_task": {"id": "cgt-1"}}],
        "resolution": "1080p",
        "watermark": False,
        "safety_identifier": "studio-1",
    }


async def test_a_model_of_the_first_series_gets_its_own_fields_and_no_sound(server: Server) -> None:
    server.answers = [OK_TASK]
    async with client_of(server) as client:
        await client.create_task(video(V10, seed=7, camera_fixed=True, service_tier="flex"))
    usual = {key: value for key, value in USUAL_VIDEO.items() if key != "generate_audio"}
    assert server.seen[0].json == usual | {"model": V10, "seed": 7, "camera_fixed": True, "service_tier": "flex"}


async def test_what_does_not_fit_is_refused_before_anything_is_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [OK_IMAGE]
    monkeypatch.setattr(requests, "MAX_BODY_BYTES", 1_000)
    monkeypatch.setattr(client_module, "MAX_BODY_BYTES", 1_000)
    big = Picture(data=b"x" * 900)
    async with client_of(server) as client:
        for call, error, says in (
            (client.generate_image(image(size="1K")), ParamError, "Size"),
            (client.generate_image(image(references=(big,))), TooLarge, "64 MB"),
            (client.generate_image(image(prompt="x" * 1_000)), TooLarge, "64 MB"),
            (
                client.generate_image(ImageRequest(params=image(reference_count=1).params, attempt_id="a")),
                ValidationError,
                "announced",
            ),
            (
                client.generate_image(image(references=(Picture(data=b"x", media_type="image/svg+xml"),))),
                ValidationError,
                "jpeg",
            ),
            (client.create_task(video(duration=99)), ParamError, "Duration"),
            (client.create_task(video(has_first_frame=True)), ValidationError, "announced"),
            (client.create_task(video(request={"expires_after": 1})), ValidationError, "3,600"),
        ):
            with pytest.raises(error, match=says):
                await call
        with pytest.raises(ValidationError, match="one by one"):
            await anext(client.stream_images(image(PRO)))
    assert server.seen == []


async def test_the_limiter_is_asked_before_every_call(server: Server) -> None:
    limiter = NullLimiter()
    server.answers = [refused(429, "ServerOverloaded"), OK_IMAGE]
    async with client_of(server, limiter=limiter) as client:
        await client.generate_image(image(series=True, count=3))
        server.answers = [OK_TASK]
        await client.create_task(video())
        server.answers = [http(200, {"items": [], "total": 0})]
        await client.list_tasks()
        server.answers = [http(200, {"id": "t", "status": "queued"})]
        await client.get_task("t")
        server.answers = [http(200, {})]
        await client.delete_task("t")
    post = [f"POST:{S45}", f"IPM:{S45}:3"]
    assert limiter.keys == [*post, *post, f"POST:{V20}", "LIST", "GET", "DELETE"]


# At most once


@pytest.mark.parametrize(
    "answer",
    [
        drop,
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{",
        b"nonsense\r\n\r\n",
        http(200, b"<html>"),
        http(200, {}),
        http(200, []),
        http(500, b""),
        refused(500, "InternalServiceError"),
        http(502, b"<html>"),
        http(503, b""),
        http(504, b""),
        http(408, b""),
    ],
)
async def test_a_post_that_may_have_worked_is_never_sent_again(server: Server, answer: Answer) -> None:
    server.answers = [answer]
    slept: list[float] = []
    async with client_of(server, slept) as client:
        for call in (client.generate_image(image()), client.create_task(video())):
            server.seen.clear()
            with pytest.raises(OutcomeUnknown) as caught:
                await call
            assert caught.value.retryable == "ambiguous"
            assert "will not send it twice" in caught.value.message
            assert [seen.method for seen in server.seen] == ["POST"]
    assert slept == []


async def test_a_post_without_an_answer_in_time_is_sent_once_and_unknown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = httpx.Timeout(connect=5, read=0.1, write=5, pool=5)
    monkeypatch.setattr(client_module, "IMAGE_TIMEOUT", short)
    monkeypatch.setattr(client_module, "TASK_TIMEOUT", short)
    server.answers = [hang]
    async with client_of(server) as client:
        for call in (client.generate_image(image()), client.create_task(video())):
            server.seen.clear()
            with pytest.raises(OutcomeUnknown) as caught:
                await call
            assert caught.value.provider_code == "ReadTimeout"
            assert len(server.seen) == 1


def test_pictures_are_waited_for_five_minutes_at_least() -> None:
    assert transport.IMAGE_TIMEOUT.read is not None
    assert transport.IMAGE_TIMEOUT.read >= 300
    assert transport.IMAGE_TIMEOUT.connect == transport.TASK_TIMEOUT.connect == 10


async def test_a_busy_provider_is_asked_again_when_it_says(server: Server) -> None:
    server.answers = [
        refused(429, "ModelAccountIpmRateLimitExceeded", {"retry-after": "7"}),
        refused(429, "ServerOverloaded", {"retry-after": "9999"}),
        OK_IMAGE,
    ]
    slept: list[float] = []
    async with client_of(server, slept) as client:
        await client.generate_image(image())
    assert slept == [7.0, 30.0]
    assert len({seen.headers["x-client-request-id"] for seen in server.seen}) == 3
    assert {seen.headers["x-studio-attempt"] for seen in server.seen} == {"attempt-1"}


async def test_a_busy_provider_is_asked_three_times_at_most(server: Server) -> None:
    server.answers = [refused(429, "RequestBurstTooFast")]
    slept: list[float] = []
    async with client_of(server, slept) as client:
        with pytest.raises(ProviderBusy, match=r"Tried 3 times\."):
            await client.create_task(video())
    assert len(server.seen) == 3
    assert 0.75 <= slept[0] <= 1.25
    assert 1.5 <= slept[1] <= 2.5


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(429, "QuotaExceeded", message="free trial used up"), OperatorProblem),
        (refused(429, "SetLimitExceeded"), OperatorProblem),
        (refused(400, "InputTextSensitiveContentDetected"), ContentDeclined),
        (refused(401, "AuthenticationError"), OperatorProblem),
        (http(413, b""), TooLarge),
        (http(307, b"", {"location": "/elsewhere"}), OperatorProblem),
        (http(200, {"error": {"code": "OutputImageSensitiveContentDetected", "message": "m"}}), ContentDeclined),
    ],
)
async def test_a_refusal_is_final(server: Server, answer: bytes, error: type[Exception]) -> None:
    server.answers = [answer]
    async with client_of(server) as client:
        for call in (client.generate_image(image()), client.create_task(video())):
            server.seen.clear()
            with pytest.raises(error):
                await call
            assert len(server.seen) == 1


async def test_without_a_connection_nothing_was_sent_and_it_is_tried_again(server: Server) -> None:
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    server.answers = [OK_TASK]
    tries: list[float] = []

    async def open_late(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 2:
            nonlocal listening
            listening = await asyncio.start_server(server.handle, "127.0.0.1", port)

    async with ModelArkClient(f"http://127.0.0.1:{port}/api/v3", "k", sleep=open_late) as client:
        assert await client.create_task(video()) == "cgt-20260628170504-2cv86"
        listening.close()
        assert (len(tries), len(server.seen)) == (2, 1)
        with pytest.raises(ProviderUnreachable, match=r"Nothing was sent\. Tried 3 times") as caught:
            await client.create_task(video())
    assert caught.value.retryable == "backoff"
    assert len(server.seen) == 1


# Pictures that come one by one


def events(*blocks: str, end: str = "data: [DONE]\n\n") -> bytes:
    return http(200, ("".join(blocks) + end).encode(), {"content-type": "text/event-stream"})


def made(index: int) -> str:
    data = {"type": "image_generation.partial_succeeded", "image_index": index, "url": f"u{index}", "size": "2048x2048"}
    return f"event: image_generation.partial_succeeded\ndata: {json.dumps(data)}\n\n"


def failed(index: int) -> str:
    error = {"code": "OutputImageSensitiveContentDetected", "message": "vendor text"}
    data = {"type": "image_generation.partial_failed", "image_index": index, "error": error}
    return f"event: image_generation.partial_failed\ndata: {json.dumps(data)}\n\n"


COMPLETED = (
    'event: image_generation.completed\ndata: {"type":"image_generation.completed","usage":{"generated_images":2}}\n\n'
)


async def steps(client: ModelArkClient, into: list[ImageEvent]) -> list[tuple[str, int | None]]:
    async for step in client.stream_images(image(series=True, count=3)):
        into.append(step)  # noqa: PERF401  # what came before an error must be kept
    return told(into)


def told(found: list[ImageEvent]) -> list[tuple[str, int | None]]:
    return [(step.type, step.item.index if step.item else None) for step in found]


WHOLE = [("made", 0), ("failed", 1), ("made", 2), ("completed", None)]


@pytest.mark.parametrize(
    "answer",
    [
        events(made(0), failed(1), made(2), COMPLETED),
        events(made(0), failed(1), made(2), COMPLETED, end=""),
        events(made(0), failed(1), made(2)),
        events(made(0), failed(1), made(2), end=""),
        events(made(0), failed(1), made(2).rstrip("\n"), end=""),
        events(": hello\n\n", made(0), "event: ping\ndata: {}\n\n", failed(1), made(2), COMPLETED),
        events("\ufeff", made(0), failed(1), made(2), COMPLETED).replace(b"content-length", b"x-old-length"),
        events(*(block.replace("\n", "\r\n") for block in (made(0), failed(1), made(2), COMPLETED))).replace(
            b"content-length", b"x-old-length"
        ),
        events(made(0), failed(1), made(2).replace("{", "{\n").replace(", ", ",\n"), COMPLETED),
        events(made(0), failed(1), made(2).replace("{", "{\ndata: ").replace(", ", ",\ndata: "), COMPLETED),
        http(200, {"data": [{"url": "u0"}, {"error": {"code": "OutputImageRiskDetection"}}, {"url": "u2"}]}),
    ],
)
async def test_a_failed_picture_does_not_end_the_series(server: Server, answer: bytes) -> None:
    server.answers = [answer]
    found: list[ImageEvent] = []
    async with client_of(server) as client:
        assert await steps(client, found) == WHOLE
    assert server.seen[0].json["stream"] is True
    first, blocked = found[0].item, found[1].item
    assert first is not None
    assert blocked is not None
    assert first.url == "u0"
    assert isinstance(blocked.error, ContentDeclined)


async def test_events_may_be_cut_anywhere(server: Server) -> None:
    whole = (made(0).replace("\n", "\r\n") + failed(1) + made(2) + COMPLETED).encode()

    async def trickle(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for byte in whole:
            writer.write(b"1\r\n" + bytes([byte]) + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    server.answers = [trickle]
    found: list[ImageEvent] = []
    async with client_of(server) as client:
        assert await steps(client, found) == WHOLE
    assert found[-1].usage == {"generated_images": 2}


@pytest.mark.parametrize(
    ("answer", "before"),
    [
        (http(200, made(0).encode(), {"content-type": "text/event-stream"}, length=9_999), 1),
        (events(end=""), 0),
        (events(), 0),
        (events(made(0), "data: {\n\n", end=""), 1),
        (http(200, b"<html>"), 0),
    ],
)
async def test_a_stream_that_breaks_off_is_unknown_and_what_came_stays(
    server: Server, answer: bytes, before: int
) -> None:
    server.answers = [answer]
    found: list[ImageEvent] = []
    async with client_of(server) as client:
        with pytest.raises(OutcomeUnknown):
            await steps(client, found)
    assert told(found) == [("made", 0)][:before]
    assert len(server.seen) == 1


async def test_an_error_for_the_whole_stream_is_raised(server: Server) -> None:
    error = 'event: error\ndata: {"error":{"code":"InternalServiceError","message":"vendor"}}\n\n'
    server.answers = [events(made(0), error)]
    found: list[ImageEvent] = []
    async with client_of(server) as client:
        with pytest.raises(ProviderFault):
            await steps(client, found)
    assert told(found) == [("made", 0)]


async def test_an_answer_with_blocked_pictures_keeps_the_others(server: Server) -> None:
    data = [{"url": "u", "size": "bad"}, {"error": {"code": "OutputImageSensitiveContentDetected"}}, {"size": None}]
    server.answers = [http(200, {"data": data, "created_at": 5, "usage": None, "error": None})]
    async with client_of(server) as client:
        result = await client.generate_image(image(series=True, count=3))
    assert [(item.url, type(item.error)) for item in result.items] == [
        ("u", type(None)),
        (None, ContentDeclined),
        (None, ProviderFault),
    ]
    assert (result.created, result.usage, result.items[0].size) == (5, None, None)


# Tasks


async def test_a_task_is_read_as_documented(server: Server) -> None:
    server.answers = [
        http(
            200,
            {
                "id": "cgt-1",
                "model": V20,
                "status": "succeeded",
                "content": {"video_url": "https://v", "last_frame_url": "https://f"},
                "usage": {"completion_tokens": 108900, "total_tokens": 108900},
                "created_at": 1765510475,
                "updated_at": 1765510559,
                "seed": 10,
                "resolution": "720p",
                "ratio": "16:9",
                "duration": 5,
                "framespersecond": 24,
                "service_tier": "default",
                "generate_audio": True,
                "draft": False,
                "safety_identifier": "studio-1",
                "error": None,
            },
        )
    ]
    async with client_of(server) as client:
        task = await client.get_task("cgt-1/../x")
    assert server.seen[0].target == "/api/v3/contents/generations/tasks/cgt-1%2F..%2Fx"
    assert "content-type" not in server.seen[0].headers
    assert task.done
    assert (task.video_url, task.last_frame_url) == ("https://v", "https://f")
    assert task.usage == {"completion_tokens": 108900, "total_tokens": 108900}
    assert (task.seed, task.resolution, task.ratio, task.duration, task.fps) == (10, "720p", "16:9", 5, 24)
    assert (task.created_at, task.service_tier, task.safety_identifier) == (1765510475, "default", "studio-1")
    assert (task.error, task.draft, task.generate_audio) == (None, False, True)


@pytest.mark.parametrize("key", ["error", "failure_reason"])
async def test_a_failed_task_says_why(server: Server, key: str) -> None:
    reason = {"code": "OutputVideoSensitiveContentDetected.PolicyViolation", "message": "vendor text"}
    server.answers = [http(200, {"id": "t", "status": "failed", key: reason, "frames": 121, "content": None})]
    async with client_of(server) as client:
        task = await client.get_task("t")
    assert isinstance(task.error, ContentDeclined)
    assert (task.video_url, task.usage, task.duration) == (None, None, 5)


async def test_reading_is_repeated_until_it_works(server: Server) -> None:
    server.answers = [http(500, b""), drop, http(200, b"<html>"), http(200, {"id": "t", "status": "running"})]
    slept: list[float] = []
    async with client_of(server, slept) as client:
        task = await client.get_task("t")
    assert (task.status, task.done, len(server.seen), len(slept)) == ("running", False, 4, 3)


@pytest.mark.parametrize("answer", [http(502, b""), drop, http(200, b"["), refused(429, "ServerOverloaded")])
async def test_reading_gives_up_after_four_tries(server: Server, answer: Answer) -> None:
    server.answers = [answer]
    async with client_of(server) as client:
        with pytest.raises((ProviderFault, ProviderUnreachable, ProviderBusy), match="Tried 4 times") as caught:
            await client.get_task("t")
    assert caught.value.retryable == "backoff"
    assert len(server.seen) == 4


@pytest.mark.parametrize("answer", [refused(404, "NotFound.Task"), refused(404, "TaskGone"), http(404, b"")])
async def test_a_task_that_is_gone_is_not_found(server: Server, answer: bytes) -> None:
    server.answers = [answer]
    async with client_of(server) as client:
        with pytest.raises(TaskNotFound):
            await client.get_task("t")
        with pytest.raises(TaskNotFound):
            await client.delete_task("t")
    assert len(server.seen) == 2


async def test_deleting_a_running_task_says_that_it_runs_on(server: Server) -> None:
    server.answers = [refused(409, "InvalidAction.RunningTaskDeletion")]
    async with client_of(server) as client:
        with pytest.raises(TaskRunning):
            await client.delete_task("t")
    assert [(seen.method, seen.target) for seen in server.seen] == [("DELETE", "/api/v3/contents/generations/tasks/t")]


async def test_a_delete_that_may_have_worked_is_not_repeated(server: Server) -> None:
    server.answers = [drop]
    async with client_of(server) as client:
        with pytest.raises(OutcomeUnknown):
            await client.delete_task("t")
    assert len(server.seen) == 1


async def test_a_page_of_tasks_is_asked_for_by_tier(server: Server) -> None:
    server.answers = [http(200, {"items": [{"id": "a", "status": "queued"}], "total": 9})]
    async with client_of(server) as client:
        page = await client.list_tasks(
            page_num=2, page_size=10, status="queued", model=V10, service_tier="flex", task_ids=("a", "b")
        )
    assert server.seen[0].query == {
        "page_num": ["2"],
        "page_size": ["10"],
        "filter.status": ["queued"],
        "filter.model": [V10],
        "filter.service_tier": ["flex"],
        "filter.task_ids": ["a", "b"],
    }
    assert ([item.id for item in page.items], page.total) == (["a"], 9)


def pages_of(total: int, *, cap: int, tier: str, with_total: bool = True) -> Callable[..., Awaitable[None]]:
    """A list of `total` tasks in one tier, whose server gives at most `cap` a page, whatever was asked for."""

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        number = int(seen.query["page_num"][0])
        count = total if seen.query["filter.service_tier"] == [tier] else 0
        items = [
            {"id": f"t{n}", "status": "running", "safety_identifier": f"studio-{n}"}
            for n in range((number - 1) * cap, min(number * cap, count))
        ]
        writer.write(http(200, {"items": items} | ({"total": count} if with_total else {})))
        await writer.drain()

    return answer


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize("tier", ["default", "flex"])
async def test_a_lost_task_is_found_on_any_page_of_any_tier(server: Server, tier: str, with_total: bool) -> None:
    server.answers = [pages_of(7, cap=3, tier=tier, with_total=with_total)]
    async with client_of(server) as client:
        found = await client.find_task(safety_identifier="studio-6", model=V10)
        assert found is not None
        assert found.id == "t6"
        assert await client.find_task(safety_identifier="studio-7", model=V10) is None
        pages = sorted(
            int(seen.query["page_num"][0]) for seen in server.seen[-20:] if seen.query["filter.service_tier"] == [tier]
        )
        assert pages[-1] == (3 if with_total else 4)
        server.seen.clear()
        assert await client.find_task(safety_identifier="studio-7", service_tier=tier) is None
    assert {seen.query["filter.service_tier"][0] for seen in server.seen} == {tier}


async def test_a_list_that_cannot_be_read_is_an_error_and_not_an_empty_list(server: Server) -> None:
    for answer in ({}, {"items": [{"id": "t"}], "total": 1}, {"items": None, "total": 3}):
        server.answers = [http(200, answer)]
        async with client_of(server) as client:
            with pytest.raises(ProviderFault):
                await client.find_task(safety_identifier="studio-1")


# Files


async def fetch(client: ModelArkClient, url: str, **options: Any) -> bytes:
    return b"".join([chunk async for chunk in client.download(url, **options)])


async def test_a_result_is_fetched_whole_and_without_the_key(server: Server) -> None:
    server.answers = [http(200, b"picture" * 1000)]
    async with client_of(server) as client:
        assert await fetch(client, f"{server.origin}/out/1.jpg?X-Tos-Expires=86400") == b"picture" * 1000
    [seen] = server.seen
    assert (seen.method, seen.target) == ("GET", "/out/1.jpg?X-Tos-Expires=86400")
    assert "authorization" not in seen.headers
    assert seen.headers["accept-encoding"] == "identity"


CHUNKED = {"transfer-encoding": "chunked"}


async def test_a_chunked_result_is_complete_when_its_last_chunk_came(server: Server) -> None:
    server.answers = [http(200, b"4\r\nabcd\r\n0\r\n\r\n", CHUNKED)]
    async with client_of(server) as client:
        assert await fetch(client, f"{server.origin}/1") == b"abcd"


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"abc", length=4),
        http(200, b"4\r\nabcd\r\n", CHUNKED),
        http(200, b"abc", length=-1),
        http(200, b"abc", {"content-encoding": "gzip"}),
        http(200, b"x" * 101),
        http(206, b"abc"),
        http(400, b"video_not_ready"),
        http(500, b""),
        drop,
    ],
)
async def test_half_a_result_is_no_result(server: Server, answer: Answer) -> None:
    server.answers = [answer]
    async with client_of(server) as client:
        with pytest.raises(DownloadFailed) as caught:
            await fetch(client, f"{server.origin}/1", max_bytes=100)
    assert caught.value.retryable == "backoff"


async def test_the_length_is_checked_even_where_the_connection_layer_lets_it_pass() -> None:
    async def three() -> AsyncIterator[bytes]:
        yield b"abc"

    short = httpx.MockTransport(lambda _: httpx.Response(200, headers={"content-length": "9"}, content=three()))
    async with httpx.AsyncClient(transport=short) as pool:
        client = ModelArkClient("http://127.0.0.1/api/v3", "k", http=pool)
        with pytest.raises(DownloadFailed) as caught:
            await fetch(client, "http://127.0.0.1/1")
    assert caught.value.provider_code == "LengthDiffers"


async def test_an_expired_link_says_so(server: Server) -> None:
    server.answers = [http(403, b"")]
    async with client_of(server) as client:
        with pytest.raises(LinkExpired):
            await fetch(client, f"{server.origin}/1")


async def test_redirects_are_followed_only_to_the_providers_hosts(server: Server) -> None:
    server.answers = [http(302, b"", {"location": "/2"}), http(200, b"abc")]
    async with client_of(server) as client:
        assert await fetch(client, f"{server.origin}/1") == b"abc"
        server.answers = [http(302, b"", {"location": "http://127.0.0.2:1/secret"})]
        with pytest.raises(HostRefused):
            await fetch(client, f"{server.origin}/1")
        server.answers = [http(302, b"", {"location": "/1"})]
        with pytest.raises(DownloadFailed):
            await fetch(client, f"{server.origin}/1")
    assert len(server.seen) == 3 + 4


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://ark-acg-ap-southeast-1.tos-ap-southeast-1.volces.com/x?y=1", True),
        ("https://files.bytepluses.com:443/x", True),
        ("http://a.volces.com/x", False),
        ("https://volces.com.example.org/x", False),
        ("https://evilvolces.com/x", False),
        ("https://a.volces.com@example.org/x", False),
        ("https://a.volces.com:8443/x", False),
        ("http://127.0.0.1:8123/x", False),
        ("http://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
        ("/x", False),
        ("", False),
    ],
)
def test_only_the_providers_own_hosts_are_fetched_from(url: str, fine: bool) -> None:
    allowed = allow_hosts("https://ark.ap-southeast.bytepluses.com/api/v3")
    assert allowed(httpx.URL(url)) is fine


def test_the_simulators_origin_is_allowed_only_while_it_is_the_base() -> None:
    allowed = allow_hosts("http://127.0.0.1:8123/api/v3")
    assert allowed(httpx.URL("http://127.0.0.1:8123/x"))
    assert not allowed(httpx.URL("http://127.0.0.1:8124/x"))
    assert not allow_hosts("http://10.0.0.5:8123/api/v3")(httpx.URL("http://10.0.0.5:8123/x"))
