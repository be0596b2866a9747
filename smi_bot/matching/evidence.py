"""What speaks for each entry: a row of features a candidate, all between 0 and 1 or close to it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from smi_bot.matching.corpus import Corpus
from smi_bot.matching.index import Floats
from smi_bot.matching.words import Words

#: Candidates that are looked at closely.
WIDE = 10
#: Rows of a candidate that are compared letter by letter.
CLOSE = 6
RANKING = ("head", "chars", "terms", "top3", "token_set", "token_sort", "explained", "covered", "overlap")
GATING = (
    *RANKING,
    "log_share",
    "margin",
    "head_margin",
    "known",
    "unfamiliar",
    "agreement",
    "length",
    "negation",
    "numbers",
)


@dataclass(frozen=True, slots=True)
class Similarities:
    """`chars`, `terms`: cosine with each row; `head`: score of each entry."""

    chars: Floats
    terms: Floats
    head: Floats

    @property
    def both(self) -> Floats:
        return (self.chars + self.terms) / 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """`entries`: places of the candidates, in no order. `ranking`: candidates x RANKING. `best`: best row of each."""

    entries: npt.NDArray[np.int64]
    ranking: Floats
    best: tuple[int, ...]


def similarities(corpus: Corpus, words: Words) -> Similarities:
    chars, terms = corpus.likeness(words)
    near = ((chars + terms) / 2)[corpus.anchors]
    # Not "@": that wakes a thread on each core for every message, and a busy machine waits for the last of them.
    return Similarities(chars, terms, np.einsum("i,ij->j", near, corpus.head.alpha))


def gather(corpus: Corpus, words: Words, like: Similarities, allowed: npt.NDArray[np.bool_]) -> Evidence:
    """The WIDE most likely of the `allowed` entries, with their features."""
    both = like.both
    rough = np.where(allowed, _peaks(corpus, both) + like.head, -np.inf)
    entries = np.argsort(-rough, kind="stable")[: min(WIDE, int(allowed.sum()))]
    common = np.where(both > 0, corpus.common(words.content), 0.0)
    asked = sum(corpus.weight(stem) for stem in words.content)
    overlap = 2 * common / np.maximum(asked + corpus.loads, 1e-9)
    covered = common / asked if asked else common
    columns = [_peaks(corpus, column)[entries] for column in (like.chars, like.terms, covered, overlap)]
    rows = [_features(corpus, words, both, int(entry)) for entry in entries]
    top3, token_set, token_sort, stems = np.array([row[:4] for row in rows]).reshape(len(rows), 4).T
    chars, terms, covered, overlap = columns
    ranking = [like.head[entries], chars, terms, top3, token_set, token_sort, stems, covered, overlap]
    return Evidence(entries, np.stack(ranking, axis=1), tuple(int(row[4]) for row in rows))


def _peaks(corpus: Corpus, values: Floats) -> Floats:
    """The highest value among the rows of each entry."""
    return np.asarray(np.maximum.reduceat(values, corpus.starts))


def _features(corpus: Corpus, words: Words, both: Floats, entry: int) -> tuple[float, float, float, float, int]:
    """Of one entry: mean of its three closest rows, both fuzzy scores, share explained; and its closest row."""
    a, b = corpus.spans[entry]
    nearest = a + np.argsort(-both[a:b], kind="stable")[:CLOSE]
    lines = [corpus.rows[row].words.line for row in nearest if both[row] > 0]
    return (
        float(both[nearest[:3]].mean()),
        max((fuzz.token_set_ratio(words.line, line) for line in lines), default=0.0) / 100,
        max((fuzz.token_sort_ratio(words.line, line) for line in lines), default=0.0) / 100,
        explained(corpus, words, corpus.stems[entry]),
        int(nearest[0]),
    )


def explained(corpus: Corpus, words: Words, by: frozenset[str]) -> float:
    """Share of the weight of the message's content words that `by` has, as a word or a concept; 0 if there are none."""
    total = sum(corpus.weight(stem) for stem in words.content)
    had = [stem for stem in words.content if stem in by or words.concepts.get(stem) in by]
    return sum(map(corpus.weight, had)) / total if total else 0.0
