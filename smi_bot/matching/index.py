"""The library's phrasings as sparse vectors, and how alike a message is to each of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from smi_bot.matching.words import Words

Floats = npt.NDArray[np.float64]


def letters(words: Words) -> list[str]:
    """Character 3- to 5-grams within words, each padded by a blank on both sides."""
    return [
        padded[i : i + n]
        for padded in (f" {word} " for word in words.plain)
        for n in (3, 4, 5)
        for i in range(max(len(padded) - n + 1, 0))
    ]


def terms(words: Words) -> list[str]:
    """Stems, pairs of neighbouring stems, and the concepts they express."""
    return [
        *words.stems,
        *sorted(set(words.concepts.values())),
        *(f"{a} {b}" for a, b in zip(words.stems, words.stems[1:], strict=False)),
    ]


@dataclass(frozen=True, slots=True)
class Vectors:
    """TF-IDF with sublinear term frequency and cosine norm, stored as postings.

    Feature f occurs in rows `rows[starts[f]:starts[f+1]]` with the weights beside. `idf`: per feature; `rare`: of a
    feature that the library does not have: it lengthens a message's vector and so lowers its likeness to everything.
    """

    features: dict[str, int]
    idf: Floats
    rare: float
    starts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    weights: Floats
    size: int

    @classmethod
    def of(cls, texts: Sequence[list[str]]) -> Self:
        counts = [Counter(text) for text in texts]
        held = Counter(feature for count in counts for feature in count)
        features = {feature: i for i, feature in enumerate(sorted(held))}
        idf = np.array([_idf(held[feature], len(texts)) for feature in features], dtype=np.float64)
        postings: list[tuple[int, int, float]] = []
        for row, count in enumerate(counts):
            vector = {features[f]: _tf(n) * idf[features[f]] for f, n in count.items()}
            length = float(np.sqrt(sum(v * v for v in vector.values()))) or 1.0
            postings += [(feature, row, value / length) for feature, value in vector.items()]
        postings.sort()
        starts = np.searchsorted([p[0] for p in postings], np.arange(len(features) + 1))
        return cls(
            features=features,
            idf=idf,
            rare=_idf(0, len(texts)),
            starts=starts.astype(np.int64),
            rows=np.array([p[1] for p in postings], dtype=np.int64),
            weights=np.array([p[2] for p in postings], dtype=np.float64),
            size=len(texts),
        )

    def likeness(self, text: list[str]) -> Floats:
        """Cosine, 0 to 1, with each row."""
        known, unknown = [], 0.0
        for feature, n in Counter(text).items():
            place = self.features.get(feature)
            if place is None:
                unknown += (_tf(n) * self.rare) ** 2
            else:
                known.append((place, _tf(n) * float(self.idf[place])))
        length = float(np.sqrt(unknown + sum(v * v for _, v in known)))
        if not known or not length:
            return np.zeros(self.size)
        spans = [slice(self.starts[place], self.starts[place + 1]) for place, _ in known]
        rows = np.concatenate([self.rows[span] for span in spans])
        weights = np.concatenate([self.weights[span] * v for span, (_, v) in zip(spans, known, strict=True)])
        return np.minimum(np.bincount(rows, weights, minlength=self.size) / length, 1.0)


def _tf(count: int) -> float:
    return 1.0 + float(np.log(count)) if count > 1 else 1.0


def _idf(held: int, texts: int) -> float:
    return float(np.log((1 + texts) / (1 + held))) + 1.0


@dataclass(frozen=True, slots=True)
class Head:
    """Kernel ridge classifier over the phrasings: one score an entry, near 1 for a clear member.

    Kernel: mean of the two cosines. alpha = (K + penalty I)^-1 Y, Y one-hot, zero rows for near misses. `without`
    holds the scores that each anchor phrasing would get had it not been learned, `without_entry` had its whole entry
    not been learned: both in closed form (leave-one-out identity of ridge regression, its block form for entries).
    """

    alpha: Floats
    without: Floats
    without_entry: Floats


PENALTY = 0.3


def build_head(kernel: Floats, owners: npt.NDArray[np.int64], entries: int) -> Head:
    """`kernel`: rows x rows. `owners`: entry of each row, -1 for none."""
    targets = np.zeros((len(owners), entries))
    targets[np.flatnonzero(owners >= 0), owners[owners >= 0]] = 1.0
    inverse = np.linalg.inv(kernel + PENALTY * np.eye(len(owners)))
    alpha = inverse @ targets
    without = targets - alpha / np.diag(inverse)[:, None]
    without_entry = without.copy()
    for entry in range(entries):
        block = np.flatnonzero(owners == entry)
        if len(block):
            without_entry[block] = targets[block] - np.linalg.solve(inverse[np.ix_(block, block)], alpha[block])
    return Head(alpha, without, without_entry)
