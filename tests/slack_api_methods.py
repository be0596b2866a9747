"""The methods of Slack's Web API: which scope each needs, what each does, and what it refuses with which word."""

from collections.abc import Callable
from typing import Any, NamedTuple

from loopback import Json
from slack_api_chat import CHAT, channel_of, flag, message_of
from slack_api_events import Happenings
from slack_api_files import FILES
from slack_api_troubles import refused
from slack_api_views import VIEWS
from slack_api_world import Message

# The app itself


def auth_test(slack: Happenings, params: Json) -> Json:
    team = {"team": "SMI Test", "team_id": slack.team["id"], "url": f"https://{slack.team['domain']}.slack.com/"}
    who = {"user": slack.bot_name, "user_id": slack.bot_user, "bot_id": slack.bot_id}
    return {**team, **who, "is_enterprise_install": False}


def open_connection(slack: Any, params: Json) -> Json:
    return {"url": slack.link()}


# Conversations


def conversations_info(slack: Happenings, params: Json) -> Json:
    channel = channel_of(slack, params, joined=False)
    members = {"num_members": len(channel.members)} if flag(params, "include_num_members") else {}
    return {"channel": {**channel.json, **members}}


def conversations_join(slack: Happenings, params: Json) -> Json:
    channel = channel_of(slack, params, joined=False)
    if channel.archived:
        raise refused("is_archived")
    if not channel.bot_is_in:
        channel.bot_joins()
        return {"channel": channel.json}
    warned = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    return {"channel": channel.json, **warned}


def conversations_members(slack: Happenings, params: Json) -> Json:
    members, cursor = _page(channel_of(slack, params, joined=False).members, params, 100)
    return {"members": members, "response_metadata": {"next_cursor": cursor}}


def conversations_history(slack: Happenings, params: Json) -> Json:
    """What stands outside threads, the latest first."""
    channel = channel_of(slack, params)
    roots = [m for m in channel.shown if m.is_root or m.more.get("subtype") == "thread_broadcast"]
    messages, cursor = _page([m for m in reversed(roots) if _within(m, params)], params, 100)
    return {**_told(messages, cursor, params), "pin_count": 0}


def conversations_replies(slack: Happenings, params: Json) -> Json:
    """A thread from its beginning. Its first message comes with the first page, however old it is."""
    channel = channel_of(slack, params)
    named = channel.messages.get(str(params.get("ts")))
    root = channel.messages.get(named.root_ts) if named else None
    if root is None or root not in channel.shown:
        raise refused("thread_not_found")
    replies = [reply for reply in root.replies if _within(reply, params)]
    messages, cursor = _page([root, *replies], params, 1000)
    return _told(messages, cursor, params)


def _told(messages: list[Message], cursor: str, params: Json) -> Json:
    told = [message.json(flag(params, "include_all_metadata")) for message in messages]
    more = {"response_metadata": {"next_cursor": cursor}} if cursor else {}
    return {"messages": told, "has_more": bool(cursor), **more}


def _within(message: Message, params: Json) -> bool:
    """Whether it lies between `oldest` and `latest`; on them only if that is asked for."""
    ts, inclusive = float(message.ts), flag(params, "inclusive")
    oldest, latest = float(params.get("oldest") or 0), float(params.get("latest") or 2**40)
    return oldest < ts < latest or (inclusive and ts in (oldest, latest))


def _page(everything: list[Any], params: Json, usual: int) -> tuple[list[Any], str]:
    """One page of it, and the cursor of the next."""
    limit = int(params.get("limit") or usual)
    if not 0 < limit <= 1000:
        raise refused("invalid_limit")
    try:
        start = int(str(params.get("cursor") or "next:0").removeprefix("next:"))
    except ValueError:
        raise refused("invalid_cursor") from None
    rest = f"next:{start + limit}" if start + limit < len(everything) else ""
    return everything[start : start + limit], rest


# Reactions and people


def add_reaction(slack: Happenings, params: Json) -> Json:
    message, name = message_of(slack, params, "timestamp"), _emoji(params)
    if message.channel.archived:
        raise refused("is_archived")
    if slack.bot_user in message.reactions.get(name, ()):
        raise refused("already_reacted")
    slack.reacts(slack.bot_user, message, name, adds=True)
    return {}


def remove_reaction(slack: Happenings, params: Json) -> Json:
    message, name = message_of(slack, params, "timestamp"), _emoji(params)
    if slack.bot_user not in message.reactions.get(name, ()):
        raise refused("no_reaction")
    slack.reacts(slack.bot_user, message, name, adds=False)
    return {}


def get_reactions(slack: Happenings, params: Json) -> Json:
    message = message_of(slack, params, "timestamp")
    return {"type": "message", "channel": message.channel.id, "message": message.json()}


def _emoji(params: Json) -> str:
    name = str(params.get("name") or "")
    if not name or not all(letter.isalnum() or letter in "_-+:" for letter in name):
        raise refused("invalid_name")
    return name


def users_info(slack: Happenings, params: Json) -> Json:
    person = slack.people.get(str(params.get("user")))
    if params.get("user") == slack.bot_user:
        return {"user": {"id": slack.bot_user, "name": slack.bot_name, "team_id": slack.team["id"], "is_bot": True}}
    if person is None:
        raise refused("user_not_found")
    return {"user": person.json}


# By name


class Method(NamedTuple):
    """`scopes`: any of these will do; none: none is needed."""

    execute: Callable[[Any, Json], Json]
    scopes: tuple[str, ...] = ()
    token: str = "xoxb"  # kind of token


_READS = ("channels:history", "groups:history")
_LOOKS = ("channels:read", "groups:read")

METHODS: dict[str, Method] = {
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(open_connection, token="xapp"),
    "conversations.info": Method(conversations_info, _LOOKS),
    "conversations.members": Method(conversations_members, _LOOKS),
    "conversations.join": Method(conversations_join, ("channels:join",)),
    "conversations.history": Method(conversations_history, _READS),
    "conversations.replies": Method(conversations_replies, _READS),
    "reactions.add": Method(add_reaction, ("reactions:write",)),
    "reactions.remove": Method(remove_reaction, ("reactions:write",)),
    "reactions.get": Method(get_reactions, ("reactions:read",)),
    "users.info": Method(users_info, ("users:read",)),
    **{name: Method(execute, ("chat:write",)) for name, execute in CHAT.items()},
    **{name: Method(execute) for name, execute in VIEWS.items()},
    **{name: Method(execute, ("files:write",)) for name, execute in FILES.items()},
}
METHODS["chat.getPermalink"] = METHODS["chat.getPermalink"]._replace(scopes=())
