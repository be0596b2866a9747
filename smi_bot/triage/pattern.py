"""The little language rules are written in, compiled to regular expressions over symbols.

A pattern is a row of elements, separated by blanks:
  word, word|word      these words
  {concept}, {a|b}     any word of these concepts; {a|=word|<comma>} a word or a mark as well
  element?             may be absent                  <start> <end>       edge of the message; <edge> start of a clause
  <question> <stop> <comma>                           punctuation
  ~3                   up to 3 words of the same clause
  ~~3                  up to 3 words, commas included    ~~~9             up to 9 words, across sentences
  ~3/concept           a gap that none of the concept's words may stand in
Every repetition is bounded, so matching is linear in the length of the message.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from smi_bot.triage.lexicon import COMMA, MARKS, QUESTION, STOP, Alphabet, plain

_MOST = 40
_ONE_KIND = re.compile(r"\{[^{}]+\}|[^{}]+")


class PatternError(ValueError):
    """A pattern that cannot be read; the message names the element."""


def literals(pattern: str) -> Iterator[str]:
    """The plain words of a pattern."""
    for element in pattern.split():
        if element[0] == "{":
            yield from (name[1:] for name in element.strip("{}?").split("|") if name[0] == "=")
        elif element[0] not in "<~":
            yield from (literal(word) for word in element.rstrip("?").split("|"))


def runs(pattern: str) -> Iterator[list[list[str]]]:
    """Neighbouring elements that are plain words: for each the words that may stand there."""
    run: list[list[str]] = []
    for element in (*pattern.split(), "~"):
        if _is_plain(element):
            run.append([literal(word) for word in element.split("|")])
            continue
        if len(run) > 1:
            yield run
        run = []


def fits(words: Sequence[str], run: Sequence[Sequence[str]]) -> bool:
    """Whether a phrase can be read at the beginning of a run."""
    return 1 < len(words) <= len(run) and all(w in each for w, each in zip(words, run, strict=False))


def _is_plain(element: str) -> bool:
    return element[0] not in "{<~" and element[-1] != "?"


def literal(word: str) -> str:
    return word[1:] if word.startswith("=") else plain(word)


@dataclass(frozen=True, slots=True)
class PatternCompiler:
    """Compiles the patterns of one language.

    `concepts`: the names that may be used. `loose`: phrases of a concept that do not stand as one symbol, because
    their words count for themselves as well ("i heard": a person, and hearsay). `phrases`: phrases that stand as one
    symbol and that a pattern may write as plain words ("heart attack"); the symbol carries the concept "=heart attack".
    """

    alphabet: Alphabet
    concepts: frozenset[str]
    loose: Mapping[str, Sequence[tuple[str, ...]]]
    phrases: Sequence[tuple[str, ...]] = ()

    def compile(self, pattern: str, greedy: bool = False) -> re.Pattern[str]:
        """Raises PatternError for unknown concepts, unknown marks and gaps that are not numbers."""
        lazy = "" if greedy else "?"
        return re.compile("".join(self._elements(pattern.split(), lazy)))

    def _elements(self, elements: list[str], lazy: str) -> Iterator[str]:
        while elements:
            plain_ones = list(takewhile(_is_plain, elements))
            if len(plain_ones) > 1:
                yield self._run(plain_ones, lazy)
                elements = elements[len(plain_ones) :]
            else:
                yield self._element(elements[0], lazy)
                elements = elements[1:]

    def _run(self, elements: list[str], lazy: str) -> str:
        """Plain words in a row: each by itself, or some of them as one phrase."""
        if not elements:
            return ""
        run = [[literal(word) for word in element.split("|")] for element in elements]
        ways = [self._element(elements[0], lazy) + self._run(elements[1:], lazy)]
        for size in range(2, len(elements) + 1):
            names = [" ".join(words) for words in self.phrases if len(words) == size and fits(words, run)]
            if names:
                symbols = "".join(dict.fromkeys("".join(self.alphabet.holders("=" + name) for name in names)))
                ways.append(f"[{symbols}]{self._run(elements[size:], lazy)}")
        return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"

    def _element(self, element: str, lazy: str) -> str:
        if element.startswith("~"):
            return self._gap(element, lazy)
        optional = "?" if element.endswith("?") else ""
        body = element.removesuffix("?")
        if body in ("<start>", "<end>"):
            return r"\A" if body == "<start>" else r"\Z"
        if body == "<edge>":
            return rf"(?:\A|(?<=[{''.join(self.alphabet.symbol[m] for m in MARKS)}]))"
        if body.startswith("<"):
            return f"[{self._mark(body)}]{optional}"
        if not _ONE_KIND.fullmatch(body):
            raise PatternError(f"'{element}' mixes words and braces; write all inside: {{concept|=word}}")
        if body.startswith("{"):
            return self._concept(body.strip("{}").split("|")) + optional
        return f"[{''.join(self._word(w) for w in body.split('|'))}]{optional}"

    def _gap(self, element: str, lazy: str) -> str:
        reach = len(element) - len(element.lstrip("~"))
        most, _, barred = element.lstrip("~").partition("/")
        if not most.isdigit() or int(most) > _MOST or reach > 3:
            raise PatternError(f"'{element}' is no gap; write ~ with a number up to {_MOST}")
        kept_out = {1: (STOP, QUESTION, COMMA), 2: (STOP, QUESTION), 3: ()}[reach]
        if barred and barred not in self.concepts:
            raise PatternError(f"'{barred}' is no concept; define it under concepts or correct the name")
        marks = "".join(self.alphabet.symbol[m] for m in kept_out) + self.alphabet.holders(barred)
        return (f"[^{marks}]" if marks else "[^\x00]") + f"{{0,{int(most)}}}{lazy}"

    def _mark(self, body: str) -> str:
        found = self.alphabet.holders(body)
        if not found or not body.endswith(">"):
            raise PatternError(f"'{body}' is no mark; write <start>, <end>, <stop>, <comma> or <question>")
        return found

    def _concept(self, names: list[str]) -> str:
        for name in names:
            if name[0] not in "=<" and name not in self.concepts:
                raise PatternError(f"'{{{name}}}' is no concept; define it under concepts or correct the name")
        # A concept may be empty (a product without misspellings): then nothing matches.
        one = f"[{''.join(self.alphabet.holders(n) for n in names) or chr(0)}]"
        rows = dict.fromkeys(words for name in names for words in self.loose.get(name, ()))
        if not rows:
            return one
        return self._rows(one, list(rows))

    def _rows(self, one: str, rows: list[tuple[str, ...]]) -> str:
        # All ways begin with one set of symbols: `re` then skips quickly to the places where it may match.
        first = "".join(dict.fromkeys(one.strip("[]") + "".join(self._word(words[0]) for words in rows)))
        ways = ["".join([f"(?<=[{self._word(w[0])}])", *(f"[{self._word(x)}]" for x in w[1:])]) for w in rows]
        return f"[{first}](?:(?<={one})|{'|'.join(ways)})"

    def _word(self, word: str) -> str:
        return self.alphabet.holders("=" + literal(word))
