"""What is so on a Slack of our own: its team, channels, messages, files and views, and who was told what."""

import copy
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from loopback import Changes, Json
from slack_api_forms import Given, elements, find, state
from slack_api_words import unescaped, words

UNSHOWN = "This content can't be displayed."


@dataclass(eq=False, repr=False)
class Message:
    """A message as it stands now. `to`: whose eyes alone it is for, if it is ephemeral."""

    channel: "Channel"
    ts: str
    author: Json
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: Json | None = None
    files: list[Json] = field(default_factory=list)
    more: Json = field(default_factory=dict)  # other fields of it as Slack tells of it: subtype, client_msg_id, …
    to: str = ""
    params: Json = field(default_factory=dict)  # of the call that posted it
    edits: int = 0
    edited: Json | None = None  # who edited its words last, and when, where Slack shows that
    deleted: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)  # who reacted, by the name of the emoji
    versions: list[tuple[str, list[Json]]] = field(default_factory=list)  # text and blocks before each edit
    given: dict[str, Given] = field(default_factory=dict)  # what each person entered in its fields

    def __repr__(self) -> str:
        return f"<message {self.ts}{' (deleted)' * self.deleted}: {self.all_text[:80]!r}>"

    @property
    def all_text(self) -> str:
        """All that people read in it: the words of its blocks, or its text where it has none; names of files."""
        shown = words(self.blocks) or unescaped(self.text)
        return "\n".join([shown, *(file["name"] for file in self.files)])

    @property
    def notification(self) -> str:
        """What a notification shows of it."""
        return unescaped(self.text) or UNSHOWN

    @property
    def buttons(self) -> dict[str, Json]:
        """Its buttons by action id; where several share one, the first."""
        return {each["action_id"]: each for each in reversed(self._elements()) if each["type"] == "button"}

    @property
    def labels(self) -> list[str]:
        """The words on its buttons."""
        return [each["text"]["text"] for each in self._elements() if each["type"] == "button"]

    def _elements(self) -> list[Json]:
        return [element for _, element in elements(self.blocks)]

    def element(self, action_id: str, value: Any = None, *, stale: bool = False) -> tuple[Json, Json]:
        """What can be pressed or chosen in it, and its block; `stale`: as somebody may still see it, before an edit."""
        assert stale or not self.deleted, "nobody can press what is deleted"
        for _, blocks in reversed(self.versions) if stale else ():
            with suppress(AssertionError):
                return find(blocks, action_id, value)
        return find(self.blocks, action_id, value)

    def state(self, person: str) -> Json:
        """What stands in its fields before somebody's eyes."""
        return state(self.blocks, self.given.get(person, {}))

    @property
    def is_root(self) -> bool:
        return self.thread_ts in (None, self.ts)

    @property
    def root_ts(self) -> str:
        """Of the thread that it stands in or could open."""
        return self.thread_ts or self.ts

    @property
    def replies(self) -> "list[Message]":
        return [m for m in self.channel.standing if m.thread_ts == self.ts and m.ts != self.ts]

    def json(self, metadata: bool = False) -> Json:
        """It as Slack tells of it."""
        if self.deleted:
            return self._tombstone()
        about = {"type": "message", **self.author, "ts": self.ts, "text": self.text, **self.more}
        seen = {"blocks": self.blocks, "files": self.files, "edited": self.edited, "reactions": self._reactions()}
        told = {"metadata": self.metadata} if metadata else {}
        whole = about | {name: value for name, value in {**seen, **told}.items() if value} | self._thread()
        return copy.deepcopy(whole)  # what was told does not change when the message does

    def _thread(self) -> Json:
        if self.is_root:
            return self._counts() if self.replies else {}
        root = self.channel.messages.get(self.root_ts)
        author = {"parent_user_id": root.author["user"]} if root else {}
        return {"thread_ts": self.thread_ts, **author}

    def _counts(self) -> Json:
        users = list(dict.fromkeys(reply.author["user"] for reply in self.replies))
        latest = {"latest_reply": self.replies[-1].ts, "is_locked": False, "subscribed": False}
        return {"thread_ts": self.ts, "reply_count": len(self.replies), "reply_users": users} | latest

    def _reactions(self) -> list[Json]:
        return [{"name": name, "users": who, "count": len(who)} for name, who in self.reactions.items() if who]

    def _tombstone(self) -> Json:
        """What is left of a message that was deleted but has replies."""
        about = {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "hidden": True}
        return about | {"text": "This message was deleted.", "ts": self.ts} | self._counts()


