"""Whole-message service intents: greeting, thanks, "are you a bot", help, nothing readable, small talk."""

from smi_bot.decision import ServiceKind
from smi_bot.text import Reading
from smi_bot.triage import Rules
from smi_bot.triage.build import CompiledService
from smi_bot.triage.lexicon import Encoded

# More than a line or two is never just a courtesy.
_LONGEST = 400


def service_intent(reading: Reading, rules: Rules) -> ServiceKind | None:
    """What the message as a whole asks of the bot itself, or None.

    `chatter` is the weakest: it is only meant for messages that matched no entry.
    """
    if not any(any(c.isalnum() for c in token.word) for token in reading.tokens):
        return "empty" if _nothing_shown(reading, rules) else None
    if len(reading.folded) > _LONGEST:
        return None
    encoded = rules.english.encoder.encode(reading)
    meant = (s.kind for s in rules.services if s.kind != "declined" and _meant(s, encoded, rules.english.marks))
    return next(meant, None)


def declines(reading: Reading, rules: Rules) -> bool:
    """Whether the message as a whole says no to being asked: "no thank you", "nein danke"."""
    encoded = rules.english.encoder.encode(reading)
    return any(s.kind == "declined" and _meant(s, encoded, rules.english.marks) for s in rules.services)


def _nothing_shown(reading: Reading, rules: Rules) -> bool:
    """Emoji such as 🤮 or 🤰 tell something: triage has read them."""
    symbols = rules.english.encoder.encode(reading).symbols
    return set(symbols) <= set(rules.english.marks)


def _meant(service: CompiledService, encoded: Encoded, marks: str) -> bool:
    if any(p.search(encoded.symbols) for p in service.without):
        return False
    words = set(encoded.symbols) - set(marks)
    if service.core and words and words <= service.whole and words & service.core:
        return True
    return any(p.search(encoded.symbols) for p in service.match)
