"""Fits the fixed weights of the matcher on libraries drawn from public intent collections.

    python -m training.fit_gate NAME=FILE.tsv ... > smi_bot/matching/weights.json

Each FILE has the columns `text` and `intent` (`oos`: belongs to none). From each, libraries of random intents with a
few phrasings are drawn; the other messages of these intents are answerable, those of the other intents are not. The
ranking is a conditional logit over the candidates of answerable messages; the gates are logistic regressions on whether
the first candidate is right, and whether one of three is. No text goes into the weights.
"""

import csv
import hashlib
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from smi_bot.library.model import StandardResponse
from smi_bot.matching.corpus import Corpus, build_corpus
from smi_bot.matching.evidence import GATING, RANKING, Evidence, gather, similarities
from smi_bot.matching.gate import cut_off, gating, ranking
from smi_bot.matching.index import Floats
from smi_bot.matching.matcher import WRONG, WRONG_BEHIND_TRIAGE
from smi_bot.matching.words import Words
from smi_bot.text import read

LIBRARIES = 24
QUERIES = 500
#: Ask where one of the three is right this often at least; behind triage a needless question is rarer and costs less.
ASK, ASK_BEHIND_TRIAGE = 0.5, 0.4
DAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Case:
    """A message judged against a library. `right`: place of its entry, -1 where no entry answers it."""

    corpus: Corpus
    words: Words
    evidence: Evidence
    right: int


def main(arguments: list[str]) -> None:
    cases: list[Case] = []
    sources: dict[str, str] = {}
    for argument in arguments:
        name, _, path = argument.partition("=")
        sources[name] = "sha256 " + hashlib.sha256(Path(path).read_bytes()).hexdigest()
        cases += [case for seed in range(LIBRARIES) for case in draw(read_intents(path), seed)]
    print(json.dumps(fit(cases) | {"fitted_on": sources}, indent=1))


def read_intents(path: str) -> dict[str, list[str]]:
    intents: dict[str, list[str]] = {}
    with Path(path).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            intents.setdefault(row["intent"], []).append(row["text"])
    return intents


def draw(intents: dict[str, list[str]], seed: int) -> Iterator[Case]:
    """One library of 20 to 90 intents with 5 to 14 phrasings each, and the messages sent to it."""
    dice = random.Random(seed)
    able = sorted(intent for intent, texts in intents.items() if intent != "oos" and len(texts) >= 16)
    chosen = sorted(dice.sample(able, min(dice.choice([20, 35, 55, 90]), len(able) * 3 // 4)))
    phrasings = dice.randint(6, 14)
    shuffled = {intent: dice.sample(texts, len(texts)) for intent, texts in sorted(intents.items())}
    entries = [entry(f"{i:03}", shuffled[intent][:phrasings]) for i, intent in enumerate(chosen)]
    corpus = build_corpus(entries, None, ())
    asked = [(text, i) for i, intent in enumerate(chosen) for text in shuffled[intent][phrasings:]]
    foreign = [(text, -1) for intent in sorted(set(intents) - set(chosen)) for text in shuffled[intent]]
    messages = dice.sample(asked, min(QUERIES, len(asked))) + dice.sample(foreign, min(QUERIES // 2, len(foreign)))
    for text, right in messages:
        yield weigh(corpus, text, right)


def entry(name: str, phrasings: list[str]) -> StandardResponse:
    """An entry that is nothing but its phrasings; the first serves as its title."""
    return StandardResponse(
        id=name,
        version=1,
        product="none",
        title=phrasings[0],
        audiences=("patient",),
        regions=("US",),
        label_version="1",
        references=("none",),
        effective=DAY,
        review_due=DAY,
        expires=DAY,
        owner="none",
        last_author="none",
        phrasings=tuple(dict.fromkeys(phrasings)),
        sections={"patient": ""},
    )


def weigh(corpus: Corpus, text: str, right: int) -> Case:
    words = corpus.lexicon.words(read(text))
    everyone = np.ones(len(corpus.ids), dtype=np.bool_)
    return Case(corpus, words, gather(corpus, words, similarities(corpus, words), everyone), right)


def fit(cases: list[Case]) -> dict[str, object]:
    rank = fit_ranking([case for case in cases if case.right in case.evidence.entries])
    features, first, among = zip(*(outcome(case, rank) for case in cases), strict=True)
    x = np.array(features)
    sure, ask = fit_logistic(x, np.array(first)), fit_logistic(x, np.array(among))
    judged = list(zip(chances(x, sure).tolist(), first, strict=True))
    names = ("bias", *GATING)
    return {
        "rank": dict(zip(RANKING, rank.round(4).tolist(), strict=True)),
        "sure": dict(zip(names, sure.round(4).tolist(), strict=True)),
        "among": dict(zip(names, ask.round(4).tolist(), strict=True)),
        "alone": {"answer": round(cut_off(judged, WRONG), 4), "ask": ASK},
        "behind_triage": {"answer": round(cut_off(judged, WRONG_BEHIND_TRIAGE), 4), "ask": ASK_BEHIND_TRIAGE},
    }


def outcome(case: Case, rank: Floats) -> tuple[Floats, bool, bool]:
    ranked = ranking(case.corpus, rank, case.words, case.evidence)
    order = np.argsort(-ranked, kind="stable")
    features = gating(case.corpus, case.words, case.evidence, ranked, order)
    best = case.evidence.entries[order[:3]]
    return features, bool(best[0] == case.right), case.right in best


def fit_ranking(cases: list[Case], penalty: float = 1.0, steps: int = 30) -> Floats:
    """Conditional logit by Newton's method: the right candidate against the others of the same message."""
    weights = np.zeros(len(RANKING))
    for _ in range(steps):
        gradient, curvature = -penalty * weights, penalty * np.eye(len(weights))
        for case in cases:
            x = case.evidence.ranking
            z = x @ weights
            p = np.exp(z - z.max())
            p /= p.sum()
            mean = p @ x
            gradient += x[np.flatnonzero(case.evidence.entries == case.right)[0]] - mean
            curvature += (x * p[:, None]).T @ x - np.outer(mean, mean)
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def fit_logistic(x: Floats, y: np.ndarray, penalty: float = 1.0, steps: int = 50) -> Floats:
    """Ridge logistic regression by Newton's method on standardised columns; the first column is the constant."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    mean[0], spread[0] = 0.0, 1.0
    z = (x - mean) / spread
    ridge = penalty * np.eye(x.shape[1])
    ridge[0, 0] = 0.0
    weights = np.zeros(x.shape[1])
    for _ in range(steps):
        p = chances(z, weights)
        step: Floats = np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + ridge, z.T @ (y - p) - ridge @ weights)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    slopes: Floats = weights / spread
    slopes[0] = weights[0] - float((weights[1:] / spread[1:]) @ mean[1:])
    return slopes


def chances(x: Floats, weights: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x @ weights, -30.0, 30.0))))


if __name__ == "__main__":
    main(sys.argv[1:])
