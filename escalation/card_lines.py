"""The thread of a card: what was said and done on a case, line by line, masked. Pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from escalation.answering import reply_key
from escalation.answers import remark
from escalation.case import Case, CaseEvent, EventAudience, Priority
from escalation.redaction import redact
from escalation.said import ERASED, is_erased, masked, shortened
from escalation.store import MessageKey
from smi_bot.burst import inquiry_of
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Attachment

DeliveryState = Literal["queued", "retrying", "sent", "delivered", "failed"]
#: See `smi_bot.attachments.FileState`; a file that was erased has none. `kept`: here, but not where the card is shown.
CardFileState = Literal["here", "kept", "pending", "failed", "refused", "erased"]

_BEFORE = timedelta(hours=24)  # how long before a case an automatic answer still belongs to it
_PATIENCE = timedelta(minutes=1)  # how long an automatic reply may wait, as platforms want a pace, without a word
#: Why something was not delivered, where the outbox knows only the name of an error.
_TROUBLES = {
    "TryAgain": "the platform does not take messages at the moment",
    "TimeoutError": "the platform did not answer in time",
}
#: What we tell that is always the same.
_SENTENCES = {
    "undelivered": "A reply did not reach the requester; it says above why.",
    "erasure": "The requester asked for deletion. This case is kept because of a safety duty or because it is open.",
}
_ERROR = re.compile(r"(?:follow-up: )?[A-Z]\w+")


@dataclass(frozen=True, slots=True)
class CardFile:
    """A file that the requester sent. Only what is `here` can be downloaded."""

    id: str
    name: str
    media_type: str
    size: int  # bytes, 0 where nobody knows
    state: CardFileState
    can_retry: bool


@dataclass(frozen=True, slots=True)
class CardMessage:
    """One message of the requester's. `number`: what `smi-bot explain` takes."""

    number: int
    text: str
    edited: bool = False
    earlier: str = ""  # what it said before it was edited
    forwarded: bool = False
    quoted: str = ""
    in_reply_to: str = ""


@dataclass(frozen=True, slots=True)
class CardLine:
    """One line of the case's thread. What the requester wrote is in `said`, everything else in `text`.

    `state`: of a reply on its way to the requester; `trouble`: why it has not arrived, in plain words.
    """

    event: int
    at: datetime
    at_text: str
    kind: str
    author: str
    audience: EventAudience
    text: str
    state: DeliveryState | None = None
    trouble: str = ""
    said: tuple[CardMessage, ...] = ()
    attachments: tuple[CardFile, ...] = ()
    link: str = ""  # of a public post
    note: str = ""  # id of a note
    was_sent: bool = False  # a note that its author sent to the requester afterwards
    can_send: bool = False
    can_retry: bool = False


@dataclass(frozen=True, slots=True)
class CardContext:
    """What a card needs beside its case: stored messages and replies, titles, the viewer and the time."""

    messages: Mapping[int, InboxRow]
    versions: Mapping[MessageKey, Sequence[InboxRow]]  # see `store.versions`
    told: Mapping[MessageKey, OutboxRow]  # see `store.told`
    deliveries: Mapping[str, OutboxRow]
    bot_replies: Mapping[str, Sequence[OutboxRow]]  # by conversation
    files: Mapping[str, str]  # see `attachments.states`
    titles: Mapping[str, str]
    windows: Mapping[Priority, timedelta]
    viewer: str
    now: datetime


def thread(case: Case, context: CardContext, *, mine: bool) -> tuple[CardLine, ...]:
    """The case's events and, between them, what the bot told the requester by itself from a day before."""
    since = case.opened_at - _BEFORE
    until = next((event.at for event in case.events if event.kind == "closed"), context.now)
    # What was asked about the report stands with its answer.
    lines = [_line(event, case, context, mine=mine) for event in case.events if event.kind != "asked"]
    lines += [line for line in _told(case, context) if since <= line.at <= until]
    return tuple(sorted(lines, key=lambda line: line.at))  # stable: at one moment, in the order of the events


def pseudonym(conversation: str) -> str:
    """A short name that is the same for the same conversation and says nothing about the person."""
    return "Requester " + hashlib.sha256(conversation.encode()).hexdigest()[:6].upper()


def message_ids(cases: Sequence[Case]) -> list[int]:
    """The inbound messages that the cards of these cases show."""
    return sorted({id for case in cases for e in case.events if e.kind == "message" for id in e.body["messages"]})


