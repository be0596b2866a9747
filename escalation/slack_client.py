"""Slack's Web API as the desk uses it: one call at Slack's pace, and what a failed one means."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from smi_bot.errors import SmiError, TryAgain

log = structlog.get_logger()

_TIMEOUT = 8  # seconds for one call; below the outbox's own
_PAGE = 200  # messages of one look into a channel
_BROKEN = 60.0  # seconds between tries while somebody has to mend something

#: What somebody has to mend, and how. Slack documentation, error codes of chat.postMessage.
_MENDS = {
    "channel_not_found": "SMI_SLACK_CHANNEL names no channel that the bot can see; give its id and invite the bot",
    "is_archived": "the channel is archived; unarchive it or name another in SMI_SLACK_CHANNEL",
    "is_inactive": "the channel is archived; unarchive it or name another in SMI_SLACK_CHANNEL",
    "not_in_channel": "the bot is not in the channel; invite it there",
    "posting_to_channel_denied": "the bot may not post in the channel; invite it there, and unarchive it if need be",
    "invalid_auth": "Slack refuses SMI_SLACK_BOT_TOKEN; give the app's present token",
    "not_authed": "Slack refuses SMI_SLACK_BOT_TOKEN; give the app's present token",
    "token_revoked": "SMI_SLACK_BOT_TOKEN was revoked; install the app again and give its new token",
    "token_expired": "SMI_SLACK_BOT_TOKEN is out of date; give the app's present token",
    "account_inactive": "the app was removed from the workspace; install it again",
    "missing_scope": "the app lacks a scope; run 'smi-bot slack check'",
    "restricted_action": "the workspace forbids the bot to post in the channel; ask its administrators",
}
#: Those of them that are about a channel: another one may be all right.
_OF_CHANNEL = {
    "channel_not_found",
    "is_archived",
    "is_inactive",
    "not_in_channel",
    "posting_to_channel_denied",
    "restricted_action",
}
#: What passes by itself.
_PASSING = {
    "ratelimited",
    "internal_error",
    "fatal_error",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
}

Call = Callable[..., Awaitable[AsyncSlackResponse]]


class NoAnswer(TryAgain):
    """Nothing came back in time: nobody knows whether it was done."""


class NoChannel(TryAgain):
    """Somebody has to mend something about the channel."""


class CardGone(SmiError):
    """The card is not there any more, or not ours to change; nor is its thread."""


def web_client(token: str, api: str) -> AsyncWebClient:
    """Without retries of its own, which could post twice: the outbox repeats, and looks before it does."""
    return AsyncWebClient(token=token, base_url=api, timeout=_TIMEOUT, retry_handlers=[], trust_env_in_session=True)


async def called(call: Call, **what: Any) -> AsyncSlackResponse:
    """Raises TryAgain where nobody of this way can get through now, CardGone where there is no such thread, and
    SlackApiError where Slack refuses this very call."""
    try:
        return await call(**what)
    except SlackApiError as error:
        raise (meaning(error) or error) from error
    except SlackRequestError as error:  # of an upload: where its bytes go is no method of Slack's
        raise TryAgain("Slack does not take a file") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise NoAnswer(f"Slack does not answer ({type(error).__name__})", all=True) from error


async def messages(call: Call, **what: Any) -> AsyncIterator[dict[str, Any]]:
    """All messages of a history, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = await called(call, limit=_PAGE, **what, **cursor)
        for message in page["messages"]:
            yield message
        following = (page.get("response_metadata") or {}).get("next_cursor")
        if not following:
            return
        cursor = {"cursor": following}


def meaning(error: SlackApiError) -> SmiError | None:
    """None where the fault is in what was asked."""
    code, status = error_code(error), _status(error)
    if code == "thread_not_found":
        return CardGone("its card was deleted")
    if status == 429 or code == "ratelimited":
        return TryAgain("Slack asks to wait", after=_retry_after(error), all=True)
    if code in _MENDS:
        kind = NoChannel if code in _OF_CHANNEL else TryAgain
        return kind(_MENDS[code], after=_BROKEN, all=True)
    if code in _PASSING or status >= 500 or not code:
        return TryAgain(f"Slack does not answer ({code or status})", all=True)
    return None


def error_code(error: SlackApiError) -> str:
    """Slack's own word for what was wrong; empty where its answer was none of Slack's."""
    data: Any = error.response.data if isinstance(error.response, AsyncSlackResponse) else error.response
    return str(data.get("error", "")) if isinstance(data, dict) else ""


def _status(error: SlackApiError) -> int:
    return int(getattr(error.response, "status_code", 200))


def _retry_after(error: SlackApiError) -> float:
    headers: Any = getattr(error.response, "headers", {})
    found = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
    return float(found) if str(found).replace(".", "", 1).isdigit() else 1.0
