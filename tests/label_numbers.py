"""Reads a text for its numbers: digits and words, and what each of them counts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Text:
    """One section of an entry, or one service text. `sections`: what its references name; None: it names none."""

    file: str
    section: str
    body: str
    title: str = ""
    audience: str = "patient"
    language: str = "en"
    regions: frozenset[str] = frozenset({"US", "EU"})
    sections: frozenset[int] | None = None


@dataclass(frozen=True)
class Passage:
    """A paragraph or an item of a list from `begins` on; above it, what it is read after: title, lead-in."""

    text: Text
    said: str
    begins: int

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        ends = [match.end() for match in re.finditer(r"[.!?]\s|\n", self.said)] + [len(self.said)]
        return list(zip([0, *ends], ends, strict=False))

    def sentence(self, at: int) -> tuple[int, int]:
        return next(span for span in self.sentences if span[0] <= at < span[1])

    def quote(self, at: int) -> str:
        start, end = self.sentence(at)
        return self.said[start:end].strip()


@dataclass(frozen=True)
class Number:
    start: int
    end: int
    unit: str
    value: str


def passages(text: Text) -> Iterator[Passage]:
    lead = previous = ""
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", text.body.replace("**", "").strip()):
        is_item = re.match(r"\s*(?:[-*]|\d+\.) ", block)
        said = " ".join((block[is_item.end() :] if is_item else block).split())
        above = f"{text.title}\n{lead if is_item else previous}\n"
        yield Passage(text, above + said, len(above))
        lead, previous = (lead if is_item else said), said


_UP_TO_TWELVE = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MORE = (
    *("fourteen", "fifteen", "sixteen", "eighteen", "twenty", "twenty-four", "twenty-eight", "thirty", "thirty-six"),
    *("sixty-five", "seventy-five", "hundred", "thousand"),
)
WORDS = {
    "half": "0.5",
    "quarter": "0.25",
    "once": "1",
    "twice": "2",
    "thrice": "3",
    "double": "2",
    "triple": "3",
    "dozen": "12",
    **dict(zip(_UP_TO_TWELVE, map(str, range(1, 13)), strict=True)),
    **dict(zip(_MORE, ("14", "15", "16", "18", "20", "24", "28", "30", "36", "65", "75", "100", "1000"), strict=True)),
}
_PERIODS = r"month|week|year|fortnight"
_NUMBER = re.compile(
    r"(?P<phone>\+\d[\d -]{7,}\d)|(?P<clock>\b\d{1,2}:\d\d\b)|(?P<share>\b\d+ in \d+\b)"
    r"|(?P<digits>(?<![\w.)%])[+-]?\d{1,3}(?:,\d{3})+(?!\d)|(?<![\w.)%])[+-]\d+(?:\.\d+)?|\d+(?:,\d{3})*(?:\.\d+)?)"
    rf"|(?P<every>\b(?:every|each) (?:other )?(?:{_PERIODS})\b|\b(?:month|week|year|fortnight)ly\b)"
    rf"|(?P<word>\b(?:{'|'.join(sorted(WORDS, key=len, reverse=True))})\b)",
    re.IGNORECASE,
)

# What stands before a number and after it, unit by unit; the first that fits is its unit. A range has the unit of its
# end, a list of weeks that of its beginning.
_ON = r"(?:(?:-|–| to | and | or )\d[\d.]*)?"
_UNITS = [
    (unit, re.compile(f"(?:{before})$", re.IGNORECASE), re.compile(_ON + f"(?:{after})", re.IGNORECASE))
    for unit, before, after in (
        ("percent", "", r"\s?(?:%|per ?cent\b)"),
        ("mg", "", r"[ -]?mg\b"),
        ("plain", "", r" ?mL/min"),
        ("mL", "", r"[ -]?mL\b"),
        ("mm", "", r"[ -]?mm\b"),
        ("L", "", r"\s?(?:L|lit(?:re|er)s?)\b"),
        ("clock", "", r"\s?(?:CET|o'clock|[ap]\.?m\b)"),
        ("hours", "", r"[ -]?(?:h|hours?)\b"),
        ("days", "", r"[ -](?:more )?days?\b"),
        ("days", r"\bdays?[ -](?:[\d.]+(?:-|–|, | to | and | or ))*", ""),
        ("weeks", "", r"[ -](?:more |full )?weeks?\b"),
        ("weeks", r"\b(?:weeks?|wk)[ -](?:[\d.]+(?:-|–|, | to | and | or ))*", ""),
        ("months", "", r"[ -](?:more )?months?\b"),
        ("age", "", r"\+(?!\d)|[ -]years?\b"),
        ("age", r"\b(?:age[ds]?(?: of| over| from)?|under|younger than|older than) ", ""),
        ("age", r"\bfrom ", r" on\b"),
        ("celsius", "", r"\s?°?\s?C\b"),
        ("fahrenheit", "", r"\s?°?\s?F\b"),
        ("frequency", "", r" times (?:a day|daily|per day)\b| (?:daily|a day|per day|every|each)\b"),
        ("times", "", r"x\b|[ -](?:times|fold)\b"),
        ("times", r"\bx", ""),
        ("times", "", r" (?:its|the) (?:upper )?(?:normal )?limit"),
        ("half-lives", "", r" half-li"),
        ("tablet", "", r"(?: [\d.]+ mg)?(?: film-coated)? (?:tablets?|pills?)\b"),
        ("glass", "", r" (?:glass|cup)"),
    )
]
#: "One" is a number before these words only; elsewhere it is a pronoun.
_ONE = re.compile(r" (?:inactive |single )?(?:doses?|packs?|bottles?|blisters?|strengths?|metabolites?|sides?|in \d)\b")


def numbers(passage: Passage, skip: Sequence[tuple[int, int]]) -> Iterator[Number]:
    """Every number of a passage, less those that stand in `skip`."""
    for match in _NUMBER.finditer(passage.said, passage.begins):
        if any(start <= match.start() < end for start, end in skip):
            continue
        kind, raw = str(match.lastgroup), match[0]
        if kind == "word" and passage.text.language != "en":
            continue
        unit = kind if kind in {"phone", "share", "every", "clock"} else _unit(passage.said, match)
        if unit == "plain" and (raw.lower() == "once" or (raw.lower() == "one" and not _counts(passage.said, match))):
            continue
        yield Number(match.start(), match.end(), unit, canonical(raw))


def _unit(said: str, match: re.Match[str]) -> str:
    return _unit_between(said[max(0, match.start() - 30) : match.start()], said[match.end() : match.end() + 40])


@lru_cache(maxsize=4096)  # a text with another number in it has the same words around its others
def _unit_between(before: str, after: str) -> str:
    return next((unit for unit, left, right in _UNITS if left.search(before) and right.match(after)), "plain")


def _counts(said: str, match: re.Match[str]) -> bool:
    return _ONE.match(said, match.end()) is not None


def canonical(raw: str) -> str:
    """One spelling for each value: 5.0 is 5, 1,026 is 1026, twelve is 12, monthly is month. A sign stays."""
    raw = WORDS.get(raw.lower(), raw.removesuffix(":00"))
    if re.fullmatch(r"[+-]?[\d,]+(?:\.\d+)?", raw):
        sign = raw[0] if raw[0] in "+-" else ""
        return sign + f"{Decimal(raw.lstrip('+-').replace(',', '')).normalize():f}"
    period = re.search(_PERIODS, raw.lower())
    return period[0] if period and "other" not in raw else raw
