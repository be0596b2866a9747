"""A second opinion: a linear classifier over words that can only add caution, never take a label away.

It learned from messages written for it (`training/`), so that a report in words that no rule knows is still suspected:
logistic regression over TF-IDF of word 1-3-grams (Salton and Buckley 1988, sublinear tf, length normalised). Its score
is a sum over terms, so that the terms that weighed most can be shown.
"""

import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import NamedTuple

from smi_bot.decision import Label, Signal
from smi_bot.text import Reading
from smi_bot.triage.lexicon import plain

RULE = "second-opinion"
_FILE = "opinion.json.gz"
_LONGEST = 3  # words a term
# A report must not drown in a long message: it is read in overlapping pieces of so many words.
_PIECE, _STEP = 60, 30
_MOST_WORDS = 1200
_MOST_MARKS = 9
_SHOWN = 3
_SENTENCE_MARKS = frozenset("?!")

Place = tuple[int, int]


class Term(NamedTuple):
    """Inverse document frequency; weights of: a report, then of each kind of it."""

    idf: float
    report: float
    kinds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Opinion:
    """`kinds`: the labels it tells apart, and `biases` of report and kinds. From `suspect` on a message gets a label."""

    terms: Mapping[str, Term] = field(repr=False)
    kinds: tuple[Label, ...]
    biases: tuple[float, ...]
    suspect: float
    doubt: float
    version: str

    def signal(self, reading: Reading) -> Signal | None:
        """A suspected report, or a doubt (label `unapproved`); None where the message reads like neither."""
        best = max(
            (self._read(piece) for piece in _pieces(words_of(reading))), key=lambda read: read.score, default=None
        )
        if best is None or best.score < self.doubt:
            return None
        label: Label = self._kind(best) if best.score >= self.suspect else "unapproved"
        return Signal(label, *best.place, RULE)

    def _read(self, piece: Sequence[tuple[str, Place]]) -> "_Read":
        counts = Counter(term for term, _ in terms_of(piece) if term in self.terms)
        values = {term: (1 + math.log(count)) * self.terms[term].idf for term, count in counts.items()}
        length = math.sqrt(sum(value * value for value in values.values())) or 1.0
        shares = {term: value / length for term, value in values.items()}
        score = self.biases[0] + sum(share * self.terms[term].report for term, share in shares.items())
        top = sorted(shares, key=lambda term: -shares[term] * self.terms[term].report)[:_SHOWN]
        places = [place for term, place in terms_of(piece) if term in top[:1]]
        return _Read(score, shares, places[0] if places else piece[0][1])

    def _kind(self, read: "_Read") -> Label:
        scores = [
            bias + sum(share * self.terms[term].kinds[i] for term, share in read.shares.items())
            for i, bias in enumerate(self.biases[1:])
        ]
        return self.kinds[scores.index(max(scores))]


class _Read(NamedTuple):
    score: float
    shares: Mapping[str, float]
    place: Place


def words_of(reading: Reading) -> list[tuple[str, Place]]:
    """Words in lower case without accents and apostrophes, each digit as 0; question and exclamation marks are words."""
    words: list[tuple[str, Place]] = []
    end = 0
    for token in reading.tokens[:_MOST_WORDS]:
        words += _marks(reading.folded, end, token.start)
        words.append((_word(token.word), (token.start, token.end)))
        end = token.end
    return words + _marks(reading.folded, end, len(reading.folded))


def _marks(text: str, start: int, end: int) -> list[tuple[str, Place]]:
    """The first few marks between two words."""
    gap = text[start : min(end, start + _MOST_MARKS)]
    return [(c, (i, i + 1)) for i, c in enumerate(gap, start) if c in _SENTENCE_MARKS]


def _word(word: str) -> str:
    return "".join("0" if "0" <= c <= "9" else c for c in plain(word))


def terms_of(words: Sequence[tuple[str, Place]]) -> Iterator[tuple[str, Place]]:
    """All 1-3-grams, each with its place in the text."""
    for first in range(len(words)):
        for last in range(first, min(first + _LONGEST, len(words))):
            yield " ".join(word for word, _ in words[first : last + 1]), (words[first][1][0], words[last][1][1])


def _pieces(words: list[tuple[str, Place]]) -> Iterator[list[tuple[str, Place]]]:
    for first in range(0, max(1, len(words) - _STEP), _STEP):
        if piece := words[first : first + _PIECE]:
            yield piece


def load_opinion() -> Opinion:
    """What `training/fit_opinion.py` wrote (its provenance stands in the file)."""
    content = json.loads(gzip.decompress(files("smi_bot.triage").joinpath(_FILE).read_bytes()))
    terms = {term: Term(row[0], row[1], tuple(row[2:])) for term, row in content["terms"].items()}
    return Opinion(
        terms,
        tuple(content["kinds"]),
        tuple(content["biases"]),
        content["suspect"],
        content["doubt"],
        content["version"],
    )
