"""Building a matcher from a library, and matching a message against it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, get_args

import numpy as np
import numpy.typing as npt

from smi_bot.decision import Candidate, Match, Verdict
from smi_bot.inquiry import Audience
from smi_bot.library.model import Product, StandardResponse
from smi_bot.matching.corpus import Corpus, build_corpus, meanings
from smi_bot.matching.evidence import Similarities, similarities
from smi_bot.matching.gate import Cuts, Judgement, Weights, cut_off, judge, load_weights
from smi_bot.matching.words import MAX_WORDS, Words
from smi_bot.text import Reading, read

#: Share of wrong answers that a library's own cut-off tolerates among its calibration messages: 1 % where every message
#: comes to the matcher; behind triage, which lets about half of all messages pass, the same 1 % of all are 2 %.
WRONG, WRONG_BEHIND_TRIAGE = 0.01, 0.02
#: Calibration messages of each kind, spread evenly: building must stay a matter of a second.
CALIBRATION = 120
#: A library full of look-alikes may raise the cut-off up to here, not to never answering.
HIGHEST_CUT = 0.97

T = TypeVar("T")
Mask = npt.NDArray[np.bool_]
Whom = tuple[Audience, str | None]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A library ready to be matched. `allowed`: who may get which entries. `cuts`: calibrated on it."""

    corpus: Corpus
    weights: Weights
    allowed: dict[Whom, Mask]
    cuts: Cuts


def build_matcher(
    entries: Sequence[StandardResponse],
    product: Product | None,
    background: Sequence[str] = (),
    medicines: Sequence[str] = (),
    cuts: Cuts | None = None,
) -> Matcher:
    """`product` is None for a library about anything. `background`: messages that no entry answers.

    `medicines`: names of medicines; those that follow the INN stems are recognised without. `cuts`: those of a matcher
    that was built from the same before, so that they need not be calibrated again.
    """
    ordered = sorted(entries, key=lambda entry: (entry.id, entry.version))
    corpus = build_corpus(ordered, product, medicines)
    weights = load_weights()
    return Matcher(
        corpus, weights, _allowed(ordered, product), cuts or _calibrated(corpus, weights, product, background)
    )


def _calibrated(corpus: Corpus, weights: Weights, product: Product | None, background: Sequence[str]) -> Cuts:
    """The fixed cuts, or a higher one to answer where the library's own texts ask for it."""
    fixed, tolerated = (weights.behind_triage, WRONG_BEHIND_TRIAGE) if product else (weights.alone, WRONG)
    own = cut_off(_trial(corpus, weights, background), tolerated) if corpus.ids else 1.0
    return replace(fixed, answer=max(fixed.answer, min(own, HIGHEST_CUT)))


def is_meant_for(entry: StandardResponse, audience: Audience, region: str | None, regions: frozenset[str]) -> bool:
    """May this requester get the entry? With the region unknown only if it holds, in the same words, in all `regions`."""
    if region is None and not regions <= set(entry.regions):
        return False
    return entry.text(audience, region) is not None


def match(reading: Reading, matcher: Matcher, audience: Audience, region: str | None) -> Match:
    """Pure. Whoever may not get an entry never sees it among the candidates, however alike it is."""
    allowed = matcher.allowed.get((audience, region))
    if allowed is None or not allowed.any():
        return Match()
    words = matcher.corpus.lexicon.words(reading)
    if not words.plain:
        return Match()
    found = judge(matcher.corpus, matcher.weights, words, similarities(matcher.corpus, words), allowed)
    ids = matcher.corpus.ids
    candidates = tuple(Candidate(ids[e], score) for e, score in zip(found.entries, found.scores, strict=True))
    return Match("nothing" if len(reading.tokens) > MAX_WORDS else _verdict(found, matcher), candidates)


