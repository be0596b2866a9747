"""What a changed library would do otherwise: questions of the past decided with it and with the one before. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from smi_bot.assistant import Knowledge, decide
from smi_bot.decision import Answer, Clarify, Decision
from smi_bot.library import Library
from smi_bot.matching.matcher import is_meant_for
from smi_bot.trace import record
from smi_bot.workbench.questions import Asked, Questions

#: How a decision changed, what a reviewer must look at first. One may have changed in several ways.
Change = Literal[
    "triage label",
    "no longer answered",
    "answered by another entry",
    "answered in other words",
    "audience or region",
    "newly answered",
    "asks back otherwise",
    "handled otherwise",
]
CHANGES: tuple[Change, ...] = get_args(Change)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a question. `text` and `version` are those of the entry that answers it."""

    action: str
    labels: tuple[str, ...]
    reason: str
    entry: str = ""
    version: int = 0
    text: str = ""
    offers: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        if self.action == "answer":
            return f"answer: {self.entry} v{self.version}"
        if self.action == "clarify":
            return f"asks back: {', '.join(self.offers)}"
        if self.action == "service":
            return self.reason
        return f"a person: {', '.join(self.labels)} ({self.reason})"


@dataclass(frozen=True, slots=True)
class Changed:
    """A question that is decided otherwise. `times`: how often it was asked."""

    asked: Asked
    times: int
    changes: tuple[Change, ...]
    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True)
class Trial:
    """All of them, and how many questions are decided as before, each time they were asked."""

    changed: tuple[Changed, ...]
    unchanged: int
    left_out: int = 0

    @property
    def counts(self) -> dict[Change, int]:
        found: Counter[Change] = Counter()
        for each in self.changed:
            found.update(dict.fromkeys(each.changes, each.times))
        return {change: found[change] for change in CHANGES if found[change]}


def trial(questions: Questions, before: Knowledge, after: Knowledge, today: date) -> Trial:
    """Decides each question twice, by the function that decides live, as if it were somebody's first today."""
    changed: list[Changed] = []
    for asked, times in questions.asked.items():
        was, would_be = (_outcome(asked, knowledge, today) for knowledge in (before, after))
        if changes := tuple(_changes(asked, was, would_be, before.library, after.library)):
            changed.append(Changed(asked, times, changes, was, would_be))
    ordered = sorted(changed, key=lambda each: (CHANGES.index(each.changes[0]), -each.times, each.asked.message.text))
    return Trial(tuple(ordered), questions.asked.total() - sum(each.times for each in changed), questions.left_out)


def _outcome(asked: Asked, knowledge: Knowledge, today: date) -> Outcome:
    decision = decide(asked.message, asked.conversation, None, knowledge, today)
    traced = record(decision)
    labels = tuple(dict.fromkeys(str(each["label"]) for each in traced["labels"]))
    version, text = _said(decision, asked, knowledge.library)
    return Outcome(
        action=traced["action"],
        labels=labels,
        reason=traced["reason"],
        entry=traced["entry"] or "",
        version=version,
        text=text,
        offers=decision.entries if isinstance(decision, Clarify) else (),
    )


def _said(decision: Decision, asked: Asked, library: Library) -> tuple[int, str]:
    """Version and words, the safety text included, of the entry that answers."""
    if not isinstance(decision, Answer):
        return 0, ""
    entry, region = library.entries[decision.entry], library.region(asked.country)
    text, safety = entry.text(asked.audience, region) or "", entry.safety(asked.audience, region)
    return entry.version, "\n\n".join(filter(None, (text, safety)))


def _changes(asked: Asked, was: Outcome, would_be: Outcome, before: Library, after: Library) -> Iterator[Change]:
    if _raised(was) != _raised(would_be):
        yield "triage label"
    yield from _of_answers(was, would_be)
    if _shifted(asked, was, would_be, before, after):
        yield "audience or region"
    if was.offers != would_be.offers:
        yield "asks back otherwise"
    if {was.action, would_be.action} <= {"escalate", "service"} and _handling(was) != _handling(would_be):
        yield "handled otherwise"


def _raised(outcome: Outcome) -> tuple[str, ...]:
    """What triage found; that nothing approved fits is no finding of it."""
    return tuple(label for label in outcome.labels if label != "unapproved")


def _of_answers(was: Outcome, would_be: Outcome) -> Iterator[Change]:
    if was.entry and not would_be.entry:
        yield "no longer answered"
    elif would_be.entry and not was.entry:
        yield "newly answered"
    elif was.entry != would_be.entry:
        yield "answered by another entry"
    elif (was.version, was.text) != (would_be.version, would_be.text):
        yield "answered in other words"


def _shifted(asked: Asked, was: Outcome, would_be: Outcome, before: Library, after: Library) -> bool:
    """Whether an entry that answers it in one library is in the other, too, but not for this requester."""
    answering = {was.entry, would_be.entry} - {""}
    both = [id for id in answering if id in before.entries and id in after.entries]
    return any(_is_for(asked, id, before) != _is_for(asked, id, after) for id in both)


def _is_for(asked: Asked, id: str, library: Library) -> bool:
    regions = frozenset(library.product.regions if library.product else ())
    is_served = library.serves(asked.country)
    return is_served and is_meant_for(library.entries[id], asked.audience, library.region(asked.country), regions)


def _handling(outcome: Outcome) -> tuple[str, ...]:
    """Of a service text which one it is; of a person only that there is one."""
    return (outcome.action, outcome.reason) if outcome.action == "service" else (outcome.action,)
