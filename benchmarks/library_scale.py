"""A library as large as one may become: how long it takes to be read, made ready, checked and asked."""

import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from benchmarks.figures import Figure, at
from smi_bot.library import read_library
from smi_bot.matching import Matcher, build_matcher, match
from smi_bot.text import read
from smi_bot.workbench.checks.checking import check

#: Messages that the ready library is asked.
ASKED = 400
#: Words made of syllables: no language's, but as long and as often repeated as words are.
_BEGINNINGS = ("ba", "cor", "dil", "fen", "gra", "hol", "jum", "kra", "lor", "mip", "nas", "plo", "quil", "ros", "stu")
_MIDDLES = ("", "ba", "de", "fi", "lo", "mu", "ne", "ra", "si", "to", "vu")
_ENDINGS = ("b", "ck", "d", "l", "m", "n", "p", "r", "st", "t", "x", "z")
_FRAMES = (
    "can I {} with {}",
    "what about {} and the {} please",
    "how does {} change my {}",
    "is {} allowed during {}",
    "{} {}",
    "my doctor said something about {} after {}, is that right?",
    "how long until {} shows in the {}",
    "where do I find the {} for {}",
    "does anybody know if {} is a problem for {}",
    "we are going away in June and I wonder how {} goes together with {}",
)


def measure(today: date, entries: int, phrasings: int = 8) -> Iterator[Figure]:
    """Seconds of the clock and, as other work on the machine does not lengthen it, of the processor."""
    name = f"library of {entries} x {phrasings}:"
    with tempfile.TemporaryDirectory() as folder:
        write_library(Path(folder), entries, phrasings)
        watch = _Watch()
        library = read_library(Path(folder), drafts=True)
        yield from watch.figures(f"{name} read")
        matcher = build_matcher(list(library.entries.values()), library.product)
        yield from watch.figures(f"{name} build")
        yield Figure(f"{name} most memory so far", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")
        asked = [entry.phrasings[number % phrasings] for number, entry in enumerate(library.entries.values())]
        seconds = decided(matcher, asked[:: max(1, entries // ASKED)])
        for percent in (50, 99):
            yield Figure(f"{name} decide p{percent}", at(percent / 100, seconds) * 1000, "ms")
        watch = _Watch()
        found = check(Path(folder), None, today)
        yield from watch.figures(f"{name} check")
        yield Figure(f"{name} findings", len(found.findings), "")


class _Watch:
    """Time since the last figure."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def figures(self, name: str) -> Iterator[Figure]:
        now = time.perf_counter(), time.process_time()
        yield Figure(name, now[0] - self._began[0], "s")
        yield Figure(f"{name}, processor", now[1] - self._began[1], "s")
        self._began = time.perf_counter(), time.process_time()


def decided(matcher: Matcher, questions: Sequence[str]) -> list[float]:
    """Seconds that each match took."""
    seconds = []
    for question in questions:
        began = time.perf_counter()
        match(read(f"{question} today"), matcher, "patient", "US")
        seconds.append(time.perf_counter() - began)
    return seconds


def vocabulary() -> list[str]:
    return [a + b + c + d for a in _BEGINNINGS for b in _MIDDLES for c in _MIDDLES[1:] for d in _ENDINGS]


def entry(dice: random.Random, words: Sequence[str], number: int, phrasings: int) -> str:
    """The file of one entry: a handful of words of its own, beside those that many entries share."""
    own = dice.sample(words, 6)
    asked: dict[str, None] = {}
    while len(asked) < phrasings + 1:
        subject = " ".join((dice.choice(own), dice.choice(words[:300])))
        asked[dice.choice(_FRAMES).format(subject, dice.choice(own)).strip()] = None
    title, *others = asked
    return _FILE.format(
        id=_id(number),
        title=f'"{title}"',
        phrasings="\n".join(f'  - "{phrasing}"' for phrasing in others),
        patient=prose(dice, words, own),
        safety=prose(dice, words, own),
    )


def prose(dice: random.Random, words: Sequence[str], own: Sequence[str]) -> str:
    """Six sentences of a dozen words."""
    said = (" ".join(dice.choices([*own, *words[:300]], k=12)).capitalize() + "." for _ in range(6))
    return " ".join(said)


def write_library(folder: Path, entries: int, phrasings: int, seed: int = 1) -> None:
    """Drafts in `folder`/large, and their product; equal arguments give equal files."""
    dice, words = random.Random(seed), vocabulary()
    dice.shuffle(words)
    (folder / "large").mkdir(parents=True, exist_ok=True)
    (folder / "large" / "product.yaml").write_text(_PRODUCT, encoding="utf-8")
    for number in range(entries):
        path = folder / "large" / f"{_id(number)}.md"
        path.write_text(entry(dice, words, number, phrasings), encoding="utf-8")


def _id(number: int) -> str:
    return f"entry-{number:05}"


_FILE = """\
---
id: {id}
version: 1
product: large
title: {title}
audiences: [patient]
regions: [US, EU]
label_version: "1.0"
effective: 2026-01-01
review_due: 2027-01-01
expires: 2028-01-01
owner: Nobody
last_author: Nobody
references:
  - Sheet 1
phrasings:
{phrasings}
---
# patient
**{patient}**

{patient}

# safety
{safety}
"""
_CONTACT = "{medical_information: '1', emergency_number: '2', poison_centre: '3', email: a@b, safety_email: c@d}"
_PRODUCT = f"""\
id: large
version: 1
name: Nosuchol
generic: nosuchine
company: Nobody
fictional: true
label_version: "1.0"
indication: Nosuchol is approved for nothing.
minimum_age: 18
strength_mg: 5
doses_per_day: 1
forms: [tablet]
routes: [oral]
names: [nosuchol, nosuchine]
regions: {{US: [US], EU: [DE]}}
contacts: {{US: {_CONTACT}, EU: {_CONTACT}, OTHER: {_CONTACT}}}
effective: 2026-01-01
owner: Nobody
last_author: Nobody
"""
