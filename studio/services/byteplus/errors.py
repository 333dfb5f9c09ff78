"""The provider's errors (D) as sentences a person can act on. None of the vendor's text goes further than this file.

A code is looked up whole, then without its last dotted part, until a rule is found; an unknown code falls back to its
HTTP status. `provider_code` and `request_id` are for the operator's log.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, Literal, Self

from studio.errors import StudioError

Retryable = Literal["no", "backoff", "ambiguous"]
_SAFE_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


class ProviderError(StudioError):
    """The provider did not make this."""

    code = "provider"
    status = 502
    title = "Not made"  # a few words, for a tile
    retryable: Retryable = "no"
    operator: ClassVar[bool] = False  # only whoever runs the studio can fix it

    def __init__(
        self,
        message: str | None = None,
        *,
        title: str | None = None,
        retryable: Retryable | None = None,
        http_status: int | None = None,
        provider_code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """`retryable`: "backoff" may be sent again, "ambiguous" may have been made. `retry_after` is in seconds."""
        super().__init__(message)
        self.title = title or type(self).title
        self.retryable = retryable or type(self).retryable
        self.http_status = http_status
        self.provider_code = provider_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.charged = False  # the provider bills only what it made (E)

    def tried(self, times: int) -> Self:
        """The same error, saying how often it was tried."""
        if times > 1:
            self.message = f"{self.message} Tried {times} times."
            self.args = (self.message,)
        return self

    @staticmethod
    def from_response(
        status: int, body: object, headers: Mapping[str, str] | None = None, *, repeatable: bool = False
    ) -> ProviderError:
        """The error of an HTTP answer that is not 2xx. `body` is bytes, text or parsed JSON; it may be anything.

        A 5xx or 408 is an OutcomeUnknown, unless the call was `repeatable` (GET) or the provider was overloaded.
        """
        headers = {key.lower(): value for key, value in (headers or {}).items()}
        code, text = _code_and_text(body)
        kind, message = _rule(code or "", text) or _by_status(status)
        overloaded = status == 429 or code == "ServerOverloaded"
        retryable: Retryable = kind.retryable if overloaded else "no"
        if (status >= 500 or status == 408) and not overloaded:
            kind, message, retryable = (
                (ProviderFault, None, "backoff") if repeatable else (OutcomeUnknown, _FAULT_AFTER, "ambiguous")
            )
        return kind(
            message,
            retryable=retryable,
            http_status=status,
            provider_code=code or _safe(headers.get("x-error-code")),
            request_id=_safe(headers.get("x-request-id")),
            retry_after=_retry_after(headers.get("retry-after")),
        )

    @staticmethod
    def from_task_error(code: object, message: object = None) -> ProviderError:
        """The error inside an answered task, image item or stream. It is final: we do not send it again ourselves."""
        safe = _safe(code)
        kind, sentence = _rule(safe or "", message if isinstance(message, str) else "") or (ProviderFault, None)
        return kind(sentence, retryable="no", provider_code=safe)


class ContentDeclined(ProviderError):
    """The content filter declined this. Change the prompt or the pictures and send it again."""

    code = "content_filter"
    status = 422
    title = "Declined by the content filter"


class NotAccepted(ProviderError):
    """The provider did not accept these settings. Change the size, the ratio or the length and send it again."""

    code = "provider_not_accepted"
    status = 422
    title = "Settings not accepted"


class PictureNotAccepted(ProviderError):
    """The provider could not read one of the pictures. Add it again, or use another one."""

    code = "provider_picture"
    status = 422
    title = "A picture could not be read"


class TooLarge(ProviderError):
    """The pictures are too large to send together: 64 MB is the limit. Use fewer or smaller ones."""

    code = "provider_too_large"
    status = 422
    title = "Too large to send"


class ProviderBusy(ProviderError):
    """The provider is busy. Send it again in a minute."""

    code = "provider_busy"
    status = 503
    title = "The provider is busy"
    retryable = "backoff"


class ProviderFault(ProviderError):
    """The provider had a fault of its own. Send it again in a while."""

    code = "provider_fault"
    title = "The provider had a fault"


class ProviderUnreachable(ProviderError):
    """The provider cannot be reached. Nothing was sent."""

    code = "provider_unreachable"
    status = 503
    title = "The provider cannot be reached"
    retryable = "backoff"


class OutcomeUnknown(ProviderError):
    """The connection dropped after sending. We are looking it up and will not send it twice."""

    code = "outcome_unknown"
    title = "Outcome unknown"
    retryable = "ambiguous"


class OperatorProblem(ProviderError):
    """The studio's connection to the provider needs attention. The studio's operator must act."""

    code = "provider_setup"
    status = 503
    title = "The studio's operator must act"
    operator = True


class UnknownAddress(OperatorProblem):
    """The provider does not know this address. The studio's operator must act."""

    code = "provider_address"


