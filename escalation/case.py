"""A case is its events. Status, owner, priority and due time are derived from them here, and stored nowhere. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from smi_bot.decision import PRECEDENCE, SAFETY, URGENT, Label
from smi_bot.inquiry import Given, Questions

EventKind = Literal[
    "opened",
    "message",
    "raised",
    "reported",
    "claimed",
    "released",
    "noted",
    "replied",
    "undelivered",
    "labelled",
    "judged",
    "reminded",
    "revealed",
    "erasure",
    "asked",
    "closed",
]
#: Who may see an event. `requester`: it is part of what they said or were told. Everything else stays inside.
EventAudience = Literal["internal", "requester"]
Priority = Literal["normal", "high", "urgent"]
Status = Literal["open", "claimed", "closed"]

STEPS: tuple[Priority, ...] = ("normal", "high", "urgent")
DISPOSITIONS = (
    "answered",
    "forwarded-to-drug-safety",
    "forwarded-to-quality",
    "no-answer-possible",
    "duplicate",
    "spam",
)


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that happened to a case. `actor`: a specialist's name, or `bot`."""

    id: int
    at: datetime
    kind: EventKind
    audience: EventAudience
    actor: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What the events add up to."""

    id: int
    conversation: str
    previous: int | None
    events: tuple[CaseEvent, ...]
    status: Status = "open"
    owner: str | None = None
    priority: Priority = "normal"
    priority_since: datetime | None = None
    labels: tuple[Label, ...] = ()
    reports: int = 0
    answered: bool = False
    reminders: int = 0
    evidence: tuple[Mapping[str, Any], ...] = field(default=())
    questions: Questions = field(default_factory=Questions)

    @property
    def number(self) -> str:
        return f"SMI-{self.id}"

    @property
    def is_public(self) -> bool:
        """Whether it was opened by posts that everybody can read."""
        return bool(self.events[0].body.get("public"))

    @property
    def unanswered_since(self) -> datetime | None:
        """When the requester wrote what no specialist has answered yet."""
        waiting: datetime | None = None
        for event in self.events:
            if event.kind == "message":
                waiting = waiting or event.at
            elif event.kind == "replied":
                waiting = None
        return waiting

    @property
    def owner_active_at(self) -> datetime:
        """When its owner last did something on it."""
        return max((event.at for event in self.events if event.actor == self.owner), default=self.opened_at)

    @property
    def opened_at(self) -> datetime:
        return self.events[0].at


def fold(id: int, conversation: str, previous: int | None, events: Sequence[CaseEvent]) -> Case:
    """Reads the events in order. `events` begins with `opened`."""
    status: Status = "open"
    owner: str | None = None
    priority: Priority = "normal"
    since: datetime | None = None
    labels: tuple[Label, ...] = ()
    evidence: list[Mapping[str, Any]] = []
    for event in events:
        match event.kind:
            case "opened" | "raised" | "labelled":
                labels = tuple(event.body["labels"])
                if since is None or event.body["priority"] != priority:
                    priority, since = event.body["priority"], event.at
            case "message":
                evidence.extend(event.body["evidence"])
            case "claimed":
                status, owner = "claimed", event.actor
            case "released":
                status, owner = "open", None
            case "closed":
                status = "closed"
    return Case(
        id=id,
        conversation=conversation,
        previous=previous,
        events=tuple(events),
        status=status,
        owner=owner,
        priority=priority,
        priority_since=since,
        labels=labels,
        reports=sum(bool(SAFETY.intersection(e.body["labels"])) for e in events if e.kind == "message"),
        answered=any(event.kind == "replied" for event in events),
        reminders=sum(event.kind == "reminded" for event in events),
        evidence=tuple(evidence),
        questions=_questions(events),
    )


def _questions(events: Sequence[CaseEvent]) -> Questions:
    """Where the questions about its report stand. A specialist who claims it asks what is left to ask."""
    asked = [event for event in events if event.kind == "asked"]
    if not asked:
        return Questions()
    given = (event for event in events if event.kind == "message" and "answers" in event.body)
    last = max(event.id for event in events if event.kind in ("asked", "claimed", "closed"))
    return Questions(
        asked=tuple(dict.fromkeys(event.body["question"] for event in asked if event.body["question"])),
        waiting=asked[-1].body["question"] if asked[-1].id == last else None,
        since=asked[-1].at,
        language=asked[-1].body["language"],
        given=tuple(
            Given(question=e.body["answers"], answer=e.body["answer"], messages=e.body["messages"]) for e in given
        ),
    )


def priority_of(labels: Sequence[Label]) -> Priority:
    """Danger to life is urgent; everything drug safety or quality must see is high."""
    if URGENT.intersection(labels):
        return "urgent"
    return "high" if SAFETY.intersection(labels) else "normal"


def is_suspected(case: Case, message: int) -> bool:
    """Whether something in the message once raised a safety label here, or it stands on a case that has one."""
    naming = [event for event in case.events if event.kind == "message" and message in event.body["messages"]]
    evidence = (each for event in naming for each in event.body["evidence"] if each["message"] == message)
    return any(each["label"] in SAFETY for each in evidence) or (bool(naming) and not SAFETY.isdisjoint(case.labels))


def joined(case: Case, labels: Sequence[Label], *, is_news: bool = True) -> tuple[tuple[Label, ...], Priority]:
    """Labels and priority of a case that another message joins.

    A further safety report lifts a case that nobody has claimed by one step: somebody is getting worse while
    nobody looks. Not so where it is no news (`is_news`): it came in long ago and is only read better now, or it
    answers a question of ours about the report.
    """
    together = tuple(sorted({*case.labels, *labels}, key=PRECEDENCE.index))
    steps = [STEPS.index(case.priority), STEPS.index(priority_of(together))]
    if is_news and case.owner is None and case.reports and SAFETY.intersection(labels):
        steps.append(min(STEPS.index(case.priority) + 1, len(STEPS) - 1))
    return together, STEPS[max(steps)]


def due_at(case: Case, windows: Mapping[Priority, timedelta]) -> datetime | None:
    """When somebody must have claimed it, counted from when it got its priority; once it is claimed, when its owner
    must have answered, counted from the first message not yet answered or from the claim. None where nothing is
    awaited."""
    if case.status == "closed" or case.priority_since is None:
        return None
    if case.status == "open":
        return case.priority_since + windows[case.priority]
    waiting = case.unanswered_since
    if waiting is None or case.is_public:
        return None
    claimed = max(event.at for event in case.events if event.kind == "claimed")
    return max(waiting, claimed) + windows[case.priority]
