"""What specialists write in the thread of a card, and the 📤 that sends it. Handled from the inbox, in their order.

A message in a thread is an internal note; its author, as the case's owner, may send it by a reaction. Messages, their
edits and reactions share a lane, named by the message.
"""

import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import col

from escalation import slack_store, store
from escalation.handoff import CaseHandoff, note_of
from escalation.store import CaseEventRow
from smi_bot.database import Transaction
from smi_bot.durable.outbox import post
from smi_bot.durable.rows import InboxRow
from smi_bot.errors import NotAllowed

EVENT_KIND = "slack"
SEND = "outbox_tray"
#: How long a reaction waits for the message it stands on: events may come out of order.
_PATIENCE = timedelta(seconds=10)
_LOOK = timedelta(seconds=1)

_LINK = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")

Event = Mapping[str, Any]


def actor_of(user: str) -> str:
    """A specialist of Slack, in the record of a case."""
    return f"slack:{user}"


def wanted(event: Event) -> dict[str, Any] | None:
    """What of an event is worth keeping; None for what concerns no case: our own posts, other reactions."""
    match event:
        case {"type": "message", "subtype": "message_deleted", "deleted_ts": ts}:
            return {"what": "deleted", "channel": event.get("channel", ""), "ts": ts}
        case {"type": "message", "subtype": "message_changed", "message": {"subtype": "tombstone", "ts": ts}}:
            return {"what": "deleted", "channel": event.get("channel", ""), "ts": ts}  # answers to it stand below
        case {"type": "reaction_added", "reaction": reaction, "user": user, "item": {"type": "message", "ts": ts}}:
            known = str(reaction).partition("::")[0] == SEND
            place = {"channel": event["item"].get("channel", ""), "ts": ts}
            return {"what": "sent", "user": user, **place} if known else None
        case {"type": "message", "subtype": "message_changed", "message": {"user": user, "ts": ts}}:
            return _written(event, event["message"], user, ts, "edited")
        case {"type": "message", "user": user, "ts": ts} if event.get("subtype") in (
            None,
            "file_share",
            "thread_broadcast",
        ):
            return _written(event, event, user, ts, "wrote")
    return None


def _written(event: Event, message: Event, user: str, ts: str, what: str) -> dict[str, Any] | None:
    thread = message.get("thread_ts")
    if message.get("bot_id") or not thread or thread == ts:
        return None
    place = {"channel": event.get("channel", ""), "ts": ts, "thread": thread}
    words = {"text": plain_words(str(message.get("text", ""))), "version": event.get("ts", ts)}
    return {"what": what, "user": user, **words, **place}


def key_of(team: str, event: Event) -> str:
    """Equal for deliveries of one event, whatever event id they carry."""
    parts = (team, event.get("type"), event.get("subtype", ""), event.get("event_ts") or event.get("ts"))
    place = event.get("channel") or (event.get("item") or {}).get("channel", "")
    return ":".join(("slack", *map(str, parts), str(place), str(event.get("user", ""))))


def lane_of(kept: Mapping[str, Any]) -> str:
    return f"slack:{kept['channel']}:{kept['ts']}"


def plain_words(text: str) -> str:
    """The words of a message as they were typed: Slack escapes three characters and marks links and names."""
    return html.unescape(_LINK.sub(lambda found: found[2] or found[1].removeprefix("mailto:"), text))


class SlackEvents:
    """The handler of the inbox's kind `slack`."""

    def __init__(self, handoff: CaseHandoff, channel: str) -> None:
        self._handoff = handoff
        self._channel = channel

    async def receive(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime) -> datetime | None:
        order = {"wrote": 0, "edited": 1, "sent": 2, "deleted": 3}
        for row in sorted(rows, key=lambda row: (order[row.payload["what"]], row.id)):
            if await self._happens(tx, row.payload, now):
                continue
            if now < row.received_at + _PATIENCE:
                return now + _LOOK
            why = "The bot does not know this message. Only messages in the thread of a card can be sent."
            await whisper(tx, now, row.payload["user"], "", why)
        return None

    async def give_up(self, tx: Transaction, row: InboxRow, now: datetime) -> None:
        """Whoever did it is told; the row stays visible as failed."""
        why = "The bot failed on this; please use the buttons on the card."
        await whisper(tx, now, row.payload["user"], row.payload.get("thread", ""), why)

    async def _happens(self, tx: Transaction, what: Mapping[str, Any], now: datetime) -> bool:
        """False where a reaction stands on a message that is not known, or not known yet."""
        if what["channel"] != self._channel:
            return True
        if what["what"] == "sent":
            return await self._sent(tx, what, now)
        if what["what"] == "deleted":
            await self._deleted(tx, what["ts"], now)
            return True
        case_id = await slack_store.case_at(tx, self._channel, what["thread"])
        if case_id is not None and what["text"].strip():
            await self._noted(tx, case_id, what, now)
        return True

    async def _deleted(self, tx: Transaction, ts: str, now: datetime) -> None:
        """Whoever deletes a card does not delete the case: it is shown anew."""
        case_id = await slack_store.case_at(tx, self._channel, ts)
        if case_id is not None:
            await slack_store.forget(tx, case_id, self._channel)
            await self._handoff.tell_desk(tx, case_id, now)

    async def _noted(self, tx: Transaction, case_id: int, what: Mapping[str, Any], now: datetime) -> None:
        id = note_id(what["ts"])
        # An edit may come before its message, which is then known already: never is an older text sent.
        is_known = note_of(await store.case(tx, case_id), id) is not None
        about = (tx, case_id, actor_of(what["user"]), what["text"], id)
        try:
            if what["what"] == "edited" and is_known:
                await self._handoff.edit_note(*about, what["version"], now)
            else:
                await self._handoff.note(*about, now, version=what["version"])
        except NotAllowed as error:
            await whisper(tx, now, what["user"], what["thread"], f"This was not noted on the case: {error}")

    async def _sent(self, tx: Transaction, what: Mapping[str, Any], now: datetime) -> bool:
        id = note_id(what["ts"])
        noted = sa.select(col(CaseEventRow.case_id)).where(
            col(CaseEventRow.kind) == "noted", col(CaseEventRow.body)["id"].as_string() == id
        )
        case_id = (await tx.execute(noted.limit(1))).scalar()
        note = note_of(await store.case(tx, case_id), id) if case_id else None
        if case_id is None or note is None:
            return False
        try:
            await self._handoff.send_note(tx, case_id, actor_of(what["user"]), note.id, now)
        except NotAllowed as error:
            card = (await slack_store.posts(tx, case_id, self._channel)).get("card")
            await whisper(tx, now, what["user"], (card.ts if card else None) or "", f"Nothing was sent: {error}")
        return True


def note_id(ts: str) -> str:
    """A note's own id, from the message it was."""
    return f"slack-{ts}"


async def whisper(tx: Transaction, now: datetime, user: str, thread: str, text: str) -> None:
    """Something that only one person is to see."""
    payload = {"user": user, "thread": thread, "text": text}
    await post(tx, now, key=f"whisper:{uuid4().hex}", lane=f"whisper:{user}", way="whisper", payload=payload)
