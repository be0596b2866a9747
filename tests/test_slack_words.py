"""What people type in Slack, as plain words for requesters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_api_words import typed_by_a_person

from escalation.slack_words import not_for_others, plain_words, typed

BREAK = {"type": "text", "text": "Rest.\n"}


def part(kind: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": f"rich_text_{kind}", "elements": list(elements), **more}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"text": "(not this)", "blocks": [{"type": "rich_text", "elements": list(parts)}]}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            [part("section", text("Get well "), {"type": "emoji", "name": "sauropod", "unicode": "1f995"})],
            "Get well 🦕",
        ),
        ([part("section", {"type": "emoji", "name": "x", "unicode": "1f469-1f3fd-200d-2695-fe0f"})], "👩🏽‍⚕️"),
        ([part("section", {"type": "emoji", "name": "party_parrot"})], ":party_parrot:"),
        ([part("section", text("one\ntwo"))], "one\ntwo"),
        ([part("section", {"type": "link", "url": "https://e.example/a?b=1&c=2"})], "https://e.example/a?b=1&c=2"),
        ([part("section", {"type": "link", "url": "http://e.example", "text": "e.example"})], "e.example"),
        (
            [part("section", {"type": "link", "url": "https://e.example", "text": "the leaflet"})],
            "the leaflet (https://e.example)",
        ),
        (
            [
                part("section", BREAK),
                part("list", part("section", text("one")), part("section", text("two")), style="bullet"),
                part("list", part("section", text("three")), style="ordered", indent=1, offset=2),
            ],
            "Rest.\n- one\n- two\n  3. three",
        ),
        ([part("quote", text("a\nb")), part("section", text("so"))], "> a\n> b\nso"),
        ([part("preformatted", text("x = 1\n  y"))], "x = 1\n  y"),
        ([part("section", {"type": "user", "user_id": "U123"}, text(" says"))], "slack:U123 says"),
        ([part("section", {"type": "broadcast", "range": "here"})], "slack:here"),
    ],
)
def test_blocks_are_read_as_requesters_will_see_them(parts: list[dict[str, Any]], expected: str) -> None:
    assert typed(message(*parts)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see <https://e.example/a?b=1&amp;c=2>, <http://e.example|e.example>", "see https://e.example/a?b=1&c=2, e.example"),
        ("<https://e.example/a|the &lt;leaflet&gt;>", "the <leaflet> (https://e.example/a)"),
        ("<@U123> and <#C123|desk> and <!here> and <!subteam^S123>", "slack:U123 and slack:C123 and slack:here and slack:S123"),
        ("a &lt;b&gt; &amp;amp; <mailto:a@b.example|a@b.example>", "a <b> &amp; a@b.example"),
    ],
)  # fmt: skip
def test_the_text_alone_is_read_where_there_are_no_blocks(text: str, expected: str) -> None:
    assert plain_words(text) == typed({"text": text}) == expected


@given(st.text("ab<>&🦕👩🏽‍⚕️\n.:/ ").map(str.strip))
def test_whatever_is_typed_comes_out_as_it_was_typed(words: str) -> None:
    assert typed(typed_by_a_person(words)) == words


@pytest.mark.parametrize("words", ["as slack:U0ABC says", "slack:here", ":party_parrot:", "well :+1 :tada:!"])
def test_what_only_this_slack_understands_is_not_for_others(words: str) -> None:
    assert not_for_others(words)


@pytest.mark.parametrize("words", ["at 10:30:15", "Note: rest", "a:b:c", "🦕", "slack: off", "http://e.example:8080/a"])
def test_everything_else_may_be_sent(words: str) -> None:
    assert not not_for_others(words)
