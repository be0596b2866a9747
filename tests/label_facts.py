"""Tells which numbers of a text the label does not say. What it says stands in label_facts.yaml."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from label_numbers import Number, Passage, Text, canonical, numbers, passages

from smi_bot.plain_yaml import load_yaml

#: Dimensions of which a fact may name the label that must stand nearest.
DIMENSIONS = ("trial", "week", "measure", "group", "region")

MEND = "correct the number, or write what the label sheet says into tests/label_facts.yaml"
UNNAMED = "which the references of this entry do not name; name it there, or take this out"

#: Who the numbers of a row belong to, in the order in which they stand.
_ORDER = ("Zelvanta", "placebo", "apremilast")
_ARM = f"(?:{'|'.join(_ORDER)})"
_HEAD = re.compile(rf"{_ARM}(?: \(morlivexat\))?(?:(?: ?/ ?| vs | and | or |, ){_ARM})+")
_SECTIONS = re.compile(r"\bsections? (\d+(?:(?:, and |, | and )\d+)*)")


@dataclass(frozen=True, eq=False)
class Fact:
    of: frozenset[int]
    near: tuple[str, ...] = ()
    say: tuple[tuple[str, ...], ...] = ()
    patient: tuple[tuple[str, ...], ...] = ()
    arms: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None
    region: str | None = None
    table: str | None = None
    general: bool = False


@dataclass(frozen=True, eq=False)
class Word:
    """Words to look for, and what they mean. `literal`: without it in a text there is no need to look."""

    literal: str
    pattern: re.Pattern[str]
    means: tuple[Any, ...]


@dataclass(frozen=True)
class Span:
    """Words that point at numbers, and whatever they stand for: facts, or labels of a dimension."""

    start: int
    end: int
    means: tuple[Any, ...]
    run: int = 0  # words that follow each other and mean the same have the same run


@dataclass(frozen=True)
class Issue:
    text: Text
    quote: str
    number: str
    reason: str

    def __str__(self) -> str:
        said = f'responses/{self.text.file} # {self.text.section}: "{self.quote}": {self.number}: {self.reason}'
        return said if self.reason.endswith(UNNAMED) else f"{said}; {MEND}"


class Facts:
    """What label_facts.yaml holds, ready to be asked."""

    def __init__(self, path: Path) -> None:
        data = load_yaml(path.read_text("utf-8"))
        self.sections: dict[int, str] = data["sections"]
        self.facts = {unit: [_fact(each) for each in facts] for unit, facts in data["facts"].items()}
        self.phrases = _points((_fact(each | {"say": ()}), [each["say"]]) for each in data["phrases"])
        self.names = _points(("name", [pattern]) for pattern in data["names"].values())
        self.words = {unit: _points((fact, fact.near) for fact in facts) for unit, facts in self.facts.items()}
        self.words |= {name: _points(labels.items()) for name, labels in data["dimensions"].items()}
        self.arms = _points(data["arms"].items())

    def issues(self, passage: Passage) -> list[Issue]:
        """What is said in a passage and not by the label."""
        reading = Reading(self, passage)
        return [*reading.issues(), *reading.misplaced()]

    def values(self, unit: str) -> set[str]:
        """Every number of a unit that the label gives, of whatever it speaks."""
        return {value for fact in self.facts.get(unit, ()) for row in fact.say + fact.patient for value in row}

    def torn_tables(self, text: Text) -> list[Issue]:
        """Tables of which half the rows or more are given, and not all: in texts for HCPs."""
        said = {fact for passage in passages(text) for fact in Reading(self, passage).used()}
        rows = [fact for facts in self.facts.values() for fact in facts if fact.table]
        issues = []
        for table in {fact.table for fact in said if fact.table}:
            lacking = [fact for fact in rows if fact.table == table and fact not in said]
            whole = sum(fact.table == table for fact in rows)
            if lacking and 2 * (whole - len(lacking)) >= whole:
                names = ", ".join(f"{fact.near[0]} {fact.labels or ''}" for fact in lacking)
                issues.append(Issue(text, "", f"the table {table}", f"lacks {names}"))
        return issues


Group = tuple[list[Number], tuple[Fact, ...], dict[str, str]]


class Reading:
    """One passage, held against the facts."""

    def __init__(self, facts: Facts, passage: Passage) -> None:
        self.facts, self.passage, self.said, self.text = facts, passage, passage.said, passage.text
        self._found: dict[str, list[Span]] = {}

    @cached_property
    def phrases(self) -> list[Span]:
        return [span for span in self._spans(self.facts.phrases) if span.start >= self.passage.begins]

    @cached_property
    def fixed(self) -> list[tuple[int, int]]:
        """Where names, fixed words and numbers of sections stand."""
        spans = [*self.phrases, *self._spans(self.facts.names)]
        return [*((span.start, span.end) for span in spans), *(each.span() for each in _SECTIONS.finditer(self.said))]

    @cached_property
    def numbers(self) -> list[Number]:
        return list(numbers(self.passage, self.fixed))

    def _spans(self, words: tuple[Word, ...]) -> list[Span]:
        return [
            Span(start + span.start, start + span.end, span.means)
            for start, end in self.passage.sentences
            for span in _spans(words, self.said[start:end])
        ]

    def issues(self) -> Iterator[Issue]:
        for group, facts, labels in self._groups():
            objections = [self._objection(fact, group, labels) for fact in facts]
            if all(objections):
                raw = " / ".join(self.said[number.start : number.end] for number in group)
                quote = self.passage.quote(group[0].start)
                yield Issue(self.text, quote, f"{raw} ({group[0].unit})", _most_telling(objections))

    def used(self) -> Iterator[Fact]:
        for group, facts, labels in self._groups():
            yield from (fact for fact in facts if not self._objection(fact, group, labels))

    def _groups(self) -> list[Group]:
        """Numbers of one unit that the same words point at, with the facts these stand for and the labels beside."""
        groups: dict[Any, Group] = {}
        firsts: dict[tuple[str, int], int] = {}
        for number in self.numbers:
            first = firsts.setdefault((number.unit, self.passage.sentence(number.start)[0]), number.start)
            label = self._pointing(number.unit, number, first)
            facts: tuple[Fact, ...] = label.means if label else ()
            beside = {name: self._pointing(name, number, first) for name in _dimensions(facts)}
            key = (number.unit, label.run if label else number, *(span and span.run for span in beside.values()))
            labels = {name: span.means[0] for name, span in beside.items() if span and self._counts(name, span)}
            groups.setdefault(key, ([], facts, labels))[0].append(number)
        return list(groups.values())

    def _counts(self, name: str, span: Span) -> bool:
        """A region is named beside the number: not by the title alone, which nobody in another region heeds."""
        return name != "region" or span.start >= self.passage.begins

    def _pointing(self, words: str, number: Number, first: int) -> Span | None:
        """The words that point at a number. `first`: where its sentence says the first number of this unit."""
        if words not in self._found:
            self._found[words] = list(_in_runs(self._spans(self.facts.words.get(words, ()))))
        spans = self._found[words]
        start, end = self.passage.sentence(number.start)
        inside = [span for span in spans if start <= span.start and span.end <= end]
        if not any(span.end <= first for span in inside) and (
            following := [span for span in inside if span.start >= number.end]
        ):
            return following[0]
        return next((span for span in reversed(spans) if span.end <= number.start), None)

    def _objection(self, fact: Fact, group: Sequence[Number], labels: Mapping[str, str]) -> str:
        """Why a fact does not speak for these numbers; empty where it does."""
        rows = fact.say + (fact.patient if self.text.audience == "patient" else ())
        if not _made_of(tuple(number.value for number in group), rows):
            return f"the label says {' or '.join(' / '.join(row) for row in rows)} beside these words"
        for name, wanted in (fact.labels or {}).items():
            if labels.get(name) != wanted:
                return f"belongs to {name} {wanted}, and {labels.get(name, 'none')} stands nearest"
        if fact.region and not self._is_for(fact.region, labels):
            return f"is for {fact.region} only"
        return self._foreign(fact) or self._other_arm(fact, group)

    def _is_for(self, region: str, labels: Mapping[str, str]) -> bool:
        """Whether a text is for this region alone, or is for all and names this one beside the number."""
        regions = self.text.regions
        return regions == {region} or (len(regions) > 1 and labels.get("region") == region)

    def _foreign(self, fact: Fact) -> str:
        sections = self.text.sections
        if sections is None or fact.general or fact.of & sections:
            return ""
        return f"stands in section {min(fact.of)}, {UNNAMED}"

    def _other_arm(self, fact: Fact, group: Sequence[Number]) -> str:
        """Whether the words beside a number give it to somebody else: "61.2% on placebo"."""
        for number, arm in zip(group, fact.arms * len(group), strict=False):
            if any(names != {arm} for names in self._named_beside(number) if len(names) == 1):
                return f"{self.said[number.start : number.end]} is what the label says of {arm}"
        start, _ = self.passage.sentence(group[0].start)
        heads = [each[0] for each in _HEAD.finditer(self.said, start, group[0].start) if re.search("/| vs ", each[0])]
        if heads and not set(fact.arms) <= {*re.findall(_ARM, heads[-1])}:
            return f"belongs to {' / '.join(fact.arms)}, and stands below {heads[-1]}"
        return ""

    def _named_beside(self, number: Number) -> list[set[str]]:
        """Who is named after a number, as far as the next one; and before it, where it is the first of its sentence."""
        start, end = self.passage.sentence(number.start)
        others = [other.start for other in self.numbers if other.unit == number.unit and start <= other.start < end]
        next_one = min((other for other in others if other > number.start), default=end)
        after = self.said[number.end : next_one].split(";")[0]
        before = self.said[max(start, self.passage.begins) : number.start] if min(others) == number.start else ""
        before = before.rsplit(";", maxsplit=1)[-1]
        return [{span.means[0] for span in _spans(self.facts.arms, words)} for words in (after, before)]

    def misplaced(self) -> Iterator[Issue]:
        """Sections that the references do not name, cited or the home of a phrase; and heads in another order."""
        for phrase in self.phrases:
            if reason := self._foreign(phrase.means[0]):
                yield self._issue(phrase.start, phrase.end, reason)
        for match in _SECTIONS.finditer(self.said, self.passage.begins):
            for section in re.findall(r"\d+", match[1]):
                if self.text.sections is not None and int(section) not in self.text.sections:
                    yield self._issue(*match.span(), f"cites section {section}, {UNNAMED}")
        for match in _HEAD.finditer(self.said, self.passage.begins):
            named = re.findall(_ARM, match[0])
            is_head = "Zelvanta" in named or re.search("/| vs ", match[0])
            if is_head and named != sorted(named, key=_ORDER.index):
                yield self._issue(*match.span(), f"is to name {', then '.join(_ORDER)}, as the numbers stand")

    def _issue(self, start: int, end: int, reason: str) -> Issue:
        return Issue(self.text, self.passage.quote(start), self.said[start:end], reason)


def _dimensions(facts: Iterable[Fact]) -> list[str]:
    """Which labels tell these facts apart."""
    return sorted({name for fact in facts for name in [*(fact.labels or {}), *(["region"] if fact.region else [])]})


def _fact(data: Mapping[str, Any]) -> Fact:
    of = data["of"] if isinstance(data["of"], list) else [data["of"]]
    return Fact(
        of=frozenset(of),
        near=tuple(data.get("near", ())),
        say=tuple(tuple(canonical(str(value)) for value in row) for row in data.get("say", ())),
        patient=tuple(tuple(canonical(str(value)) for value in row) for row in data.get("patient", ())),
        arms=tuple(data.get("arms", ())),
        labels={name: str(data[name]) for name in DIMENSIONS if name in data and name != "region"},
        region=data.get("region"),
        table=data.get("table"),
        general=data.get("general", False),
    )


def _points(labels: Iterable[tuple[Any, Iterable[str]]]) -> tuple[Word, ...]:
    """Each word once, with everything that it stands for."""
    means: dict[str, list[Any]] = {}
    for meaning, words in labels:
        for word in words:
            means.setdefault(word, []).append(meaning)
    return tuple(Word(_literal(word), _pattern(word), tuple(meanings)) for word, meanings in means.items())


def _literal(word: str) -> str:
    match = re.match(r"[A-Za-z][A-Za-z' -]*(?![?*{A-Za-z' -])", word)
    return match[0].lower() if match and "|" not in word else ""


def _pattern(word: str) -> re.Pattern[str]:
    """Words begin where they are said to begin. A word in capitals is matched as it stands, and whole."""
    start = r"(?<![A-Za-z])" if word[0].isalnum() or word[0] == "(" else ""
    if word.isupper() and word.isalpha():
        return re.compile(rf"{start}{word}(?![A-Za-z])")
    return re.compile(start + f"(?:{word})", re.IGNORECASE)


@lru_cache(maxsize=65536)  # a text with another number in it says the same in its other sentences
def _spans(words: tuple[Word, ...], said: str) -> list[Span]:
    """Where words stand in a sentence, in order; of two that overlap the longer one."""
    found: dict[tuple[int, int], list[Any]] = {}
    lower = said.lower()
    for word in words:
        for match in word.pattern.finditer(said) if word.literal in lower else ():
            found.setdefault(match.span(), []).extend(word.means)
    kept: list[Span] = []
    for (start, end), means in sorted(found.items(), key=lambda each: (each[0][0] - each[0][1], each[0])):
        if not any(start < other.end and other.start < end for other in kept):
            kept.append(Span(start, end, tuple(means)))
    return sorted(kept, key=lambda span: span.start)


def _in_runs(spans: Sequence[Span]) -> Iterator[Span]:
    run, means = 0, None
    for span in spans:
        run += span.means != means
        means = span.means
        yield replace(span, run=run)


def _made_of(values: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> bool:
    """Whether these are whole rows, one after the other."""
    return any(
        values == row or (row and values[: len(row)] == row and _made_of(values[len(row) :], rows)) for row in rows
    )


def _most_telling(objections: Sequence[str]) -> str:
    """What to say first: a number that is right in the wrong place rather than all that might stand there."""
    if not objections:
        return "no fact of this unit has words that stand near it"
    other = [each for each in objections if not each.startswith("the label says")]
    return other[0] if other else "; or ".join(dict.fromkeys(objections))
