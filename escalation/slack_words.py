"""What somebody typed in Slack, as plain words. Pure.

Slack writes it down twice: as `blocks`, in which emoji have their characters, and as `text`, in which everything is
escaped or has a name. People, channels and groups are written as in the record of a case, `slack:U…`: their names mean
nothing outside.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Element = Mapping[str, Any]

_MARKED = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_INSIDERS = re.compile(r"slack:(?:[UWCGS][A-Z0-9]{2,30}|here|channel|everyone)\b")
_EMOJI = re.compile(r"(?<!\w):[a-z][a-z0-9_+'-]*:(?!\w)")
_CODES = re.compile(r"[0-9a-f]{1,5}(-[0-9a-f]{1,5})*")


def typed(message: Element) -> str:
    """The words of a message."""
    blocks = message.get("blocks") or ()
    if blocks and all(block.get("type") == "rich_text" for block in blocks):
        return "\n".join(_block(each) for block in blocks for each in block["elements"])
    return plain_words(str(message.get("text") or ""))


def plain_words(text: str) -> str:
    """The same of the text alone: Slack escapes three characters and marks links and names."""
    return html.unescape(_MARKED.sub(_unmarked, text))


def not_for_others(words: str) -> str:
    """Why words mean nothing outside this Slack; empty where they may be sent."""
    if _INSIDERS.search(words):
        return "It mentions somebody or a channel of this Slack. Write it without, and put 📤 on that."
    if found := _EMOJI.search(words):
        return f"{found[0]} is an emoji of this Slack only. Write it without, and put 📤 on that."
    return ""


# --- text


def _unmarked(found: re.Match[str]) -> str:
    what, label = found[1], found[2]
    if what.startswith(("@", "#")):
        return f"slack:{what[1:]}"
    if what.startswith("!"):
        return f"slack:{what[1:].removeprefix('subteam^')}"
    return _link(html.unescape(what), html.unescape(label or "")).replace("&", "&amp;")


def _link(address: str, label: str) -> str:
    """As requesters read it, who see no links but addresses."""
    address = address.removeprefix("mailto:")
    return label or address if not label or label in address else f"{label} ({address})"


# --- blocks


def _block(element: Element) -> str:
    match element.get("type"):
        case "rich_text_list":
            return "\n".join(_items(element))
        case "rich_text_quote":
            return "\n".join(f"> {line}" for line in _line(element["elements"]).split("\n"))
    return _line(element["elements"])


def _items(element: Element) -> Iterator[str]:
    margin, first = "  " * element.get("indent", 0), element.get("offset", 0) + 1
    for number, item in enumerate(element["elements"], first):
        mark = f"{number}." if element.get("style") == "ordered" else "-"
        yield f"{margin}{mark} {_line(item['elements'])}"


def _line(elements: Sequence[Element]) -> str:
    # Slack begins a new line after each part by itself; a break at its end is that one.
    return "".join(map(_inline, elements)).removesuffix("\n")


def _inline(element: Element) -> str:
    match element:
        case {"type": "emoji"}:
            return _emoji(element)
        case {"type": "link", "url": url}:
            return _link(str(url), str(element.get("text") or ""))
        case {"user_id": id} | {"channel_id": id} | {"usergroup_id": id} | {"type": "broadcast", "range": id}:
            return f"slack:{id}"
    return str(element.get("text") or element.get("fallback") or element.get("value") or "")


def _emoji(element: Element) -> str:
    codes = str(element.get("unicode", ""))
    if not _CODES.fullmatch(codes):
        return f":{element.get('name', '')}:"
    return "".join(chr(number) for code in codes.split("-") if (number := int(code, 16)) < 0x110000)
