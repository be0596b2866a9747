"""The addresses at which the app may answer an interaction: a few times, for a while."""

from dataclasses import dataclass
from typing import Any

from loopback import Json, Refusal
from slack_api_chat import right_blocks
from slack_api_troubles import refused
from slack_api_world import Message
from starlette.responses import JSONResponse

USES = 5
LIFE = 30 * 60  # seconds


@dataclass
class ResponseUrl:
    """`message`: the one in which somebody pressed, if it was in a message."""

    person: str
    channel: str
    at: float
    message: Message | None = None
    uses: int = 0


def respond(slack: Any, token: str, body: Json) -> None:
    """What the app posted there."""
    url = slack.response_urls.get(token)
    if url is None or slack.seconds() - url.at > LIFE:
        raise _gone("expired_url")
    if url.uses >= USES:
        raise _gone("used_url")
    url.uses += 1
    if body.get("delete_original"):
        slack.takes_back(_original(url))
    elif body.get("replace_original"):
        slack.redraws(_original(url), **_content(body))
    else:
        answer(slack, url, body)


def answer(slack: Any, url: ResponseUrl, body: Json) -> None:
    """A new message, for the person alone if nothing else is said."""
    thread = {"thread_ts": body["thread_ts"]} if body.get("thread_ts") else {}
    channel = slack.channels[url.channel]
    message = Message(channel, slack.stamp(), slack.bot_author, **_content(body), **thread, params=body)
    slack.posted.append(message)
    if body.get("response_type") == "in_channel":
        slack.appears(message)
    else:
        slack.people[url.person].gets(message)


def _original(url: ResponseUrl) -> Message:
    if url.message is None:
        raise refused("no_original")  # ours: a command has no message that could be replaced
    return url.message


def _content(body: Json) -> Json:
    if not body.get("text") and not body.get("blocks"):
        raise refused("no_text")
    return {"text": body.get("text") or "", "blocks": right_blocks(body.get("blocks") or [])}


def _gone(error: str) -> Refusal:
    return Refusal(error, JSONResponse({"ok": False, "error": error}, 404))
