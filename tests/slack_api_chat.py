"""The chat methods: what the app writes, changes and takes back, and what Slack refuses of it."""

from collections.abc import Callable
from typing import Any

from loopback import Json
from slack_api_blocks import LARGEST, faults_of_blocks, faults_of_metadata, size
from slack_api_events import Happenings
from slack_api_troubles import invalid, rate_limited, refused
from slack_api_world import Channel, Message

LONGEST = 40_000  # characters of a new message's text; what is longer is cut off
ADVISED = 4_000  # characters of a new message's text, as Slack advises
LONGEST_UPDATE = 4_000  # bytes of a changed message's text, as others observed; longer ones are refused

CUT = {"response_metadata": {"warnings": ["message_truncated"]}, "warning": "message_truncated"}


def post_message(slack: Any, params: Json) -> Json:
    channel = writable(slack, params)
    message = _new(slack, channel, params)
    if slack.message_limits and (wait := slack.message_limits.wait(channel.id)):
        raise rate_limited(wait)
    slack.posted.append(message)
    slack.appears(message)
    cut = CUT if len(str(params.get("text"))) > LONGEST else {}
    return {"channel": channel.id, "ts": message.ts, "message": message.json(metadata=True), **cut}


def post_ephemeral(slack: Happenings, params: Json) -> Json:
    channel = writable(slack, params)
    person = slack.people.get(str(params.get("user")))
    if person is None or person.id not in channel.members:
        raise refused("user_not_in_channel")
    message = _new(slack, channel, params)
    slack.posted.append(message)
    person.gets(message)
    return {"message_ts": message.ts}


def update(slack: Happenings, params: Json) -> Json:
    message = own(slack, params, "cant_update_message")
    if message.channel.archived:
        raise refused("is_inactive")
    parts = _parts(slack, params)
    if not parts.get("text") and not parts.get("blocks") and not params.get("attachments"):
        raise refused("no_text")
    if len(parts.get("text", "").encode()) > LONGEST_UPDATE:
        raise refused("msg_too_long")
    # Words without blocks take the blocks away; blocks without words leave the words, and no word of an edit is shown.
    parts |= {"blocks": []} if "text" in parts and "blocks" not in parts else {}
    slack.changes(message, by="" if parts.get("blocks") else slack.bot_user, **parts)
    told = message.json(metadata=True)
    return {"channel": message.channel.id, "ts": message.ts, "text": message.text, "message": told}


def delete(slack: Happenings, params: Json) -> Json:
    message = own(slack, params, "cant_delete_message")
    slack.vanishes(message)
    return {"channel": message.channel.id, "ts": message.ts}


def get_permalink(slack: Happenings, params: Json) -> Json:
    message = message_of(slack, params, "message_ts", joined=False)
    return {"channel": message.channel.id, "permalink": permalink(slack, message)}


def permalink(slack: Happenings, message: Message) -> str:
    address = f"https://{slack.team['domain']}.slack.com/archives/{message.channel.id}/p{message.ts.replace('.', '')}"
    return address if message.is_root else f"{address}?thread_ts={message.root_ts}&cid={message.channel.id}"


# Where


def channel_of(slack: Happenings, params: Json, *, joined: bool = True) -> Channel:
    """The channel that is meant, if the app may look into it."""
    channel = slack.channels.get(str(params.get("channel")))
    if channel is None:
        raise refused("channel_not_found")
    if joined and not channel.bot_is_in:
        raise refused("not_in_channel")
    return channel


def writable(slack: Happenings, params: Json) -> Channel:
    channel = channel_of(slack, params)
    if channel.archived:
        raise refused("is_archived")
    return channel


def message_of(slack: Happenings, params: Json, name: str = "ts", *, joined: bool = True) -> Message:
    message = channel_of(slack, params, joined=joined).messages.get(str(params.get(name)))
    if message is None or message.deleted:
        raise refused("message_not_found")
    return message


def own(slack: Happenings, params: Json, otherwise: str) -> Message:
    message = message_of(slack, params)
    if message.author.get("bot_id") != slack.bot_id:
        raise refused(otherwise)
    return message


# What


def _new(slack: Happenings, channel: Channel, params: Json) -> Message:
    parts = _parts(slack, params)
    if not parts.get("text") and not parts.get("blocks") and not params.get("attachments"):
        raise refused("no_text")
    if not parts.get("text"):
        slack.warnings.append("no text: a notification shows nothing of it")
    thread = _thread(slack, channel, params)
    return Message(channel, slack.stamp(), slack.bot_author, **parts, **thread, params=params)


def _thread(slack: Happenings, channel: Channel, params: Json) -> Json:
    """Where it goes. A reply to what is gone appears in the channel itself: Slack says nothing of it."""
    named = channel.messages.get(str(params.get("thread_ts")))
    if not params.get("thread_ts"):
        return {}
    if named is None or named not in channel.shown:
        slack.warnings.append("thread_ts of no message: it was posted outside any thread")
        return {}
    if not named.is_root:
        slack.warnings.append("thread_ts of a reply: Slack wants that of the thread's first message")
    more = {"more": {"subtype": "thread_broadcast"}} if flag(params, "reply_broadcast") else {}
    return {"thread_ts": named.root_ts, **more}


def _parts(slack: Happenings, params: Json) -> Json:
    """Text, blocks and metadata, as far as they are given, if they are right."""
    parts: Json = {}
    if params.get("text") is not None:
        parts["text"] = _text(slack, params["text"])
    if params.get("blocks") is not None:
        parts["blocks"] = right_blocks(params["blocks"])
    if params.get("metadata") is not None:
        if wrong := faults_of_metadata(params["metadata"]):
            raise refused(wrong)
        parts["metadata"] = params["metadata"] or None
    return parts


def _text(slack: Happenings, text: Any) -> str:
    if not isinstance(text, str):
        raise invalid("invalid_arguments", ["must be a string [json-pointer:/text]"])
    if len(text) > ADVISED:
        slack.warnings.append(f"text of {len(text)} characters; Slack advises at most {ADVISED}")
    return text[:LONGEST]


def right_blocks(blocks: Any) -> list[Json]:
    if not isinstance(blocks, list):
        raise refused("invalid_blocks_format")
    if faults := faults_of_blocks(blocks):
        raise invalid("invalid_blocks", faults)
    if size(blocks) > LARGEST:
        raise refused("msg_blocks_too_long")
    return blocks


def flag(params: Json, name: str) -> bool:
    """A switch, which a form writes as a word."""
    return str(params.get(name)).lower() in ("1", "true")


CHAT: dict[str, Callable[[Any, Json], Json]] = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": get_permalink,
}
