"""What specialists say of labels: each is confirmed or refuted, as data to measure triage by. Derived from a case's
events; no label and no priority changes by it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from escalation.case import CaseEvent
from smi_bot.trace import GATE

Judged = Literal["confirmed", "refuted"]
JUDGED: tuple[Judged, ...] = get_args(Judged)


class Raised(NamedTuple):
    """What raised a label on a case; nothing where a specialist alone gave it.

    `event`: the last of the case's events that did. `messages`: numbers of inbound messages, oldest first.
    """

    event: int = 0
    messages: tuple[int, ...] = ()
    rules: tuple[str, ...] = ()


class LabelVerdict(NamedTuple):
    """A specialist's press. `raised_in`: see `Raised.event`, as it was shown to them."""

    label: str
    verdict: str
    raised_in: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The last word on a label, and what it was about. `is_outdated`: further words raised the label since then."""

    label: str
    verdict: Judged
    actor: str
    at: datetime
    raised: Raised
    is_outdated: bool

    @property
    def holds(self) -> Judged | None:
        """The verdict, as long as it is about everything that raised the label."""
        return None if self.is_outdated else self.verdict


def raised(events: Sequence[CaseEvent], label: str) -> Raised:
    """The messages with words that raised the label; where the gate gave it, all that were decided on together."""
    last, messages, rules = 0, dict[int, None](), dict[str, None]()
    for event in events:
        if event.kind != "message":
            continue
        evidence = [each for each in event.body["evidence"] if each["label"] == label]
        if not evidence and label not in event.body["labels"]:
            continue
        last = event.id
        messages |= dict.fromkeys([each["message"] for each in evidence] or event.body["messages"])
        rules |= dict.fromkeys([each["rule"] for each in evidence] or [GATE])
    return Raised(last, tuple(messages), tuple(rules))


def judgements(events: Sequence[CaseEvent]) -> Mapping[str, Judgement]:
    """The last one on each label that was ever judged; those before it stay among the events."""
    found = {}
    for place, event in enumerate(events):
        if event.kind == "judged":
            label = event.body["label"]
            then, since = raised(events[:place], label), raised(events[place:], label)
            found[label] = Judgement(label, event.body["verdict"], event.actor, event.at, then, bool(since.event))
    return found
