"""The words the modules share: signals, matches and the six decisions. Plain frozen values, no behaviour."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from smi_bot.inquiry import Answered, Question

#: In the order of PRECEDENCE.
Label = Literal[
    "emergency",
    "self-harm",
    "adverse-event",
    "special-situation",
    "product-complaint",
    "off-label",
    "human",
    "language",
    "privacy",
    "unapproved",
]

#: Leading label first. An escalation is led by the first of these that it carries.
PRECEDENCE: tuple[Label, ...] = get_args(Label)
#: Labels that always open a case for drug safety or quality.
SAFETY: frozenset[Label] = frozenset(
    {"emergency", "self-harm", "adverse-event", "special-situation", "product-complaint"}
)
URGENT: frozenset[Label] = frozenset({"emergency", "self-harm"})


@dataclass(frozen=True, slots=True)
class Signal:
    """A label with the words that raised it: `text[start:end]` of the message as it was received."""

    label: Label
    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class Triage:
    """What reading a message for safety found.

    `signals`: ordered by PRECEDENCE, then position; each demands a person.
    `doubts`: words that suggest the message tells of a case although no rule names it. They forbid an
    automatic answer (the inverted gate) but are no label.
    `language`: ISO 639-1 code of the message, `en` unless there is evidence of another.
    """

    signals: tuple[Signal, ...] = ()
    doubts: tuple[Signal, ...] = ()
    language: str = "en"

    @property
    def leading(self) -> Label | None:
        return self.signals[0].label if self.signals else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry with the confidence, 0 to 1, that the matcher acts on."""

    entry: str
    score: float


Verdict = Literal["sure", "close", "nothing"]


@dataclass(frozen=True, slots=True)
class Match:
    """Up to three best entries, best first, and what may be done with them.

    `sure`: the first may be sent. `close`: ask which of `candidates` is meant. `nothing`: abstain.
    """

    verdict: Verdict = "nothing"
    candidates: tuple[Candidate, ...] = ()


#: `declined` ("no thank you") means something only while a question of ours waits.
ServiceKind = Literal[
    "greeting",
    "thanks",
    "identity",
    "help",
    "empty",
    "chatter",
    "slow-down",
    "action",
    "public-post",
    "declined",
    "stale",
]


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why a decision was taken: everything needed to compute it again, but the message itself."""

    triage: Triage = field(default_factory=Triage)
    match: Match = field(default_factory=Match)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Send the approved entry. `long`: its longer text for HCPs."""

    entry: str
    grounds: Grounds
    long: bool = False


@dataclass(frozen=True, slots=True)
class Clarify:
    """Offer the approved questions of `entries` as buttons."""

    entries: tuple[str, ...]
    grounds: Grounds


@dataclass(frozen=True, slots=True)
class Escalate:
    """Open or join a case. `labels` is never empty and led by the most pressing."""

    labels: tuple[Label, ...]
    suggestions: tuple[Candidate, ...]
    grounds: Grounds

    @property
    def leading(self) -> Label:
        return self.labels[0]


@dataclass(frozen=True, slots=True)
class Service:
    """Send a fixed service text, or nothing where `silent`."""

    kind: ServiceKind
    grounds: Grounds
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Relay:
    """A specialist holds the case: pass the message on and say nothing, but for emergency text."""

    labels: tuple[Label, ...]
    grounds: Grounds


@dataclass(frozen=True, slots=True)
class FollowUp:
    """An answer to one of the questions about a report: onto the case, then the next question.

    `answers`: which one, None where the requester only wants to be asked. `asks`: what is asked next, in `language`.
    `late`: what waits goes on waiting, and nothing is said: an earlier answer was changed, or a specialist is there.
    """

    case: int
    answers: Question | None
    answer: Answered | None
    asks: Question | None
    language: str
    labels: tuple[Label, ...]
    grounds: Grounds
    late: bool = False


Decision = Answer | Clarify | Escalate | Service | Relay | FollowUp


def telling(decision: Decision) -> tuple[Signal, ...]:
    """The signals behind the labels of a decision: an answer to a question of ours may leave out a mere suspicion."""
    signals = decision.grounds.triage.signals
    if not isinstance(decision, FollowUp):
        return signals
    return tuple(signal for signal in signals if signal.label in decision.labels)
