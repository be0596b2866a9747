"""What is so on a Telegram of our own: who is there, what was written, and what the bot has not been told yet."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fakes import PATIENCE
from loopback import Changes, Json

ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}  # updates that a bot gets only if it asks


@dataclass
class Told:
    """A message of the bot's as it stands in its chat now."""

    message: Json
    params: Json  # of the call that sent it
    when: float
    edits: int = 0
    deleted: bool = False

    @property
    def message_id(self) -> int:
        return int(self.message["message_id"])

    @property
    def text(self) -> str:
        return str(self.message["text"])

    @property
    def entities(self) -> list[Json]:
        return list(self.message.get("entities", ()))

    @property
    def keyboard(self) -> list[list[Json]]:
        return list(self.message.get("reply_markup", {}).get("inline_keyboard", ()))

    @property
    def buttons(self) -> list[str]:
        return [button["text"] for row in self.keyboard for button in row]

    def marked(self, type: str) -> list[str]:
        """The words under an entity of this type: `told.marked("bold")`."""
        units = self.text.encode("utf-16-le")
        spans = [(e["offset"] * 2, e["length"] * 2) for e in self.entities if e["type"] == type]
        return [units[start : start + length].decode("utf-16-le") for start, length in spans]


@dataclass(frozen=True)
class StoredFile:
    content: bytes
    path: str
    ids: Json  # file_id and file_unique_id
    size: int  # as Telegram tells it; a test may claim more than there is


class World(Changes):
    """The people, their chats, and the bot's updates."""

    def __init__(self, token: str, clock: Callable[[], datetime], **more: Any) -> None:
        super().__init__(**more)
        self.token = token
        self.bot: Json = {"id": int(token.partition(":")[0]), "is_bot": True, "first_name": "SMI"}
        self.bot["username"] = "smi_test_bot"
        self.chats: dict[int, Place] = {}
        self.migrated: dict[int, int] = {}  # old id of a group -> its id as a supergroup
        self.files: dict[str, StoredFile] = {}  # by file_id
        self.presses: dict[str, Callable[[str], None]] = {}  # unanswered callback query -> who gets the toast
        self.commands: dict[tuple[str, str], list[Json]] = {}  # by scope ("default", "chat:5") and language
        self.descriptions: dict[tuple[str, str], str] = {}  # by "description" or "short_description", and language
        self.webhook: Json = {}
        self.allowed: list[str] = []
        self.updates: list[Json] = []  # all there ever were
        self.pending: list[Json] = []  # those the bot has not confirmed
        self.again: list[Json] = []  # those it is to get once more
        self.held: list[Json] = []  # those Telegram brings late
        self._clock = clock
        self._update_ids = itertools.count(700_000_001)
        self.numbers = itertools.count(1)

    def now(self) -> int:
        return int(self._clock().timestamp())

    # Updates

    def update(self, content: Json) -> Json:
        """Brings the bot an update with this content, whatever it is; returns it with its number."""
        with self.change():
            update = {"update_id": next(self._update_ids), **content}
            self.updates.append(update)
            if self._wanted(next(name for name in content if name != "update_id")):
                self.pending.append(update)
        return update

    def _wanted(self, kind: str) -> bool:
        return kind in self.allowed if self.allowed else kind not in ON_REQUEST

    def malformed(self) -> Json:
        """Brings an update that python-telegram-bot cannot read: a message from nowhere, at no time."""
        return self.update({"message": {"message_id": 1, "text": "I have neither a chat nor a date"}})

    def repeat(self, what: Json) -> Json:
        """Brings an update once more under its old number, found by itself or by the message or press in it."""
        update = what if "update_id" in what else next(u for u in reversed(self.updates) if what in u.values())
        with self.change():
            self.again.append(update)
        return update

    def deliver(self) -> None:
        """Brings what was held back."""
        with self.change():
            for content in self.held:
                self.update(content)
            self.held.clear()

    @property
    def undelivered(self) -> list[Json]:
        return [*self.again, *self.pending]

    def confirm(self, update: Json) -> None:
        with self.change():
            queue = self.again if update in self.again else self.pending
            if update in queue:
                queue.remove(update)

    def hand_out(self, offset: int, limit: int) -> list[Json]:
        """The updates from `offset` on. What lies before it is forgotten; what is to come again comes once."""
        self.pending[:] = [update for update in self.pending if update["update_id"] >= offset]
        batch = self.undelivered[:limit]
        del self.again[:limit]
        return batch

    def forget_presses(self) -> None:
        """Time goes by: no press can be answered any more."""
        with self.change():
            self.presses.clear()

    def keep(self, content: bytes, folder: str, extension: str, size: int | None = None) -> Json:
        """Keeps a file to be fetched; returns what a message says of it."""
        number = next(self.numbers)
        ids = {"file_id": f"BQACAgIAAxkBAAI{number:0>56}", "file_unique_id": f"AgAD{number:0>11}"}
        file = StoredFile(content, f"{folder}/file_{number}{extension}", ids, len(content) if size is None else size)
        with self.change():
            self.files[ids["file_id"]] = file
        return {**ids, "file_size": file.size}


