"""The rules as one frozen value, and the function that applies them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from smi_bot.decision import PRECEDENCE, SAFETY, Signal, Triage
from smi_bot.errors import LibraryError
from smi_bot.library.model import Product
from smi_bot.text import Reading
from smi_bot.triage.build import CompiledService, Source, build_grammar, build_services
from smi_bot.triage.facts import product_words
from smi_bot.triage.grammar import CompiledGrammar, Scan
from smi_bot.triage.language import LanguageDetector, build_detector
from smi_bot.triage.opinion import REASON, RULE, Clue, Opinion, clues_of, load_opinion
from smi_bot.triage.schema import Grammar, Languages, read_yaml

_LANGUAGES = "languages.yaml"
_ENGLISH = "en"
#: Concepts that list other medicines by name.
_MEDICINES = ("biologic", "immunosuppressant", "cyp3a4")
_POLITE = ("greeting", "thanks", "filler", "product")


@dataclass(frozen=True, slots=True)
class Rules:
    """Vocabularies and rules, compiled.

    `version` changes whenever a rule, a word or a product fact they use does, not with what only people read:
    reasons, sources and examples.
    """

    version: str
    grammars: Mapping[str, CompiledGrammar] = field(repr=False)
    languages: LanguageDetector = field(repr=False)
    services: tuple[CompiledService, ...] = field(repr=False)
    opinion: Opinion = field(repr=False)
    medicines: frozenset[str] = field(repr=False, default=frozenset())  # other medicines, names of one word
    reasons: Mapping[str, str] = field(repr=False, default_factory=dict)  # why rules and doubts mean what they say

    @property
    def english(self) -> CompiledGrammar:
        return self.grammars[_ENGLISH]


def load_rules(folder: Path, product: Product) -> Rules:
    """Reads and compiles `folder/*.yaml`. Raises LibraryError naming file, field and mend."""
    paths = sorted(p for p in folder.glob("*.yaml") if p.name != _LANGUAGES)
    if not paths:
        raise LibraryError(f"{folder}: holds no *.yaml; restore the rules of triage")
    languages = read_yaml(folder / _LANGUAGES, Languages)
    sources: dict[str, list[Source]] = {}
    for path in paths:
        content = read_yaml(path, Grammar)
        sources.setdefault(content.language, []).append((path, content))
    if _ENGLISH not in sources:
        raise LibraryError(f"{folder}: no file has 'language: en'; restore the English rules")
    every = [source for files in sources.values() for source in files]
    _refuse_twins(every)
    grammars = {code: build_grammar(files, product) for code, files in sources.items()}
    services = build_services(sources[_ENGLISH], grammars[_ENGLISH])
    opinion = load_opinion()
    version = _version(sources, languages, product, opinion)
    medicines = _medicines(sources[_ENGLISH])
    return Rules(version, grammars, build_detector(languages), services, opinion, medicines, _reasons(every))


def _reasons(sources: Iterable[Source]) -> Mapping[str, str]:
    named = {row.name: row.reason for _, content in sources for row in (*content.rules, *content.doubts)}
    return named | {RULE: REASON}


def _refuse_twins(sources: Iterable[Source]) -> None:
    """A name on a card must lead to one rule. Raises LibraryError."""
    places: dict[str, Path] = {}
    for path, content in sources:
        for row in (*content.contexts, *content.rules, *content.doubts):
            if row.name in places:
                raise LibraryError(
                    f"{path}: '{row.name}' stands in {places[row.name].name} as well; rename one of them"
                )
            places[row.name] = path


def _medicines(sources: Iterable[Source]) -> frozenset[str]:
    concepts = [concept for _, content in sources for name, concept in content.concepts.items() if name in _MEDICINES]
    return frozenset(word for concept in concepts for word in concept.words if " " not in word and "/" not in word)


def triage(reading: Reading, rules: Rules) -> Triage:
    """Every signal of the message, by precedence and place; never raises. Linear in the length of the text."""
    english = rules.english
    scan = english.scan(english.encoder.encode(reading))
    told = tuple(english.signals(scan))
    found = [*told]
    for code, grammar in rules.grammars.items():
        if code != _ENGLISH and rules.languages.clues(reading, code):
            found += grammar.signals(grammar.scan(grammar.encoder.encode(reading)))
    language = rules.languages.detect(reading, english.encoder.knows)
    if language != _ENGLISH and not _only_polite(scan, english):
        found.append(Signal("language", *_extent(reading), f"language-{language}"))
    elif SAFETY.isdisjoint(signal.label for signal in found):  # what a rule names needs no second opinion
        suspected = rules.opinion.signal(reading, clues_of(scan, english.alphabet, told))
        found += [suspected] if suspected else []
    signals = _ordered(s for s in found if s.label != "unapproved")
    doubts = _ordered(s for s in found if s.label == "unapproved")
    return Triage(signals, doubts, language)


def clues_in(reading: Reading, rules: Rules) -> list[Clue]:
    """What the English rules see in a message, for the second opinion to learn from."""
    scan = rules.english.scan(rules.english.encoder.encode(reading))
    return clues_of(scan, rules.english.alphabet, rules.english.signals(scan))


def _only_polite(scan: Scan, grammar: CompiledGrammar) -> bool:
    polite = set("".join(grammar.alphabet.holders(c) for c in _POLITE)) | set(grammar.marks)
    return set(scan.encoded.symbols) <= polite


def _extent(reading: Reading) -> tuple[int, int]:
    text = reading.original
    start = len(text) - len(text.lstrip())
    return start, max(start, len(text.rstrip()))


def _ordered(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    return tuple(sorted(dict.fromkeys(signals), key=lambda s: (PRECEDENCE.index(s.label), s.start, s.end, s.rule)))


def _decisive(grammar: Grammar) -> dict[str, object]:
    """What decides; what only explains is left out."""
    told = {"reason", "source", "examples"}
    rows = {kind: {"__all__": told} for kind in ("contexts", "rules", "doubts", "services")}
    return grammar.model_dump(mode="json", exclude=rows)


def _version(sources: Mapping[str, list[Source]], languages: Languages, product: Product, opinion: Opinion) -> str:
    content = {
        "grammars": {code: [(p.name, _decisive(g)) for p, g in rows] for code, rows in sources.items()},
        "languages": languages.model_dump(mode="json"),
        "opinion": opinion.version,
        "product": [
            product_words(product),
            product.forms,
            product.routes,
            product.doses_per_day,
            product.units_per_dose,
        ],
        "combinations": [product.excluded_combinations, product.interacting],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
