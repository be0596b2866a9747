"""Words to concepts: each word or phrase becomes one symbol, so that rules run as regular expressions over symbols.

A symbol stands for a *set* of concepts. All sets are known once the vocabularies are read; the alphabet is fixed.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from smi_bot.text import Reading, Token

Concepts = frozenset[str]
STOP: Concepts = frozenset({"<stop>"})
QUESTION: Concepts = frozenset({"<question>"})
COMMA: Concepts = frozenset({"<comma>"})
UNKNOWN: Concepts = frozenset({"<unknown>"})
MARKS = (STOP, QUESTION, COMMA)

# A sentence is closed by force after this many words, so that text without punctuation cannot cost quadratic time.
_LONGEST_SENTENCE = 120
# No phrase reaches over these. A full stop may stand inside one ("st. john").
_BREAKS = frozenset("\n!?;…")
# Full-width, Arabic and CJK forms included.
_QUESTIONS = frozenset("?\uff1f\u061f")
_STOPS = frozenset("!;\n…\u3002\uff01")
_COMMAS = frozenset(',:()[]-+&/"')
_JOINERS = frozenset({"-", "/", "'", "&", "+"})
# Distinct unknown words looked up with slips of the keyboard in one message.
_MOST_LOOKUPS = 3000
_LONGEST_STEM = 24
_SHORTEST_TYPO = 6
_TWO_SLIPS_FROM = 9


def plain(word: str) -> str:
    """The form that vocabularies are compared in: no apostrophes, no accents."""
    if word.isascii():
        return word.replace("'", "") if "'" in word else word
    bare = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return bare.replace("ß", "ss").replace("'", "")


def words_of(phrase: str) -> Iterator[tuple[str, ...]]:
    """The word sequences a vocabulary line stands for: `throw/threw up` gives two."""
    sequences: list[tuple[str, ...]] = [()]
    for part in phrase.lower().replace("-", " ").split():
        forms = part.split("/")
        sequences = [(*done, _key(form)) for done in sequences for form in forms]
    yield from sequences


def _key(form: str) -> str:
    # A leading "=" keeps the apostrophe: "=i'll" must not become "ill".
    return form[1:] if form.startswith("=") else plain(form)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A message in symbols. Symbol i stands for `text[starts[i]:ends[i]]`."""

    symbols: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where the symbols first..last (exclusive) stand in the text."""
        return self.starts[first], self.ends[last - 1]


class Alphabet:
    """The symbols: one for each set of concepts that can occur."""

    def __init__(self, sets: Iterable[Concepts]) -> None:
        ordered = sorted({*sets, UNKNOWN, *MARKS}, key=sorted)
        self.symbol: dict[Concepts, str] = {concepts: chr(0x4E00 + i) for i, concepts in enumerate(ordered)}
        self.meaning: dict[str, Concepts] = {symbol: concepts for concepts, symbol in self.symbol.items()}
        self._holders: dict[str, list[str]] = {}
        for concepts, symbol in self.symbol.items():
            for concept in concepts:
                self._holders.setdefault(concept, []).append(symbol)

    def holders(self, concept: str) -> str:
        """All symbols that carry the concept."""
        return "".join(self._holders.get(concept, ()))

    def __len__(self) -> int:
        return len(self.symbol)


class Typos:
    """Finds the vocabulary word that a misspelt word stands for: deletion neighbourhoods, constant time a word."""

    def __init__(self, words: Iterable[str]) -> None:
        self._near: dict[str, list[str]] = {}
        for word in sorted(set(words)):
            if len(word) >= _SHORTEST_TYPO and word.isalpha():
                for form in _shortened(word):
                    self._near.setdefault(form, []).append(word)

    def correct(self, word: str) -> str | None:
        if not (_SHORTEST_TYPO - 1 <= len(word) <= 24 and word.isalpha()):
            return None
        allowed = 2 if len(word) >= _TWO_SLIPS_FROM else 1
        near = {w for form in _shortened(word) for w in self._near.get(form, ()) if w[0] == word[0]}
        ranked = sorted((OSA.distance(word, w, score_cutoff=allowed), w) for w in near)
        return ranked[0][1] if ranked and ranked[0][0] <= allowed else None


def _shortened(word: str) -> Iterator[str]:
    yield word
    for i in range(1, len(word)):
        yield word[:i] + word[i + 1 :]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the words of one language mean.

    `words`: every word of any phrase. `phrases`: first word -> word sequences, longest first. `stems`: beginnings of
    words. `shapes`: for words with digits.
    """

    words: frozenset[str]
    phrases: Mapping[str, tuple[tuple[tuple[str, ...], Concepts], ...]]
    stems: Mapping[str, Concepts]
    shapes: tuple[tuple[re.Pattern[str], Concepts], ...]
    emoji: Mapping[str, Concepts]
    typos: Typos

    def knows(self, word: str) -> bool:
        return word in self.words or bool(self._stem(word))

    def _stem(self, word: str) -> Concepts | None:
        for length in range(min(len(word), _LONGEST_STEM), 2, -1):
            if found := self.stems.get(word[:length]):
                return found
        return None

    def phrase(self, keys: list[str], at: int) -> tuple[int, Concepts] | None:
        """How many words from `at` on form a known phrase, and what it means; None for a word of no phrase."""
        for words, concepts in self.phrases.get(keys[at], ()):
            if len(words) == 1 or tuple(keys[at : at + len(words)]) == words:
                return len(words), concepts
        return None

    def meaning(self, word: str) -> Concepts:
        """What a word that begins no phrase means by its beginning or its shape."""
        if any("0" <= c <= "9" for c in word[:4]):
            return next((concepts for shape, concepts in self.shapes if shape.fullmatch(word[:40])), UNKNOWN)
        return self._stem(word) or UNKNOWN


