"""Reading a message: the one place where triage and matching begin. Pure, linear in the length of the text."""

import re
import unicodedata
from dataclasses import dataclass

# Punctuation that keyboards and word processors curl or widen; rules are written with the plain form.
_PLAIN = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "‛": "'",
        "`": "'",
        "´": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "–": "-",
        "—": "-",
        "−": "-",
    }
)
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_HANDLE = re.compile(r"(?<!\w)@[^\W\d]\w*")
_DIGIT = re.compile(r"\d")


def repair(text: str) -> str:
    """Text that every store and encoder accepts: no lone surrogates, no NUL. Same length as `text`."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else " " if c == "\0" else c for c in text)


#: Line breaks of every kind, and what no page shows.
_CONTROLS = str.maketrans(
    dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ") | dict.fromkeys((*b"\n\x0b\x0c\x85", 0x2028, 0x2029), "\n")
)


def without_controls(text: str) -> str:
    """Text of the same length in which control characters are spaces and every kind of line break is a plain one.

    Platforms show controls as boxes, turn them into spaces, or take Unicode's line breaks away, which joins words.
    """
    return text.translate(_CONTROLS)


#: Two of them make a flag.
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
#: The joiner itself, skin colours, and the tags that some flags are made of.
_JOINERS = frozenset({"\u200c", "\u200d", *map(chr, (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)))})


def is_joined(text: str, place: int) -> bool:
    """Whether what stands on both sides of a place is seen as one character: marks, joiners, skin colours, flags."""
    before, after = text[place - 1], text[place : place + 1]
    if not after or before == "\u200d":
        return before == "\u200d"
    if before in _FLAG_LETTERS and after in _FLAG_LETTERS:
        return (place - len(text[:place].rstrip(_FLAG_LETTERS))) % 2 == 1
    return unicodedata.category(after)[0] == "M" or after in _JOINERS


#: What most messages are made of, all at once.
_ASCII = {code: chr(code).lower() if " " <= chr(code) < "\x7f" else " " for code in range(128)} | {ord("\n"): "\n"}


def fold(text: str) -> str:
    """Lower case, plain quotes and dashes, compatibility forms undone, controls and format characters blanked.

    Character by character, so that `fold(text)[a:b]` always stands for `text[a:b]`.
    """
    plain = text.translate(_PLAIN)
    return plain.translate(_ASCII) if plain.isascii() else "".join(map(_fold_character, plain))


def _fold_character(c: str) -> str:
    if c.isascii():
        return _ASCII[ord(c)]
    if unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Co", "Cn"):
        return " "
    plain = unicodedata.normalize("NFKC", c).lower()
    return plain if len(plain) == 1 else c


@dataclass(frozen=True, slots=True)
class Token:
    """A word or number of the folded text, with its place."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as the rules see it. `folded` has the same length and places as `original`."""

    original: str
    folded: str
    tokens: tuple[Token, ...]


def read(text: str) -> Reading:
    """Reads any Unicode text; never fails. The digits of a handle (@anna_1) count nothing, so they are no numbers."""
    original = repair(text)
    folded = fold(original)
    uncounted = _HANDLE.sub(lambda handle: _DIGIT.sub("_", handle[0]), folded)
    return Reading(original, folded, tuple(Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(uncounted)))
