"""Words as Slack shows them: what people wrote stands there to the letter and does nothing. Pure.

It stands in text elements of rich_text blocks, of which Slack reads none as markup: no `*`, `<!channel>`, address,
`:smile:` or `&lt;` becomes anything. (In plain_text objects entities do, in mrkdwn all of them.)
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from json.encoder import encode_basestring_ascii
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    PlainTextObject,
    RichTextBlock,
    RichTextElement,
    RichTextElementParts,
    RichTextPreformattedElement,
    RichTextQuoteElement,
    RichTextSectionElement,
)

from escalation.card_lines import CardFile, CardLine, CardMessage
from smi_bot.markup import Kind, Span, Styled
from smi_bot.text import is_joined, repair, without_controls

Block = dict[str, Any]
Text = RichTextElementParts.Text

#: Characters of one text element. Slack documents no limit for these; it is 3,000 for all other texts.
LONGEST = 2800
#: … and its weight, see `weight`.
HEAVIEST = 6500
HEAVIEST_BLOCK = 8000
_LONGEST_ADDRESS = 1000
_ADDRESS = re.compile(
    r"(https?://[a-z0-9-]+(\.[a-z0-9-]+)+(:[1-9][0-9]{0,4})?([/?#][!-~]*)?|mailto:[!-;=?-~]+@[a-z0-9.-]+)",
    re.IGNORECASE,
)
_MOST_IN_A_ROW = 400  # inline elements

#: What turns the direction of the words after it: "gpj.exe" would be read as "exe.jpg".
_DIRECTIONS = dict.fromkeys((0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})

_SLACK_ACTOR = re.compile(r"slack:([UW][A-Z0-9]{2,30})")


def weight(json_value: Any) -> int:
    """Characters of a value as ASCII JSON.

    Nobody knows how Slack counts what a message may hold (slackapi/bolt-js 2509, 2867): this is the most it can be.
    """
    return len(json.dumps(json_value))


def cleaned(text: str) -> str:
    """Text of the same length in which every character is one that Slack keeps."""
    return without_controls(repair(text))


def is_seen(text: str) -> bool:
    """Whether there is anything to see."""
    return any(unicodedata.category(c) not in _UNSEEN for c in text)


# --- cutting


def pieces(text: str) -> Iterator[str]:
    """A text in pieces that fit one element each: whole and in order, but for white space where it is cut."""
    rest = cleaned(text.replace("\r\n", "\n")).strip()
    while rest:
        end = best_end(rest)
        yield rest[:end].rstrip()
        rest = rest[end:].lstrip()


def best_end(text: str, longest: int = LONGEST, heaviest: int = HEAVIEST) -> int:
    """Where to cut: between paragraphs, else lines, else words, else anywhere between characters."""
    furthest = _fitting(text, longest, heaviest)
    if furthest == len(text):
        return furthest
    for gap in ("\n\n", "\n", " "):
        place = text.rfind(gap, furthest // 2, furthest + 1)
        if place > 0:
            return place
    return _between_characters(text, furthest)


def _fitting(text: str, longest: int, heaviest: int) -> int:
    for place, character in enumerate(text[:longest]):
        heaviest -= len(encode_basestring_ascii(character)) - 2
        if heaviest < 0:
            return max(place, 1)
    return min(len(text), longest)


def _between_characters(text: str, furthest: int) -> int:
    for end in range(furthest, furthest // 2, -1):
        if not is_joined(text, end):
            return end
    return furthest  # marks without end on one letter


def inline(text: str, longest: int) -> str:
    """The beginning of somebody's words for the middle of a line of ours, of which they cannot disturb the order."""
    words = " ".join(cleaned(text).translate(_DIRECTIONS).split())
    turned = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in words)
    room = longest - 2 if turned else longest
    if len(words) > room:
        words = f"{words[: best_end(words, room - 1)].rstrip()}…"
    return f"{_ISOLATE}{words}{_END_OF_ISOLATE}" if turned else words


# --- building


def plain(text: str) -> PlainTextObject:
    """For words of ours, where Slack takes nothing but text objects."""
    return PlainTextObject(text=text, emoji=False)


