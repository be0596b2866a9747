"""Findings about questions of two topics that are too alike to be told apart."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from smi_bot.workbench.checks.asked import Asked, Questions
from smi_bot.workbench.checks.finding import Finding

#: Share of all their words of meaning that two questions have in common (Jaccard) from which on they are too alike.
ALIKE = 0.8
_NEGATED = "not"

Meaning = frozenset[str]


def confusables(questions: Questions) -> Iterator[Finding]:
    """Word for word the same: nobody could tell what was meant. Alike but for small words: people must judge."""
    told: set[tuple[str, str]] = set()
    for one, other, same in (*_same(questions), *_alike(questions)):
        files = (one.source.shown, other.source.shown)
        if questions.topic not in (None, one.entry.id, other.entry.id) or (not same and files in told):
            continue
        told.add(files)  # of two topics the first pair is enough to look at both
        how = "is word for word" if same else "is very much like"
        reason = f"'{one.text}' {how} {_where(other)}"
        mend = "keep it in one of them" if same else "say in both what makes the difference"
        yield one.source.finding(
            "confusable", "error" if same else "warning", one.line, reason, mend, other.source.shown
        )


def _where(other: Asked) -> str:
    kind = {"phrasings": "the phrasing", "title": "the title"}.get(str(other.place[0]), "the near miss")
    return f"{kind} '{other.text}' ({other.shown_at})"


def _same(questions: Questions) -> Iterator[tuple[Asked, Asked, bool]]:
    """Also near misses: they must not be phrasings of an entry to which they do not belong."""
    first: dict[tuple[str, ...], Asked] = {}
    for asked in questions.phrasings:
        other = first.setdefault(questions.words(asked).plain, asked)
        if other.owner != asked.owner and questions.words(asked).plain:
            yield asked, other, True
    for near in questions.near_misses:
        phrasing = first.get(questions.words(near).plain)
        if phrasing is not None and phrasing.owner != near.owner:
            yield near, phrasing, True


def _alike(questions: Questions) -> Iterator[tuple[Asked, Asked, bool]]:
    """All pairs of two topics whose likeness reaches ALIKE.

    Prefix filtering (Chaudhuri, Ganti and Kaushik 2006): with the rarest words first, two sets whose Jaccard likeness
    is at least t share a word among the first n - ceil(t n) + 1 of either, so that only such pairs need comparing.
    """
    sets = [_meaning(questions, asked) for asked in questions.phrasings]
    spread = Counter(word for words in sets for word in words)
    begun: defaultdict[str, list[int]] = defaultdict(list)
    for place, words in enumerate(sets):
        near = {other for word in _prefix(words, spread) for other in begun[word]}
        for other in sorted(near):
            if _likeness(words, sets[other]) >= ALIKE and _differ(questions, place, other):
                yield questions.phrasings[place], questions.phrasings[other], False
        for word in _prefix(words, spread):
            begun[word].append(place)


def _meaning(questions: Questions, asked: Asked) -> Meaning:
    words = questions.words(asked)
    return frozenset((*words.content, _NEGATED) if words.negated and words.content else words.content)


def _prefix(words: Meaning, spread: Mapping[str, int]) -> Sequence[str]:
    ordered = sorted(words, key=lambda word: (spread[word], word))
    return ordered[: len(ordered) - ceil(ALIKE * len(ordered)) + 1]


def _likeness(one: Meaning, other: Meaning) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _differ(questions: Questions, place: int, other: int) -> bool:
    """Of two topics that one person may ask about, and not the same words, which is told already."""
    one, two = questions.phrasings[place], questions.phrasings[other]
    if one.owner == two.owner or questions.words(one).plain == questions.words(two).plain:
        return False
    return bool(set(one.entry.audiences) & set(two.entry.audiences)) and bool(
        set(one.entry.regions) & set(two.entry.regions)
    )