def reply_keys(cases: Sequence[Case]) -> list[str]:
    return [reply_key(event.id) for case in cases for event in case.events if event.kind == "replied"]


def _rows(event: CaseEvent, context: CardContext) -> list[InboxRow]:
    """The inbound messages of an event."""
    return [row for id in event.body.get("messages", ()) if (row := context.messages.get(id))]


def earlier_versions(row: InboxRow, versions: Mapping[MessageKey, Sequence[InboxRow]]) -> list[InboxRow]:
    """What an edited message said before, oldest first."""
    if not row.payload.get("edited"):
        return []
    return [other for other in versions.get((row.lane, row.payload["message"]), ()) if _is_before(other, row)]


# --- what happened


def _line(event: CaseEvent, case: Case, context: CardContext, *, mine: bool) -> CardLine:
    state, trouble = _delivery(event, case, context)
    sent = any(other.body.get("note") == event.id for other in case.events if other.kind == "replied")
    may_act = mine and case.status != "closed"
    own_note = event.kind == "noted" and event.actor == context.viewer
    return CardLine(
        event=event.id,
        at=event.at,
        at_text=_moment(event.at),
        kind=event.kind,
        author=pseudonym(case.conversation) if event.actor == "requester" else event.actor,
        audience=event.audience,
        text=remark(event.body) or _found_later(event, context) or _text(event),
        state=state,
        trouble=trouble,
        said=_messages(event, case, context),
        attachments=_files(event, case, context),
        link=_web_address(event.body.get("link", "")),
        note=event.body.get("id", "") if event.kind == "noted" else "",
        was_sent=sent,
        can_send=own_note and may_act and not sent and not case.is_public,
        can_retry=state == "failed" and may_act,
    )


def _found_later(event: CaseEvent, context: CardContext) -> str:
    """What is to be said of messages that look-back screening found long after they came in."""
    if "screening" not in event.body:
        return ""
    arrived = min((row.received_at for row in _rows(event, context)), default=event.at)
    return (
        f"Found by look-back screening. It came in on {_moment(arrived)} and was not taken for a report then."
        " The requester was told nothing of it now: whether to write to them is for a person to decide."
    )


def _text(event: CaseEvent) -> str:
    body = event.body
    match event.kind:
        case "replied" if "entry" in body:
            return f"{body['entry']}, version {body['version']}: {body['title']}"
        case "noted" | "replied":
            return f"{body['text'] or ERASED}{' [deleted in Slack]' if body.get('deleted') else ''}"
        case "opened" | "raised" | "labelled":
            return f"{body['priority']}: {', '.join(body['labels'])}"
        case "judged":
            return f"{body['verdict']}: {body['label']}" + (f" ({', '.join(body['rules'])})" if body["rules"] else "")
        case "closed":
            return ": ".join(filter(None, (body["disposition"], body["note"])))
        case kind:
            return _ours(kind, body)


def _ours(kind: str, body: Mapping[str, Any]) -> str:
    """What we tell of a case by ourselves."""
    match kind:
        case "released" if "lapsed" in body:
            return f"{body['lapsed']} left the requester waiting for too long."
        case "reminded" if body.get("owner"):
            return f"{body['owner']} has not answered in time."
        case "reminded":
            return "Nobody has claimed this case in time."
        case "reported":
            return f"A further safety report: {', '.join(body['labels']).replace('-', ' ')}."
    return _SENTENCES.get(kind, "")


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _web_address(link: str) -> str:
    """A link that may be followed; empty where it is none."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return link if parts.scheme in ("http", "https") and parts.netloc else ""


# --- what the requester wrote and sent


def _messages(event: CaseEvent, case: Case, context: CardContext) -> tuple[CardMessage, ...]:
    country = case.events[0].body["country"]
    rows = _rows(event, context)
    if "answers" in event.body:  # the line says which button was pressed
        rows = [row for row in rows if not row.payload.get("action")]
    return tuple(_message(row, country, context) for row in rows)


def _message(row: InboxRow, country: str | None, context: CardContext) -> CardMessage:
    number, text = row.id or 0, masked(row, country)
    if is_erased(row):
        return CardMessage(number, text)
    inquiry = inquiry_of(row)
    earlier = earlier_versions(row, context.versions)
    before = masked(earlier[-1], country) if earlier else ""
    return CardMessage(
        number,
        text,
        edited=inquiry.edited,
        earlier=before if before != text else "",
        forwarded=inquiry.forwarded,
        quoted=redact(inquiry.quoted, country),
        in_reply_to=shortened(_replied_to(row, country, context)),
    )


def _replied_to(row: InboxRow, country: str | None, context: CardContext) -> str:
    """What a message refers to: words of the requester's own, as they were at that time, or of ours."""
    key = (row.lane, row.payload.get("reply_to", ""))
    if ours := context.told.get(key):
        return redact(_words_of(ours, context.titles), country)
    own = [version for version in context.versions.get(key, ()) if _is_before(version, row)]
    return masked(own[-1], country) if own else ""


