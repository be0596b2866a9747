"""What Slack answers instead of doing what it was asked: its own errors, and HTTP errors."""

from typing import Any, Self

import loopback_troubles
from loopback import Refusal
from loopback_troubles import Broken
from starlette.responses import JSONResponse


class Trouble(loopback_troubles.Trouble):
    """What befalls one call; besides what befalls calls anywhere, an error in Slack's own way."""

    @classmethod
    def slack_error(cls, error: str = "internal_error") -> Self:
        """Answered 200 with `ok` false, not executed: internal_error, fatal_error, request_timeout, …"""
        return cls("slack error", description=error)


def refused(error: str, **more: Any) -> Refusal:
    """The usual No: 200, and the error by name."""
    return Refusal(error, JSONResponse({"ok": False, "error": error, **more}))


def invalid(error: str, faults: list[str]) -> Refusal:
    """The No to content that breaks rules, with each of them."""
    messages = [f"[ERROR] {fault}" for fault in faults]
    return refused(error, errors=faults, response_metadata={"messages": messages})


def rate_limited(seconds: int) -> Refusal:
    answer = JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(seconds)})
    return Refusal("ratelimited", answer)


def refusal(trouble: loopback_troubles.Trouble) -> Exception:
    if trouble.kind == "slack error":
        return refused(trouble.description)
    if trouble.code == 429:
        return rate_limited(trouble.retry_after)
    return Broken(str(trouble.code), trouble.code)
