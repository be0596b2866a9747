"""A case as a card: content built once as data, for whatever desk renders it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from escalation.answers import CardAnswer, answers
from escalation.card_lines import CardContext, CardLine, earlier_versions, message_ids, pseudonym, thread
from escalation.case import Case, Priority, Status, due_at
from escalation.judging import Judgement, judgements, raised
from escalation.redaction import redact
from escalation.said import is_erased, revealed
from escalation.store import MessageKey
from escalation.times import ReportTimes, reports
from smi_bot.burst import inquiry_of, readable
from smi_bot.decision import SAFETY
from smi_bot.durable.rows import InboxRow

#: Action ids are stable: desks, tests and records refer to them.
ActionId = Literal[
    "case_claim",
    "case_release",
    "case_reply",
    "case_note",
    "case_label",
    "case_judge",
    "case_close",
    "case_reveal",
    "file_retry",
]

_LIKELY = 0.05  # confidence below which an entry is no suggestion but noise


@dataclass(frozen=True, slots=True)
class CardLabel:
    """A label with the words and the rules that raised it, and what specialists say of it.

    `raised_in`: see `judging.Raised.event`.
    """

    label: str
    evidence: tuple[str, ...]
    rules: tuple[str, ...]
    raised_in: int = 0
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True)
class CardSuggestion:
    """An approved entry that may answer the question."""

    entry: str
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class CardAction:
    """A button, and whether it may be pressed by whoever looks."""

    id: ActionId
    text: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Card:
    """Everything a specialist needs to see of a case. No name, no handle; text is masked.

    `public`: the requester's messages stand where everybody can read them, so nothing is ever sent there.
    `dropped`: labels that were judged and then taken off.
    `erased`: a closed case whose words were erased at the requester's request.
    `times`: of its suspected reports, the first to arrive first; none where the case holds no safety label (any more).
    `screened_again`: look-back screening found something on it.
    `answers`: to the questions about the report that a requester may answer.
    """

    case: int
    number: str
    status: Status
    priority: Priority
    labels: tuple[CardLabel, ...]
    audience: str
    country: str
    channel: str
    public: bool
    requester: str
    language: str
    erased: bool
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
    times: tuple[ReportTimes, ...] = ()
    screened_again: bool = False
    dropped: tuple[CardLabel, ...] = ()
    answers: tuple[CardAnswer, ...] = ()


def card(case: Case, context: CardContext) -> Card:
    opened = case.events[0].body
    due = due_at(case, context.windows)
    mine = case.owner is not None and case.owner == context.viewer
    judged = judgements(case.events)
    return Card(
        case=case.id,
        number=case.number,
        status=case.status,
        priority=case.priority,
        labels=tuple(_label(case, label, judged, context) for label in case.labels),
        dropped=tuple(_label(case, each, judged, context) for each in judged if each not in case.labels),
        audience=opened["audience"],
        country=opened["country"] or "unknown",
        channel=opened["channel"],
        public=case.is_public,
        requester=pseudonym(case.conversation),
        language=opened["language"],
        erased=_is_erased(case, context.messages),
        due=due,
        due_text=_due_text(due, context.now),
        overdue=due is not None and due < context.now,
        owner=case.owner,
        mine=mine,
        suggestions=_suggestions(case, context.titles),
        previous=f"SMI-{case.previous}" if case.previous else None,
        reports=case.reports,
        thread=thread(case, context, mine=mine),
        actions=_actions(case, mine=mine),
        times=() if SAFETY.isdisjoint(case.labels) else reports(case.events, context.messages),
        screened_again=any("screening" in event.body for event in case.events),
        answers=answers(case, context.messages),
    )


def unmasked(case: Case, messages: Mapping[int, InboxRow], versions: Mapping[MessageKey, Sequence[InboxRow]]) -> str:
    """Everything the requester wrote, as it was written."""
    rows = [row for id in message_ids([case]) if (row := messages.get(id))]
    return "\n".join(revealed(row, earlier_versions(row, versions)) for row in rows)


def _is_erased(case: Case, messages: Mapping[int, InboxRow]) -> bool:
    rows = [row for id in message_ids([case]) if (row := messages.get(id))]
    return case.status == "closed" and bool(rows) and all(is_erased(row) for row in rows)


def _label(case: Case, label: str, judged: Mapping[str, Judgement], context: CardContext) -> CardLabel:
    found = raised(case.events, label)
    words = dict.fromkeys(_words(each, context) for each in case.evidence if each["label"] == label)
    # Not what stands within other words, either.
    longest = tuple(word for word in words if word and not any(word in other for other in words if other != word))
    return CardLabel(label, longest, found.rules, found.event, judged.get(label))


def _words(evidence: Mapping[str, Any], context: CardContext) -> str:
    row = context.messages.get(evidence["message"])
    if row is None:
        return ""
    return redact(readable(inquiry_of(row))[evidence["start"] : evidence["end"]].strip(), None)[:120]


def _suggestions(case: Case, titles: Mapping[str, str]) -> tuple[CardSuggestion, ...]:
    best: dict[str, float] = {}
    for event in case.events:
        for each in event.body.get("suggestions", ()):
            best[each["entry"]] = max(best.get(each["entry"], 0.0), each["score"])
    likely = [item for item in best.items() if item[1] >= _LIKELY]
    ranked = sorted(likely, key=lambda item: -item[1])[:3]
    return tuple(CardSuggestion(entry, titles.get(entry, entry), score) for entry, score in ranked)


def _actions(case: Case, *, mine: bool) -> tuple[CardAction, ...]:
    unfinished = case.status != "closed"
    return (
        CardAction("case_claim", "Claim", case.status == "open"),
        CardAction("case_release", "Release", mine and unfinished),
        CardAction("case_reply", "Reply", mine and unfinished and not case.is_public),
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
