"""The rules of one language, compiled, and their run over a message."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from smi_bot.decision import URGENT, Label, Signal
from smi_bot.triage.lexicon import MARKS, QUESTION, STOP, Encoded, Encoder
from smi_bot.triage.pattern import PatternCompiler

# One rule shows at most this many places of a message.
_MOST_PLACES = 12

Patterns = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`match` raises the label, if no `unless` is in its sentence, no `without` and one of `needs` in the message."""

    name: str
    label: Label
    match: Patterns
    unless: Patterns
    without: Patterns
    needs: Patterns


@dataclass(frozen=True, slots=True)
class CompiledContext:
    """`twins`: symbol -> the symbol of the same word without the force of an event."""

    name: str
    match: Patterns
    always: bool
    whole_message: bool
    twins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scan:
    """A message in symbols: as written, with denials taken out, and with all contexts applied."""

    encoded: Encoded
    urgent: str
    calm: str


class CompiledGrammar:
    """Contexts and rules of one language."""

    def __init__(
        self,
        compiler: PatternCompiler,
        encoder: Encoder,
        contexts: tuple[CompiledContext, ...],
        rules: tuple[CompiledRule, ...],
    ) -> None:
        self.compiler = compiler
        self.alphabet = compiler.alphabet
        self.encoder = encoder
        self.contexts = contexts
        self.rules = rules
        self._ends = self.alphabet.symbol[STOP] + self.alphabet.symbol[QUESTION]
        self.marks = "".join(self.alphabet.symbol[m] for m in MARKS)

    def scan(self, encoded: Encoded) -> Scan:
        urgent = self._apply(encoded.symbols, (c for c in self.contexts if c.always))
        return Scan(encoded, urgent, self._apply(urgent, (c for c in self.contexts if not c.always)))

    def signals(self, scan: Scan) -> Iterator[Signal]:
        """Signals and doubts (label `unapproved`) in the order of the rules."""
        for rule in self.rules:
            symbols = scan.urgent if rule.label in URGENT else scan.calm
            for first, last in self._places(rule, symbols):
                yield Signal(rule.label, *scan.encoded.span(first, last), rule.name)

    def _apply(self, symbols: str, contexts: Iterable[CompiledContext]) -> str:
        for context in contexts:
            for pattern in context.match:
                if context.whole_message and pattern.search(symbols):
                    symbols = _weaken(symbols, context.twins)
                elif not context.whole_message:
                    symbols = pattern.sub(lambda m, t=context.twins: _weaken(m[0], t), symbols)  # type: ignore[misc]
        return symbols

    def _places(self, rule: CompiledRule, symbols: str) -> Iterator[tuple[int, int]]:
        found = 0
        for pattern in rule.match:
            for match in pattern.finditer(symbols):
                if found == 0 and not self._fits(rule, symbols):
                    return
                if match.end() > match.start() and not self._excused(rule, symbols, match):
                    yield match.span()
                    found += 1
                    if found >= _MOST_PLACES:
                        return

    @staticmethod
    def _fits(rule: CompiledRule, symbols: str) -> bool:
        if any(p.search(symbols) for p in rule.without):
            return False
        return not rule.needs or any(p.search(symbols) for p in rule.needs)

    def _excused(self, rule: CompiledRule, symbols: str, match: re.Match[str]) -> bool:
        if not rule.unless:
            return False
        sentence = self._sentence(symbols, match.start(), match.end())
        return any(p.search(sentence) for p in rule.unless)

    def _sentence(self, symbols: str, first: int, last: int) -> str:
        start = max(symbols.rfind(e, 0, first) for e in self._ends) + 1
        ends = [p for e in self._ends if (p := symbols.find(e, last)) >= 0]
        return symbols[start : min(ends) + 1 if ends else len(symbols)]


def _weaken(symbols: str, twins: Mapping[str, str]) -> str:
    return "".join(twins.get(s, s) for s in symbols)
