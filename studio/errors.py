"""Errors a person may read. Each carries a stable code, an HTTP status and one clear sentence."""

from __future__ import annotations

from collections.abc import Mapping


class StudioError(Exception):
    """Something went wrong."""

    code = "error"
    status = 400
    wait_seconds: int | None = None  # seconds, where waiting helps

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        """The class docstring's first line is the default message; `code` narrows the class's own."""
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        if code is not None:
            self.code = code
        super().__init__(self.message)


class ValidationError(StudioError):
    """That value does not fit here."""

    code = "validation"
    status = 422


class NotFound(StudioError):
    """There is nothing here. It was deleted, or it is not yours to see."""

    code = "not_found"
    status = 404


class NotSignedIn(StudioError):
    """You are signed out. Sign in again to go on."""

    code = "signed_out"
    status = 401


class Conflict(StudioError):
    """That already changed. Reload to see it as it is now."""

    code = "conflict"
    status = 409


class Restricted(StudioError):
    """This account is restricted; your data is kept. You can still download or delete it."""

    code = "restricted"
    status = 403
    # At whose request, in the words of the sentence.
    REASONS: Mapping[str, str] = {
        "person": "at your own request",
        "operator": "at the operator's request",
        "authority": "at an authority's request",
    }

    def __init__(self, reason: str) -> None:
        """`reason` is one of `REASONS`; any other gives the sentence without it."""
        if reason == "leaving":
            super().__init__("Your account is going to be deleted, so nothing new begins. Keep it first, then go on.")
            return
        request = self.REASONS.get(reason)
        super().__init__(
            f"This account is restricted {request}; your data is kept. You can still download or delete it."
            if request
            else None
        )


class TooMany(StudioError):
    """That was too much at once. Try again in a minute."""

    code = "rate_limited"
    status = 429