@dataclass(eq=False, repr=False)
class Channel:
    """A channel. Its fields may be set: who is in it, whether it is archived."""

    id: str
    name: str
    bot: str
    members: list[str] = field(default_factory=list)
    archived: bool = False
    is_private: bool = False
    is_ext_shared: bool = False  # with another company
    messages: dict[str, Message] = field(default_factory=dict)  # all there ever were, by ts

    @property
    def standing(self) -> list[Message]:
        return [message for message in list(self.messages.values()) if not message.deleted]

    @property
    def shown(self) -> list[Message]:
        """What stands there, and what was deleted but still holds a thread together."""
        return [m for m in list(self.messages.values()) if not m.deleted or (m.is_root and m.replies)]

    @property
    def bot_is_in(self) -> bool:
        return self.bot in self.members

    def bot_leaves(self) -> None:
        self.members.remove(self.bot)

    def bot_joins(self) -> None:
        self.members.append(self.bot)

    @property
    def json(self) -> Json:
        names = {"id": self.id, "name": self.name, "name_normalized": self.name}
        no = ("is_group", "is_im", "is_mpim", "is_pending_ext_shared", "is_general", "is_org_shared")
        about = {
            "is_channel": True,
            "is_archived": self.archived,
            "is_member": self.bot_is_in,
            "is_private": self.is_private,
            "is_shared": self.is_ext_shared,
            "is_ext_shared": self.is_ext_shared,
            "created": 1_700_000_000,
        }
        said: Json = {name: {"value": "", "creator": "", "last_set": 0} for name in ("topic", "purpose")}
        return names | about | dict.fromkeys(no, False) | said


@dataclass(eq=False)
class StoredFile:
    """A file, which is nothing to anybody before its upload is complete."""

    id: str
    name: str
    size: int
    user: str
    content: bytes | None = None
    title: str = ""
    is_complete: bool = False


@dataclass(eq=False)
class View:
    """A modal before somebody's eyes, or a home tab. `content`: what the app made it of."""

    id: str
    owner: str
    content: Json
    hash: str
    below: "View | None" = None  # in the stack
    given: Given = field(default_factory=dict)

    @property
    def blocks(self) -> list[Json]:
        return list(self.content["blocks"])

    @property
    def title(self) -> str:
        return str(self.content["title"]["text"])

    @property
    def all_text(self) -> str:
        return words(self.blocks)

    @property
    def values(self) -> Json:
        """What stands in its fields, by block id and action id."""
        return dict(state(self.blocks, self.given)["values"])

    def element(self, action_id: str, value: Any = None, *, stale: bool = False) -> tuple[Json, Json]:
        return find(self.blocks, action_id, value)

    def state(self, person: str) -> Json:
        return {"values": self.values}

    @property
    def root(self) -> "View":
        return self.below.root if self.below else self


class Workspace(Changes):
    """The team, and everything in it."""

    def __init__(self, clock: Callable[[], datetime], **more: Any) -> None:
        super().__init__(**more)
        self.clock = clock
        self.team: Json = {"id": "T0SMI000001", "domain": "smi-test"}
        self.bot_user, self.bot_id, self.app_id = "U0SMIBOT001", "B0SMI000001", "A0SMI000001"
        self.bot_name = "smi"
        self.numbers = itertools.count(1)
        self.channels: dict[str, Channel] = {}
        self.people: dict[str, Any] = {}  # by id
        self.files: dict[str, StoredFile] = {}
        self.views: dict[str, View] = {}  # all that are open, by id
        self.posted: list[Message] = []  # all that the app ever posted, even what only one person saw
        self.warnings: list[str] = []  # what Slack let pass, and nobody should do
        self._last = 0

    # Ids and time

    def new_id(self, kind: str) -> str:
        """An id in Slack's way: `F00000000AB`."""
        return f"{kind}{next(self.numbers):010X}"

    def seconds(self) -> float:
        return self.clock().timestamp()

    def stamp(self) -> str:
        """A `ts`: the time, and greater than all before."""
        self._last = max(self._last + 1, int(self.seconds() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    # Messages

    @property
    def bot_author(self) -> Json:
        """How a message of the app's tells its author."""
        who = {"user": self.bot_user, "bot_id": self.bot_id, "app_id": self.app_id, "team": self.team["id"]}
        profile = {"id": self.bot_id, "app_id": self.app_id, "name": self.bot_name, "team_id": self.team["id"]}
        return who | {"bot_profile": {**profile, "deleted": False, "updated": 1_700_000_000}}

    def messages(self, channel: str = "") -> list[Message]:
        """What stands in a channel outside threads, in order; in that of the app, if none is named."""
        return [message for message in self.place(channel).standing if message.is_root]

    def thread(self, root: Message | str, channel: str = "") -> list[Message]:
        """The replies in a thread, in order."""
        ts = root if isinstance(root, str) else root.root_ts
        place = self.place(channel) if isinstance(root, str) else root.channel
        return [message for message in place.standing if message.thread_ts == ts and not message.is_root]

    def message(self, ts: str, channel: str = "") -> Message:
        return self.place(channel).messages[ts]

    def place(self, channel: str = "") -> Channel:
        return self.channels[channel] if channel else next(iter(self.channels.values()))

    def seen(self, what: str | Callable[[Message], object], everything: Sequence[Message] = ()) -> list[Message]:
        """What stands in any channel with these words in it, or of which this is so; and likewise of `everything`."""
        standing = [message for channel in self.channels.values() for message in channel.standing]
        among = [*standing, *(message for message in everything if not message.deleted)]
        return [m for m in among if (what in m.all_text if isinstance(what, str) else what(m))]