class Place:
    """A chat: what was written there, and what the bot told there."""

    def __init__(self, world: World, id: int, kind: str, **about: Any) -> None:
        self.world = world
        self.id = id
        self.kind = kind
        self.messages: dict[int, Json] = {}
        self.told: list[Told] = []
        self.typing = 0
        self.known = True  # whether the bot may write here: to a person only after that person did
        self.refuses = ""  # in which words Telegram says that the bot may not
        self.threads: set[int] = set()
        self._about = {name: value for name, value in about.items() if value}
        self._message_ids = itertools.count(1)
        with world.change():
            world.chats[id] = self

    @property
    def json(self) -> Json:
        return {"id": self.id, "type": self.kind, **self._about}

    @property
    def username(self) -> str:
        return str(self._about.get("username", ""))

    @property
    def texts(self) -> list[str]:
        return [told.text for told in list(self.told)]

    def hears(self, what: str | Callable[[Told], object] = "", times: int = 1, timeout: float = PATIENCE) -> Told:
        """Waits until the bot said such a thing so many times; returns the last of them."""
        self.world.wait(lambda: len(self.heard(what)) >= times, timeout)
        return self.heard(what)[-1]

    async def will_hear(
        self, what: str | Callable[[Told], object] = "", times: int = 1, timeout: float = PATIENCE
    ) -> Told:
        """`hears` for a test whose bot lives in the same event loop."""
        await self.world.until(lambda: len(self.heard(what)) >= times, timeout)
        return self.heard(what)[-1]

    def heard(self, what: str | Callable[[Told], object]) -> list[Told]:
        """What the bot said there with these words in it, or of which this is so."""
        return [t for t in list(self.told) if (what in t.text if isinstance(what, str) else what(t))]

    def puts(self, **content: Any) -> Json:
        """A new message of this chat; the bot is not told of it yet."""
        message = {"message_id": next(self._message_ids), "date": self.world.now(), "chat": self.json, **content}
        self.messages[message["message_id"]] = message
        return message

    def shows(self, params: Json, **content: Any) -> Json:
        """A new message of the bot's."""
        message = self.puts(**{"from": self.world.bot}, **content)
        self.told.append(Told(message, params, time.monotonic()))
        return message

    def alters(self, message: Json, kind: str, **changes: Any) -> Json:
        """A message as its author leaves it now. What is None goes."""
        with self.world.change():
            altered = message | {"edit_date": self.world.now()} | changes
            altered = {name: value for name, value in altered.items() if value is not None}
            self.messages[message["message_id"]] = altered
            self.world.update({f"edited_{kind}": altered})
        return altered

    def renumber(self, id: int, kind: str) -> None:
        """The chat goes on as another: nothing written before can be reached, and numbers begin again."""
        with self.world.change():
            self.world.migrated[self.id] = id
            self.world.chats[id] = self.world.chats.pop(self.id)
            self.id, self.kind, self.messages, self._message_ids = id, kind, {}, itertools.count(1)

    def in_thread(self, thread: int | None) -> Json:
        return {} if thread is None else {"message_thread_id": thread}


def units(text: str) -> int:
    """Its length as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2
