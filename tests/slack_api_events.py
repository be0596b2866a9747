"""What happens in channels, and the events by which Slack tells the app of it."""

import uuid
from typing import Any

from loopback import Json
from slack_api_delivery import Deliveries, Delivery, event_id
from slack_api_forms import with_ids
from slack_api_world import Channel, Message, Workspace

SUBSCRIPTIONS = {"message", "app_mention", "reaction_added", "reaction_removed"}


class Happenings(Workspace, Deliveries):
    """Messages appear, change and vanish, and the app hears of it if it is in the channel and subscribed to that."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.subscriptions = set(SUBSCRIPTIONS)

    def tell(self, event: Json, channel: Channel) -> Delivery:
        """Brings an event. One that the app does not get is settled from the beginning."""
        delivery = Delivery("events_api", self._callback(event), self)
        if channel.bot_is_in and event["type"] in self.subscriptions:
            return self._bring(delivery)
        delivery.gave_up = True
        return delivery

    def _callback(self, event: Json) -> Json:
        team = self.team["id"]
        to = {"team_id": team, "user_id": self.bot_user, "is_bot": True, "is_enterprise_install": False}
        return {
            "type": "event_callback",
            "token": "verification",
            "team_id": team,
            "context_team_id": team,
            "context_enterprise_id": None,
            "api_app_id": self.app_id,
            "event": event,
            "event_id": event_id(),
            "event_time": int(float(event["event_ts"])),
            "is_ext_shared_channel": False,
            "authorizations": [{"enterprise_id": None, **to}],
            "event_context": f"4-{uuid.uuid4().hex}",
        }

    def event_of(self, message: Message) -> Delivery:
        """The latest delivery of an event about a message."""
        return next(d for d in reversed(self.deliveries) if d.kind == "events_api" and message.ts in _about(d.event))

    def repeat(self, what: Delivery | Message, *, other_id: bool = False) -> Delivery:
        """Brings an event once more, under the same event id or another one; found by itself or by its message."""
        before = self.event_of(what) if isinstance(what, Message) else what
        payload = before.payload | ({"event_id": event_id()} if other_id else {})
        return self._bring(Delivery("events_api", payload, self))

    # Messages

    def appears(self, message: Message) -> Delivery:
        """A new message in its channel."""
        with self.change():
            message.blocks = self.named(message.blocks)
            message.channel.messages[message.ts] = message
            return self.tell(_placed(message.json(), message.channel, message.ts), message.channel)

    def named(self, blocks: list[Json]) -> list[Json]:
        return with_ids(blocks, lambda: uuid.uuid4().hex[:5])

    def changes(self, message: Message, *, by: str = "", **parts: Any) -> Delivery:
        """Other parts of a message from now on. `by`: who is shown to have edited it, if that is shown."""
        with self.change():
            before = message.json()
            message.versions.append((message.text, message.blocks))
            for name, part in parts.items():
                setattr(message, name, part)
            message.blocks, message.edits = self.named(message.blocks), message.edits + 1
            if by:
                message.edited = {"user": by, "ts": self.stamp()}
            return self._tell_change(message, before)

    def unfurls(self, message: Message, link: str = "https://zelvanta.example") -> Delivery:
        """Slack shows a preview below a message, which is a change too, but of nobody's."""
        with self.change():
            before = message.json()
            message.more["attachments"] = [{"from_url": link, "id": 1, "original_url": link, "fallback": link}]
            return self._tell_change(message, before)

    def vanishes(self, message: Message) -> Delivery:
        """It is deleted. A message with replies leaves a tombstone."""
        with self.change():
            before, message.deleted = message.json(), True
            if message.is_root and message.replies:
                return self._tell_change(message, before)
            gone = {"type": "message", "subtype": "message_deleted", "previous_message": before, "hidden": True}
            now = self.stamp()
            event = _placed({**gone, "deleted_ts": message.ts, "ts": now}, message.channel, now)
            return self.tell(event, message.channel)

    def redraws(self, message: Message, text: str, blocks: list[Json]) -> None:
        """The app replaces a message at which somebody pressed; what only one person sees, nobody is told of."""
        if not message.to:
            self.changes(message, text=text, blocks=blocks)
            return
        message.versions.append((message.text, message.blocks))
        message.text, message.blocks, message.edits = text, self.named(blocks), message.edits + 1

    def takes_back(self, message: Message) -> None:
        if message.to:
            message.deleted = True
        else:
            self.vanishes(message)

    def _tell_change(self, message: Message, before: Json) -> Delivery:
        now, versions = self.stamp(), {"message": message.json(), "previous_message": before}
        event = {"type": "message", "subtype": "message_changed", **versions, "hidden": True, "ts": now}
        return self.tell(_placed(event, message.channel, now), message.channel)

    # Reactions

    def reacts(self, user: str, message: Message, name: str, *, adds: bool) -> Delivery:
        with self.change():
            who = message.reactions.setdefault(name, [])
            (who.append if adds else who.remove)(user)
            about = {"user": user, "reaction": name, "item_user": message.author["user"], "event_ts": self.stamp()}
            item = {"type": "message", "channel": message.channel.id, "ts": message.ts}
            kind = "reaction_added" if adds else "reaction_removed"
            return self.tell({"type": kind, **about, "item": item}, message.channel)


def _placed(event: Json, channel: Channel, at: str) -> Json:
    return {**event, "channel": channel.id, "event_ts": at, "channel_type": "channel"}


def _about(event: Json) -> set[Any]:
    """The messages that an event is about."""
    inner = (event.get(name) or {} for name in ("message", "previous_message", "item"))
    return {event.get("ts"), event.get("deleted_ts"), *(part.get("ts") for part in inner)}