class TaskNotFound(ProviderError):
    """The provider no longer has a record of this. It keeps records for 7 days."""

    code = "provider_task_not_found"
    status = 404
    title = "No record at the provider"


class TaskRunning(ProviderError):
    """It is already rendering and cannot be cancelled any more. It goes on and is charged when it is done."""

    code = "provider_task_running"
    status = 409
    title = "Already rendering"


class DownloadFailed(ProviderError):
    """The result could not be fetched from the provider. It is tried again."""

    code = "download_failed"
    title = "Not fetched yet"
    retryable = "backoff"


class LinkExpired(ProviderError):
    """The provider's link to this result has expired. It is valid for 24 hours."""

    code = "link_expired"
    title = "The provider's link has expired"


class HostRefused(OperatorProblem):
    """The provider's link leads to an address that is not the provider's. The studio's operator must act."""

    code = "download_host"


_Rule = tuple[type[ProviderError], str | None]

_PLACES = {"Text": "the prompt", "Image": "a picture", "Video": "a clip", "Audio": "a sound"}
_REASONS = {
    "PolicyViolation": "The content filter found something that may be under copyright. Describe it differently.",
    "PrivacyInformation": "The content filter saw what may be a real person. Use a prompt and pictures without one.",
    "DeepFake": "The content filter saw what may be a changed picture of a real person. Use another picture.",
    "SevereViolation": "The content filter declined this as a severe violation. Describe something else.",
    "Violence": "The content filter declined this as violent. Describe it differently.",
}


def _filter_rules() -> dict[str, _Rule]:
    """Every code of the content filter: where it looked, and why where it says so."""
    rules: dict[str, _Rule] = {"SensitiveContentDetected": (ContentDeclined, None)}
    for part, place in _PLACES.items():
        given = f"The content filter declined {place} you sent. Change it and send it again."
        if part == "Text":
            given = "The content filter declined the prompt. Change its words and send it again."
        made = "The content filter declined the finished work. Sending it once more can give another result."
        for word in ("SensitiveContentDetected", "RiskDetection"):
            rules[f"Input{part}{word}"] = (ContentDeclined, given)
            rules[f"Output{part}{word}"] = (ContentDeclined, made)
    for base in list(rules):
        rules |= {f"{base}.{suffix}": (ContentDeclined, text) for suffix, text in _REASONS.items()}
    rules["ContentSecurityDetectionError"] = (
        ContentDeclined,
        "The content filter could not check this. Change it a little and send it again.",
    )
    return rules


_FAULT_AFTER = "The provider had a fault after it was sent. We are looking it up and will not send it twice."
_MINUTE = "The provider's limit for a minute is reached. Send it again in a minute."
_NOT_ACTIVE = "This model is not activated in the provider account. The studio's operator must act."
_MODEL_GONE = (
    "The provider does not know this model for this account. The studio's operator must act; try another model."
)
_DENIED = "The provider account may not do this. The studio's operator must act."
_OVERDUE = "The provider account has an unpaid balance. The studio's operator must act."
_PICTURE = "The provider could not open one of the pictures. Add it again, or use another one."
_TASK_TYPE = (
    "The provider read this as another kind of task than the settings allow. Remove a reference or change the prompt."
)
_MISSING = "The provider missed a setting for this model. Choose another size or model and send it again."
_UNSUPPORTED = "This model does not support one of these settings. Reset them to the defaults and send it again."