def line(*parts: str | RichTextElement) -> RichTextSectionElement:
    """A line of ours. Slack refuses texts without a character."""
    elements = [Text(text=part) if isinstance(part, str) else part for part in parts]
    return RichTextSectionElement(elements=[each for each in elements if getattr(each, "text", None) != ""])


def bold(text: str) -> RichTextElement:
    return Text(text=text, style={"bold": True})


def italic(text: str) -> RichTextElement:
    return Text(text=text, style={"italic": True})


def person(actor: str) -> RichTextElement:
    """Who acted: somebody of this Slack is mentioned, and so told of it."""
    if found := _SLACK_ACTOR.fullmatch(actor):
        return RichTextElementParts.User(user_id=found[1])
    return bold("The bot" if actor == "bot" else inline(actor, 40) or "Somebody")


def addressed(sentence: str) -> str:
    """A sentence of ours as the text of a message: whoever it names of this Slack is mentioned, and nothing else is."""
    escaped = sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SLACK_ACTOR.sub(r"<@\1>", escaped)


def named(sentence: str) -> list[str | RichTextElement]:
    """The same in the parts of a line."""
    parts = enumerate(_SLACK_ACTOR.split(sentence))
    return [RichTextElementParts.User(user_id=part) if place % 2 else part for place, part in parts if part]


def unaddressed(sentence: str) -> str:
    """The same where Slack shows no mentions, as below the fields of a window."""
    return _SLACK_ACTOR.sub("a colleague", sentence)


def everybody() -> RichTextElement:
    """Whoever is about in the channel is told at once."""
    return RichTextElementParts.Broadcast(range="here")


def moment(at: datetime, fallback: str) -> RichTextElement:
    """A time, in the time zone of whoever reads it."""
    # The zero-width space keeps Slack from writing a capital letter in the middle of a line.
    shape = "\u200b{date_short_pretty} {time}"
    return RichTextElementParts.Date(timestamp=max(int(at.timestamp()), 0), format=shape, fallback=fallback)


def link(address: str, text: str, **style: bool) -> RichTextElement:
    """`text`, which leads to the address if Slack is certain to take it; one that it refuses would cost the message."""
    if is_address(address):
        return RichTextElementParts.Link(url=address, text=text, style=style or None)
    return Text(text=text, style=style or None)


def is_address(address: str) -> bool:
    return len(address) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(address) is not None


def quotes(text: str) -> list[RichTextElement]:
    """Somebody's words as a quotation, so that they cannot pass for ours; in as many pieces as they need."""
    if not is_seen(text):
        return [line(italic("(no words)"))]
    return [RichTextQuoteElement(elements=[Text(text=piece)]) for piece in pieces(text)]


def grouped(elements: Iterable[RichTextElement]) -> Iterator[Block]:
    """Blocks of which each holds lines of ours and the piece of a quotation that they introduce."""
    group: list[RichTextElement] = []
    for element in elements:
        if group and (isinstance(group[-1], RichTextQuoteElement) or _weight_of([*group, element]) > HEAVIEST_BLOCK):
            yield RichTextBlock(elements=group).to_dict()
            group = []
        group.append(element)
    if group:
        yield RichTextBlock(elements=group).to_dict()


def _weight_of(elements: list[RichTextElement]) -> int:
    return weight([element.to_dict() for element in elements])


def button_alone(action: str, text: str, value: str) -> Block:
    return ActionsBlock(elements=[ButtonElement(text=plain(text), action_id=action, value=value)]).to_dict()


# --- what a requester wrote


def wrote(told: CardLine) -> Iterator[RichTextElement]:
    """All of a line's messages, one after another."""
    post = (" ", link(told.link, "public post")) if is_address(told.link) else ()
    yield line(person(told.author), " wrote: ", moment(told.at, told.at_text), *post)
    if told.text:
        yield line(italic(inline(told.text, 500)))
    for message in told.said:
        yield from _message(message, is_numbered=len(told.said) > 1)


