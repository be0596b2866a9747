"""The library as the matcher holds it: one row a phrasing, title or near miss, with everything computed once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil, log

import numpy as np
import numpy.typing as npt

from smi_bot.decision import PRECEDENCE
from smi_bot.library.model import PLACEHOLDER, Product, StandardResponse
from smi_bot.matching.index import Floats, Head, Vectors, build_head, grams, letters, terms
from smi_bot.matching.medicines import medicines
from smi_bot.matching.words import Lexicon, Reader, Word, Words, build_lexicon, library_reader, shortened

#: The head learns from all rows of a library of up to so many: its training takes the cube of their number.
MAX_ANCHORS = 3000
#: Of a larger library it learns from about so many, the first few of each entry.
SPREAD_ANCHORS = 1500
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

    `spans`: first and past-the-last row of each entry; `starts`: the first of each. `owners`: entry of each row. `stems`: all stems and
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
    starts: npt.NDArray[np.int64]
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
    read = library_reader()
    texts = _texts(entries, read)
    own = (product.name, product.generic, *product.names, *product.misspellings) if product else ()
    known = medicines(names, own)
    passages = [frozenset(word for section in entry.sections.values() for word in read(section)) for entry in entries]
    wordings = [text.words for text in texts if text.entry >= 0]
    lexicon = build_lexicon(wordings, [text.words for text in texts if text.entry < 0], passages, product, known)
    rows = _rows(texts, lexicon)
    owners = np.array([row.entry for row in rows], dtype=np.int64)
    chars, both = Vectors.of([row.words.plain for row in rows], grams), Vectors.of([terms(row.words) for row in rows])
    anchors = _anchors(owners)
    spans = _spans(owners, len(entries))
    stems = [meanings(rows[a:b]) for a, b in spans]
    held = Counter(stem for each in stems for stem in each)
    rare = log(1 + len(entries)) + 0.3
    weights = {s: (rare - log(n)) * (COMMON + (1 - COMMON) * lexicon.rarity(s)) for s, n in held.items()}
    named = cache(known.named)
    return Corpus(
        ids=tuple(entry.id for entry in entries),
        rows=rows,
        holders=_holders(rows),
        held=dict(held),
        loads=np.array([sum(weights.get(stem, rare) for stem in row.words.content) for row in rows]),
        owners=owners,
        spans=tuple(spans),
        starts=np.array([first for first, _ in spans], dtype=np.int64),
        stems=tuple(stems),
        fits=tuple(
            frozenset(word for word in _said(rows[a:b]) | each if named(word))
            for (a, b), each in zip(spans, passages, strict=True)
        ),
        weights=weights,
        rare=rare,
        chars=chars,
        terms=both,
        anchors=anchors,
        misses=np.flatnonzero([not row.is_phrasing for row in rows]),
        head=build_head((chars.among(anchors) + both.among(anchors)) / 2, owners[anchors], len(entries)),
        lexicon=lexicon,
        is_closed=product is not None,
    )


@dataclass(frozen=True, slots=True)
class _Text:
    words: list[str]
    entry: int
    is_phrasing: bool = True
    triaged: bool = False


def _texts(entries: Sequence[StandardResponse], read: Reader) -> list[_Text]:
    """Phrasings, titles and near misses as bare words, sorted by the entry they belong to; -1: to none.

    What is still to be written asks nothing: it keeps its row, without words.
    """
    places = {entry.id: i for i, entry in enumerate(entries)}
    own = ((text, i) for i, entry in enumerate(entries) for text in (*entry.phrasings, entry.title))
    texts = [_Text(shortened(read(text)) if PLACEHOLDER not in text else [], i) for text, i in own]
    near = sorted({(miss.text, miss.belongs) for entry in entries for miss in entry.near_misses})
    texts += [_Text(shortened(read(t)), places.get(to, -1), False, to in TRIAGED) for t, to in near]
    return sorted(texts, key=lambda text: text.entry)


def _rows(texts: Sequence[_Text], lexicon: Lexicon) -> tuple[Row, ...]:
    """Each word is looked up once, as a library repeats its words."""

    @cache
    def word(raw: str) -> Word:
        return lexicon.word(raw, repair=False)

    return tuple(
        Row(lexicon.together([word(raw) for raw in text.words]), text.entry, text.is_phrasing, text.triaged)
        for text in texts
    )


def _holders(rows: Sequence[Row]) -> dict[str, npt.NDArray[np.int64]]:
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for stem in row.words.content:
            places.setdefault(stem, []).append(place)
    return {stem: np.array(held, dtype=np.int64) for stem, held in places.items()}


def _spans(owners: npt.NDArray[np.int64], entries: int) -> list[tuple[int, int]]:
    places = np.searchsorted(owners, np.arange(entries + 1)).tolist()
    return list(pairwise(places))


def _anchors(owners: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """All rows; of a library with too many, the first few of each entry."""
    if len(owners) <= MAX_ANCHORS:
        return np.arange(len(owners))
    entries, counts = np.unique(owners, return_counts=True)
    each = ceil(SPREAD_ANCHORS / len(entries))
    rank = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.flatnonzero(rank < each)[: 2 * SPREAD_ANCHORS]


def _said(rows: Iterable[Row]) -> set[str]:
    return {word for row in rows if row.is_phrasing for word in row.words.plain}
