"""People on our Slack: what they write arrives at the app in the shapes of the real Events API."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from fakes import PATIENCE
from loopback import Json
from slack_api_delivery import Delivery
from slack_api_files import keep, share
from slack_api_hands import Hands
from slack_api_words import escaped, typed_by_a_person
from slack_api_world import Channel, Message

What = str | Callable[[Message], object]


class Person(Hands):
    """A member of the team and of the app's channel."""

    def __init__(self, slack: Any, name: str) -> None:
        username = re.sub(r"\W+", ".", name.lower()).strip(".")
        super().__init__(slack, slack.new_id("U"), username)
        self.name = name
        self.is_deactivated = False
        with slack.change():
            slack.people[self.id] = self
            slack.place().members.append(self.id)

    @property
    def json(self) -> Json:
        """As users.info tells of somebody."""
        names = {"real_name": self.name, "display_name": self.name, "real_name_normalized": self.name}
        no = ("is_bot", "is_admin", "is_owner", "is_app_user", "is_restricted", "is_ultra_restricted")
        about = {"id": self.id, "team_id": self.slack.team["id"], "name": self.username, "real_name": self.name}
        when = {"tz": "Europe/Berlin", "tz_offset": 3600, "updated": 1_700_000_000}
        return {**about, **when, "deleted": self.is_deactivated, "profile": names, **dict.fromkeys(no, False)}

    @property
    def _author(self) -> Json:
        return {"user": self.id, "team": self.slack.team["id"]}

    # Writing

    def says(self, text: str, channel: str = "") -> Message:
        """Writes in a channel, outside threads. `<@U…>` stands for a mention; other text is escaped as Slack does."""
        return self._posts(self.slack.place(channel), text)

    def writes(self, thread: Message, text: str, *, also_to_channel: bool = False) -> Message:
        """Writes in the thread of a message."""
        more = {"subtype": "thread_broadcast"} if also_to_channel else {}
        return self._posts(thread.channel, text, thread.root_ts, **more)

    def mentions(self, text: str, thread: Message | None = None, channel: str = "") -> Message:
        """Writes to the app by name."""
        whole = f"<@{self.slack.bot_user}> {text}"
        return self.writes(thread, whole) if thread else self.says(whole, channel)

    def uploads(self, thread: Message | None, name: str, content: bytes, text: str = "") -> Message:
        """Sends a file into a thread, or outside any, with words or without."""
        place, root = (thread.channel, thread.root_ts) if thread else (self.slack.place(), None)
        with self.slack.change():
            file = keep(self.slack, name, len(content), self.id, content)
            return share(self.slack, place, self._author, [file], escaped(text), root)

    def _posts(self, place: Channel, text: str, thread: str | None = None, **more: Any) -> Message:
        with self.slack.change():
            more |= {"client_msg_id": str(uuid.uuid4())}
            message = Message(
                place, self.slack.stamp(), self._author, **typed_by_a_person(text), thread_ts=thread, more=more
            )
            self.slack.appears(message)
            if f"<@{self.slack.bot_user}>" in text:
                event = {**message.json(), "type": "app_mention", "channel": place.id, "event_ts": message.ts}
                self.slack.tell(event, place)
        return message

    def edits(self, message: Message, text: str) -> Delivery:
        return self.slack.changes(message, by=self.id, **typed_by_a_person(text))

    def deletes(self, message: Message) -> Delivery:
        """Deletes a message of one's own, or, as an administrator, any other."""
        return self.slack.vanishes(message)

    def reacts(self, message: Message, name: str) -> Delivery:
        return self.slack.reacts(self.id, message, name, adds=True)

    def unreacts(self, message: Message, name: str) -> Delivery:
        return self.slack.reacts(self.id, message, name, adds=False)

    # Reading

    def gets(self, message: Message) -> None:
        """A message for this person alone."""
        with self.slack.change():
            message.to = self.id
            message.blocks = self.slack.named(message.blocks)
            self.ephemerals.append(message)

    def seen(self, what: What) -> list[Message]:
        """What this person sees with these words in it, or of which this is so."""
        return self.slack.seen(what, self.ephemerals)

    def sees(self, what: What, times: int = 1, timeout: float = PATIENCE) -> Message:
        """Waits until so many messages are so; returns the last of them."""
        self.slack.wait(lambda: len(self.seen(what)) >= times, timeout)
        return self.seen(what)[-1]

    async def will_see(self, what: What, times: int = 1, timeout: float = PATIENCE) -> Message:
        """`sees` for a test whose app lives in the same event loop."""
        await self.slack.until(lambda: len(self.seen(what)) >= times, timeout)
        return self.seen(what)[-1]

    def sees_modal(self, title: str = "", timeout: float = PATIENCE) -> Any:
        """Waits until a modal is open whose title holds these words."""
        self.slack.wait(lambda: self.view and title in self.view.title, timeout)
        return self.view

    async def will_see_modal(self, title: str = "", timeout: float = PATIENCE) -> Any:
        await self.slack.until(lambda: self.view and title in self.view.title, timeout)
        return self.view
