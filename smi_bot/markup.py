"""Approved Markdown as each surface shows it, and plain words made safe inside Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Any ASCII punctuation may be backslash-escaped: CommonMark 0.31, section 2.4.
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_LINE_END = re.compile(r"\r\n?|\n")
#: Where a link may lead; all others stay text.
_SAFE_LINK = re.compile(r"(https?|mailto|tel):", re.IGNORECASE)


def _parser() -> MarkdownIt:
    # No images: their addresses would tell strangers who reads what.
    parser = MarkdownIt("commonmark", {"html": False}).disable("image")
    parser.validateLink = lambda url: _SAFE_LINK.match(url) is not None  # type: ignore[method-assign]
    return parser


def to_html(markdown: str) -> str:
    """HTML without any raw HTML or image of the source; links other than web, mail and telephone stay text."""
    return str(_parser().render(markdown))


Kind = Literal["bold", "italic", "code", "pre", "link", "quote"]

#: What a Markdown element looks like, by its HTML tag.
_LOOKS: Mapping[str, Kind] = {
    "strong": "bold",
    "em": "italic",
    "a": "link",
    "blockquote": "quote",
    **{f"h{level}": "bold" for level in range(1, 7)},
}
_BREAKS = {"softbreak": "\n", "hardbreak": "\n"}
#: Blocks that stand apart: an empty line follows.
_APART = ("paragraph_close", "blockquote_close", "fence", "code_block", "hr")


class Span(NamedTuple):
    """How the words from `start` to `end` look; a link also leads somewhere."""

    kind: Kind
    start: int  # in code points
    end: int
    url: str = ""


class Styled(NamedTuple):
    """Words without marks, and how they look. Spans are in reading order, an outer one before those inside it."""

    text: str
    spans: tuple[Span, ...] = ()

    def cut(self, start: int, end: int) -> "Styled":
        """What stands between two places. Neither it nor any of its spans begins or ends in whitespace."""
        start, end = _closely(self.text, start, end)
        spans: list[Span] = []
        for span in self.spans:
            first, last = _closely(self.text, max(span.start, start), min(span.end, end))
            if first < last:
                spans.append(span._replace(start=first - start, end=last - start))
        return Styled(self.text[start:end], tuple(spans))


def _closely(text: str, start: int, end: int) -> tuple[int, int]:
    words = text[start:end]
    first = start + len(words) - len(words.lstrip())
    return first, first + len(words.strip())


def to_text(markdown: str) -> str:
    """What a terminal shows: the words, list marks and line breaks, nothing else."""
    return to_styled(markdown).text


def to_styled(markdown: str) -> Styled:
    """The words as `to_text` gives them, and how they look, for surfaces that style text by place."""
    writer = _Writer()
    for token in _parser().parse(markdown):
        writer.block(token)
    return writer.styled()


class _Writer:
    """Writes tokens down as words, noting where what look begins and ends."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._length = 0
        self._spans: list[Span] = []
        self._begun: list[int] = []  # spans that have not ended, by their place in the list
        self._gap = 1  # line breaks owed before the next words
        self._margin = ""  # what the next line begins with: list marks, or as many spaces
        self._margins: list[str] = []  # of the lists around this one

    def block(self, token: Token) -> None:
        if token.type == "inline":
            self._line(token.children or ())
        elif token.type in ("fence", "code_block"):
            self._begin_line()
            self._write(token.content.rstrip("\n"), "pre")
        elif token.type == "list_item_open":
            self._margins.append(" " * len(self._margin))
            self._margin += f"{token.info}{token.markup} " if token.info else "- "
        elif token.type == "list_item_close":
            self._margin = self._margins.pop()
        elif token.tag in _LOOKS:
            self._look(token)
        self._gap = max(self._gap, self._gap_after(token))

    def _line(self, children: Iterable[Token]) -> None:
        self._begin_line()
        for child in children:
            if child.tag in _LOOKS:
                self._look(child)
            elif child.type == "code_inline":
                self._write(child.content, "code")
            else:
                self._write(_BREAKS.get(child.type, child.content))

    def _gap_after(self, token: Token) -> int:
        if token.type in ("bullet_list_close", "ordered_list_close"):
            return 1 if self._margins else 2  # a list within a list does not stand apart
        if token.type in _APART:
            return 1 if token.hidden else 2
        return int(token.type == "inline")

    def _begin_line(self) -> None:
        if self._gap:
            self._write("\n" * self._gap + self._margin)
            self._margin = " " * len(self._margin)
            self._gap = 0

    def _write(self, words: str, kind: Kind | None = None) -> None:
        start = self._length
        self._words.append(words)
        self._length += len(words)
        if kind:
            self._spans.append(Span(kind, start, self._length))

    def _look(self, token: Token) -> None:
        if token.nesting < 0:
            begun = self._begun.pop()
            self._spans[begun] = self._spans[begun]._replace(end=self._length)
            return
        if self._margin.strip():
            self._begin_line()  # the mark of the list is no part of the quote or heading in it
        self._begun.append(len(self._spans))
        url = str(token.attrs.get("href", ""))
        self._spans.append(Span(_LOOKS[token.tag], self._length, self._length, url))

    def styled(self) -> Styled:
        spans = tuple(span for span in self._spans if span.kind != "link" or span.url)
        return Styled("".join(self._words), spans).cut(0, self._length)


def units(markdown: str) -> tuple[str, ...]:
    """The source in pieces that may become messages of their own: it is split at its thematic breaks (`---`).

    What stands together in a piece stays together: benefit and risk are never torn apart.
    """
    lines = _LINE_END.split(markdown)
    breaks = [t.map for t in _parser().parse(markdown) if t.type == "hr" and t.level == 0 and t.map]
    starts = (0, *(end for _, end in breaks))
    ends = (*(start for start, _ in breaks), len(lines))
    pieces = (_without_empty_ends(lines[start:end]) for start, end in zip(starts, ends, strict=True))
    return tuple(piece for piece in pieces if piece)


def _without_empty_ends(lines: Sequence[str]) -> str:
    # Spaces and tabs only, as Markdown has it; and not those before the first word, which may make a code block.
    return "\n".join(dropwhile(lambda line: not line.strip(" \t"), lines)).rstrip(" \t\n")


def literal(text: str) -> str:
    """Markdown that shows the words of `text` as written: every mark escaped, every line break between words kept."""
    # Leading spaces would make a code block; "1." is already escaped by its full stop.
    lines = (line.strip() for line in _LINE_END.split(_PUNCTUATION.sub(r"\\\1", text)))
    blocks = re.split(r"\n{2,}", "\n".join(lines).strip("\n"))
    return "\n\n".join(block.replace("\n", "\\\n") for block in blocks)
