"""The library as the matcher holds it: one row a phrasing, title or near miss, with everything computed once."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log

import numpy as np
import numpy.typing as npt

from smi_bot.decision import PRECEDENCE
from smi_bot.library.model import Product, StandardResponse
from smi_bot.matching.index import Floats, Head, Vectors, build_head, letters, terms
from smi_bot.matching.medicines import Medicines, medicines
from smi_bot.matching.words import Lexicon, Words, build_lexicon
from smi_bot.text import Reading, read

Parts = Callable[[Words], list[str]]
#: Rows the head learns from: its training takes the cube of their number.
MAX_ANCHORS = 1500
#: Labels of near misses that never reach a matcher behind triage.
TRIAGED = frozenset(PRECEDENCE) - {"unapproved"}
#: What the commonest everyday word weighs, as a share of a word that everyday talk does not know.
COMMON = 0.3


@dataclass(frozen=True, slots=True)
class Row:
    """A text of the library. `entry`: whose wording it is, -1 for nobody's. `is_phrasing`: not a near miss.

    `triaged`: belongs to a label that triage gives before matching begins.
    """

    words: Words
    entry: int
    is_phrasing: bool
    triaged: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """Rows are sorted by entry, nobody's first.

    `spans`: first and past-the-last row of each entry. `owners`: entry of each row. `stems`: all stems and
    concepts of an entry's rows. `fits`: medicines that an entry names anywhere, its answer included. `weights`: idf of content stems over the
    *entries*; `rare`: that of a stem no entry has. `holders`: rows that hold
    a content stem. `held`: number of entries that hold a stem. `loads`: weight of each row's content stems. `anchors`: rows the head was trained on. `misses`: rows that are near misses.
    `is_closed`: about one medicine, so that a word nobody knows is held to be the name of another.
    """

    ids: tuple[str, ...]
    rows: tuple[Row, ...]
    holders: dict[str, npt.NDArray[np.int64]]
    held: dict[str, int]
    loads: Floats
    owners: npt.NDArray[np.int64]
    spans: tuple[tuple[int, int], ...]
    stems: tuple[frozenset[str], ...]
    fits: tuple[frozenset[str], ...]
    weights: dict[str, float]
    rare: float
    chars: Vectors
    terms: Vectors
    anchors: npt.NDArray[np.int64]
    misses: npt.NDArray[np.int64]
    head: Head
    lexicon: Lexicon
    is_closed: bool

    def likeness(self, words: Words) -> tuple[Floats, Floats]:
        """Cosine with each row over letters, and over stems."""
        return self.chars.likeness(letters(words)), self.terms.likeness(terms(words))

    def weight(self, stem: str) -> float:
        """Weight of a content stem: rare in the library and rare in everyday talk weighs most."""
        known = self.weights.get(stem)
        return self.rare * (COMMON + (1 - COMMON) * self.lexicon.rarity(stem)) if known is None else known

    def common(self, content: Sequence[str]) -> Floats:
        """Weight of the content stems that each row shares with the message."""
        shared = np.zeros(len(self.rows))
        for stem in content:
            if stem in self.holders:
                shared[self.holders[stem]] += self.weight(stem)
        return shared


def meanings(rows: Iterable[Row]) -> frozenset[str]:
    """All stems and concepts of the rows."""
    return frozenset(s for row in rows for s in (*row.words.stems, *row.words.concepts.values()))


def build_corpus(entries: Sequence[StandardResponse], product: Product | None, names: Sequence[str]) -> Corpus:
    """`entries`: sorted by id, so that their order in the input does not matter. `names`: known medicines."""
    texts = _texts(entries)
    own = (product.name, product.generic, *product.names, *product.misspellings) if product else ()
    known = medicines(names, own)
    passages = [[read(section) for section in entry.sections.values()] for entry in entries]
    wordings = [text.reading for text in texts if text.entry >= 0]
    foreign = [text.reading for text in texts if text.entry < 0]
    lexicon = build_lexicon(wordings, foreign, [p for each in passages for p in each], product, known)
    rows = tuple(Row(lexicon.words(t.reading, repair=False), t.entry, t.is_phrasing, t.triaged) for t in texts)
    owners = np.array([row.entry for row in rows], dtype=np.int64)
    chars, both = Vectors.of([letters(r.words) for r in rows]), Vectors.of([terms(r.words) for r in rows])
    anchors = _anchors(owners)
    kernel = (_likes(rows, anchors, chars, letters) + _likes(rows, anchors, both, terms)) / 2
    spans = [_span(owners, i) for i in range(len(entries))]
    stems = [meanings(rows[a:b]) for a, b in spans]
    held = Counter(stem for each in stems for stem in each)
    rare = log(1 + len(entries)) + 0.3
    weights = {s: (rare - log(n)) * (COMMON + (1 - COMMON) * lexicon.rarity(s)) for s, n in held.items()}
    return Corpus(
        ids=tuple(entry.id for entry in entries),
        rows=rows,
        holders=_holders(rows),
        held=dict(held),
        loads=np.array([sum(weights.get(stem, rare) for stem in row.words.content) for row in rows]),
        owners=owners,
        spans=tuple(spans),
        stems=tuple(stems),
        fits=tuple(_named_in(rows[a:b], each, known) for (a, b), each in zip(spans, passages, strict=True)),
        weights=weights,
        rare=rare,
        chars=chars,
        terms=both,
        anchors=anchors,
        misses=np.flatnonzero([not row.is_phrasing for row in rows]),
        head=build_head(kernel, owners[anchors], len(entries)),
        lexicon=lexicon,
        is_closed=product is not None,
    )


@dataclass(frozen=True, slots=True)
class _Text:
    reading: Reading
    entry: int
    is_phrasing: bool = True
    triaged: bool = False


def _texts(entries: Sequence[StandardResponse]) -> list[_Text]:
    """Phrasings, titles and near misses, sorted by the entry they belong to; -1: to none."""
    places = {entry.id: i for i, entry in enumerate(entries)}
    texts = [_Text(read(text), i) for i, entry in enumerate(entries) for text in (*entry.phrasings, entry.title)]
    near = {(miss.text, miss.belongs) for entry in entries for miss in entry.near_misses}
    texts += [_Text(read(t), places.get(belongs, -1), False, belongs in TRIAGED) for t, belongs in sorted(near)]
    return sorted(texts, key=lambda text: text.entry)


def _holders(rows: Sequence[Row]) -> dict[str, npt.NDArray[np.int64]]:
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for stem in row.words.content:
            places.setdefault(stem, []).append(place)
    return {stem: np.array(held, dtype=np.int64) for stem, held in places.items()}


def _span(owners: npt.NDArray[np.int64], entry: int) -> tuple[int, int]:
    return int(np.searchsorted(owners, entry)), int(np.searchsorted(owners, entry, side="right"))


def _anchors(owners: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """All rows; of a library with too many, the first few of each entry."""
    if len(owners) <= MAX_ANCHORS:
        return np.arange(len(owners))
    each = ceil(MAX_ANCHORS / len(set(owners.tolist())))
    first = [np.flatnonzero(owners == entry)[:each] for entry in sorted(set(owners.tolist()))]
    return np.concatenate(first)[: 2 * MAX_ANCHORS]


def _likes(rows: Sequence[Row], anchors: npt.NDArray[np.int64], vectors: Vectors, parts: Parts) -> Floats:
    """Likeness of each anchor to each: anchors x anchors."""
    likes = [vectors.likeness(parts(rows[row].words))[anchors] for row in anchors]
    return np.array(likes).reshape(len(anchors), len(anchors))


def _named_in(rows: Iterable[Row], passages: Iterable[Reading], known: Medicines) -> frozenset[str]:
    """Medicines that an entry's wordings or answers name."""
    words = {word for row in rows if row.is_phrasing for word in row.words.plain}
    words |= {token.word for passage in passages for token in passage.tokens}
    return frozenset(word for word in words if known.named(word))
