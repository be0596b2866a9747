"""Words on our Slack: what can be read in blocks, and how Slack writes down what people type."""

import re
from typing import Any

from loopback import Json

_MENTION = re.compile(r"<([@#])([UCW][A-Z0-9]+)>")
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
            return f":{element['name']}:"
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
    for found in [*_MENTION.finditer(text), None]:
        before = text[last : found.start() if found else None]
        inside += [{"type": "text", "text": before}] if before else []
        written += escaped(before)
        if found:
            kind = {"@": "user", "#": "channel"}[found[1]]
            inside.append({"type": kind, f"{kind}_id": found[2]})
            written, last = written + found[0], found.end()
    section = {"type": "rich_text_section", "elements": inside}
    return {"text": written, "blocks": [{"type": "rich_text", "elements": [section]}]}


def escaped(text: str) -> str:
    """Three characters are control characters of Slack's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
