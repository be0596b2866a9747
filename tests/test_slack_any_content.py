"""Cards and threads in Slack of any content: taken, to the letter, and nobody alarmed."""

import re
from collections import Counter

import pytest
from any_card import (
    CARDS,
    HOSTILE,
    without_space,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_cards import ANN, MARKUP, a_card, assert_takeable, nodes, quoted, wrote

from escalation.slack_cards import card_post
from escalation.slack_lines import HEAVIEST_POST, line_posts
from escalation.slack_text import inline, is_seen, pieces, weight
from smi_bot.text import repair

#: All the words that a notification may be made of.
NEWS = {
    *re.findall(
        r"\w+",
        """a again and answered asked at bot case claim claimed closed delivered deletion failed for further
    high in it its judged label labels looked new normal not note on open original overdue priority raised released reply
    report requester safety sent set something text the to trying unknown urgent waiting was way wrote yet could""",
    )
}


@settings(deadline=None, max_examples=100)
@given(CARDS)
def test_a_card_of_any_content_is_taken_by_slack(card):
    assert_takeable(card_post(card))


@settings(deadline=None, max_examples=100)
@given(CARDS)
def test_a_thread_of_any_content_is_taken_by_slack_under_keys_of_its_own(card):
    posts = line_posts(card)
    for post in posts:
        assert_takeable(post)
        assert weight(post.blocks) <= HEAVIEST_POST + 300
    keys = Counter(post.key for post in posts)
    events = Counter(each.event for each in card.thread)
    assert all(
        count == 1
        for key, count in keys.items()
        if key[0] == "a" or events[int(key[1:].split(".")[0].split("-")[0])] == 1
    )


@settings(deadline=None, max_examples=100)
@given(CARDS)
@example(a_card(wrote(2, MARKUP), owner=ANN, status="claimed"))
def test_nothing_that_people_wrote_becomes_a_mention_a_link_or_an_alarm(card):
    for post in (card_post(card), *line_posts(card)):
        found = nodes(post.blocks)
        assert not [
            node for node in found if node.get("type") in ("mrkdwn", "markdown", "emoji", "channel", "usergroup")
        ]
        assert all(node["emoji"] is False for node in found if node.get("type") == "plain_text")
        assert {node["url"] for node in found if node.get("type") == "link"} <= {"https://t.me/forum/5"}
        assert {node["user_id"] for node in found if node.get("type") == "user"} <= {"U0123ABC", "U0456DEF"}
        assert all(node["range"] == "here" for node in found if node.get("type") == "broadcast")


@settings(deadline=None, max_examples=100)
@given(CARDS)
def test_a_locked_screen_shows_number_priority_and_state_only(card):
    news = [card_post(card).text, *(post.text for post in line_posts(card))]
    for text in news:
        number, _, rest = text.partition(": ")
        assert number == "SMI-12"
        assert {*re.findall(r"[\w-]+", rest.lower())} <= NEWS
        assert not {*text} & {*"<>&*_~`@"}


@settings(deadline=None, max_examples=100)
@given(HOSTILE)
@example("word " * 20_000)
@example("\n".join("好" * 90 for _ in range(300)))
def test_a_message_stands_in_the_thread_whole_and_in_order(text):
    posts = line_posts(a_card(wrote(2, text)))
    expected = repair(text) if is_seen(text) else ""
    assert without_space(quoted(posts)) == without_space(expected)
    assert [post.key for post in posts] == ["e2", *(f"e2.{n}" for n in range(2, len(posts) + 1))]
    for post in posts:
        assert_takeable(post)


@settings(deadline=None, max_examples=100)
@given(HOSTILE, st.integers(3, 90))
def test_words_in_a_line_of_ours_stay_in_it_and_are_short(text, longest):
    found = inline(text, longest)
    assert len(found) <= longest
    assert "\n" not in found
    assert not {*found} & {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f"}
    assert found.count("\u2068") == found.count("\u2069") <= 1


def test_words_that_run_from_right_to_left_do_not_turn_the_words_around_them():
    assert inline("שלום", 80) == "\u2068שלום\u2069"
    assert inline("gpj\u202eexe.", 80) == "gpjexe."
    assert inline("plain", 80) == "plain"


@pytest.mark.parametrize("character", ["👩‍👩‍👧", "🇩🇪", "a\u0301", "👍🏽"])
def test_a_text_is_never_cut_within_what_is_seen_as_one_character(character):
    for shift in range(8):
        found = list(pieces("x" * shift + character * 3000))
        assert len(found) > 1
        assert {without_space(piece).replace("x", "").replace(character, "") for piece in found} == {""}


def test_a_text_is_cut_between_paragraphs_else_lines_else_words():
    for gap in ("\n\n", "\n", " "):
        text = f"{'a ' * 700}end{gap}{'b' * 1500}{gap}c"
        assert list(pieces(text))[1].startswith("bbb")
