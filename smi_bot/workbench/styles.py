"""Styled words on paper: with plain marks for a terminal, in runs of one look for a page. Pure."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from telegram import MessageEntity

from channels.telegram_text import Part
from smi_bot.markup import Kind, Span, Styled
from smi_bot.text import without_controls

_MARKS: Mapping[Kind, str] = {"bold": "*", "italic": "_", "code": "`", "pre": "```", "quote": '"', "link": ""}
_OF_TELEGRAM: Mapping[str, Kind] = {
    MessageEntity.BOLD: "bold",
    MessageEntity.ITALIC: "italic",
    MessageEntity.CODE: "code",
    MessageEntity.PRE: "pre",
    MessageEntity.TEXT_LINK: "link",
    MessageEntity.BLOCKQUOTE: "quote",
}
_OF_SLACK: Mapping[str, Kind] = {"bold": "bold", "italic": "italic", "code": "code"}
_BLOCKS_OF_SLACK: Mapping[str, Kind] = {"rich_text_quote": "quote", "rich_text_preformatted": "pre"}


class Run(NamedTuple):
    """Words that look alike from end to end. `url`: where they lead, empty where nowhere."""

    text: str
    looks: tuple[Kind, ...]
    url: str


def marked(styled: Styled) -> str:
    """For a terminal: `*bold*`, `_italic_`, and where a link leads in angle brackets behind it."""
    opening: dict[int, str] = {}
    closing: dict[int, str] = {}
    for span in styled.spans:  # an outer one comes first
        end = f" <{span.url}>" if span.kind == "link" else _MARKS[span.kind]
        opening[span.start] = opening.get(span.start, "") + _MARKS[span.kind]
        closing[span.end] = end + closing.get(span.end, "")
    characters = without_controls(styled.text) + "\0"
    marks = (closing.get(place, "") + opening.get(place, "") + c for place, c in enumerate(characters))
    return "".join(marks).rstrip("\0")


def runs(styled: Styled) -> list[Run]:
    """The words parted where their look changes."""
    ends = {0, len(styled.text), *(place for span in styled.spans for place in (span.start, span.end))}
    return [_run(styled, start, end) for start, end in pairwise(sorted(ends))]


def _run(styled: Styled, start: int, end: int) -> Run:
    covering = [span for span in styled.spans if span.start <= start and end <= span.end]
    url = next((span.url for span in covering if span.kind == "link"), "")
    return Run(styled.text[start:end], tuple(dict.fromkeys(span.kind for span in covering)), url)


def of_telegram(part: Part) -> Styled:
    """A Telegram message, whose entities count UTF-16 code units."""
    units = part.text.encode("utf-16-le")
    spans = []
    for entity in part.entities:
        start = len(units[: 2 * entity.offset].decode("utf-16-le"))
        end = start + len(units[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le"))
        spans.append(Span(_OF_TELEGRAM[entity.type], start, end, entity.url or ""))
    return Styled(part.text, tuple(spans))


def of_slack(blocks: Iterable[Mapping[str, Any]]) -> Styled:
    """The words of Slack's rich_text blocks."""
    text, spans = "", list[Span]()
    for element in (element for block in blocks for element in block["elements"]):
        text += "\n" if text else ""
        start = len(text)
        for inline in element["elements"]:
            looks = [_OF_SLACK[style] for style in inline.get("style") or {} if style in _OF_SLACK]
            end = len(text) + len(inline["text"])
            spans += [Span(look, len(text), end) for look in looks]
            spans += [Span("link", len(text), end, inline["url"])] if inline["type"] == "link" else []
            text += inline["text"]
        if element["type"] in _BLOCKS_OF_SLACK:
            spans.append(Span(_BLOCKS_OF_SLACK[element["type"]], start, len(text)))
    return Styled(text, tuple(sorted(spans, key=lambda span: (span.start, -span.end))))
