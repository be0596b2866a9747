"""From the files' content and the product's facts to a compiled grammar."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smi_bot.decision import ServiceKind
from smi_bot.errors import LibraryError
from smi_bot.library.model import Product
from smi_bot.triage.draft import Draft, Words
from smi_bot.triage.facts import LOOSE, fit_to_product, product_words
from smi_bot.triage.grammar import CompiledContext, CompiledGrammar, CompiledRule, Patterns
from smi_bot.triage.lexicon import Alphabet, Concepts, Encoder, Typos, Vocabulary
from smi_bot.triage.pattern import PatternCompiler, PatternError, fits, literals, runs
from smi_bot.triage.schema import Doubt, Grammar, Rule

#: Words of this concept are never taken for a form of a stem or a misspelling.
ORDINARY = "ordinary"
Source = tuple[Path, Grammar]


@dataclass(frozen=True, slots=True)
class CompiledService:
    """Every word in `whole` and one in `core` (strings of symbols), or a pattern that matches."""

    kind: ServiceKind
    core: frozenset[str]
    whole: frozenset[str]
    match: Patterns
    without: Patterns


def build_grammar(sources: Sequence[Source], product: Product) -> CompiledGrammar:
    """Raises LibraryError where a pattern or a shape cannot be read."""
    draft = _gather(sources, product)
    events = frozenset(e for _, g in sources for e in g.events)
    draft.loosen(LOOSE | frozenset(n for _, g in sources for n, c in g.concepts.items() if c.loose) - events)
    written = tuple(_written_phrases(sources, draft))
    draft.name(written)
    shapes = tuple(_shapes(sources))
    emoji = {c: frozenset({name}) for _, g in sources for name, row in g.emoji.items() for c in row if c > "\x7f"}
    draft.concepts |= {name for _, g in sources for name in (*g.shapes, *g.emoji)}
    vocabulary = _vocabulary(draft, shapes, emoji)
    contexts = list(dict.fromkeys(c.name for _, g in sources for c in g.contexts))
    sets = _sets(vocabulary)
    alphabet = Alphabet(sets | {_twin(s, events, c) for s in sets for c in contexts})
    compiler = PatternCompiler(alphabet, frozenset({*draft.concepts, *contexts}), draft.loose, written)
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


def _gather(sources: Sequence[Source], product: Product) -> Draft:
    draft = Draft()
    for name, lines in product_words(product).items():
        draft.add(name, lines, typos=name in ("product", "illness-name", "indication", "other-kind"))
    for _, content in sources:
        for name, concept in content.concepts.items():
            draft.add(name, concept.words, concept.typos)
    fit_to_product(draft, product)
    for _, content in sources:
        for pattern in _all_patterns(content):
            for word in literals(pattern):
                draft.phrases.setdefault((word,), set()).add("=" + word)
    return draft


def _written_phrases(sources: Sequence[Source], draft: Draft) -> Iterator[Words]:
    """Phrases of the vocabularies that some pattern writes as plain words, one after another."""
    many = [words for words in draft.phrases if len(words) > 1]
    first: dict[str, list[Words]] = {}
    for words in many:
        first.setdefault(words[0], []).append(words)
    rows = [run[i:] for _, g in sources for p in _all_patterns(g) for run in runs(p) for i in range(len(run) - 1)]
    found = (words for row in rows for word in row[0] for words in first.get(word, ()) if fits(words, row))
    yield from dict.fromkeys(found)


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
    draft: Draft, shapes: tuple[tuple[re.Pattern[str], Concepts], ...], emoji: dict[str, Concepts]
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
    words: Words, concepts: set[str], draft: Draft, shapes: tuple[tuple[re.Pattern[str], Concepts], ...]
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
