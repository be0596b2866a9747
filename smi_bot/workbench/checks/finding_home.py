"""Findings about where the library's own matcher sends questions: phrasings to a wrong answer, near misses to any."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA

from smi_bot.decision import PRECEDENCE
from smi_bot.matching import match
from smi_bot.matching.corpus import TRIAGED, Corpus
from smi_bot.matching.evidence import Similarities, similarities
from smi_bot.matching.gate import Judgement, judge
from smi_bot.matching.matcher import as_new
from smi_bot.matching.words import Words
from smi_bot.text import read
from smi_bot.triage import triage
from smi_bot.workbench.checks.asked import Asked, Questions
from smi_bot.workbench.checks.finding import Finding

#: Questions of each kind that are tried; of more, so many are taken, spread evenly over the library.
MOST_PHRASINGS, MOST_NEAR_MISSES = 1000, 700

T = TypeVar("T")
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sample:
    """Which questions are tried as if the library did not hold them, and what to say of it."""

    phrasings: Sequence[Asked]
    near_misses: Sequence[Asked]
    notes: tuple[str, ...]


def sample(questions: Questions) -> Sample:
    """Of a library with very many questions the matcher learns a part, and can leave out only what it has learned.

    What belongs to no entry was learned by nobody, and can always be left out.
    """
    kinds = ((questions.phrasings, MOST_PHRASINGS), (questions.near_misses, MOST_NEAR_MISSES))
    taken, notes = [], []
    for (all_of_them, most), name in zip(kinds, ("phrasings", "near misses"), strict=True):
        asked = [each for each in all_of_them if questions.topic in (None, each.entry.id)]
        some = _spread([each for each in asked if each.owner < 0 or each.row in questions.learned], most)
        taken.append(some)
        if len(some) < len(asked):
            notes.append(f"{len(some):,} of {len(asked):,} {name}, spread evenly, were tried on the matcher")
    return Sample(taken[0], taken[1], tuple(notes))


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    return items if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


def strays(questions: Questions, asked: Sequence[Asked]) -> Iterator[Finding]:
    """Phrasings whose question, had nobody written it down, would surely be answered with another entry.

    That is what happens to the next person who asks it in a slightly different way.
    """
    for each in asked:
        if (other := _answer(questions, each)) is not None and other != each.owner:
            reason = f"'{each.text}', asked in other words, would be answered with '{_name(questions, other)}'"
            mend = "add phrasings of its kind here, or make it a near miss there"
            yield each.source.finding("confusable", "warning", each.line, reason, mend, _file(questions, other))


def near_misses(questions: Questions, asked: Sequence[Asked]) -> Iterator[Finding]:
    """Those among `asked` that are answered although they must not be, and all that say wrongly where they belong."""
    for each in questions.near_misses:
        if questions.topic in (None, each.entry.id):
            yield from _misplaced(questions, each)
    for each in asked:
        if not _is_for_a_person(questions, each):
            yield from _answered(questions, each)


def _answered(questions: Questions, near: Asked) -> Iterator[Finding]:
    """What is not answered in other words is not answered in these either, in which the matcher knows it."""
    other = _answer(questions, near)
    if other is None or other == near.owner:
        return
    mend = "write down more near misses of its kind"
    if (literally := _literal_answer(questions, near)) not in (None, near.belongs):
        reason = f"the near miss '{near.text}' is answered with '{literally}'"
        yield near.source.finding("near-miss", "error", near.line, reason, mend)
    else:
        name = _name(questions, other)
        reason = f"the near miss '{near.text}', asked in other words, would be answered with '{name}'"
        yield near.source.finding("near-miss", "warning", near.line, reason, mend, _file(questions, other))


def _misplaced(questions: Questions, near: Asked) -> Iterator[Finding]:
    """Where a near miss belongs to its own entry, or to what is nearly a name we know."""
    if near.belongs == near.entry.id:
        reason, mend = "belongs to this very entry", "make it a phrasing, or say where else it belongs"
        yield near.source.finding("near-miss", "error", near.line, f"the near miss '{near.text}' {reason}", mend)
    known = (*questions.subject.library.entries, *PRECEDENCE)
    if near.belongs in known:
        return
    close = min(known, key=lambda name: OSA.distance(near.belongs, name))
    if OSA.distance(near.belongs, close) <= 2:
        reason = f"'{near.belongs}' is no entry and no label"
        yield near.source.finding("near-miss", "warning", near.line, reason, f"write '{close}', if that is meant")


def _is_for_a_person(questions: Questions, near: Asked) -> bool:
    """What triage hands over never reaches the matcher. Without triage its labels are believed."""
    if questions.rules is None:
        return near.belongs in TRIAGED
    found = triage(read(near.text), questions.rules)
    return bool(found.signals or found.doubts)


def _literal_answer(questions: Questions, asked: Asked) -> str | None:
    """The entry that these very words get from anybody who may ask them."""
    for audience in asked.entry.audiences:
        for region in asked.entry.regions:
            found = match(read(asked.text), questions.matcher, audience, region)
            if found.verdict == "sure":
                return found.candidates[0].entry
    return None


def _answer(questions: Questions, asked: Asked) -> int | None:
    """The place of the entry that would surely be sent, had the library never held this question."""
    matcher = questions.matcher
    rest, words, like = _left_out(questions, asked)
    for mask in _masks(questions, asked):
        found = judge(rest, matcher.weights, words, like, mask)
        if _is_sure(found, matcher.cuts.answer):
            return found.entries[0]
    return None


def _left_out(questions: Questions, asked: Asked) -> tuple[Corpus, Words, Similarities]:
    """The library as if it had never held this question, and the question as a message to it."""
    corpus = questions.matcher.corpus
    if asked.row in questions.learned:
        return as_new(corpus, asked.row)
    words = questions.words(asked)
    like = similarities(corpus, words)
    like.chars[asked.row] = like.terms[asked.row] = 0.0
    return corpus, words, like


def _masks(questions: Questions, asked: Asked) -> Iterator[Mask]:
    """Which entries they may get who may get this one; each set of entries once."""
    seen: set[bytes] = set()
    for audience in asked.entry.audiences:
        for region in asked.entry.regions:
            mask = questions.matcher.allowed[audience, region]
            if mask.tobytes() not in seen:
                seen.add(mask.tobytes())
                yield mask


def _is_sure(found: Judgement, cut: float) -> bool:
    return bool(found.entries) and found.ceiling == "sure" and found.scores[0] >= cut


def _name(questions: Questions, place: int) -> str:
    return questions.matcher.corpus.ids[place]


def _file(questions: Questions, place: int) -> str:
    entry = questions.subject.library.entries[_name(questions, place)]
    return questions.subject.source(entry).shown