def _verdict(found: Judgement, matcher: Matcher) -> Verdict:
    if found.ceiling == "sure" and found.scores[0] >= matcher.cuts.answer:
        return "sure"
    return "close" if found.ceiling != "nothing" and found.among >= matcher.cuts.ask else "nothing"


def _allowed(entries: Sequence[StandardResponse], product: Product | None) -> dict[Whom, Mask]:
    regions = frozenset(product.regions if product else (r for entry in entries for r in entry.regions))
    served: set[str | None] = {None, *regions, *(r for entry in entries for r in entry.regions)}
    return {
        (audience, region): np.array([is_meant_for(e, audience, region, regions) for e in entries], dtype=np.bool_)
        for audience in get_args(Audience)
        for region in served
    }


def _trial(corpus: Corpus, weights: Weights, background: Sequence[str]) -> list[tuple[float, bool]]:
    """The library's own texts, each judged as if it were new: (score of the first candidate, is it right)."""
    own = [int(row) for row in corpus.anchors if corpus.rows[row].is_phrasing]
    missed = [int(row) for row in corpus.anchors if not corpus.rows[row].is_phrasing and not corpus.rows[row].triaged]
    judged = [pair for row in _spread(own, CALIBRATION) for pair in _judge_own(corpus, weights, row)]
    judged += [_judge_new(corpus, weights, row) for row in _spread(missed, CALIBRATION)]
    return judged + [_judge_stranger(corpus, weights, text) for text in _spread(background, CALIBRATION)]


def _spread(items: Sequence[T], most: int) -> list[T]:
    if len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]


def _judge_own(corpus: Corpus, weights: Weights, row: int) -> list[tuple[float, bool]]:
    """A phrasing left out alone, and with its whole entry left out: then nothing is right."""
    rest, words, like = as_new(corpus, row)
    entry, score = _best(judge(rest, weights, words, like, _everyone(corpus)))
    pairs = [(score, entry == corpus.owners[row])]
    if len(corpus.ids) > 1:
        others = _everyone(corpus)
        others[corpus.owners[row]] = False
        head = corpus.head.without_entry(int(np.searchsorted(corpus.anchors, row)))
        pairs.append((_best(judge(rest, weights, words, replace(like, head=head), others))[1], False))
    return pairs


def _judge_new(corpus: Corpus, weights: Weights, row: int) -> tuple[float, bool]:
    rest, words, like = as_new(corpus, row)
    entry, score = _best(judge(rest, weights, words, like, _everyone(corpus)))
    return score, entry == corpus.owners[row]


def _judge_stranger(corpus: Corpus, weights: Weights, text: str) -> tuple[float, bool]:
    words = corpus.lexicon.words(read(text))
    return _best(judge(corpus, weights, words, similarities(corpus, words), _everyone(corpus)))[1], False


def _best(found: Judgement) -> tuple[int, float]:
    return (found.entries[0], found.scores[0]) if found.entries else (-2, 0.0)


def _everyone(corpus: Corpus) -> Mask:
    return np.ones(len(corpus.ids), dtype=np.bool_)


def as_new(corpus: Corpus, row: int) -> tuple[Corpus, Words, Similarities]:
    """The library as if it had never held this row (an anchor), and the row as a message to it."""
    entry, place = int(corpus.owners[row]), int(np.searchsorted(corpus.anchors, row))
    words = corpus.rows[row].words
    chars, terms = corpus.likeness(words)
    chars[row] = terms[row] = 0.0
    like = Similarities(chars, terms, corpus.head.without(place))
    if entry < 0:
        return corpus, words, like
    a, b = corpus.spans[entry]
    left = meanings(corpus.rows[other] for other in range(a, b) if other != row)
    rest = replace(corpus, stems=(*corpus.stems[:entry], left, *corpus.stems[entry + 1 :]))
    strange = frozenset(
        stem for stem in words.content if stem in words.strange or (stem not in left and corpus.held[stem] == 1)
    )
    return rest, replace(words, strange=strange), like
