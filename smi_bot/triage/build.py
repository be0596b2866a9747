"""From the files' content and the product's facts to a compiled grammar."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smi_bot.decision import ServiceKind
from smi_bot.errors import LibraryError
from smi_bot.library.model import Product
from smi_bot.triage.grammar import CompiledContext, CompiledGrammar, CompiledRule, Patterns
from smi_bot.triage.lexicon import Alphabet, Concepts, Encoder, Typos, Vocabulary, words_of
from smi_bot.triage.pattern import PatternCompiler, PatternError, literals
from smi_bot.triage.schema import Doubt, Grammar, Rule

#: Words of this concept are never taken for a form of a stem or a misspelling.
ORDINARY = "ordinary"
#: Product facts whose words keep their own meanings: "twice daily dosing" is a dose as well as an excluded use.
_LOOSE_FACTS = frozenset({"excluded-use"})
Source = tuple[Path, Grammar]
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledService:
    """Every word in `whole` and one in `core` (strings of symbols), or a pattern that matches."""

    kind: ServiceKind
    core: frozenset[str]
    whole: frozenset[str]
    match: Patterns
    without: Patterns


@dataclass(slots=True)
class _Draft:
    """The meanings of all words while they are gathered."""

    phrases: dict[Words, set[str]] = field(default_factory=dict)
    stems: dict[str, set[str]] = field(default_factory=dict)
    typos: set[str] = field(default_factory=set)
    concepts: set[str] = field(default_factory=set)
    loose: dict[str, list[Words]] = field(default_factory=dict)

    def loosen(self, concepts: frozenset[str]) -> None:
        """Takes the phrases of these concepts apart: their words keep their own meanings."""
        for words in [w for w in self.phrases if len(w) > 1]:
            if not self.phrases[words] <= concepts:
                continue
            for concept in sorted(self.phrases.pop(words)):
                self.loose.setdefault(concept, []).append(words)
            for word in words:
                self.phrases.setdefault((word,), set()).add("=" + word)

    def add(self, concept: str, lines: Iterable[str], typos: bool = False) -> None:
        self.concepts.add(concept)
        for words in (w for line in lines for w in words_of(line)):
            if len(words) == 1 and words[0].endswith("*"):
                self.stems.setdefault(words[0][:-1], set()).add(concept)
                continue
            self.phrases.setdefault(words, set()).add(concept)
            if typos:
                self.typos.update(words)


def build_grammar(sources: Sequence[Source], product: Product) -> CompiledGrammar:
    """Raises LibraryError where a pattern or a shape cannot be read."""
    draft = _gather(sources, product)
    events = frozenset(e for _, g in sources for e in g.events)
    draft.loosen(_LOOSE_FACTS | frozenset(n for _, g in sources for n, c in g.concepts.items() if c.loose) - events)
    shapes = tuple(_shapes(sources))
    emoji = {c: frozenset({name}) for _, g in sources for name, row in g.emoji.items() for c in row if c > "\x7f"}
    draft.concepts |= {name for _, g in sources for name in (*g.shapes, *g.emoji)}
    vocabulary = _vocabulary(draft, shapes, emoji)
    contexts = list(dict.fromkeys(c.name for _, g in sources for c in g.contexts))
    sets = _sets(vocabulary)
    alphabet = Alphabet(sets | {_twin(s, events, c) for s in sets for c in contexts})
    compiler = PatternCompiler(alphabet, frozenset({*draft.concepts, *contexts}), draft.loose)
    return CompiledGrammar(
        compiler,
        Encoder(vocabulary, alphabet),
        tuple(_contexts(sources, compiler, events)),
        tuple(_rules(sources, compiler)),
    )


def build_services(sources: Sequence[Source], grammar: CompiledGrammar) -> tuple[CompiledService, ...]:
    """The whole-message intents; `grammar` is the English one they are written in."""
    built = []
    for path, content in sources:
        for service in content.services:
            where = f"{path}: services '{service.kind}'"
            built.append(
                CompiledService(
                    service.kind,
                    frozenset("".join(grammar.alphabet.holders(c) for c in service.core)),
                    frozenset("".join(grammar.alphabet.holders(c) for c in (*service.core, *service.whole))),
                    _patterns(service.match, grammar.compiler, f"{where}.match"),
                    _patterns(service.without, grammar.compiler, f"{where}.without"),
                )
            )
    return tuple(built)


def _gather(sources: Sequence[Source], product: Product) -> _Draft:
    draft = _Draft()
    for name, lines in _product_facts(product).items():
        draft.add(name, lines, typos=name == "product")
    for _, content in sources:
        for name, concept in content.concepts.items():
            draft.add(name, concept.words, concept.typos)
        for pattern in _all_patterns(content):
            for word in literals(pattern):
                draft.phrases.setdefault((word,), set()).add("=" + word)
    return draft


def _product_facts(product: Product) -> dict[str, list[str]]:
    minor = [str(n) for n in range(1, product.minimum_age)]
    return {
        "product": [product.name, product.generic, *product.names, *product.misspellings],
        "company": [product.company, product.company.split()[0]],
        "excluded-use": list(product.excluded_uses),
        "usable-together": list(product.approved_combinations),
        "own-dose": [f"{product.strength_mg}mg", f"{product.strength_mg} mg"],
        "minor-number": minor,
        "minor-age": [n + suffix for n in minor for suffix in ("y", "yo", "yr", "yrs")],
    }


def _all_patterns(content: Grammar) -> Iterator[str]:
    for context in content.contexts:
        yield from context.match
    for rule in (*content.rules, *content.doubts):
        yield from (*rule.match, *rule.unless, *rule.without, *rule.needs)
    for service in content.services:
        yield from (*service.match, *service.without)


def _shapes(sources: Sequence[Source]) -> Iterator[tuple[re.Pattern[str], Concepts]]:
    for path, content in sources:
        for name, expressions in content.shapes.items():
            for i, expression in enumerate(expressions):
                try:
                    yield re.compile(expression), frozenset({name})
                except re.error as error:
                    raise LibraryError(f"{path}: shapes.{name}.{i}: {error}; correct the expression") from error


def _vocabulary(
    draft: _Draft, shapes: tuple[tuple[re.Pattern[str], Concepts], ...], emoji: dict[str, Concepts]
) -> Vocabulary:
    stems = {s: frozenset(_of_stems(s, draft.stems)) for s in draft.stems}
    index: dict[str, list[tuple[Words, Concepts]]] = {}
    for words, concepts in draft.phrases.items():
        index.setdefault(words[0], []).append((words, _meaning(words, concepts, draft, shapes)))
    for word in list(index):
        if (word,) not in draft.phrases:
            index[word].append(((word,), _meaning((word,), set(), draft, shapes)))
    phrases = {w: tuple(sorted(rows, key=lambda r: -len(r[0]))) for w, rows in index.items()}
    words_known = frozenset(word for words in draft.phrases for word in words)
    return Vocabulary(words_known, phrases, stems, shapes, emoji, Typos(draft.typos))


def _meaning(
    words: Words, concepts: set[str], draft: _Draft, shapes: tuple[tuple[re.Pattern[str], Concepts], ...]
) -> Concepts:
    if len(words) > 1 or ORDINARY in concepts:
        return frozenset(concepts)
    found = set(concepts) | _of_stems(words[0], draft.stems)
    if words[0][:1].isdigit() and "own-dose" not in concepts:
        found |= next((names for shape, names in shapes if shape.fullmatch(words[0])), frozenset())
    return frozenset(found or {"<unknown>"})


def _of_stems(word: str, stems: dict[str, set[str]]) -> set[str]:
    return {c for n in range(2, len(word) + 1) for c in stems.get(word[:n], ())}


def _sets(vocabulary: Vocabulary) -> set[Concepts]:
    sets = {concepts for rows in vocabulary.phrases.values() for _, concepts in rows}
    return sets | set(vocabulary.stems.values()) | {c for _, c in vocabulary.shapes} | set(vocabulary.emoji.values())


def _twin(concepts: Concepts, events: frozenset[str], context: str) -> Concepts:
    return (concepts - events) | {context} if concepts & events else concepts


def _contexts(
    sources: Sequence[Source], compiler: PatternCompiler, events: frozenset[str]
) -> Iterator[CompiledContext]:
    for path, content in sources:
        for context in content.contexts:
            symbol = compiler.alphabet.symbol
            twins = {s: symbol.get(_twin(c, events, context.name), s) for c, s in symbol.items()}
            yield CompiledContext(
                context.name,
                _patterns(context.match, compiler, f"{path}: contexts '{context.name}'.match", greedy=True),
                context.always,
                context.whole_message,
                {a: b for a, b in twins.items() if a != b},
            )


def _rules(sources: Sequence[Source], compiler: PatternCompiler) -> Iterator[CompiledRule]:
    for path, content in sources:
        rows: list[tuple[str, Doubt]] = [("rules", r) for r in content.rules] + [("doubts", d) for d in content.doubts]
        for kind, rule in rows:
            yield CompiledRule(
                rule.name,
                rule.label if isinstance(rule, Rule) else "unapproved",
                *(
                    _patterns(getattr(rule, part), compiler, f"{path}: {kind} '{rule.name}'.{part}")
                    for part in ("match", "unless", "without", "needs")
                ),
            )


def _patterns(patterns: Sequence[str], compiler: PatternCompiler, where: str, greedy: bool = False) -> Patterns:
    compiled = []
    for i, pattern in enumerate(patterns):
        try:
            compiled.append(compiler.compile(pattern, greedy))
        except (PatternError, re.error) as error:
            raise LibraryError(f"{where}.{i}: {error}; correct the pattern '{pattern}'") from error
    return tuple(compiled)