_RULES: dict[str, _Rule] = {
    **_filter_rules(),
    "MissingParameter": (NotAccepted, _MISSING),
    "InvalidParameter": (NotAccepted, None),
    "InvalidParameter.TaskTypeConstraint": (NotAccepted, _TASK_TYPE),
    "InvalidParameter.TaskTypeMismatch": (NotAccepted, _TASK_TYPE),
    "InvalidParameter.UnsupportedParameter": (NotAccepted, _UNSUPPORTED),
    "InvalidParameter.TosURLInvalid": (PictureNotAccepted, _PICTURE),
    "InvalidImageURL": (PictureNotAccepted, None),
    "InvalidImageURL.EmptyURL": (PictureNotAccepted, "One of the pictures arrived empty. Add it again."),
    "InvalidImageURL.InvalidFormat": (PictureNotAccepted, "One of the pictures has a format the provider cannot read."),
    "InvalidArgumentError": (NotAccepted, None),
    "OutofContextError": (NotAccepted, "The prompt is longer than this model can read. Shorten it and send it again."),
    "InvalidEndpoint": (OperatorProblem, "The provider's endpoint is closed. The studio's operator must act."),
    "InvalidSubscription": (OperatorProblem, "The provider subscription has ended. The studio's operator must act."),
    "AuthenticationError": (OperatorProblem, "The provider refused the studio's key. The studio's operator must act."),
    "InvalidAccountStatus": (OperatorProblem, "The provider account is not active. The studio's operator must act."),
    "AccountOverdueError": (OperatorProblem, _OVERDUE),
    "AccessDenied": (OperatorProblem, _DENIED),
    "OperationDenied": (OperatorProblem, _DENIED),
    "OperationDenied.ServiceNotOpen": (OperatorProblem, _NOT_ACTIVE),
    "OperationDenied.ServiceOverdue": (OperatorProblem, _OVERDUE),
    "OperationDenied.PermissionDenied": (OperatorProblem, _DENIED),
    "OperationDenied.InvalidState": (
        NotAccepted,
        "The provider cannot do this in its present state. Reload and look again.",
    ),
    "OperationDenied.FileQuotaExceeded": (
        OperatorProblem,
        "The provider account has no room for more files. The studio's operator must act.",
    ),
    "InvalidEndpointOrModel": (OperatorProblem, _MODEL_GONE),
    "InvalidEndpointOrModel.ModelIDAccessDisabled": (OperatorProblem, _NOT_ACTIVE),
    "ModelNotOpen": (OperatorProblem, _NOT_ACTIVE),
    "UnsupportedModel": (OperatorProblem, _MODEL_GONE),
    "NotFound": (TaskNotFound, None),
    "ResourceNotFound": (TaskNotFound, None),
    "InvalidAction": (NotAccepted, "The provider cannot do this in its present state. Reload and look again."),
    "InvalidAction.RunningTaskDeletion": (TaskRunning, None),
    "RateLimitExceeded": (ProviderBusy, _MINUTE),
    "ModelAccountRpmRateLimitExceeded": (ProviderBusy, _MINUTE),
    "ModelAccountTpmRateLimitExceeded": (ProviderBusy, _MINUTE),
    "ModelAccountIpmRateLimitExceeded": (
        ProviderBusy,
        "The provider's limit of images a minute is reached. Send it again in a minute.",
    ),
    "APIAccountRpmRateLimitExceeded": (ProviderBusy, _MINUTE),
    "AccountRateLimitExceeded": (ProviderBusy, _MINUTE),
    "RequestBurstTooFast": (ProviderBusy, "Too much reached the provider at once. Send it again in a minute."),
    "InflightBatchsizeExceeded": (
        ProviderBusy,
        "The provider is working on as much as it allows. Send it again in a minute.",
    ),
    "ServerOverloaded": (ProviderBusy, None),
    "ModelLoadingError": (ProviderBusy, "The provider is starting this model. Send it again in a few minutes."),
    "SetLimitExceeded": (
        OperatorProblem,
        "The spending limit set for this model at the provider is reached. The studio's operator must act.",
    ),
    "InternalServiceError": (ProviderFault, None),
}

_QUEUE_FULL: _Rule = (ProviderBusy, "The provider's queue for this account is full. Send it again in a few minutes.")
_QUOTA_USED: _Rule = (OperatorProblem, "The provider account's quota is used up. The studio's operator must act.")


def _rule(code: str, text: str) -> _Rule | None:
    """The most specific rule for a code, or None. Only QuotaExceeded has to be told apart by its text (D)."""
    if code.partition(".")[0] == "QuotaExceeded":
        return _QUEUE_FULL if "queue" in text.lower() else _QUOTA_USED
    if code.startswith("InvalidArgumentError"):  # a family of codes without dots
        code = "InvalidArgumentError"
    while code:
        if code in _RULES:
            return _RULES[code]
        code = code.rpartition(".")[0] if "." in code else ""
    return None


def _by_status(status: int) -> _Rule:
    if status in (401, 403):
        return _RULES["AuthenticationError"] if status == 401 else _RULES["AccessDenied"]
    if 300 <= status < 400:
        return (OperatorProblem, "The provider's address has moved. The studio's operator must act.")
    if status == 404:
        return (UnknownAddress, None)
    kinds: dict[int, type[ProviderError]] = {413: TooLarge, 429: ProviderBusy}
    if status >= 500 or status == 408:
        return (ProviderFault, None)
    return (kinds.get(status, NotAccepted), None)


def _code_and_text(body: object) -> tuple[str | None, str]:
    """`error.code` and `error.message` of a body, as far as it has them."""
    if isinstance(body, bytes | str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return (None, "")
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return (None, "")
    text = error.get("message")
    return (_safe(error.get("code")), text if isinstance(text, str) else "")


def _safe(value: object) -> str | None:
    return value if isinstance(value, str) and _SAFE_CODE.fullmatch(value) else None


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, in either of its two forms."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", value.strip(), re.ASCII):
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
