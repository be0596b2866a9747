"""What specialists write in the thread of a card, and the 📤 that sends it. Handled from the inbox, in their order.

A message in a thread is an internal note; its author, as the case's owner, may send it by a reaction. Messages, their
edits and reactions share a lane, named by the message.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import col

from escalation import slack_store, store
from escalation.case import CaseEvent
from escalation.case_steps import note_of
from escalation.handoff import CaseHandoff
from escalation.slack_store import SlackPostRow, thread_of
from escalation.slack_words import not_for_others, typed
from escalation.store import CaseEventRow
from smi_bot.database import Transaction
from smi_bot.durable.inbox import settle
from smi_bot.durable.outbox import post
from smi_bot.durable.rows import InboxRow
from smi_bot.errors import NotAllowed

EVENT_KIND = "slack"
SEND = "outbox_tray"
#: How long a reaction waits for the message it stands on: events may come out of order.
_PATIENCE = timedelta(seconds=10)
_LOOK = timedelta(seconds=1)
#: How long a reaction waits for what was done before it, or to be taken back: their events may come later.
CALM = timedelta(seconds=2)

#: How long something in an unknown thread waits for a card of which nobody knows the place yet.
_DOUBT = timedelta(minutes=10)

_NOT_NOTED = "This was not noted on the case"
_MOVED = f"{_NOT_NOTED}: its card stands in another place by now. Write it again in the thread there."
_UNKNOWN = "This was not noted on any case: the bot does not know this thread. If it is about a case, write it again."
_FILES = "files stay in Slack: they are not noted, and never sent to the requester."
#: Told to whoever is of another company, in a channel that is shared with it.
STRANGER = "Only members of the workspace that this bot belongs to can work on its cases."

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
        case {"type": "reaction_added" | "reaction_removed", "item": {"type": "message"}, "user": _}:
            return _reacted(event)
        case {"type": "message", "subtype": "message_changed", "message": {"user": user, "ts": ts}}:
            return _written(event, event["message"], user, ts, "edited")
        case {"type": "message", "user": user, "ts": ts} if event.get("subtype") in (
            None,
            "file_share",
            "thread_broadcast",
        ):
            return _written(event, event, user, ts, "wrote")
    return None


def _reacted(event: Event) -> dict[str, Any] | None:
    if str(event.get("reaction")).partition("::")[0] != SEND:
        return None
    what = "sent" if event["type"] == "reaction_added" else "unsent"
    place = {"channel": event["item"].get("channel", ""), "ts": event["item"]["ts"]}
    return {"what": what, "user": event["user"], "at": str(event.get("event_ts", "")), **place}


def _written(event: Event, message: Event, user: str, ts: str, what: str) -> dict[str, Any] | None:
    thread = message.get("thread_ts")
    if message.get("bot_id") or not thread or thread == ts:
        return None
    place = {"channel": event.get("channel", ""), "ts": ts, "thread": thread}
    words = {"text": typed(message), "version": event.get("ts", ts), "files": bool(message.get("files"))}
    return {"what": what, "user": user, **words, **place}


def key_of(team: str, event: Event) -> str:
    """Equal for deliveries of one event, whatever event id they carry."""
    parts = (team, event.get("type"), event.get("subtype", ""), event.get("event_ts") or event.get("ts"))
    place = event.get("channel") or (event.get("item") or {}).get("channel", "")
    return ":".join(("slack", *map(str, parts), str(place), str(event.get("user", ""))))


def lane_of(kept: Mapping[str, Any]) -> str:
    return f"slack:{kept['channel']}:{kept['ts']}"


class SlackEvents:
    """The handler of the inbox's kind `slack`."""

    def __init__(self, handoff: CaseHandoff, channel: str) -> None:
        self._handoff = handoff
        self._channel = channel

    async def receive(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime) -> datetime | None:
        order = {"stranger": 0, "wrote": 0, "edited": 1, "deleted": 2}
        reactions = [row for row in rows if row.payload["what"] not in order]
        done = [row for row in rows if row.payload["what"] in order]
        for row in sorted(done, key=lambda row: (order[row.payload["what"]], row.id)):
            if not await self._happens(tx, row, now):
                return now + _LOOK
            settle((row,), now)  # whatever the others wait for, this is not to be done again
            _empty(row)
        return await self._react(tx, reactions, now)

    async def _react(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime) -> datetime | None:
        """Of what each person did, the last counts: what they took back before it was sent is not sent."""
        calm = max((row.received_at + CALM for row in rows), default=now)
        if now < calm:
            return calm
        rows, again = sorted(rows, key=lambda row: row.payload.get("at", "")), None
        for user in {row.payload["user"] for row in rows}:
            of_user = [row for row in rows if row.payload["user"] == user]
            if await self._reacted(tx, of_user[-1], now):
                settle(of_user, now)
            else:
                again = now + _LOOK
        return again

    async def _reacted(self, tx: Transaction, row: InboxRow, now: datetime) -> bool:
        """False where it stands on a message that is not known yet."""
        what = row.payload
        if what["what"] == "unsent" or await self._sent(tx, what, now):
            return True
        if now >= row.received_at + _PATIENCE:
            why = "The bot does not know this message. Only messages in the thread of a card can be sent."
            await whisper(tx, now, what["user"], "", why, what["channel"])
            return True
        return False

    async def give_up(self, tx: Transaction, row: InboxRow, now: datetime) -> None:
        """Whoever did it is told; the row stays visible as failed, without words."""
        _empty(await tx.get_one(InboxRow, row.id))
        why = "The bot failed on this; please use the buttons on the card."
        if "user" in row.payload:
            await whisper(tx, now, row.payload["user"], row.payload.get("thread", ""), why, row.payload["channel"])

    async def _happens(self, tx: Transaction, row: InboxRow, now: datetime) -> bool:
        """False where it may be about a card of which nobody knows the place yet."""
        what = row.payload
        if what["what"] == "deleted":
            await self._deleted(tx, what["channel"], what["ts"], now)
            return True
        card = await slack_store.card_at(tx, what["channel"], what["thread"])
        if card is not None:
            await self._below(tx, card, what, now)
        elif await slack_store.is_in_doubt(tx, what["channel"]):
            if now < row.received_at + _DOUBT:
                return False
            await _tell(tx, now, what, _UNKNOWN)
        return True

    async def _below(self, tx: Transaction, card: SlackPostRow, what: Mapping[str, Any], now: datetime) -> None:
        """What somebody wrote in the thread of a card."""
        if what["what"] == "stranger":
            await _tell(tx, now, what, f"{_NOT_NOTED}: {STRANGER}")
        elif what["text"].strip():
            await self._noted(tx, card, what, now)
        elif what.get("files") and what["what"] == "wrote":
            await _tell(tx, now, what, f"{_NOT_NOTED}: {_FILES}")

    async def _deleted(self, tx: Transaction, channel: str, ts: str, now: datetime) -> None:
        """Whoever deletes a card does not delete the case: it is shown anew."""
        card = await slack_store.card_at(tx, channel, ts)
        if card is not None and self._is_present(card):
            await slack_store.retire(tx, card.case_id, channel)
            await self._handoff.tell_desk(tx, card.case_id, now)
        elif noted_on := await _noted_on(tx, note_id(ts)):
            await self._handoff.delete_note(tx, noted_on, note_id(ts), now)

    def _is_present(self, card: SlackPostRow) -> bool:
        """Whether it stands there still, where cases are shown by now."""
        return card.channel == self._channel and card.key == slack_store.CARD

    async def _noted(self, tx: Transaction, card: SlackPostRow, what: Mapping[str, Any], now: datetime) -> None:
        id = note_id(what["ts"])
        # An edit may come before its message, which is then known already: never is an older text sent.
        is_known = note_of(await store.case(tx, card.case_id), id) is not None
        about = (tx, card.case_id, actor_of(what["user"]), what["text"], id)
        try:
            if what["what"] == "edited" and is_known:
                await self._handoff.edit_note(*about, what["version"], now)
            elif is_known or self._is_present(card):
                await self._handoff.note(*about, now, version=what["version"])
            else:  # nobody reads it there
                await _tell(tx, now, what, _MOVED)
        except NotAllowed as error:
            await _tell(tx, now, what, f"{_NOT_NOTED}: {error}")

    async def _sent(self, tx: Transaction, what: Mapping[str, Any], now: datetime) -> bool:
        """False where the message is not known."""
        id = note_id(what["ts"])
        case_id = await _noted_on(tx, id)
        note = note_of(await store.case(tx, case_id), id) if case_id else None
        if case_id is None or note is None:
            return False
        if told := await self._send(tx, case_id, note, what, now):
            await whisper(tx, now, what["user"], await thread_of(tx, case_id, self._channel), told)
        return True

    async def _send(
        self, tx: Transaction, case_id: int, note: CaseEvent, what: Mapping[str, Any], now: datetime
    ) -> str:
        """Returns what whoever sends it must know; nothing, if all of it was sent."""
        if why_not := not_for_others(note.body["text"]):
            return f"Nothing was sent: {why_not}"
        try:
            await self._handoff.send_note(tx, case_id, actor_of(what["user"]), note.id, now)
        except NotAllowed as error:
            return f"Nothing was sent: {error}"
        return f"The words were sent; {_FILES}" if await _has_files(tx, lane_of(what)) else ""


