"""The matcher's sums as one would write them by hand, row after row: slow, and easy to read."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Self

import numpy as np

from smi_bot.matching.index import Floats, Places, Vectors, _idf, _tf


class PlainVectors(Vectors):
    """What the ready library is compared with; the message's side is the same."""

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], split: Callable[[str], Iterable[str]] = lambda part: (part,)) -> Self:
        counts = [Counter(feature for part in text for feature in split(part)) for text in texts]
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
        rows = np.array([p[1] for p in postings], dtype=np.int64)
        weights = np.array([p[2] for p in postings], dtype=np.float64)
        return cls(features, idf, _idf(0, len(texts)), starts.astype(np.int64), rows, weights, len(texts))

    def among(self, rows: Places) -> Floats:
        likes = np.zeros((self.size, self.size))
        for start, end in pairwise(self.starts.tolist()):
            for row, weight in zip(self.rows[start:end], self.weights[start:end], strict=True):
                likes[row, self.rows[start:end]] += weight * self.weights[start:end]
        return np.minimum(likes[np.ix_(rows, rows)], 1.0)
