"""From evidence to a confidence: a fixed ranking, then two logistic gates (is the first right? is one of three?)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from smi_bot.decision import Verdict
from smi_bot.matching.corpus import Corpus
from smi_bot.matching.evidence import GATING, RANKING, Evidence, Similarities, gather
from smi_bot.matching.index import Floats
from smi_bot.matching.words import PRODUCT, Words

#: Added to the ranking of an entry one of whose phrasings is the message, word for word.
EXACT = 1000.0
#: What is left of the doubt when the message is, word for word, a phrasing of one entry and of no other.
DOUBT = 0.01
#: The margin saturates: beyond it a lead says nothing more.
MOST_MARGIN = 5.0
#: What is left of the confidence where a hard rule forbids to be sure.
FORBIDDEN = 0.3


@dataclass(frozen=True, slots=True)
class Cuts:
    """`answer`: least confidence to answer. `ask`: least probability that one of three is right, to ask."""

    answer: float
    ask: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Fixed weights, fitted by training/fit_gate.py. `rank`: over RANKING. `sure`, `among`: over (1, *GATING).

    `alone`: cut-offs where every message comes to the matcher; `behind_triage`: where what needs a person does not.
    """

    rank: Floats
    sure: Floats
    among: Floats
    alone: Cuts
    behind_triage: Cuts


@dataclass(frozen=True, slots=True)
class Judgement:
    """Candidates best first, with `scores` that fall; `among`: probability that one of the first three is right.

    `ceiling`: the most that hard rules permit.
    """

    entries: tuple[int, ...]
    scores: tuple[float, ...]
    among: float
    ceiling: Verdict


NOTHING = Judgement((), (), 0.0, "nothing")


def load_weights() -> Weights:
    held = json.loads(files("smi_bot.matching").joinpath("weights.json").read_text(encoding="utf-8"))
    return Weights(
        rank=np.array([held["rank"][name] for name in RANKING]),
        sure=np.array([held["sure"][name] for name in ("bias", *GATING)]),
        among=np.array([held["among"][name] for name in ("bias", *GATING)]),
        alone=Cuts(**held["alone"]),
        behind_triage=Cuts(**held["behind_triage"]),
    )


def judge(
    corpus: Corpus, weights: Weights, words: Words, like: Similarities, allowed: npt.NDArray[np.bool_]
) -> Judgement:
    """Confidence in the first is the gate's; in the others it falls with their share of the ranking."""
    if not words.plain or not allowed.any():
        return NOTHING
    evidence = gather(corpus, words, like, allowed)
    ranked = ranking(corpus, weights.rank, words, evidence)
    order = np.argsort(-ranked, kind="stable")
    features = gating(corpus, words, evidence, ranked, order)
    top = int(evidence.entries[order[0]])
    is_exact = ranked[order[0]] - max(ranked[order[1:]], default=0.0) > EXACT / 2
    most = "nothing" if is_void(words) and not is_exact else ceiling(corpus, words, like, top)
    first = _logistic(float(features @ weights.sure))
    first = (1.0 - DOUBT * (1.0 - first) if is_exact else first) * (1.0 if most == "sure" else FORBIDDEN)
    shares = np.exp(np.maximum(ranked[order[:3]] - ranked[order[0]], -MOST_MARGIN * 2))
    return Judgement(
        entries=tuple(int(evidence.entries[place]) for place in order[:3]),
        scores=tuple(float(first * share) for share in shares),
        among=_logistic(float(features @ weights.among)),
        ceiling=most,
    )


def ranking(corpus: Corpus, rank: Floats, words: Words, evidence: Evidence) -> Floats:
    """Log-odds of each candidate against the others; a conditional logit over RANKING."""
    exact = [words.plain == corpus.rows[row].words.plain for row in evidence.best]
    return evidence.ranking @ rank + EXACT * np.array(exact, dtype=np.float64)


def gating(corpus: Corpus, words: Words, evidence: Evidence, ranked: Floats, order: npt.NDArray[np.int64]) -> Floats:
    """The features of the first candidate, (1, *GATING): its own, and how it stands to the others."""
    first = order[0]
    own = evidence.ranking[first]
    others = np.delete(evidence.ranking, first, axis=0)
    shares = np.exp(ranked - ranked.max())
    margin = float(ranked[first] - ranked[order[1]]) if len(order) > 1 else MOST_MARGIN
    best = corpus.rows[evidence.best[first]].words
    total = sum(corpus.weight(stem) for stem in words.content)
    known = sum(corpus.weight(stem) for stem in words.content if stem not in words.strange)
    entry = int(evidence.entries[first])
    return np.array(
        [
            1.0,
            *own,
            max(-float(np.log(shares.sum())), -MOST_MARGIN),
            min(margin, MOST_MARGIN),
            float(own[0] - others[:, 0].max()) if len(others) else 1.0,
            known / total if total else 0.0,
            max((corpus.lexicon.rarity(stem) for stem in words.strange), default=0.0),
            float((own >= evidence.ranking.max(axis=0)).mean()),
            float(np.log1p(len(words.content))),
            float(words.negated != best.negated),
            float(any(number not in corpus.stems[entry] for number in words.numbers)),
        ]
    )


def is_void(words: Words) -> bool:
    """Small words alone ask nothing, unless they are about our product: "how do I take zelvanta"."""
    return not words.content and (PRODUCT not in words.plain or len(words.plain) < 3)


def ceiling(corpus: Corpus, words: Words, like: Similarities, entry: int) -> Verdict:
    """The most that hard rules permit, however high the confidence in `entry`.

    A medicine that the entry does not name, or a question closest to a near miss that no entry answers: nothing.
    A name that nobody knows (often a typo), or closest to a near miss that another entry answers: to ask.
    """
    if words.medicines - corpus.fits[entry]:
        return "nothing"
    misses = corpus.misses[corpus.owners[corpus.misses] != entry]
    nearest = misses[like.both[misses].argmax()] if len(misses) else None
    a, b = corpus.spans[entry]
    if nearest is not None and 0.0 < like.both[nearest] >= like.both[a:b].max():
        return "nothing" if corpus.owners[nearest] < 0 else "close"
    return "close" if corpus.is_closed and words.unknown else "sure"


def _logistic(z: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(z, -30.0, 30.0))))


def cut_off(judged: Sequence[tuple[float, bool]], wrong: float) -> float:
    """The least score from which on at most `wrong` of all judged messages are answered wrongly. (score, is right)."""
    allowance, cut = wrong * len(judged), 1.0
    mistakes = 0
    for score, right in sorted(judged, key=lambda each: (-each[0], each[1])):
        mistakes += not right
        if mistakes > allowance:
            return cut
        cut = score
    return 0.0
