"""A second opinion: a linear classifier over words that can only add caution, never take a label away.

It learned from messages written for it (`training/`), so that a report in words that no rule knows is still suspected:
logistic regression over TF-IDF of word 1-3-grams (Salton and Buckley 1988, sublinear tf, normalised to one length). Its score
is a sum over terms, so that the terms that weighed most can be shown.
"""

import gzip
import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from smi_bot.decision import Label, Signal
from smi_bot.text import Reading
from smi_bot.triage.grammar import Scan
from smi_bot.triage.lexicon import Alphabet, plain

RULE = "second-opinion"
REASON = "No rule names it, but it reads like the reports that the second opinion learned from."
_FILE = "opinion.json.gz"
#: A message of few known words is not stretched to full length: a lone number is no evidence.
SHORTEST = 25.0
#: Fewer known words than these are no ground for an opinion: a name and a telephone number, say.
_FEWEST = 2
_LONGEST = 3  # words a term
_APART = 4  # kinds of words so near count as a pair
# A report must not drown in a long message: it is read in overlapping pieces of so many words.
_PIECE, _STEP = 60, 30
_MOST_WORDS = 900
_MOST_MARKS = 9
_SENTENCE_MARKS = frozenset("?!")

Place = tuple[int, int]
Clue = tuple[str, Place]


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

    def signal(self, reading: Reading, clues: Sequence[Clue]) -> Signal | None:
        """A suspected report, or a doubt (label `unapproved`); None where the message reads like neither.

        `clues`: what the rules saw in it (`clues_of`).
        """
        pieces = (self._read(_terms(piece, clues)) for piece in _pieces(words_of(reading)))
        best = max(pieces, key=lambda read: read.score, default=None)
        if best is None or best.score < self.doubt:
            return None
        label: Label = self._kind(best) if best.score >= self.suspect else "unapproved"
        return Signal(label, *best.place, RULE)

    def _read(self, clues: Sequence[Clue]) -> "_Read":
        counts = Counter(term for term, _ in clues if term in self.terms)
        if sum(term.isalpha() for term in counts) < _FEWEST:
            return _Read(-math.inf, {}, clues[0][1])
        values = {term: (1 + math.log(count)) * self.terms[term].idf for term, count in counts.items()}
        length = max(SHORTEST, math.sqrt(sum(value * value for value in values.values())))
        shares = {term: value / length for term, value in values.items()}
        score = self.biases[0] + sum(share * self.terms[term].report for term, share in shares.items())
        top = max(shares, key=lambda term: shares[term] * self.terms[term].report, default="")
        return _Read(score, shares, next((place for term, place in clues if term == top), clues[0][1]))

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


def words_of(reading: Reading) -> list[Clue]:
    """Words in lower case without accents and apostrophes, each digit as 0; question and exclamation marks are words."""
    words: list[Clue] = []
    end = 0
    for token in reading.tokens[:_MOST_WORDS]:
        words += _marks(reading.folded, end, token.start)
        words.append((_word(token.word), (token.start, token.end)))
        end = token.end
    return words + _marks(reading.folded, end, len(reading.folded))


def _marks(text: str, start: int, end: int) -> list[Clue]:
    """The first few marks between two words."""
    gap = text[start : min(end, start + _MOST_MARKS)]
    return [(c, (i, i + 1)) for i, c in enumerate(gap, start) if c in _SENTENCE_MARKS]


def _word(word: str) -> str:
    return "".join("0" if "0" <= c <= "9" else c for c in plain(word))


def _terms(words: Sequence[Clue], clues: Sequence[Clue]) -> list[Clue]:
    """All 1-3-grams of the words with their places, and the clues that stand among them."""
    found = [
        (" ".join(word for word, _ in words[first : last + 1]), (words[first][1][0], words[last][1][1]))
        for first in range(len(words))
        for last in range(first, min(first + _LONGEST, len(words)))
    ]
    first_clue = bisect_left(clues, words[0][1][0], key=_start)
    return [*found, *clues[first_clue : bisect_left(clues, words[-1][1][1], key=_start)]]


def terms_of(reading: Reading, clues: Sequence[Clue]) -> list[str]:
    """Every term of a message, as often as it stands there."""
    words = words_of(reading)
    return [term for term, _ in _terms(words, clues)] if words else []


def clues_of(scan: Scan, alphabet: Alphabet, signals: Iterable[Signal]) -> list[Clue]:
    """What the rules see, as terms: kinds of words (`{symptom}`), pairs of them within three words, and rules that fit.

    Words whose force a context took away count as that context (`{denied}`).
    """
    symbols = scan.calm[:_MOST_WORDS]
    kinds = {
        symbol: sorted(kind for kind in alphabet.meaning[symbol] if kind[0] not in "=<") for symbol in set(symbols)
    }
    pairs = cache(lambda a, b: [f"{{{first}}}{{{last}}}" for first in kinds[a] for last in kinds[b]])
    found = [(f"<{signal.rule}>", (signal.start, signal.end)) for signal in signals]
    for i, symbol in enumerate(symbols):
        start, end = scan.encoded.span(i, i + 1)
        found += [(f"{{{kind}}}", (start, end)) for kind in kinds[symbol]]
        for j in range(i + 1, min(i + _APART, len(symbols))):
            place = (start, scan.encoded.ends[j])
            found += [(pair, place) for pair in pairs(symbol, symbols[j])]
    return sorted(found, key=_start)


def _start(clue: Clue) -> int:
    return clue[1][0]


def _pieces(words: list[Clue]) -> Iterator[list[Clue]]:
    for first in range(0, max(1, len(words) - _STEP), _STEP):
        if piece := words[first : first + _PIECE]:
            yield piece


@cache
def load_opinion() -> Opinion:
    """What `training/fit_opinion.py` wrote (its provenance stands in the file); read once, it takes 0.3 s."""
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
