"""What the bot does with a message. `decide` is the page to read: pure, total, and the only place that chooses.

Emergency first, then whatever a person must see, then service texts, then the library; in doubt, a human.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from smi_bot.decision import (
    PRECEDENCE,
    SAFETY,
    Answer,
    Candidate,
    Clarify,
    Decision,
    Escalate,
    FollowUp,
    Grounds,
    Label,
    Match,
    Relay,
    Service,
    Signal,
    Triage,
)
from smi_bot.inquiry import Action, Conversation, Questions
from smi_bot.library import Library
from smi_bot.matching import Matcher, match
from smi_bot.questions import VERBS, pressed, told
from smi_bot.service import service_intent
from smi_bot.text import Reading, read
from smi_bot.triage import Rules, triage
from smi_bot.triage.opinion import RULE as SECOND_OPINION

#: Characters. A longer message is triaged whole, but nobody's question is that long: a person reads it.
OVER_LONG = 4000
#: Characters that matching looks at: questions say what they ask early.
MATCHED = 2000


#: Commands are buttons that are typed.
COMMANDS = {
    "/start": Action(verb="start"),
    "/help": Action(verb="help"),
    "/settings": Action(verb="settings"),
    "/specialist": Action(verb="specialist"),
    "/privacy": Action(verb="privacy"),
    "/delete": Action(verb="delete"),
}


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What decisions rest on. A change of any of it is a new version, named in each trace."""

    library: Library
    rules: Rules
    matcher: Matcher
    flood_limit: int = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One burst of a requester, joined: what they wrote or pressed in one go.

    `superseded`: places in `texts` of those that were edited since. Triage reads them, nothing else does.
    """

    texts: tuple[str, ...]
    has_attachment: bool = False
    action: Action | None = None
    superseded: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        return "\n".join(text for place, text in enumerate(self.texts) if place not in self.superseded)


@dataclass(frozen=True, slots=True)
class OpenCase:
    """The requester's open case, as the decision sees it. `owner`: the specialist who holds it."""

    id: int
    owner: str | None = None
    labels: tuple[Label, ...] = ()
    questions: Questions = field(default_factory=Questions)


def decide(
    message: Message, conversation: Conversation, case: OpenCase | None, knowledge: Knowledge, today: date
) -> Decision:
    """One decision for any message, from its arguments alone; never raises on any text."""
    reading = read(message.text)
    found = triage_burst(message.texts, knowledge.rules)
    grounds = Grounds(triage=found)
    if conversation.public:
        return _public(found, grounds)
    action = message.action or command(message.text)
    is_press = action is not None and not found.signals
    if is_press and action is not None and action.verb in VERBS:
        return _followed_up(action, conversation, case, knowledge, grounds)
    if case is not None and case.owner is not None:
        return Relay(_labels(found), replace(grounds, reason="a specialist holds the case"))
    if is_press and action is not None:
        return _pressed(action, conversation, knowledge, grounds, today)
    grounds = replace(grounds, match=_match(reading, conversation, knowledge.library, knowledge.matcher, today))
    usual = (
        _escalate(found, grounds, f"triage: {found.leading}")
        if found.signals
        else _ordinary(message, reading, conversation, knowledge, grounds)
    )
    return usual if case is None else _asked(usual, reading, case, knowledge)


def _public(found: Triage, grounds: Grounds) -> Decision:
    """A post that everybody can read: read for safety, and never answered there."""
    if SAFETY.isdisjoint(_labels(found)):
        return Service("public-post", replace(grounds, reason="public post"), silent=True)
    return _escalate(found, grounds, f"public post: {found.leading}")


def command(text: str) -> Action | None:
    """The button that a typed command stands for."""
    return COMMANDS.get(text.strip().lower())


def _ordinary(
    message: Message, reading: Reading, conversation: Conversation, knowledge: Knowledge, grounds: Grounds
) -> Decision:
    """A message in which triage found nothing."""
    if message.has_attachment:
        return _unapproved(grounds, "attachment")
    if len(message.text) > OVER_LONG:
        return _unapproved(grounds, "over-long")
    if conversation.recent > knowledge.flood_limit:
        return _slowed(conversation, grounds)
    intent = service_intent(reading, knowledge.rules)
    if intent is not None and intent != "chatter":
        return Service(intent, replace(grounds, reason=f"service: {intent}"))
    if not knowledge.library.serves(conversation.country):
        return _unapproved(grounds, "country-not-served")
    return _matched(grounds, is_chatter=intent == "chatter")


def _followed_up(
    action: Action, conversation: Conversation, case: OpenCase | None, knowledge: Knowledge, grounds: Grounds
) -> FollowUp | Relay | Service:
    """A button of the questions about a report: whatever it may be pressed for, a flood of presses is answered once."""
    grounds = replace(grounds, reason=f"button: {action.verb}")
    is_held = case is not None and case.owner is not None
    followed = pressed(action, case.id, case.questions, grounds, held=is_held) if case is not None else None
    if followed is not None and case is not None and followed.answers == case.questions.waiting:
        return followed  # the next step, or the first
    if conversation.recent > knowledge.flood_limit:
        return _slowed(conversation, grounds)
    if followed is None and is_held:
        return Relay((), replace(grounds, reason="a specialist holds the case"))
    return followed or Service("stale", grounds)


