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


def repair(text: str) -> str:
    """Text that every store and encoder accepts: no lone surrogates, no NUL. Same length as `text`."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else " " if c == "\0" else c for c in text)


def fold(text: str) -> str:
    """Lower case, plain quotes and dashes, compatibility forms undone, controls and format characters blanked.

    Character by character, so that `fold(text)[a:b]` always stands for `text[a:b]`.
    """
    return "".join(_fold_character(c) for c in text.translate(_PLAIN))


def _fold_character(c: str) -> str:
    if c < "\x7f":
        return c.lower() if c >= " " else ("\n" if c == "\n" else " ")
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
    """Reads any Unicode text; never fails."""
    original = repair(text)
    folded = fold(original)
    return Reading(original, folded, tuple(Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(folded)))
