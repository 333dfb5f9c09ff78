"""How requests travel: what may be sent again, and what an answer that did not come means.

The provider has no idempotency key, so a POST is sent at most once. Only where nothing was sent (no connection was
made) or the provider refused for load (429, ServerOverloaded) is it sent again, three times at most. Everything else
that is not an answer is an OutcomeUnknown. GET is repeated freely.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import secrets
import string
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx

from .errors import OutcomeUnknown, ProviderError, ProviderFault, ProviderUnreachable

POST_TRIES = 3
GET_TRIES = 4
RETRY_AFTER_CAP = 30.0  # seconds
BACKOFF_BASE = 1.0  # seconds, doubled for each further try
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
# The rest of httpx's transport errors, and a body that cannot be decoded: something may have been sent.
BROKEN = (httpx.TransportError, httpx.DecodingError, httpx.StreamError)
IMAGE_TIMEOUT = httpx.Timeout(connect=10, read=600, write=120, pool=10)
TASK_TIMEOUT = httpx.Timeout(connect=10, read=120, write=120, pool=10)
GET_TIMEOUT = httpx.Timeout(connect=10, read=30, write=30, pool=10)

_log = logging.getLogger(__name__)
_TASK = re.compile(r"(/tasks/).+")
_ALNUM = string.ascii_letters + string.digits


class Limiter(Protocol):
    """Waits until one more network call may be made under `key`: GET, LIST, DELETE, POST:<model>, IPM:<model>:<n>."""

    async def acquire(self, key: str) -> None:
        """Return once the call may be made."""
        ...


class NullLimiter:
    """No limits. Remembers its keys, for tests."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def acquire(self, key: str) -> None:
        """Return at once."""
        self.keys.append(key)


def client_request_id() -> str:
    """`<yyyymmddHHMMSS><20 alphanumerics>`, as the official SDK makes it; a new one for every try (A)."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S") + "".join(secrets.choice(_ALNUM) for _ in range(20))


def delay(attempt: int, retry_after: float | None) -> float:
    """Seconds to wait after try number `attempt`: what the provider asked for, up to 30, else 1, 2, 4 with jitter."""
    if retry_after is not None:
        return min(retry_after, RETRY_AFTER_CAP)
    return BACKOFF_BASE * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311  # spreads load, keeps no secret


def read_json(content: bytes) -> object:
    """Parsed JSON. Raises ValueError where it is none."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


@dataclass(frozen=True, kw_only=True)
class Transport:
    """One base URL and key. `posts` keeps no idle connections: one the server just closed would make a POST unknown."""

    base_url: str
    api_key: str
    posts: httpx.AsyncClient
    gets: httpx.AsyncClient
    limiter: Limiter
    post_tries: int = POST_TRIES
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    @asynccontextmanager
    async def post(
        self, path: str, *, content: bytes, attempt_id: str, keys: Sequence[str], patience: httpx.Timeout
    ) -> AsyncIterator[httpx.Response]:
        """The 2xx answer to one POST, its body unread. Raises ProviderError; OutcomeUnknown if it may have worked."""
        for attempt in range(1, self.post_tries + 1):
            error: ProviderError
            for key in keys:
                await self.limiter.acquire(key)
            request = self.posts.build_request(
                "POST",
                self.base_url + path,
                content=content,
                timeout=patience,
                headers=self._headers() | {"Content-Type": "application/json", "X-Studio-Attempt": attempt_id},
            )
            try:
                response = await self.posts.send(request, stream=True, follow_redirects=False)
            except NOT_SENT as broken:
                error = _logged(ProviderUnreachable(provider_code=type(broken).__name__), "POST", path)
            except BROKEN as broken:
                raise _logged(OutcomeUnknown(provider_code=type(broken).__name__), "POST", path) from None
            else:
                if response.is_success:
                    try:
                        yield response
                    finally:
                        await response.aclose()
                    return
                error = _logged(await _refusal(response), "POST", path)
            if error.retryable != "backoff" or attempt == self.post_tries:
                raise error.tried(attempt) from None
            await self.sleep(delay(attempt, error.retry_after))
        raise AssertionError("unreachable")

    async def get(self, path: str, *, key: str, query: Sequence[tuple[str, str | int]] = ()) -> object:
        """The parsed JSON of a GET, repeated until it comes or four tries are over. Raises ProviderError."""
        for attempt in range(1, GET_TRIES + 1):
            await self.limiter.acquire(key)
            error: ProviderError
            try:
                response = await self.gets.get(
                    self.base_url + path,
                    params=httpx.QueryParams(list(query)),
                    headers=self._headers(),
                    timeout=GET_TIMEOUT,
                    follow_redirects=False,
                )
            except BROKEN as broken:
                error = ProviderUnreachable("The provider cannot be reached.", provider_code=type(broken).__name__)
            else:
                if response.is_success:
                    try:
                        return read_json(response.content)
                    except ValueError:
                        error = ProviderFault(retryable="backoff", provider_code="UnreadableBody")
                else:
                    error = ProviderError.from_response(
                        response.status_code, response.content, response.headers, repeatable=True
                    )
            _logged(error, "GET", path)
            if error.retryable != "backoff" or attempt == GET_TRIES:
                raise error.tried(attempt) from None
            await self.sleep(delay(attempt, error.retry_after))
        raise AssertionError("unreachable")

    async def delete(self, path: str, *, key: str) -> None:
        """A DELETE, sent again only where nothing was sent or for load. Raises what `post` raises."""
        for attempt in range(1, self.post_tries + 1):
            await self.limiter.acquire(key)
            error: ProviderError
            try:
                response = await self.posts.delete(
                    self.base_url + path,
                    headers=self._headers(),
                    timeout=GET_TIMEOUT,
                    follow_redirects=False,
                )
            except NOT_SENT as broken:
                error = ProviderUnreachable(provider_code=type(broken).__name__)
            except BROKEN as broken:
                error = OutcomeUnknown(provider_code=type(broken).__name__)
            else:
                if response.is_success:
                    return
                error = ProviderError.from_response(response.status_code, response.content, response.headers)
            _logged(error, "DELETE", path)
            if error.retryable != "backoff" or attempt == self.post_tries:
                raise error.tried(attempt) from None
            await self.sleep(delay(attempt, error.retry_after))

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.api_key}",
            "Accept": "application/json",  # for streams too, as the official SDK does (A)
            "X-Client-Request-Id": client_request_id(),
        }


async def _refusal(response: httpx.Response) -> ProviderError:
    """The error of an answer that is not 2xx; its status counts even where its body breaks off."""
    try:
        content = await response.aread()
    except BROKEN:
        content = b""
    finally:
        await response.aclose()
    return ProviderError.from_response(response.status_code, content, response.headers)


def _logged(error: ProviderError, method: str, path: str) -> ProviderError:
    """Leave a line for the operator: codes and the request's id. A task's id would outlive its deletion here."""
    _log.warning(
        "%s %s: %s, status %s, code %s, request %s",
        method,
        _TASK.sub(r"\1{task}", path.partition("?")[0]),
        error.code,
        error.http_status,
        error.provider_code,
        error.request_id,
    )
    return error


def encode(body: Mapping[str, Any]) -> bytes:
    """Compact JSON without nulls."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
