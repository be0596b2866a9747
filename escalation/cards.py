"""A case as a card: content built once as data, for whatever desk renders it. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from escalation.case import Case, CaseEvent, EventAudience, Priority, Status, due_at
from escalation.handoff import reply_key
from escalation.redaction import redact
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Attachment, Inquiry
from smi_bot.receiving import inquiry_of, readable

#: Action ids are stable: desks, tests and records refer to them.
ActionId = Literal["case_claim", "case_release", "case_reply", "case_note", "case_label", "case_close", "case_reveal"]
DeliveryState = Literal["queued", "sent", "delivered", "failed"]


_BEFORE = timedelta(hours=24)  # how long before a case an automatic answer still belongs to it
_LIKELY = 0.05  # confidence below which an entry is no suggestion but noise


@dataclass(frozen=True, slots=True)
class CardLabel:
    """A label with the words that raised it."""

    label: str
    evidence: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardSuggestion:
    """An approved entry that may answer the question."""

    entry: str
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class CardLine:
    """One line of the case's thread. `state`: of a reply on its way to the requester."""

    event: int
    at: datetime
    at_text: str
    kind: str
    author: str
    audience: EventAudience
    text: str
    state: DeliveryState | None = None
    attachments: tuple[Attachment, ...] = ()
    was_sent: bool = False  # a note that its author sent to the requester afterwards
    messages: tuple[int, ...] = ()  # numbers that `smi-bot explain` takes
    can_send: bool = False
    can_retry: bool = False


@dataclass(frozen=True, slots=True)
class CardAction:
    """A button, and whether it may be pressed by whoever looks."""

    id: ActionId
    text: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Card:
    """Everything a specialist needs to see of a case. No name, no handle; text is masked."""

    case: int
    number: str
    status: Status
    priority: Priority
    labels: tuple[CardLabel, ...]
    audience: str
    country: str
    channel: str
    requester: str
    language: str
    due: datetime | None
    due_text: str
    overdue: bool
    owner: str | None
    mine: bool
    suggestions: tuple[CardSuggestion, ...]
    previous: str | None
    reports: int
    thread: tuple[CardLine, ...]
    actions: tuple[CardAction, ...]


@dataclass(frozen=True, slots=True)
class CardContext:
    """What a card needs beside its case: stored messages and replies, titles, the viewer and the time."""

    messages: Mapping[int, InboxRow]
    deliveries: Mapping[str, OutboxRow]
    bot_replies: Mapping[str, Sequence[OutboxRow]]  # by conversation
    titles: Mapping[str, str]
    windows: Mapping[Priority, timedelta]
    viewer: str
    now: datetime


def card(case: Case, context: CardContext) -> Card:
    opened = case.events[0].body
    due = due_at(case, context.windows)
    mine = case.owner is not None and case.owner == context.viewer
    return Card(
        case=case.id,
        number=case.number,
        status=case.status,
        priority=case.priority,
        labels=_labels(case, context),
        audience=opened["audience"],
        country=opened["country"] or "unknown",
        channel=opened["channel"],
        requester=pseudonym(case.conversation),
        language=opened["language"],
        due=due,
        due_text=_due_text(due, context.now),
        overdue=due is not None and due < context.now,
        owner=case.owner,
        mine=mine,
        suggestions=_suggestions(case, context.titles),
        previous=f"SMI-{case.previous}" if case.previous else None,
        reports=case.reports,
        thread=_thread(case, context, mine=mine),
        actions=_actions(case, mine=mine),
    )


def pseudonym(conversation: str) -> str:
    """A short name that is the same for the same conversation and says nothing about the person."""
    return "Requester " + hashlib.sha256(conversation.encode()).hexdigest()[:6].upper()


def message_ids(cases: Sequence[Case]) -> list[int]:
    """The inbound messages that the cards of these cases show."""
    return sorted({id for case in cases for e in case.events if e.kind == "message" for id in e.body["messages"]})


def reply_keys(cases: Sequence[Case]) -> list[str]:
    return [reply_key(event.id) for case in cases for event in case.events if event.kind == "replied"]


def unmasked(case: Case, messages: Mapping[int, InboxRow]) -> str:
    """The requester's words as they were written."""
    rows = (messages.get(id) for id in message_ids([case]))
    return "\n".join(said(inquiry_of(row)) for row in rows if row)


def said(inquiry: Inquiry) -> str:
    """What a message says; a pressed button in words."""
    return (
        f"[pressed: {inquiry.action.verb} {inquiry.action.value}]".replace(" ]", "]")
        if inquiry.action
        else inquiry.text
    )


def _labels(case: Case, context: CardContext) -> tuple[CardLabel, ...]:
    found = []
    for label in case.labels:
        raised = [each for each in case.evidence if each["label"] == label]
        words = tuple(dict.fromkeys(word for each in raised if (word := _words(each, context))))
        words = tuple(word for word in words if not any(word in other for other in words if other != word))
        found.append(CardLabel(label, words, tuple(dict.fromkeys(each["rule"] for each in raised))))
    return tuple(found)