def _asked(usual: Decision, reading: Reading, case: OpenCase, knowledge: Knowledge) -> Decision:
    """While a question about a report waits, words answer it, unless they are a courtesy or surely ask something."""
    if case.questions.waiting is None:
        return usual
    # A mere suspicion of what the case is about already is none of a further report: we asked for these words.
    suspected = (s for s in usual.grounds.triage.signals if s.rule != SECOND_OPINION or s.label not in case.labels)
    labels = tuple(dict.fromkeys(signal.label for signal in suspected))
    is_refusal = set(labels) <= {"language"} and service_intent(reading, knowledge.rules, asked=True) == "declined"
    if isinstance(usual, Answer | Service) and not is_refusal:
        return usual
    grounds = replace(usual.grounds, reason="answers a question about a report")
    return told(case.id, case.questions, labels, grounds, declines=is_refusal)


def _slowed(conversation: Conversation, grounds: Grounds) -> Service:
    """A flood is answered once."""
    return Service("slow-down", replace(grounds, reason="flood"), silent=conversation.slowed)


def _matched(grounds: Grounds, *, is_chatter: bool) -> Decision:
    """Answer if sure, ask if close, else a person; words that may tell of a case forbid both."""
    found = grounds.match
    if found.verdict != "nothing" and grounds.triage.doubts:
        return _unapproved(grounds, "may tell of a case")
    if found.verdict == "sure":
        return Answer(found.candidates[0].entry, replace(grounds, reason="match: sure"))
    if found.verdict == "close":
        return Clarify(tuple(c.entry for c in found.candidates), replace(grounds, reason="match: close"))
    if is_chatter and not grounds.triage.doubts:
        return Service("chatter", replace(grounds, reason="service: chatter"))
    return _unapproved(grounds, "match: nothing")


def _pressed(
    action: Action, conversation: Conversation, knowledge: Knowledge, grounds: Grounds, today: date
) -> Decision:
    """A button: the ones that ask something. The others change settings and decide nothing medical."""
    if action.verb in ("answer", "details"):
        if conversation.recent > knowledge.flood_limit:
            return _slowed(conversation, grounds)
        if knowledge.library.may_serve(action.value, conversation.audience, conversation.country, today):
            grounds = replace(grounds, reason="chosen by the requester")
            return Answer(action.value, grounds, long=action.verb == "details")
        return _unapproved(grounds, "chosen answer is not served")
    if action.verb == "specialist":
        return Escalate(("human",), (), replace(grounds, reason="asked for a specialist"))
    if action.verb == "none-of-these":
        return _unapproved(grounds, "none of the suggestions")
    return Service("action", replace(grounds, reason=f"button: {action.verb}"))


def by_match(reading: Reading, conversation: Conversation, library: Library, matcher: Matcher, today: date) -> Decision:
    """The decision by matching alone: for trying out a library, never for people."""
    found = _match(reading, conversation, library, matcher, today)
    return _matched(Grounds(match=found), is_chatter=False)


def _match(reading: Reading, conversation: Conversation, library: Library, matcher: Matcher, today: date) -> Match:
    """The matcher's view, less what may not be served to this requester today."""
    audience, country = conversation.audience, conversation.country
    if not library.serves(country):
        return Match()
    # An over-long message goes to a person anyway: its beginning is enough to suggest an entry.
    short = reading if len(reading.original) <= MATCHED else read(reading.original[:MATCHED])
    found = match(short, matcher, audience, library.region(country))
    served = tuple(c for c in found.candidates if library.may_serve(c.entry, audience, country, today))
    if served == found.candidates:
        return found
    best_is_gone = not served or served[0] != found.candidates[0]
    return Match("nothing" if best_is_gone or found.verdict == "nothing" else found.verdict, served)


def hand_over(message: Message, knowledge: Knowledge, reason: str) -> Escalate:
    """A person must see the message, whatever else is wrong with it: as what triage finds, else unapproved."""
    found = triage_burst(message.texts, knowledge.rules)
    if found.signals:
        return _escalate(found, Grounds(triage=found), reason)
    return _unapproved(Grounds(triage=found), reason)


def triage_burst(texts: Sequence[str], rules: Rules) -> Triage:
    """Every message by itself and all of them together: neither reading may hide what the other finds.

    Places are those in the texts joined by line breaks.
    """
    joined = triage(read("\n".join(texts)), rules)
    if len(texts) < 2:
        return joined
    signals, doubts, offset = set(joined.signals), set(joined.doubts), 0
    for text in texts:
        alone = triage(read(text), rules)
        signals |= {_moved(signal, offset) for signal in alone.signals if signal.label != "language"}
        doubts |= {_moved(doubt, offset) for doubt in alone.doubts}
        offset += len(text) + 1
    return Triage(tuple(sorted(signals, key=_order)), tuple(sorted(doubts, key=_order)), joined.language)


def _moved(signal: Signal, offset: int) -> Signal:
    return replace(signal, start=signal.start + offset, end=signal.end + offset)


def _order(signal: Signal) -> tuple[int, int, int, str]:
    return (PRECEDENCE.index(signal.label), signal.start, signal.end, signal.rule)


def _labels(found: Triage) -> tuple[Label, ...]:
    return tuple(dict.fromkeys(signal.label for signal in found.signals))


def _escalate(found: Triage, grounds: Grounds, reason: str) -> Escalate:
    return Escalate(_labels(found), _suggestions(grounds), replace(grounds, reason=reason))


def _unapproved(grounds: Grounds, reason: str) -> Escalate:
    return Escalate(("unapproved",), _suggestions(grounds), replace(grounds, reason=reason))


def _suggestions(grounds: Grounds) -> tuple[Candidate, ...]:
    """What a specialist may want to send: approved entries only, so never an off-label topic."""
    return grounds.match.candidates
