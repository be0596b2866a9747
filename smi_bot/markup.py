"""Approved Markdown as each surface shows it, and plain words made safe inside Markdown."""

import re

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


def to_text(markdown: str) -> str:
    """What a terminal shows: the words, list marks and line breaks, nothing else."""
    lines: list[str] = []
    mark = ""
    for token in _parser().parse(markdown):
        if token.type == "list_item_open":
            mark = f"{token.info}{token.markup} " if token.info else "- "
        elif token.type in ("inline", "fence", "code_block"):
            lines.append(mark + (_inline(token) if token.type == "inline" else token.content))
            mark = " " * len(mark)
        elif token.type == "paragraph_close" and not token.hidden:
            lines.append("")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            mark = ""
            lines.append("")
    return "\n".join(lines).strip()


def _inline(token: Token) -> str:
    parts = {"softbreak": "\n", "hardbreak": "\n"}
    return "".join(parts.get(child.type, child.content) for child in token.children or ())


def literal(text: str) -> str:
    """Markdown that shows the words of `text` as written: every mark escaped, every line break between words kept."""
    # Leading spaces would make a code block; "1." is already escaped by its full stop.
    lines = (line.strip() for line in _LINE_END.split(_PUNCTUATION.sub(r"\\\1", text)))
    blocks = re.split(r"\n{2,}", "\n".join(lines).strip("\n"))
    return "\n\n".join(block.replace("\n", "\\\n") for block in blocks)
