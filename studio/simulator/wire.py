"""The shape of the protocol: error bodies, request ids, null means absent, signed links."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from typing import Any

from starlette.responses import JSONResponse, Response

Json = dict[str, Any]

_STATUS_BY_PREFIX = {
    "AuthenticationError": 401,
    "InvalidAccountStatus": 401,
    "AccountOverdueError": 403,
    "AccessDenied": 403,
    "OperationDenied": 403,
    "InvalidEndpointOrModel": 404,
    "ModelNotOpen": 404,
    "NotFound": 404,
    "UnsupportedModel": 404,
    "InvalidAction": 409,
    "RequestTooLarge": 413,
    "RateLimitExceeded": 429,
    "ModelAccountRpmRateLimitExceeded": 429,
    "ModelAccountTpmRateLimitExceeded": 429,
    "ModelAccountIpmRateLimitExceeded": 429,
    "APIAccountRpmRateLimitExceeded": 429,
    "AccountRateLimitExceeded": 429,
    "RequestBurstTooFast": 429,
    "InflightBatchsizeExceeded": 429,
    "ServerOverloaded": 429,
    "ModelLoadingError": 429,
    "QuotaExceeded": 429,
    "SetLimitExceeded": 429,
    "InternalServiceError": 500,
}
_TYPES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
}
_WHAT = {"Text": "text", "Image": "image", "Video": "video", "Audio": "audio"}


class ApiError(Exception):
    """A refusal in the provider's words; the status follows from the code."""

    def __init__(self, code: str, message: str | None = None, *, param: str = "", status: int | None = None) -> None:
        self.code = code
        self.message = message or message_for(code)
        self.param = param
        self.status = status or status_for(code)
        super().__init__(self.message)

    def body(self, request_id: str) -> Json:
        text = f"{self.message.rstrip('.')}. Request id: {request_id}"
        return {"error": {"code": self.code, "message": text, "param": self.param, "type": _TYPES.get(self.status, "")}}


def status_for(code: str) -> int:
    """The HTTP status of an error code: by its part before the first dot, else 400."""
    return _STATUS_BY_PREFIX.get(code.partition(".")[0], 400)


def message_for(code: str) -> str:
    """The recorded text for a code, or one in its pattern."""
    head, _, tail = code.partition(".")
    for direction in ("Input", "Output"):
        for part, word in _WHAT.items():
            if head == f"{direction}{part}SensitiveContentDetected":
                subject = f"The request failed because the {direction.lower()} {word}"
                if tail == "PrivacyInformation":
                    return f"{subject} may contain real person."
                if tail == "PolicyViolation":
                    return f"{subject} may be related to copyright restrictions."
                return f"{subject} may contain sensitive information."
    return {
        "InternalServiceError": "The service encountered an unexpected internal error. Please retry later.",
        "ServerOverloaded": "The service is currently overloaded. Please retry later.",
        "QuotaExceeded": "Your account has exceeded the quota: too many queued tasks. Please retry later.",
        "AccountOverdueError": "The request failed because your account has an overdue balance.",
        "RateLimitExceeded": "The requests per minute limit of the endpoint has been exceeded.",
        "ModelAccountIpmRateLimitExceeded": "The images per minute limit of this model has been exceeded.",
        "AccountRateLimitExceeded": "The request rate of the account for this interface has been exceeded.",
    }.get(head, f"The request failed ({code})")


def new_request_id() -> str:
    """'02', the time in ms and random hex, like the provider's x-request-id."""
    return f"02{int(time.time() * 1000)}{secrets.token_hex(16)}"


def without_nulls(value: Any) -> Any:
    """The official SDK sends unset fields as null, so null means absent, at any depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value


def error_response(error: ApiError, request_id: str) -> Response:
    return JSONResponse(error.body(request_id), error.status, headers={"x-error-code": error.code})


def sse(event: str | None, payload: Json | str) -> bytes:
    """One server-sent event; its JSON stays on one line, or the official SDK cannot read it."""
    data = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {data}\n\n".encode()


def signature(secret: bytes, file_id: str, expires: int) -> str:
    return hmac.new(secret, f"{file_id}:{expires}".encode(), hashlib.sha256).hexdigest()
