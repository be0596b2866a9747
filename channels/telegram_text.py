"""What becomes which Telegram message: words and entities as the Bot API takes them. Pure.

The Bot API takes texts of 1 to 4,096 characters and counts entities in UTF-16 code units. Everything here is counted
in these units, the limit too: a text that is short enough so is short enough however Telegram counts.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from telegram import MessageEntity
from telegram.constants import MessageLimit

from smi_bot.errors import NotApproved, Refused
from smi_bot.inquiry import Rendered
from smi_bot.markup import Kind, Span, Styled, to_styled, units
from smi_bot.text import is_joined, repair, without_controls

LIMIT = int(MessageLimit.MAX_TEXT_LENGTH)

_TYPES: dict[Kind, str] = {
    "bold": MessageEntity.BOLD,
    "italic": MessageEntity.ITALIC,
    "code": MessageEntity.CODE,
    "pre": MessageEntity.PRE,
    "link": MessageEntity.TEXT_LINK,
    "quote": MessageEntity.BLOCKQUOTE,
}
#: Categories of characters of which nothing is seen, at least not by themselves; and such characters in others.
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})
_BLANK = frozenset({*"\u115f\u1160\u2800\u3164\uffa0\ufffc", *map(chr, range(0xE0000, 0xE1000))})

#: Where words may be parted: at any white space but the unbreakable, and after a full stop that needs none.
_GAP = re.compile(r"[^\S\u00a0\u2007\u202f]+|(?<=[\u3002\uff01\uff1f])(?=\w)")
_SENTENCE_END = re.compile(r"[.!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f][)\]\"'\u00bb\u2019\u201c\u201d]*\Z")


class Part(NamedTuple):
    """One message."""

    text: str
    entities: tuple[MessageEntity, ...]


def parts(rendered: Rendered, limit: int = LIMIT) -> tuple[Part, ...]:
    """A reply as one message, or as few as its units allow; a specialist's words are parted where they read best.

    Raises NotApproved where approved text would have to be torn apart, Refused where nothing is to be seen.
    """
    markdown = repair(rendered.markdown)
    whole = _plain(markdown)
    if not _is_seen(whole.text):
        raise Refused("the text shows nothing: write at least one word")
    if _size(whole.text) <= limit:
        messages = [whole]
    elif rendered.author == "specialist":
        messages = list(_parted(whole, limit))
    else:
        messages = _packed(map(_plain, units(markdown)), limit)
    return tuple(Part(each.text, _entities(each)) for each in messages if _is_seen(each.text))


def _plain(markdown: str) -> Styled:
    """Styled text in which every character is one that Telegram keeps."""
    text, spans = to_styled(markdown)
    return Styled(without_controls(text), spans).cut(0, len(text))


def _size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _is_seen(text: str) -> bool:
    return any(unicodedata.category(c) not in _UNSEEN and c not in _BLANK for c in text)


# --- approved text: whole units


def _packed(pieces: Iterable[Styled], limit: int) -> list[Styled]:
    messages: list[Styled] = []
    for piece in pieces:
        if not _is_seen(piece.text):
            continue
        if _size(piece.text) > limit:
            raise NotApproved(
                f"the text is too long for one Telegram message of {limit} characters, and benefit and risk must not "
                "be torn apart: the content owner must shorten it"
            )
        joined = _joined(messages[-1], piece) if messages else piece
        if messages and _size(joined.text) <= limit:
            messages[-1] = joined
        else:
            messages.append(piece)
    return messages


def _joined(first: Styled, second: Styled) -> Styled:
    text = f"{first.text}\n\n"
    moved = (span._replace(start=span.start + len(text), end=span.end + len(text)) for span in second.spans)
    return Styled(text + second.text, (*first.spans, *moved))


# --- a specialist's words: cut where it reads best


def _parted(words: Styled, limit: int) -> Iterator[Styled]:
    start, text = 0, words.text
    while _size(text[start:]) > limit:
        end = _best_end(text, start, limit)
        yield words.cut(start, end)
        start = len(text) - len(text[end:].lstrip())
    yield words.cut(start, len(text))


def _best_end(text: str, start: int, limit: int) -> int:
    """Between paragraphs, else lines, else sentences, else words, else anywhere between characters."""
    furthest = start + max(1, _fitting(text[start : start + limit], limit))
    best = (-1, furthest)
    for gap in _GAP.finditer(text, start + 1):
        if gap.start() > furthest:
            break
        best = max(best, (_depth(text, start, gap), gap.start()))
    return best[1] if best[0] >= 0 else _between_characters(text, start, furthest)


def _fitting(text: str, limit: int) -> int:
    """How many code points of a text fit."""
    return len(text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore"))


def _depth(text: str, start: int, gap: re.Match[str]) -> int:
    breaks = gap[0].count("\n")
    if breaks:
        return min(breaks, 2) + 1
    return int(_SENTENCE_END.search(text, max(start, gap.start() - 4), gap.start()) is not None)


def _between_characters(text: str, start: int, furthest: int) -> int:
    for end in range(furthest, start, -1):
        if not is_joined(text, end):
            return end
    return furthest  # marks without end on one letter


# --- entities

#: An address of the kind that Telegram takes: it may refuse a whole message for one that it does not.
_WEB_ADDRESS = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)+(:[1-9][0-9]{0,3})?([/?#]\S*)?\Z", re.IGNORECASE)


def _entities(styled: Styled) -> tuple[MessageEntity, ...]:
    kept: list[Span] = []
    for span in styled.spans:
        outer = {other.kind for other in kept if other.start <= span.start and span.end <= other.end}
        if _is_allowed(span, outer) and _is_seen(styled.text[span.start : span.end]):
            kept.append(span)
    entities = [MessageEntity(_TYPES[s.kind], s.start, s.end - s.start, url=s.url or None) for s in kept]
    return tuple(MessageEntity.adjust_message_entities_to_utf_16(styled.text, entities))


def _is_allowed(span: Span, outer: set[Kind]) -> bool:
    """The Bot API's rules: nothing within itself, code in nothing, web addresses only. In code there is only text."""
    if span.kind == "link" and not _WEB_ADDRESS.match(span.url):
        return False  # mail addresses and telephone numbers are found by Telegram itself
    if span.kind in ("code", "pre") and outer:
        return False
    return span.kind not in outer