def _words(evidence: Mapping[str, Any], context: CardContext) -> str:
    row = context.messages.get(evidence["message"])
    if row is None:
        return ""
    inquiry = inquiry_of(row)
    return redact(readable(inquiry)[evidence["start"] : evidence["end"]].strip(), None)[:120]


def _suggestions(case: Case, titles: Mapping[str, str]) -> tuple[CardSuggestion, ...]:
    best: dict[str, float] = {}
    for event in case.events:
        for each in event.body.get("suggestions", ()):
            best[each["entry"]] = max(best.get(each["entry"], 0.0), each["score"])
    likely = [item for item in best.items() if item[1] >= _LIKELY]
    ranked = sorted(likely, key=lambda item: -item[1])[:3]
    return tuple(CardSuggestion(entry, titles.get(entry, entry), score) for entry, score in ranked)


def _thread(case: Case, context: CardContext, *, mine: bool) -> tuple[CardLine, ...]:
    """The case's events and, between them, what the bot told the requester by itself from a day before."""
    lines = [_line(event, case, context, mine=mine) for event in case.events]
    since = case.opened_at - _BEFORE
    until = case.events[-1].at if case.status == "closed" else context.now
    told = [(row, row.settled_at) for row in context.bot_replies.get(case.conversation, ()) if row.settled_at]
    lines += [_told(row, at, context.titles) for row, at in told if since <= at <= until]
    return tuple(sorted(lines, key=lambda line: line.at))


def _told(row: OutboxRow, at: datetime, titles: Mapping[str, str]) -> CardLine:
    part = row.payload["part"]
    entry = part.get("entry")
    text = f"{entry}: {titles.get(entry, entry)}" if entry else f"service text: {part.get('wording')}"
    kind = "answered" if row.state == "sent" else "not delivered"
    return CardLine(0, at, _moment(at), kind, "bot", "requester", text, "failed" if row.state == "failed" else "sent")


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _line(event: CaseEvent, case: Case, context: CardContext, *, mine: bool) -> CardLine:
    state = _delivery(event, context)
    sent = any(other.body.get("note") == event.id for other in case.events if other.kind == "replied")
    return CardLine(
        event=event.id,
        at=event.at,
        at_text=_moment(event.at),
        kind=event.kind,
        author=pseudonym(case.conversation) if event.actor == "requester" else event.actor,
        audience=event.audience,
        text=_text(event, case, context),
        state=state,
        attachments=_attachments(event, context),
        messages=tuple(event.body["messages"]) if event.kind == "message" else (),
        was_sent=sent,
        can_send=event.kind == "noted"
        and mine
        and event.actor == context.viewer
        and not sent
        and case.status != "closed",
        can_retry=state == "failed" and mine and case.status != "closed",
    )


def _text(event: CaseEvent, case: Case, context: CardContext) -> str:
    body = event.body
    match event.kind:
        case "message":
            country = case.events[0].body["country"]
            rows = [row for id in body["messages"] if (row := context.messages.get(id))]
            return "\n".join(redact(said(inquiry_of(row)), country) for row in rows)
        case "noted" | "replied":
            return str(body["text"])
        case "opened" | "raised" | "labelled":
            return f"{body['priority']}: {', '.join(body['labels'])}"
        case "reminded":
            return "Nobody has claimed this case in time."
        case "closed":
            return ": ".join(filter(None, (body["disposition"], body["note"])))
        case _:
            return ""


def _delivery(event: CaseEvent, context: CardContext) -> DeliveryState | None:
    if event.kind != "replied":
        return None
    row = context.deliveries.get(reply_key(event.id))
    if row is None or row.state == "open":
        return "queued"
    if row.state == "failed":
        return "failed"
    return "delivered" if row.seen_at else "sent"


def _attachments(event: CaseEvent, context: CardContext) -> tuple[Attachment, ...]:
    if event.kind != "message":
        return ()
    rows = [row for id in event.body["messages"] if (row := context.messages.get(id))]
    return tuple(attachment for row in rows for attachment in inquiry_of(row).attachments)


def _actions(case: Case, *, mine: bool) -> tuple[CardAction, ...]:
    unfinished = case.status != "closed"
    return (
        CardAction("case_claim", "Claim", case.status == "open"),
        CardAction("case_release", "Release", mine and unfinished),
        CardAction("case_reply", "Reply", mine and unfinished),
        CardAction("case_note", "Internal note", unfinished),
        CardAction("case_label", "Change labels", mine and unfinished),
        CardAction("case_reveal", "Show original text", True),
        CardAction("case_close", "Close", mine and unfinished),
    )


def _due_text(due: datetime | None, now: datetime) -> str:
    if due is None:
        return ""
    minutes = round(abs((due - now).total_seconds()) / 60)
    length = f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
    return f"{length} overdue" if due < now else f"due in {length}"
