"""What Slack answers instead of doing what it was asked: its own errors, HTTP errors, and a limit of messages."""

from typing import Any, Self

import bot_api_troubles
from bot_api_methods import Refusal as TooMany
from bot_api_troubles import Broken
from loopback import Refusal
from starlette.responses import JSONResponse


class Trouble(bot_api_troubles.Trouble):
    """What befalls one call; besides what befalls calls anywhere, an error in Slack's own way."""

    @classmethod
    def slack_error(cls, error: str = "internal_error") -> Self:
        """Answered 200 with `ok` false, not executed: internal_error, fatal_error, request_timeout, …"""
        return cls("slack error", description=error)


class Limits(bot_api_troubles.Limits):
    """One message a second in each channel, after a burst."""

    def __init__(self, per_channel: float, burst: int) -> None:
        super().__init__(per_channel, 10_000, burst)

    def check(self, channel: object) -> None:
        try:
            super().check(channel)
        except TooMany as wait:
            raise rate_limited(wait.answer["parameters"]["retry_after"]) from None


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


def refusal(trouble: bot_api_troubles.Trouble) -> Exception:
    if trouble.kind == "slack error":
        return refused(trouble.description)
    if trouble.code == 429:
        return rate_limited(trouble.retry_after)
    return Broken(str(trouble.code), trouble.code)
