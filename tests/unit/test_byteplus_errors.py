"""The provider's errors become sentences a person can act on, and say whether anything may be sent again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from studio.services.byteplus import errors
from studio.services.byteplus.errors import (
    ContentDeclined,
    NotAccepted,
    OperatorProblem,
    OutcomeUnknown,
    PictureNotAccepted,
    ProviderBusy,
    ProviderError,
    ProviderFault,
    TaskNotFound,
    TaskRunning,
    TooLarge,
    UnknownAddress,
)

VENDOR = "Vendor text of account 2100 with the words The parameter `size` and https://console"


def body(code: str, message: str = VENDOR) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "param": "", "type": "BadRequest"}}).encode()


PARTS = ("Text", "Image", "Video", "Audio")
SUFFIXES = ("", ".PolicyViolation", ".PrivacyInformation", ".DeepFake")
FILTER = [
    "SensitiveContentDetected",
    "SensitiveContentDetected.SevereViolation",
    "SensitiveContentDetected.Violence",
    *(f"{way}{part}SensitiveContentDetected{end}" for way in ("Input", "Output") for part in PARTS for end in SUFFIXES),
    *(f"{way}{part}RiskDetection" for way in ("Input", "Output") for part in ("Text", "Image")),
    "ContentSecurityDetectionError",
]
BUSY = [
    "RateLimitExceeded.EndpointRPMExceeded",
    "RateLimitExceeded.EndpointTPMExceeded",
    "ModelAccountRpmRateLimitExceeded",
    "ModelAccountTpmRateLimitExceeded",
    "ModelAccountIpmRateLimitExceeded",
    "APIAccountRpmRateLimitExceeded",
    "AccountRateLimitExceeded",
    "RequestBurstTooFast",
    "InflightBatchsizeExceeded",
    "ServerOverloaded",
    "ModelLoadingError",
]
SECTION_D: list[tuple[int, str, type[ProviderError], str]] = [
    (400, "MissingParameter", NotAccepted, "no"),
    (400, "MissingParameter.prompt", NotAccepted, "no"),
    (400, "InvalidParameter", NotAccepted, "no"),
    (400, "InvalidParameter.size", NotAccepted, "no"),
    (400, "InvalidParameter.TaskTypeConstraint", NotAccepted, "no"),
    (400, "InvalidParameter.TaskTypeMismatch", NotAccepted, "no"),
    (400, "InvalidParameter.UnsupportedParameter", NotAccepted, "no"),
    (400, "InvalidParameter.TosURLInvalid", PictureNotAccepted, "no"),
    (400, "InvalidImageURL.EmptyURL", PictureNotAccepted, "no"),
    (400, "InvalidImageURL.InvalidFormat", PictureNotAccepted, "no"),
    (400, "InvalidArgumentError", NotAccepted, "no"),
    (400, "InvalidArgumentErrorUnknownRole", NotAccepted, "no"),
    (400, "InvalidArgumentError.ImageSize", NotAccepted, "no"),
    (400, "OutofContextError", NotAccepted, "no"),
    (400, "InvalidEndpoint.ClosedEndpoint", OperatorProblem, "no"),
    (400, "InvalidSubscription", OperatorProblem, "no"),
    *((400, code, ContentDeclined, "no") for code in FILTER),
    (401, "AuthenticationError", OperatorProblem, "no"),
    (401, "InvalidAccountStatus", OperatorProblem, "no"),
    (403, "AccountOverdueError", OperatorProblem, "no"),
    (403, "AccessDenied", OperatorProblem, "no"),
    (403, "OperationDenied.ServiceNotOpen", OperatorProblem, "no"),
    (403, "OperationDenied.ServiceOverdue", OperatorProblem, "no"),
    (403, "OperationDenied.PermissionDenied", OperatorProblem, "no"),
    (403, "OperationDenied.InvalidState", NotAccepted, "no"),
    (403, "OperationDenied.FileQuotaExceeded", OperatorProblem, "no"),
    (404, "InvalidEndpointOrModel.NotFound", OperatorProblem, "no"),
    (404, "InvalidEndpointOrModel.ModelIDAccessDisabled", OperatorProblem, "no"),
    (404, "ModelNotOpen", OperatorProblem, "no"),
    (404, "NotFound.Task", TaskNotFound, "no"),
    (404, "ResourceNotFound", TaskNotFound, "no"),
    (404, "UnsupportedModel", OperatorProblem, "no"),
    (409, "InvalidAction.RunningTaskDeletion", TaskRunning, "no"),
    *((429, code, ProviderBusy, "backoff") for code in BUSY),
    (429, "QuotaExceeded", OperatorProblem, "no"),
    (429, "SetLimitExceeded", OperatorProblem, "no"),
    (500, "InternalServiceError", OutcomeUnknown, "ambiguous"),
]


def shown(error: ProviderError) -> str:
    return f"{error.title} {error.message}"


@pytest.mark.parametrize(("status", "code", "kind", "retryable"), SECTION_D, ids=str)
def test_every_documented_code_has_a_rule_of_its_own(
    status: int, code: str, kind: type[ProviderError], retryable: str
) -> None:
    assert errors._rule(code, VENDOR) is not None, "it falls through to its HTTP status"
    error = ProviderError.from_response(status, body(code), {"X-Request-Id": "021789"})
    assert type(error) is kind
    assert error.retryable == retryable
    assert (error.http_status, error.provider_code, error.request_id) == (status, code, "021789")
    assert error.charged is False


@pytest.mark.parametrize("code", sorted({code for _, code, _, _ in SECTION_D}))
def test_what_a_person_reads_keeps_the_products_tone_and_none_of_the_vendors_text(code: str) -> None:
    status = next(status for status, known, _, _ in SECTION_D if known == code)
    for error in (ProviderError.from_response(status, body(code)), ProviderError.from_task_error(code, VENDOR)):
        text = shown(error)
        assert not any(word in text.lower() for word in ("oops", "sorry", "please", "invalid", "!", "your fault"))
        assert not any(word in text for word in ("Vendor", "2100", "console", "`", code.partition(".")[0]))
        assert error.message.endswith(".")
        assert len(error.title) <= 40
        assert ("operator must act" in text) == error.operator


@pytest.mark.parametrize("code", FILTER)
def test_the_tile_of_a_filtered_work_says_so(code: str) -> None:
    assert ProviderError.from_task_error(code).title == "Declined by the content filter"


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("InputTextSensitiveContentDetected", "the prompt"),
        ("InputImageSensitiveContentDetected", "a picture"),
        ("OutputImageSensitiveContentDetected", "finished work"),
        ("InputImageSensitiveContentDetected.PrivacyInformation", "real person"),
        ("OutputVideoSensitiveContentDetected.PolicyViolation", "copyright"),
        ("OutputVideoSensitiveContentDetected.SomethingNew", "finished work"),
        ("ModelNotOpen", "not activated"),
        ("AccountOverdueError", "unpaid"),
        ("InvalidParameter.SomethingNew", "settings"),
        ("OutofContextError", "Shorten"),
    ],
)
def test_the_most_specific_rule_wins(code: str, word: str) -> None:
    assert word in ProviderError.from_task_error(code).message


@pytest.mark.parametrize(
    ("text", "kind", "retryable"),
    [
        ("The number of queued tasks exceeds the limit", ProviderBusy, "backoff"),
        ("Your free trial quota is used up", OperatorProblem, "no"),
        ("", OperatorProblem, "no"),
    ],
)
def test_quota_exceeded_may_be_sent_again_only_when_the_queue_is_full(
    text: str, kind: type[ProviderError], retryable: str
) -> None:
    error = ProviderError.from_response(429, body("QuotaExceeded", text))
    assert type(error) is kind
    assert error.retryable == retryable


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (302, OperatorProblem, "no"),
        (400, NotAccepted, "no"),
        (401, OperatorProblem, "no"),
        (403, OperatorProblem, "no"),
        (404, UnknownAddress, "no"),
        (408, OutcomeUnknown, "ambiguous"),
        (413, TooLarge, "no"),
        (422, NotAccepted, "no"),
        (429, ProviderBusy, "backoff"),
        (500, OutcomeUnknown, "ambiguous"),
        (502, OutcomeUnknown, "ambiguous"),
        (504, OutcomeUnknown, "ambiguous"),
    ],
)
@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"error": "text"}', b'{"error": {"code": 7}}', b"\xff", None]
)
def test_an_answer_without_a_known_code_is_judged_by_its_status(
    status: int, kind: type[ProviderError], retryable: str, content: object
) -> None:
    error = ProviderError.from_response(status, content)
    assert type(error) is kind
    assert error.retryable == retryable


def test_a_code_never_makes_a_5xx_safe_to_send_again_but_for_an_overload() -> None:
    assert ProviderError.from_response(503, body("RateLimitExceeded.EndpointRPMExceeded")).retryable == "ambiguous"
    assert ProviderError.from_response(500, body("InputTextSensitiveContentDetected")).retryable == "ambiguous"
    assert ProviderError.from_response(503, body("ServerOverloaded")).retryable == "backoff"
    assert ProviderError.from_response(400, body("RateLimitExceeded")).retryable == "no"


def test_a_repeatable_call_may_be_repeated_after_a_5xx() -> None:
    error = ProviderError.from_response(500, body("InternalServiceError"), repeatable=True)
    assert type(error) is ProviderFault
    assert error.retryable == "backoff"


@pytest.mark.parametrize("code", ["InternalServiceError", "ServerOverloaded", "Whatever", None, 7, "a b <script>"])
def test_an_error_inside_a_task_is_final(code: object) -> None:
    error = ProviderError.from_task_error(code, VENDOR)
    assert error.retryable == "no"
    assert "Vendor" not in shown(error)
    assert error.provider_code in (code, None)


def test_retry_after_is_read_in_both_forms() -> None:
    assert ProviderError.from_response(429, b"", {"Retry-After": "7"}).retry_after == 7
    when = datetime.now(UTC) + timedelta(seconds=60)
    later = ProviderError.from_response(429, b"", {"retry-after": format_datetime(when, usegmt=True)}).retry_after
    assert later is not None
    assert 55 < later <= 60
    for value in ("soon", "-1", "٣", "1e9", ""):
        assert ProviderError.from_response(429, b"", {"retry-after": value}).retry_after is None


def test_the_busy_sentence_says_how_often_it_was_tried() -> None:
    error = ProviderError.from_response(429, body("ServerOverloaded")).tried(3)
    assert error.title == "The provider is busy"
    assert str(error) == error.message == "The provider is busy. Send it again in a minute. Tried 3 times."