def _is_before(version: InboxRow, row: InboxRow) -> bool:
    return (version.id or 0) < (row.id or 0)


def _files(event: CaseEvent, case: Case, context: CardContext) -> tuple[CardFile, ...]:
    sent = (file for row in _rows(event, context) for file in inquiry_of(row).attachments)
    return tuple(_file(file, case, context.files) for file in sent)


def _file(file: Attachment, case: Case, states: Mapping[str, str]) -> CardFile:
    state = states.get(file.id, "erased")
    return CardFile(
        id=file.id,
        name=redact(file.name, case.events[0].body["country"]),
        media_type=file.media_type,
        size=file.size,
        state=state,  # type: ignore[arg-type]  # a word we wrote ourselves
        can_retry=state == "failed" and case.status != "closed",
    )


# --- what was sent to the requester


def _told(case: Case, context: CardContext) -> Iterator[CardLine]:
    """What the bot answered by itself, and what of its own did not arrive or has not arrived for a while."""
    for row in context.bot_replies.get(case.conversation, ()):
        at, state = row.settled_at or row.created_at, _state(row)
        if row.state == "open" and not _is_stuck(row, context.now):
            continue
        kind = {"failed": "not delivered", "retrying": "waiting"}.get(state, "answered")
        text = _words_of(row, context.titles)
        yield CardLine(0, at, _moment(at), kind, "bot", "requester", text, state, trouble=_trouble(row))


def _words_of(row: OutboxRow, titles: Mapping[str, str]) -> str:
    part = row.payload["part"]
    if part["kind"] == "specialist":
        return part["text"] or ERASED
    entry = part.get("entry")
    return f"{entry}: {titles.get(entry, entry)}" if entry else f"service text: {part.get('wording')}"


def _delivery(event: CaseEvent, case: Case, context: CardContext) -> tuple[DeliveryState | None, str]:
    """How a specialist's reply is doing, and what is wrong with it."""
    if event.kind != "replied":
        return None, ""
    row = context.deliveries.get(reply_key(event.id))
    if row is None or row.state == "dropped":
        return "failed", "it was dropped when the requester asked for deletion"
    holding_up = _first_tried(row, case, context) if row.state == "open" else None
    if holding_up:
        return "retrying", _trouble(holding_up)
    return _state(row), _trouble(row) if row.state == "failed" else ""


def _first_tried(row: OutboxRow, case: Case, context: CardContext) -> OutboxRow | None:
    """What holds an open reply up: itself, or one that goes to the requester before it."""
    replies = [reply for key in reply_keys([case]) if (reply := context.deliveries.get(key))]
    of_bot = [reply for reply in context.bot_replies.get(case.conversation, ()) if _is_stuck(reply, context.now)]
    return next((each for each in (*of_bot, *replies) if _is_tried(each) and (each.id or 0) <= (row.id or 0)), None)


def _is_tried(row: OutboxRow) -> bool:
    """Whether sending it was tried before, in vain. A first try that is under way has no error yet."""
    return row.state == "open" and (row.attempts > 1 or (row.attempts == 1 and row.error is not None))


def _is_stuck(row: OutboxRow, now: datetime) -> bool:
    return _is_tried(row) and now - row.created_at >= _PATIENCE


def _state(row: OutboxRow) -> DeliveryState:
    if row.state == "open":
        return "retrying" if _is_tried(row) else "queued"
    if row.state == "failed":
        return "failed"
    return "delivered" if row.seen_at else "sent"


def _trouble(row: OutboxRow) -> str:
    if row.state == "sent":
        return ""
    if row.error is None:
        return "the sending was interrupted"
    known = _TROUBLES.get(row.error)
    return known or (f"something failed on our side ({row.error})" if _ERROR.fullmatch(row.error) else row.error)