def _message(message: CardMessage, *, is_numbered: bool) -> Iterator[RichTextElement]:
    marks = [f"message {message.number}"] if is_numbered else []
    marks += [mark for mark, is_so in (("forwarded", message.forwarded), ("edited", message.edited)) if is_so]
    if marks:
        yield line(italic(" · ".join(marks)))
    if message.in_reply_to:
        yield line(italic("in reply to: "), f"“{inline(message.in_reply_to, 100)}”")
    if is_seen(message.text) or not message.quoted:
        yield from quotes(message.text)
    for lead, words in (("quoted from somewhere else:", message.quoted), ("before it was edited:", message.earlier)):
        if words:
            yield from (line(italic(lead)), *quotes(words))


_FILE_STATES = {
    "here": "here",
    "kept": "kept with us, see the desk page; Slack does not take it",
    "pending": "being fetched",
    "failed": "could not be had",
    "refused": "not taken (too big or of a type we do not take)",
    "erased": "erased",
}


def sent(file: CardFile, case: int) -> list[Block]:
    """A file, and what became of it."""
    size = [_size(file.size)] if file.size else []
    facts = ", ".join(filter(None, (inline(file.media_type, 60), *size, _FILE_STATES[file.state])))
    blocks = list(grouped([line("File: ", bold(inline(file.name, 120) or "without a name"), f" · {facts}")]))
    return blocks + [button_alone("file_retry", "Fetch again", f"{case}:{file.id}")] * file.can_retry


def _size(bytes: int) -> str:
    if bytes < 1000:
        return f"{bytes} bytes"
    return f"{round(bytes / 1000)} kB" if bytes < 1_000_000 else f"{bytes / 1_000_000:.1f} MB"


# --- approved text

_STYLES: dict[Kind, str] = {"bold": "bold", "italic": "italic", "code": "code", "pre": "code"}


def rich_text(styled: Styled) -> list[Block]:
    """Approved text as it looks to the requester. Slack has no quotation or program text within another."""
    styled = Styled(cleaned(styled.text), styled.spans)
    return [
        RichTextBlock(elements=[element(elements=row)]).to_dict()
        for element, start, end in _stretches(styled)
        for row in _rows(_inlines(styled, start, end))
    ]


_Stretch = tuple[type[RichTextSectionElement | RichTextQuoteElement | RichTextPreformattedElement], int, int]


def _stretches(styled: Styled) -> Iterator[_Stretch]:
    """The outermost quotations and program texts, and what stands between them."""
    last = 0
    for span in styled.spans:
        if span.kind in ("quote", "pre") and last <= span.start < span.end:
            yield from _section(styled.text, last, span.start)
            yield (RichTextQuoteElement if span.kind == "quote" else RichTextPreformattedElement), span.start, span.end
            last = span.end
    yield from _section(styled.text, last, len(styled.text))


def _section(text: str, start: int, end: int) -> Iterator[_Stretch]:
    """Slack itself begins a new line around quotations and program texts."""
    words = text[start:end]
    if words.strip():
        yield RichTextSectionElement, end - len(words.lstrip("\n")), start + len(words.rstrip("\n"))


def _inlines(styled: Styled, start: int, end: int) -> Iterator[RichTextElement]:
    """The words of a stretch, parted where their look changes."""
    spans = [
        s for s in styled.spans if s.start < end and start < s.end and (s.kind, s.start, s.end) != ("pre", start, end)
    ]
    places = {place for span in spans for place in (span.start, span.end) if start < place < end}
    for first, last in pairwise(sorted({start, end, *places})):
        covering = [span for span in spans if span.start <= first and last <= span.end]
        for words in _exact_pieces(styled.text[first:last]):
            yield _styled(words, covering)


def _styled(words: str, covering: Iterable[Span]) -> RichTextElement:
    style = {_STYLES[span.kind]: True for span in covering if span.kind in _STYLES}
    address = next((span.url for span in covering if span.kind == "link"), "")
    return link(address, words, **style)


def _exact_pieces(text: str) -> Iterator[str]:
    while text:
        end = best_end(text)
        yield text[:end]
        text = text[end:]


def _rows(elements: Iterable[RichTextElement]) -> Iterator[list[RichTextElement]]:
    """As many as Slack may take in one row, which is far more than any text of ours needs."""
    rest = list(elements)
    while rest:
        yield rest[:_MOST_IN_A_ROW]
        rest = rest[_MOST_IN_A_ROW:]