async def _noted_on(tx: Transaction, id: str) -> int | None:
    """The case that has a note."""
    noted = (col(CaseEventRow.kind) == "noted", col(CaseEventRow.body)["id"].as_string() == id)
    return (await tx.execute(sa.select(col(CaseEventRow.case_id)).where(*noted).limit(1))).scalar()


async def _has_files(tx: Transaction, lane: str) -> bool:
    """Whether a message came with files."""
    events = await tx.execute(sa.select(col(InboxRow.payload)).where(col(InboxRow.lane) == lane))
    return any(payload.get("files") for payload in events.scalars())


def note_id(ts: str) -> str:
    """A note's own id, from the message it was."""
    return f"slack-{ts}"


def _empty(row: InboxRow) -> None:
    """Words are kept on the case, where they can be erased; here they are not needed any more."""
    row.payload = {key: value for key, value in row.payload.items() if key != "text"}


async def _tell(tx: Transaction, now: datetime, what: Mapping[str, Any], text: str) -> None:
    """Privately, where they wrote."""
    await whisper(tx, now, what["user"], what["thread"], text, what["channel"])


async def whisper(tx: Transaction, now: datetime, user: str, thread: str, text: str, channel: str = "") -> None:
    """Something that only one person is to see. `channel`: that in which cases are shown, unless given."""
    payload = {"user": user, "thread": thread, "text": text, "channel": channel}
    await post(tx, now, key=f"whisper:{uuid4().hex}", lane=f"whisper:{user}", way="whisper", payload=payload)
