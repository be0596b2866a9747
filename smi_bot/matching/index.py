"""The library's phrasings as sparse vectors, and how alike a message is to each of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from smi_bot.matching.words import Words

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
#: Holders of a feature up to which all pairs of them are listed; those of the others are multiplied as a matrix.
FEW = 48


def grams(word: str) -> list[str]:
    """Character 3- to 5-grams of a word padded by a blank on both sides."""
    padded = f" {word} "
    return [padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1)]


def letters(words: Words) -> list[str]:
    return [gram for word in words.plain for gram in grams(word)]


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
    starts: Places
    rows: Places
    weights: Floats
    size: int

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], split: Callable[[str], Iterable[str]] = lambda part: (part,)) -> Self:
        """Of each text its parts, which `split` takes apart into features: once, however often a part comes."""
        features, feature, row = _occurrences(texts, split)
        size = len(texts)
        keys, counts = np.unique(feature * max(size, 1) + row, return_counts=True)
        feature, row = np.divmod(keys, max(size, 1))
        held = np.bincount(feature, minlength=len(features))
        idf = np.log((1 + size) / (1 + held)) + 1.0
        weights = (1.0 + np.log(counts)) * idf[feature]
        lengths = np.sqrt(np.bincount(row, weights**2, minlength=size))
        starts = np.concatenate([[0], np.cumsum(held)])
        return cls(features, idf, _idf(0, size), starts, row, weights / lengths[row], size)

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
        places = np.array([place for place, _ in known], dtype=np.int64)
        counts = self.starts[places + 1] - self.starts[places]
        at = ranges(self.starts[places], counts)
        weights = self.weights[at] * np.repeat([v for _, v in known], counts)
        return np.minimum(np.bincount(self.rows[at], weights, minlength=self.size) / length, 1.0)

    def among(self, rows: Places) -> Floats:
        """Cosine of each of these rows, in rising order, with each: rows x rows."""
        places = np.full(self.size, -1)
        places[rows] = np.arange(len(rows))
        feature = np.repeat(np.arange(len(self.features)), np.diff(self.starts))
        kept = places[self.rows] >= 0
        feature, row, weights = feature[kept], places[self.rows[kept]], self.weights[kept]
        held = np.bincount(feature, minlength=len(self.features))
        few = held[feature] <= FEW
        likes = _by_pairs(feature[few], row[few], weights[few], len(rows))
        columns = np.cumsum(held > FEW) - 1
        many = np.zeros((len(rows), int((held > FEW).sum())))
        many[row[~few], columns[feature[~few]]] = weights[~few]
        return np.minimum(likes + many @ many.T, 1.0)


def ranges(starts: Places, counts: Places) -> Places:
    """For each start as many places from there on as its count says, one after another."""
    ends = np.cumsum(counts)
    return np.asarray(np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - counts), counts))


def _occurrences(
    texts: Sequence[Sequence[str]], split: Callable[[str], Iterable[str]]
) -> tuple[dict[str, int], Places, Places]:
    """The place of each feature; and of each time that a text has one, which feature and which text."""
    features: dict[str, int] = {}
    parts = {part: i for i, part in enumerate(dict.fromkeys(part for text in texts for part in text))}
    each = [[features.setdefault(f, len(features)) for f in split(part)] for part in parts]
    counts = np.array([len(places) for places in each], dtype=np.int64)
    flat = np.array([place for places in each for place in places], dtype=np.int64)
    part = np.array([parts[part] for text in texts for part in text], dtype=np.int64)
    row = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    feature = flat[ranges((np.cumsum(counts) - counts)[part], counts[part])]
    return features, feature, np.repeat(row, counts[part])


def _by_pairs(feature: Places, row: Places, weights: Floats, size: int) -> Floats:
    """Sums of products over the features (in rising order) that two rows share: size x size."""
    held = np.bincount(feature)
    counts = held[feature]
    right = ranges((np.cumsum(held) - held)[feature], counts)
    left = np.repeat(np.arange(len(feature)), counts)
    products = weights[left] * weights[right]
    sums: Floats = np.bincount(row[left] * size + row[right], products, minlength=size * size).astype(np.float64)
    return sums.reshape(size, size)


def _tf(count: int) -> float:
    return 1.0 + float(np.log(count)) if count > 1 else 1.0


def _idf(held: int, texts: int) -> float:
    return float(np.log((1 + texts) / (1 + held))) + 1.0


@dataclass(frozen=True, slots=True)
class Head:
    """Kernel ridge classifier over the phrasings: one score an entry, near 1 for a clear member.

    Kernel: mean of the two cosines. alpha = (K + penalty I)^-1 Y, Y one-hot, zero rows for near misses. `owners`:
    entry of each row, -1 for none. `blocks`: of each entry, its part of the inverse.
    """

    alpha: Floats
    owners: Places
    diagonal: Floats
    blocks: dict[int, Floats]

    def without(self, row: int) -> Floats:
        """The scores that a row would get had it not been learned: the leave-one-out identity of ridge regression."""
        return np.asarray(self._target(row) - self.alpha[row] / self.diagonal[row])

    def without_entry(self, row: int) -> Floats:
        """The scores that it would get had its whole entry not been learned: the same for a block of rows."""
        block = np.flatnonzero(self.owners == self.owners[row])
        scores = np.linalg.solve(self.blocks[int(self.owners[row])], self.alpha[block])
        return np.asarray(self._target(row) - scores[np.searchsorted(block, row)])

    def _target(self, row: int) -> Floats:
        target = np.zeros(self.alpha.shape[1])
        if self.owners[row] >= 0:
            target[self.owners[row]] = 1.0
        return target


PENALTY = 0.3


def build_head(kernel: Floats, owners: Places, entries: int) -> Head:
    """`kernel`: rows x rows. `owners`: entry of each row in rising order, -1 for none."""
    inverse = np.linalg.inv(kernel + PENALTY * np.eye(len(owners)))
    alpha = np.zeros((len(owners), entries))
    blocks: dict[int, Floats] = {}
    for entry in np.unique(owners[owners >= 0]).tolist():
        a, b = np.searchsorted(owners, (entry, entry + 1))
        alpha[:, entry] = inverse[:, a:b].sum(axis=1)
        blocks[entry] = inverse[a:b, a:b].astype(np.float64)  # a copy: the whole need not stay
    return Head(alpha, owners, np.diag(inverse).copy(), blocks)
