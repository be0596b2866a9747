"""What people really asked, for content owners to learn phrasings from: masked, and never a report of harm."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from escalation.said import is_erased, masked
from escalation.store import CaseEventRow
from smi_bot.database import Transaction
from smi_bot.decision import SAFETY
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.library import Library
from smi_bot.text import read
from smi_bot.workbench.questions import decided

Grounds = Literal["confirmed by a specialist", "chosen by the requester", "found nothing"]


class Heard(NamedTuple):
    """A message, masked, and the entry that answers it; empty where nothing does."""

    text: str
    entry: str
    grounds: Grounds
    at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Equal messages together. `text`: as it was asked last."""

    text: str
    entry: str
    grounds: tuple[Grounds, ...]
    count: int
    last: date


class _Message(NamedTuple):
    """A decided message."""

    at: datetime
    decision: Mapping[str, Any]
    rows: list[InboxRow]
    country: str | None


async def heard(tx: Transaction, since: datetime | None) -> list[Heard]:
    """All of it, in the order it was asked."""
    messages = [each async for each in _messages(tx)]
    forbidden = _safety_messages(messages) | await _safety_cases(tx)
    by_id = {row.id or 0: each for each in messages for row in each.rows}
    found = [each async for each in _confirmed(tx, by_id)] + [each async for each in _chosen(tx, messages, by_id)]
    told = {id for id, _, _ in found}
    found += [(id, "", "found nothing") for id in _unanswered(messages) if id not in told]
    rows = {row.id or 0: row for each in messages for row in each.rows}
    allowed = ((id, entry, why) for id, entry, why in found if id in by_id and id not in forbidden)
    said = (_heard(rows[id], by_id[id], entry, why) for id, entry, why in allowed)
    return [each for each in said if each.text and (since is None or each.at >= since)]


async def _messages(tx: Transaction) -> AsyncIterator[_Message]:
    async for entry, rows in decided(tx):
        yield _Message(entry.at, entry.body["decision"], rows, entry.body["conversation"].get("country"))


def _heard(row: InboxRow, message: _Message, entry: str, why: Grounds) -> Heard:
    is_asked = not is_erased(row) and not row.payload.get("action") and not row.payload.get("shared")
    text = " ".join(masked(row, message.country).split()) if is_asked and row.payload.get("text") else ""
    return Heard(text, entry, why, message.at)


# --- what must never be shown


def _safety_messages(messages: Iterable[_Message]) -> set[int]:
    """With all messages of a burst, as what was found may stand in any of them."""
    return {row.id or 0 for each in messages if _is_safety(_labels(each)) for row in each.rows}


def _labels(message: _Message) -> set[str]:
    return {label["label"] for label in message.decision["labels"]}


def _is_safety(labels: Iterable[str]) -> bool:
    return not SAFETY.isdisjoint(labels)


async def _safety_cases(tx: Transaction) -> set[int]:
    """All messages on cases that a specialist holds to be reports, whatever the rules found."""
    labelled = sa.select(CaseEventRow).where(col(CaseEventRow.kind) == "labelled")
    rows = (await tx.execute(labelled)).scalars()
    cases = {row.case_id for row in rows if _is_safety(row.body["labels"])}
    return {id for case, events in (await _events(tx)).items() if case in cases for id in _ids(events)}


def _ids(events: Iterable[CaseEventRow]) -> Iterator[int]:
    return (id for event in events for id in event.body.get("messages", ()))


async def _events(tx: Transaction) -> dict[int, list[CaseEventRow]]:
    """Messages and replies of each case, in their order."""
    wanted = sa.select(CaseEventRow).where(col(CaseEventRow.kind).in_(("message", "replied")))
    found: dict[int, list[CaseEventRow]] = {}
    for row in (await tx.execute(wanted.order_by(col(CaseEventRow.id)))).scalars():
        found.setdefault(row.case_id, []).append(row)
    return found


# --- where suggestions come from

_Found = tuple[int, str, Grounds]


async def _confirmed(tx: Transaction, by_id: Mapping[int, _Message]) -> AsyncIterator[_Found]:
    """What a specialist answered with an approved entry: all that was written since the reply before."""
    for events in (await _events(tx)).values():
        waiting: dict[int, None] = {}
        for event in events:
            if event.kind == "message":
                waiting |= dict.fromkeys(event.body["messages"])
                continue
            for id in waiting if event.body.get("entry") else ():
                yield id, event.body["entry"], "confirmed by a specialist"
            waiting.clear()


async def _chosen(
    tx: Transaction, messages: Iterable[_Message], by_id: Mapping[int, _Message]
) -> AsyncIterator[_Found]:
    """What was asked before a suggested question was pressed, and the answer to that sent."""
    for message in messages:
        if message.decision["reason"] != "chosen by the requester" or message.decision["action"] != "answer":
            continue
        offered = [((row.payload.get("action") or {}).get("reply") or "") for row in message.rows]
        query = sa.select(OutboxRow).where(col(OutboxRow.key).in_(offered))
        for reply in (await tx.execute(query)).scalars():
            asked = by_id.get(reply.payload.get("answers") or 0)
            for row in asked.rows if asked else ():
                yield row.id or 0, message.decision["entry"], "chosen by the requester"


def _unanswered(messages: Iterable[_Message]) -> Iterator[int]:
    for message in messages:
        if message.decision["action"] == "escalate" and message.decision["reason"] == "match: nothing":
            yield from (row.id or 0 for row in message.rows)


# --- together


def grouped(said: Iterable[Heard], library: Library) -> list[Suggestion]:
    """Equal ones together, most asked first, without what the entry has among its phrasings already."""
    groups: dict[tuple[str, str], list[Heard]] = {}
    for each in said:
        if words := _folded(each.text):
            groups.setdefault((each.entry, words), []).append(each)
    known = {(id, _folded(phrasing)) for id, entry in library.entries.items() for phrasing in entry.phrasings}
    suggestions = [_suggestion(alike) for key, alike in groups.items() if key not in known]
    return sorted(
        suggestions, key=lambda each: (-each.count, -each.last.toordinal(), not each.entry, each.entry, each.text)
    )


def _folded(text: str) -> str:
    """The words alone, in lower case."""
    return " ".join(token.word for token in read(text).tokens)


def _suggestion(alike: list[Heard]) -> Suggestion:
    last = max(alike, key=lambda each: each.at)
    grounds = tuple(dict.fromkeys(each.grounds for each in alike))
    return Suggestion(last.text, last.entry, grounds, len(alike), last.at.date())
