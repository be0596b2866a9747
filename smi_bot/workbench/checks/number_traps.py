"""Findings about numbers that one slip turns into each other: 5 mg and 50 mg, 0.5 mL and 5 mL."""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject

#: Units in which a medicine is measured out. Others (%, weeks, x ULN) come in tens without anybody taking harm.
_UNITS = {
    "mg": "mg|milligrams?",
    "g": "g|grams?",
    "µg": "µg|μg|mcg|micrograms?",
    "kg": "kg",
    "mL": "ml|millilit(?:er|re)s?",
    "L": "l|lit(?:er|re)s?",
    "IU": "iu|international units?",
    "units": "units?",
    "drops": "drops?",
    "tablets": "(?:film-coated )?tablets?|capsules?|pills?|puffs?|doses?",
    "mmol": "mmol",
}
_UNIT = "|".join(f"(?P<u{place}>{forms})" for place, forms in enumerate(_UNITS.values()))
_QUANTITY = re.compile(
    rf"(?<![\w.,-])(?P<number>\d[\d,]*(?:\.\d+)?|\.\d+)[ \u00a0\u202f-]?(?:{_UNIT})(?P<per>/\w+(?:/\w+)?)?\b",
    re.IGNORECASE,
)
TEN = Decimal(10)


class Quantity(NamedTuple):
    """`unit`: in one spelling, with what it is per. `section`: where it stands; `words`: as it is written."""

    number: Decimal
    unit: str
    section: str
    words: str


def quantities(section: str, text: str) -> Iterator[Quantity]:
    for found in _QUANTITY.finditer(text):
        unit = next(name for place, name in enumerate(_UNITS) if found[f"u{place}"])
        number = Decimal(found["number"].replace(",", ""))
        yield Quantity(number, unit + (found["per"] or "").casefold(), section, found[0])


def number_traps(subject: Subject) -> Iterator[Finding]:
    for entry, source in subject.entries():
        found = [each for name, text in entry.sections.items() for each in quantities(name, text)]
        yield from _tenfold(source, found)
        yield from _ill_written(source, found)


def _tenfold(source: Source, found: list[Quantity]) -> Iterator[Finding]:
    told: set[tuple[Decimal, Decimal, str]] = set()
    for one, other in combinations(found, 2):
        small, large = sorted((one, other), key=lambda each: each.number)
        pair = (small.number, large.number, one.unit)
        if one.unit != other.unit or not small.number or small.number * TEN != large.number or pair in told:
            continue
        told.add(pair)
        reason = f"'{one.words}' and '{other.words}' (section '# {other.section}') differ by one nought or point only"
        mend = "make sure that both are right, and word them so that they cannot be mixed up"
        yield source.finding("number", "warning", source.section(one.section, one.words), reason, mend)


def _ill_written(source: Source, found: list[Quantity]) -> Iterator[Finding]:
    """A trailing nought and a naked point (ISMP list of error-prone abbreviations, symbols and dose designations)."""
    for each in dict.fromkeys(found):
        if re.match(r"\d+\.0+(?!\d)", each.words):
            reason, mend = f"'{each.words}': a point that is overlooked makes it tenfold", "leave the nought away"
        elif each.words.startswith("."):
            reason, mend = f"'{each.words}': a point that is overlooked makes it tenfold", f"write '0{each.words}'"
        else:
            continue
        yield source.finding("number", "warning", source.section(each.section, each.words), reason, mend)
