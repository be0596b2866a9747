"""Cards and threads as Slack gets them, of cases made by hand."""

import json
from datetime import UTC, datetime
from typing import Any

from slack_api_blocks import faults_of_blocks

from escalation.card_lines import CardLine, CardMessage
from escalation.cards import Card
from escalation.slack_cards import Post
from escalation.slack_text import weight

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANN, BOB = "slack:U0123ABC", "slack:U0456DEF"

#: Everything that Slack could make something of.
MARKUP = (
    "<!channel> <!here> <@U0123ABC> <#C1> @channel @here *bold* _it_ ~no~ `code` ```pre``` > quote :smile: "
    "<https://evil.example|click> https://evil.example &lt; &amp;lt; &amp; [a](https://b.example)"
)


def line(event: int, kind: str, author: str = "bot", text: str = "", **more: Any) -> CardLine:
    at = more.pop("at", NOON)
    values = {"at_text": "2026-11-23 12:00 UTC", "audience": "internal", **more}
    return CardLine(event=event, at=at, kind=kind, author=author, text=text, **values)


def wrote(event: int, *texts: str, **more: Any) -> CardLine:
    said = tuple(CardMessage(number, text) for number, text in enumerate(texts, 1))
    return line(event, "message", "Requester 4F2A9C", said=said, **more)


OPENED = line(1, "opened", text="high: adverse-event")


def a_card(*thread: CardLine, **more: Any) -> Card:
    state = {"status": "open", "priority": "high", "owner": None, "mine": False}
    due = {"due": None, "due_text": "", "overdue": False}
    asker = {"requester": "Requester 4F2A9C", "audience": "patient", "country": "US", "language": "en"}
    place = {"channel": "telegram", "public": False, "previous": None, "erased": False}
    rest: dict[str, Any] = {"labels": (), "suggestions": (), "reports": 0, "actions": ()}
    values = state | due | asker | place | rest | more
    return Card(case=12, number="SMI-12", thread=(OPENED, *thread), **values)


def nodes(of: Any) -> list[dict[str, Any]]:
    """Every object in blocks."""
    inside = of if isinstance(of, list) else [*of.values()] if isinstance(of, dict) else []
    return ([of] if isinstance(of, dict) else []) + [node for each in inside for node in nodes(each)]


def texts(of: Any, type: str = "text") -> list[str]:
    return [node["text"] for node in nodes(of) if node.get("type") == type]


def shown(post: Post) -> str:
    """What is to be read of it, mentions as Slack writes them."""
    words = {
        "text": lambda node: node["text"],
        "link": lambda node: node["text"],
        "user": lambda node: f"<@{node['user_id']}>",
        "broadcast": lambda node: f"<!{node['range']}>",
        "plain_text": lambda node: node["text"],
        "rich_text_quote": lambda node: "\n",
        "rich_text_section": lambda node: "\n",
    }
    return "".join(words[node["type"]](node) for node in nodes(post.blocks) if node.get("type") in words)


def buttons(of: Any) -> dict[str, str]:
    """Action ids with their values."""
    return {node["action_id"]: node["value"] for node in nodes(of) if node.get("type") == "button"}


def quoted(posts: tuple[Post, ...]) -> str:
    quotes = [node for post in posts for node in nodes(post.blocks) if node.get("type") == "rich_text_quote"]
    return "".join(texts(quotes))


def assert_takeable(post: Post) -> None:
    assert faults_of_blocks(post.blocks) == []
    assert weight(post.blocks) <= 12_500  # in the worst way of counting; 13,200 is too much
    assert len(post.blocks) <= 50
    assert all(text for text in texts(post.blocks) + texts(post.blocks, "plain_text"))
    assert len(post.text) <= 100
    json.dumps(post.blocks, ensure_ascii=False).encode()
