"""ModelArk over HTTP: pictures, video tasks and the files behind their links. The only way out to BytePlus.

Every request is judged by the catalogue before it is sent. What may be sent again is decided in transport.py.
Sources: the ModelArk facts A to D and H.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Self, TypeVar
from urllib.parse import quote as url_quote

import httpx

from . import catalog
from .download import MAX_BYTES, RESULT_HOSTS, AllowHost, allow_hosts, download
from .errors import OutcomeUnknown, ProviderError, ProviderFault, TaskNotFound, TooLarge, UnknownAddress
from .requests import MAX_BODY_BYTES, ImageRequest, Picture, VideoRequest, image_body, video_body
from .results import (
    ImageEvent,
    ImageItem,
    ImageResult,
    TaskPage,
    TaskView,
    Unreadable,
    error_of,
    image_item,
    image_result,
    refused_in,
    settled,
    task_id,
    task_page,
    task_view,
    usage,
)
from .sse import Event, EventTooLong, events
from .transport import (
    BROKEN,
    IMAGE_TIMEOUT,
    POST_TRIES,
    TASK_TIMEOUT,
    Limiter,
    NullLimiter,
    Transport,
    encode,
    read_json,
)

__all__ = [
    "RESULT_HOSTS",
    "ImageEvent",
    "ImageItem",
    "ImageRequest",
    "ImageResult",
    "Limiter",
    "ModelArkClient",
    "NullLimiter",
    "Picture",
    "TaskPage",
    "TaskView",
    "VideoRequest",
]

_IMAGES = "/images/generations"
_TASKS = "/contents/generations/tasks"
_T = TypeVar("_T")
_TIERS = ("default", "flex")
_LIST_SIZE = 500
_LIST_PAGES = 500


class ModelArkClient:
    """One account of the provider. Use it as an async context manager, or `aclose()` it.

    `http` replaces both connection pools (tests); `allow_host` replaces the rule for result links; `post_tries` is how
    often a POST that the provider did not take is sent in all: 1 where the caller keeps its own queue.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        http: httpx.AsyncClient | None = None,
        limiter: Limiter | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        allow_host: AllowHost | None = None,
        post_tries: int = POST_TRIES,
    ) -> None:
        base_url, agent = base_url.strip().rstrip("/"), {"User-Agent": "studio"}
        posts = http or httpx.AsyncClient(headers=agent, limits=httpx.Limits(max_keepalive_connections=0))
        gets = http or httpx.AsyncClient(headers=agent, limits=httpx.Limits(max_keepalive_connections=20))
        self._own = (posts, gets) if http is None else ()
        self._allow_host = allow_host or allow_hosts(base_url)
        self._transport = Transport(
            base_url=base_url,
            api_key=api_key.strip(),
            posts=posts,
            gets=gets,
            limiter=limiter or NullLimiter(),
            post_tries=post_tries,
            sleep=sleep,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections this client made itself."""
        for http in self._own:
            await http.aclose()

    async def generate_image(self, request: ImageRequest) -> ImageResult:
        """One picture, or a series, in one answer; minutes at most. Raises ValidationError before anything is sent,
        ProviderError for a refusal, OutcomeUnknown where it may have been made."""
        content = await self._image_content(request, stream=False)
        async with self._post_image(request, content) as response:
            return _image_answer(await _read(response), response)

    async def stream_images(self, request: ImageRequest) -> AsyncGenerator[ImageEvent, None]:
        """The pictures of a series as they are made, failed ones too, then one "completed" whose usage may be None.

        Raises what `generate_image` raises, also after pictures were given: those stay valid.
        """
        content = await self._image_content(request, stream=True)
        async with self._post_image(request, content) as response:
            if "json" in response.headers.get("content-type", ""):
                result = _image_answer(await _read(response), response)
                for item in result.items:
                    yield ImageEvent(type="made" if item.url else "failed", item=item)
                yield ImageEvent(type="completed", usage=result.usage)
                return
            async with aclosing(_image_events(response)) as steps:
                async for step in steps:
                    yield step

    async def create_task(self, request: VideoRequest) -> str:
        """Start a clip and return its task id. Raises as `generate_image` does."""
        catalog.validate(request.params)
        content = await asyncio.to_thread(lambda: _sized(encode(video_body(request))))
        async with self._transport.post(
            _TASKS,
            content=content,
            attempt_id=request.attempt_id,
            keys=(f"POST:{catalog.get(request.params.model).id}",),
            patience=TASK_TIMEOUT,
        ) as response:
            data = await _read(response)
            try:
                return task_id(data)
            except Unreadable:
                raise (refused_in(data) or _unknown("UnreadableBody", response)) from None

    async def get_task(self, task: str) -> TaskView:
        """One task. Raises TaskNotFound after 7 days or a delete, ProviderError otherwise."""
        try:
            data = await self._transport.get(_task_path(task), key="GET")
        except UnknownAddress as error:
            raise TaskNotFound(http_status=404, request_id=error.request_id) from None
        return _readable(task_view, data)

    async def list_tasks(
        self,
        *,
        page_num: int = 1,
        page_size: int = 20,
        status: str | None = None,
        model: str | None = None,
        service_tier: str = "default",
        task_ids: Iterable[str] = (),
    ) -> TaskPage:
        """One page of the tasks of the last 7 days, of one service tier: the provider never lists both at once."""
        query: list[tuple[str, str | int]] = [
            ("page_num", page_num),
            ("page_size", page_size),
            ("filter.service_tier", service_tier),
        ]
        query += [("filter.status", status)] if status is not None else []
        query += [("filter.model", model)] if model is not None else []
        query += [("filter.task_ids", task) for task in task_ids]
        return _readable(task_page, await self._transport.get(_TASKS, key="LIST", query=query))

    async def find_task(
        self, *, safety_identifier: str, model: str | None = None, service_tier: str | None = None
    ) -> TaskView | None:
        """The task that carries our reference, searched on every page of one tier, or of all. None if no page has it.

        Reads the list at its rate (one page a second), so name `model` and `service_tier` where they are known.
        """
        for tier in _TIERS if service_tier is None else (service_tier,):
            async with aclosing(self._all_tasks(model=model, service_tier=tier)) as tasks:
                async for view in tasks:
                    if view.safety_identifier == safety_identifier:
                        return view
        return None

    async def delete_task(self, task: str) -> None:
        """Cancel a queued task, or remove the record of a finished one.

        Raises TaskRunning (it goes on and is billed), TaskNotFound, OutcomeUnknown (look at the task), ProviderError.
        """
        try:
            await self._transport.delete(_task_path(task), key="DELETE")
        except UnknownAddress as error:
            raise TaskNotFound(http_status=404, request_id=error.request_id) from None

    def download(self, url: str, *, max_bytes: int = MAX_BYTES) -> AsyncGenerator[bytes, None]:
        """The bytes behind a result link. Raises HostRefused, LinkExpired or DownloadFailed, also after some bytes."""
        return download(self._transport.gets, url, allowed=self._allow_host, max_bytes=max_bytes)

    async def _all_tasks(self, *, model: str | None, service_tier: str) -> AsyncGenerator[TaskView, None]:
        seen = 0
        for page_num in range(1, _LIST_PAGES + 1):
            page = await self.list_tasks(
                page_num=page_num, page_size=_LIST_SIZE, model=model, service_tier=service_tier
            )
            for view in page.items:
                yield view
            seen += len(page.items)
            if not page.items or (page.total is not None and seen >= page.total):
                return

    async def _image_content(self, request: ImageRequest, *, stream: bool) -> bytes:
        catalog.validate(request.params)
        return await asyncio.to_thread(lambda: _sized(encode(image_body(request, stream=stream))))

    def _post_image(self, request: ImageRequest, content: bytes) -> AbstractAsyncContextManager[httpx.Response]:
        model = catalog.get(request.params.model).id
        return self._transport.post(
            _IMAGES,
            content=content,
            attempt_id=request.attempt_id,
            keys=(f"POST:{model}", f"IPM:{model}:{request.images}"),
            patience=IMAGE_TIMEOUT,
        )


async def _image_events(response: httpx.Response) -> AsyncGenerator[ImageEvent, None]:
    """The steps of an event stream. A missing `completed` or `[DONE]` is no loss once a picture or its error came."""
    seen, unreadable = 0, False
    try:
        async with aclosing(events(response.aiter_bytes())) as stream:
            async for event in stream:
                step = _image_event(event, seen)
                unreadable = unreadable or step is _UNREADABLE
                if isinstance(step, ImageEvent):
                    seen += step.item is not None
                    yield step
                    if step.type == "completed":
                        return
    except BROKEN as broken:
        raise _unknown(type(broken).__name__, response) from None
    except EventTooLong:
        raise _unknown("EventTooLong", response) from None
    if unreadable or not seen:
        raise _unknown("UnreadableStream", response)
    yield ImageEvent(type="completed")


_UNREADABLE = object()


def _image_event(event: Event, index: int) -> ImageEvent | object | None:
    """One step, None for an event of another type, _UNREADABLE for no JSON. Raises the request's own error."""
    try:
        body = read_json(event.data.encode())
    except ValueError:
        return _UNREADABLE
    if not isinstance(body, dict):
        return _UNREADABLE
    kind = body.get("type") or event.name
    if kind in ("image_generation.partial_succeeded", "image_generation.partial_failed"):
        item = settled(image_item(body, index))
        return ImageEvent(type="made" if item.url else "failed", item=item)
    if kind == "image_generation.completed":
        return ImageEvent(type="completed", usage=usage(body))
    if event.name == "error" or "error" in body:
        raise error_of(body) or ProviderError.from_task_error(None)
    return None


def _image_answer(data: object, response: httpx.Response) -> ImageResult:
    """The result in a JSON answer; one that cannot be read is an OutcomeUnknown, for pictures may have been made."""
    try:
        return image_result(data, request_id=response.headers.get("x-request-id"))
    except Unreadable:
        raise _unknown("UnreadableBody", response) from None


async def _read(response: httpx.Response) -> object:
    """The JSON of a 2xx answer to a POST. Raises OutcomeUnknown where it breaks off or is none."""
    try:
        return read_json(await response.aread())
    except BROKEN as broken:
        raise _unknown(type(broken).__name__, response) from None
    except ValueError:
        raise _unknown("UnreadableBody", response) from None


def _unknown(reason: str, response: httpx.Response) -> OutcomeUnknown:
    return OutcomeUnknown(
        provider_code=reason, http_status=response.status_code, request_id=response.headers.get("x-request-id")
    )


def _sized(content: bytes) -> bytes:
    if len(content) > MAX_BODY_BYTES:
        raise TooLarge
    return content


def _task_path(task: str) -> str:
    return f"{_TASKS}/{url_quote(task, safe='')}"


def _readable(parse: Callable[[object], _T], data: object) -> _T:
    try:
        return parse(data)
    except Unreadable:
        raise ProviderFault(retryable="backoff", provider_code="UnreadableBody") from None
