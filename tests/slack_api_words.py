"""Words on our Slack: what can be read in blocks, and how Slack writes down what people type."""

import re
import unicodedata
from typing import Any

from loopback import Json

_MARKED = re.compile(
    r"<(?P<sign>[@#])(?P<id>[UCW][A-Z0-9]+)>"
    r"|(?P<link>https?://[^\s<>]*[^\s<>.,;:!?)])"
    r"|(?P<emoji>[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?[\U0001f3fb-\U0001f3ff]?"
    r"(?:\u200d[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?[\U0001f3fb-\U0001f3ff]?)*)"
)
_LINES = ("rich_text_section", "rich_text_preformatted", "rich_text_quote")


def words(node: Any) -> str:
    """All that can be read in blocks, as people read it."""
    if isinstance(node, list):
        return "\n".join(filter(None, map(words, node)))
    if not isinstance(node, dict):
        return ""
    type, text = node.get("type"), node.get("text")
    if type in _LINES:
        return "".join(map(_inline, node["elements"]))
    if type == "image":
        return str(node.get("alt_text", ""))
    if isinstance(text, str):
        return unescaped(text) if type == "mrkdwn" else text
    return words(list(node.values()))


def _inline(element: Json) -> str:
    """What stands in the middle of a line."""
    match element["type"]:
        case "emoji":
            codes = element.get("unicode", "")
            return "".join(chr(int(code, 16)) for code in codes.split("-")) if codes else f":{element['name']}:"
        case "user":
            return f"<@{element['user_id']}>"
        case "channel":
            return f"<#{element['channel_id']}>"
        case "broadcast":
            return f"<!{element['range']}>"
    return str(element.get("text") or element.get("url") or element.get("fallback") or "")


def typed_by_a_person(text: str) -> Json:
    """Text and blocks of a message that somebody typed; `<@U…>` stands for a mention. Only the text is escaped."""
    written, inside, last = "", [], 0
    for found in [*_MARKED.finditer(text), None]:
        before = text[last : found.start() if found else None]
        inside += [{"type": "text", "text": before}] if before else []
        written += escaped(before)
        if found:
            sign, element = _marked(found)
            inside.append(element)
            written, last = written + sign, found.end()
    section = {"type": "rich_text_section", "elements": inside}
    return {"text": written, "blocks": [{"type": "rich_text", "elements": [section]}]}


def _marked(found: re.Match[str]) -> tuple[str, Json]:
    """A mention, link or emoji as Slack writes it into the text, and as it stands in the blocks."""
    if address := found["link"]:
        return f"<{escaped(address)}>", {"type": "link", "url": address}
    if emoji := found["emoji"]:
        name = unicodedata.name(emoji[0]).lower().replace(" ", "_")
        return f":{name}:", {"type": "emoji", "name": name, "unicode": "-".join(f"{ord(c):x}" for c in emoji)}
    kind = {"@": "user", "#": "channel"}[found["sign"]]
    return found[0], {"type": kind, f"{kind}_id": found["id"]}


def escaped(text: str) -> str:
    """Three characters are control characters of Slack's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
