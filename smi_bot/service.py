"""Whole-message service intents: greeting, thanks, "are you a bot", help, nothing readable, small talk."""

from smi_bot.decision import ServiceKind
from smi_bot.text import Reading
from smi_bot.triage import Rules
from smi_bot.triage.build import CompiledService
from smi_bot.triage.lexicon import Encoded

# More than a line or two is never just a courtesy.
_LONGEST = 400


def service_intent(reading: Reading, rules: Rules, *, asked: bool = False) -> ServiceKind | None:
    """What the message as a whole asks of the bot itself, or None.

    `chatter` is the weakest: it is only meant for messages that matched no entry. `asked`: a question of ours waits, so
    that "no thank you" says something (`declined`).
    """
    if not any(any(c.isalnum() for c in token.word) for token in reading.tokens):
        return "empty" if _nothing_shown(reading, rules) else None
    if len(reading.folded) > _LONGEST:
        return None
    encoded = rules.english.encoder.encode(reading)
    readable = (service for service in rules.services if asked or service.kind != "declined")
    return next((s.kind for s in readable if _meant(s, encoded, rules.english.marks)), None)


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