class Encoder:
    """Turns a reading into symbols."""

    def __init__(self, vocabulary: Vocabulary, alphabet: Alphabet) -> None:
        self._vocabulary = vocabulary
        self._alphabet = alphabet

    def knows(self, word: str) -> bool:
        return self._vocabulary.knows(plain(word))

    def encode(self, reading: Reading) -> Encoded:
        keys = self._keys(reading.tokens)
        units: list[tuple[Concepts, int, int]] = []
        at, place, run = 0, 0, 0
        gaps: dict[str, tuple[Concepts, ...]] = {}
        alone: dict[str, Concepts] = {}
        while at < len(keys):
            gap = reading.folded[place : reading.tokens[at].start]
            marks = self._marks(gap, place, gaps, at > 0 and reading.tokens[at - 1].word[-1:].isdigit())
            count, concepts = self._phrase(reading, keys, at, alone)
            run = 0 if any(m[0] in (STOP, QUESTION) for m in marks) else run + 1
            if run > _LONGEST_SENTENCE:
                marks, run = [*marks, (STOP, place, place)], 0
            units += marks
            last = reading.tokens[at + count - 1]
            units.append((concepts, reading.tokens[at].start, last.end))
            at, place = at + count, last.end
        units += self._marks(reading.folded[place:], place, gaps, False)
        return self._encoded(units)

    def _phrase(self, reading: Reading, keys: list[str], at: int, alone: dict[str, Concepts]) -> tuple[int, Concepts]:
        if known := self._vocabulary.phrase(keys, at):
            if known[0] == 1:
                return known
            inside = reading.folded[reading.tokens[at].start : reading.tokens[at + known[0] - 1].end]
            if _BREAKS.isdisjoint(inside):
                return known
            known = self._vocabulary.phrase(keys[at : at + 1], 0)
        if known:
            return known
        key = keys[at]
        if key not in alone:
            alone[key] = self._vocabulary.meaning(key)
        return 1, alone[key]

    def _encoded(self, units: list[tuple[Concepts, int, int]]) -> Encoded:
        symbol = self._alphabet.symbol
        return Encoded("".join(symbol[u[0]] for u in units), tuple(u[1] for u in units), tuple(u[2] for u in units))

    def _keys(self, tokens: tuple[Token, ...]) -> list[str]:
        meanings: dict[str, str] = {}
        for word in {t.word for t in tokens}:
            meanings[word] = self._key(word, len(meanings) < _MOST_LOOKUPS)
        return [meanings[t.word] for t in tokens]

    def _key(self, word: str, look_up: bool) -> str:
        if word in self._vocabulary.words:
            return word
        key = plain(word)
        if self._vocabulary.knows(key):
            return key
        if key.endswith("s") and key[:-1] in self._vocabulary.phrases:
            return key[:-1]
        return (look_up and self._vocabulary.typos.correct(key)) or key

    def _marks(
        self, gap: str, place: int, seen: dict[str, tuple[Concepts, ...]], after_digit: bool
    ) -> list[tuple[Concepts, int, int]]:
        if gap in ("", " ") or (after_digit and gap in (".", ",", ":", "/")):
            return []
        if gap not in seen:
            seen[gap] = tuple(self._kinds(gap))
        return [(kind, place, place + len(gap)) for kind in seen[gap]]

    def _kinds(self, gap: str) -> Iterator[Concepts]:
        emoji = self._vocabulary.emoji
        yield from dict.fromkeys(emoji[c] for c in gap if c in emoji)
        if not _QUESTIONS.isdisjoint(gap):
            yield QUESTION
        elif not _STOPS.isdisjoint(gap) or (gap[0] == "." and len(gap) > 1) or gap == ".":
            yield STOP
        elif not _COMMAS.isdisjoint(gap) and gap.strip() not in _JOINERS:
            yield COMMA
