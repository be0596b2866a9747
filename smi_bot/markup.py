"""Approved Markdown as each surface shows it, and plain words made safe inside Markdown."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Any ASCII punctuation may be backslash-escaped: CommonMark 0.31, section 2.4.
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})


def to_html(markdown: str) -> str:
    """HTML without any raw HTML of the source; links of unsafe schemes stay text."""
    return str(_parser().render(markdown))


def to_text(markdown: str) -> str:
    """What a terminal shows: the words, list marks and line breaks, nothing else."""
    lines: list[str] = []
    mark = ""
    for token in _parser().parse(markdown):
        if token.type == "list_item_open":
            mark = f"{token.info}{token.markup} " if token.info else "- "
        elif token.type in ("inline", "fence", "code_block"):
            lines.append(mark + (_inline(token) or token.content))
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
    """Markdown that shows `text` exactly as written: every mark escaped, every line break kept."""
    escaped = _PUNCTUATION.sub(r"\\\1", text.replace("\r\n", "\n"))
    return "\n\n".join(
        "\\\n".join(_guard(line) for line in block.split("\n")) for block in re.split(r"\n{2,}", escaped)
    )


def _guard(line: str) -> str:
    # Leading spaces would make a code block; "1." is already escaped by its full stop.
    return line.strip()
