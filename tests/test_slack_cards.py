"""What a case looks like in Slack: every content within Slack's limits, to the letter, and nothing on a locked screen."""

import json
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_api_blocks import faults_of_blocks

from escalation.card_lines import CardFile, CardLine, CardMessage
from escalation.cards import Card, CardLabel, CardSuggestion
from escalation.case import EventKind
from escalation.slack_cards import HEAVIEST_POST, Post, card_post, line_posts
from escalation.slack_text import inline, is_seen, pieces, weight
from smi_bot.decision import PRECEDENCE
from smi_bot.text import repair

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANN, BOB = "slack:U0123ABC", "slack:U0456DEF"
#: Everything that Slack could make something of.
MARKUP = (
    "<!channel> <!here> <@U0123ABC> <#C1> @channel @here *bold* _it_ ~no~ `code` ```pre``` > quote :smile: "
    "<https://evil.example|click> https://evil.example &lt; &amp;lt; &amp; [a](https://b.example)"
)
HOSTILE = st.one_of(
    st.text(st.characters(), max_size=60),
    st.sampled_from([
        "", " ", "\n\n\n", "\x00", "\x00\x07\x1b[31m", "\u200b\u200d\ufeff", "\ud800", MARKUP, "Ann Miller", "😀" * 40,
        "👩‍👩‍👧" * 40, "🇩🇪" * 41, "a\u0301" * 2000, "\u202eexe.gpj\u2066", "שלום עולם", "مرحبا؟ " * 90, "x" * 4097,
        "好" * 5000, '\\"' * 3000, "😀" * 4096, "a\r\nb\u2028c", "\t" * 5000, "word " * 2000, "\U0010ffff" * 700, "\ufffe",
    ]),
)  # fmt: skip
STATES = st.sampled_from(["here", "pending", "failed", "refused", "erased"])
FILES = st.builds(
    CardFile, id=st.just("f1"), name=HOSTILE, media_type=HOSTILE, size=st.integers(0, 10**9), state=STATES,
    can_retry=st.booleans(),
)  # fmt: skip
SAID = st.builds(
    CardMessage, number=st.integers(1, 10**9), text=HOSTILE, edited=st.booleans(), earlier=HOSTILE,
    forwarded=st.booleans(), quoted=HOSTILE, in_reply_to=HOSTILE,
)  # fmt: skip
ACTORS = st.sampled_from([ANN, BOB, "bot", "Dr. Rao", "slack:<!channel>", "slack:", MARKUP, ""])
KINDS = st.sampled_from([*get_args(EventKind), "answered", "not delivered", "waiting", "something new"])
LINKS = st.sampled_from(["", "https://t.me/forum/5", "https://t.me/" + "x" * 5000, "https://t.me/ö", "javascript:x"])


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


LINES = st.builds(
    line, event=st.integers(0, 5), kind=KINDS, author=ACTORS, text=HOSTILE, trouble=HOSTILE, link=LINKS,
    state=st.sampled_from([None, "queued", "retrying", "sent", "delivered", "failed"]), was_sent=st.booleans(),
    said=st.lists(SAID, max_size=4).map(tuple), attachments=st.lists(FILES, max_size=4).map(tuple),
)  # fmt: skip
LABELS = st.builds(
    CardLabel, label=st.sampled_from(PRECEDENCE), evidence=st.lists(HOSTILE, max_size=9).map(tuple), rules=st.just(())
)
SUGGESTIONS = st.builds(CardSuggestion, entry=st.just("missed-dose"), title=HOSTILE, score=st.floats(0, 1))
CARDS = st.builds(
    lambda lines, closed, **more: a_card(*lines, *([closed] if more["status"] == "closed" else []), **more),
    st.lists(LINES, max_size=4),
    st.just(line(99, "closed", ANN, "answered: well")),
    status=st.sampled_from(["open", "claimed", "closed"]),
    priority=st.sampled_from(["normal", "high", "urgent"]),
    labels=st.lists(LABELS, max_size=10).map(tuple),
    audience=st.sampled_from(["", "patient", "hcp"]),
    country=HOSTILE,
    language=HOSTILE,
    public=st.booleans(),
    erased=st.booleans(),
    due=st.sampled_from([None, NOON]),
    overdue=st.booleans(),
    owner=st.none() | ACTORS,
    suggestions=st.lists(SUGGESTIONS, max_size=3).map(tuple),
    previous=st.sampled_from([None, "SMI-3"]),
    reports=st.integers(0, 9),
)


#: All the words that a notification may be made of.
NEWS = {
    *re.findall(
        r"\w+",
        """a again and answered asked at bot case claim claimed closed delivered deletion failed for high in it its labels
    looked new normal not note on open original overdue priority raised released reply requester sent set something
    text the to trying unknown urgent waiting was way wrote yet could""",
    )
}


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


def without_space(text: str) -> str:
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c) != "Cc")


def assert_takeable(post: Post) -> None:
    assert faults_of_blocks(post.blocks) == []
    assert weight(post.blocks) <= 12_500  # in the worst way of counting; 13,200 is too much
    assert len(post.blocks) <= 50
    assert all(text for text in texts(post.blocks) + texts(post.blocks, "plain_text"))
    assert len(post.text) <= 100
    json.dumps(post.blocks, ensure_ascii=False).encode()


# --- any content


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


# --- the card


def test_a_new_card_says_what_a_specialist_must_know():
    card = a_card(
        wrote(2, "I got a rash after two weeks"),
        labels=(CardLabel("adverse-event", ("a rash", "\u200b"), ("r1",)), CardLabel("human", (), ())),
        audience="hcp",
        due=NOON + timedelta(hours=4),
        previous="SMI-3",
        reports=2,
        suggestions=(CardSuggestion("skin", "Can it cause a rash?", 0.873),),
    )
    post = card_post(card)
    assert post.key == "card"
    assert post.text == "SMI-12: new case, high priority. Claim it."
    assert post.blocks[0]["text"] == {"type": "plain_text", "text": "SMI-12 · high · open", "emoji": False}
    words = shown(post)
    for fact in (
        "Requester 4F2A9C · healthcare professional (self-attested) · US · telegram · language en",
        "Nobody has claimed this yet. To be claimed by ",
        "Adverse event: “a rash”\nHuman\n",
        "I got a rash after two weeks",
        "Previous case: SMI-3",
        "Safety reports in this case: 2",
        "Can it cause a rash? · 87 %",
    ):
        assert fact in words
    dates = [node for node in nodes(post.blocks) if node.get("type") == "date"]
    assert [(date["timestamp"], date["fallback"]) for date in dates] == [(1795449600, "2026-11-23 16:00 UTC")]
    assert buttons(post.blocks)["entry_show"] == "12:skin"
    assert "Public" not in words
    assert "<!here>" not in words


def test_a_card_does_not_change_with_the_clock_alone():
    card = a_card(due=NOON, due_text="due in 15 min")
    assert card_post(card) == card_post(replace(card, due_text="due in 14 min"))
    late = card_post(replace(card, overdue=True, due_text="1 min overdue"))
    assert "Overdue since" in shown(late)
    assert late.text == "SMI-12: new case, high priority, overdue. Claim it."


def test_a_card_is_the_same_for_all_who_see_it():
    card = a_card(status="claimed", owner=ANN)
    assert card_post(card) == card_post(replace(card, mine=True))


PRIVATE = {"case_reply", "case_insert"}


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ({}, {"case_claim", "case_reveal"}),
        (
            {"status": "claimed", "owner": ANN},
            {*PRIVATE, "case_release", "case_label", "case_close", "case_reveal"},
        ),
        (
            {"status": "claimed", "owner": ANN, "public": True},
            {"case_release", "case_label", "case_close", "case_reveal"},
        ),
        ({"status": "closed", "owner": ANN}, {"case_reveal"}),
    ],
)
def test_a_card_has_the_buttons_that_make_sense(state, actions):
    thread = (line(5, "closed", ANN, "answered"),) if state.get("status") == "closed" else ()
    post = card_post(a_card(*thread, suggestions=(CardSuggestion("skin", "A rash?", 1),), **state))
    found = buttons(post.blocks)
    assert found.keys() - {"entry_show"} == actions
    assert {value for action, value in found.items() if action != "entry_show"} == {"12"}
    assert ("entry_show" in found) == (state.get("status") != "closed")


def test_one_button_stands_out_and_a_press_that_cannot_be_undone_asks_first():
    for state in ({}, {"status": "claimed", "owner": ANN}):
        found = [node for node in nodes(card_post(a_card(**state)).blocks) if node.get("type") == "button"]
        assert [node["action_id"] for node in found if node.get("style") == "primary"] in (
            ["case_claim"],
            ["case_reply"],
        )
        assert [node["action_id"] for node in found if "confirm" in node] == ["case_reveal"]
        assert all(node["accessibility_label"].endswith("SMI-12") for node in found)


def test_an_owner_in_slack_is_mentioned_and_another_is_named():
    assert "Owner: <@U0123ABC>" in shown(card_post(a_card(status="claimed", owner=ANN)))
    assert "Owner: Dr. Rao" in shown(card_post(a_card(status="claimed", owner="Dr. Rao")))
    assert "Owner: slack:<!channel>" in shown(card_post(a_card(status="claimed", owner="slack:<!channel>")))
    waiting = card_post(a_card(status="claimed", owner=ANN, due=NOON, overdue=True))
    assert "Owner: <@U0123ABC> Overdue since " in shown(waiting)
    assert waiting.text == "SMI-12: claimed, high priority, overdue."


def test_a_closed_card_says_who_closed_it_and_how_but_not_the_note():
    card = a_card(line(5, "closed", ANN, "forwarded-to-drug-safety: told Bob"), status="closed", owner=ANN)
    assert "<@U0123ABC> closed it: forwarded to drug safety." in shown(card_post(card))
    assert "told Bob" not in shown(card_post(card))


def test_only_an_urgent_card_that_nobody_has_claimed_alerts_the_channel():
    urgent = {"priority": "urgent"}
    assert "<!here> Nobody has claimed this yet." in shown(card_post(a_card(**urgent)))
    assert "<!here>" not in shown(card_post(a_card(status="claimed", owner=ANN, **urgent)))


def test_a_case_that_was_given_back_is_open_again():
    card = a_card(line(2, "claimed", ANN), line(3, "released", ANN))
    assert card_post(card).text == "SMI-12: open again, high priority. Claim it."


def test_a_public_card_says_so_and_leads_to_the_post():
    post = card_post(
        a_card(wrote(2, "rash", link="https://t.me/forum/5"), wrote(3, "x", link="https://t.me/6"), public=True)
    )
    assert "Public forum: everybody can read these posts" in shown(post)
    assert [node["url"] for node in nodes(post.blocks) if node.get("type") == "link"] == ["https://t.me/forum/5"]


def test_the_first_message_is_folded_and_later_ones_are_in_the_thread_only():
    short = a_card(wrote(2, "one", "two"), wrote(3, "three"))
    assert quoted((card_post(short),)) == "one\ntwo"
    long = card_post(a_card(wrote(2, "word " * 500, attachments=(CardFile("f", "n", "t", 1, "here", False),))))
    assert 500 < len(quoted((long,))) <= 600
    assert "… continues in the thread, with 1 file(s), in the thread" in shown(long)


def test_as_many_words_of_a_label_are_shown_as_fit():
    few = a_card(labels=(CardLabel("adverse-event", tuple("abcdefgh"), ()),))
    assert "Adverse event: “a”, “b”, “c”, “d”, “e”, “f” and 2 more" in shown(card_post(few))
    many = a_card(labels=tuple(CardLabel(label, ("😀" * 80,) * 8, ()) for label in PRECEDENCE))
    assert "Self harm" in shown(card_post(many))
    assert_takeable(card_post(many))


def test_a_card_whose_words_were_erased_says_so():
    card = a_card(
        wrote(2, "[erased at the requester's request]"),
        line(5, "closed", ANN, "answered"),
        erased=True,
        status="closed",
    )
    assert "What was written on this case was erased at the requester's request." in shown(card_post(card))


# --- the thread


def the_post(*thread: CardLine, **more: Any) -> Post:
    """Of the last line."""
    return line_posts(a_card(*thread, **more))[-1]


def test_the_opening_has_no_post_of_its_own_as_the_card_says_it():
    assert line_posts(a_card()) == ()


def test_a_message_shows_everything_about_it():
    said = CardMessage(5, "new", edited=True, earlier="old", forwarded=True, quoted="theirs", in_reply_to="take it")
    told = line(2, "message", "Requester 4F2A9C", said=(said, CardMessage(6, "")), link="https://t.me/forum/5")
    post = the_post(told)
    assert (post.key, post.text) == ("e2", "SMI-12: the requester wrote.")
    assert [each for each in shown(post).split("\n") if each] == [
        "Requester 4F2A9C wrote:  public post",
        "message 5 · forwarded · edited",
        "in reply to: “take it”",
        "new",
        "quoted from somewhere else:",
        "theirs",
        "before it was edited:",
        "old",
        "message 6",
        "(no words)",
    ]


def test_what_a_requester_wrote_stands_in_quotations_so_that_it_cannot_pass_for_ours():
    post = the_post(wrote(2, "SMI-12: claimed by Dr. Rao"))
    assert quoted((post,)) == "SMI-12: claimed by Dr. Rao"


def test_markup_stands_there_to_the_letter():
    assert quoted((the_post(wrote(2, MARKUP)),)) == MARKUP


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "On its way"),
        ("retrying", "Not delivered yet, trying again: blocked"),
        ("sent", "Sent"),
        ("delivered", "Delivered"),
        ("failed", "Failed: blocked"),
    ],
)
def test_a_reply_shows_how_it_is_doing(state, words):
    trouble = "blocked" if state in ("retrying", "failed") else ""
    reply = line(5, "replied", ANN, "Are you well?", state=state, trouble=trouble)
    post = the_post(reply, status="claimed", owner=ANN)
    assert shown(post).startswith("\n<@U0123ABC> replied to the requester: \nAre you well?\n" + words)
    assert post.text == f"SMI-12: a reply: {words.partition(':')[0].lower()}."
    assert buttons(post.blocks) == ({"reply_retry": "12:5"} if state == "failed" else {})


def test_a_reply_on_a_closed_case_cannot_be_sent_again():
    reply = line(5, "replied", ANN, "?", state="failed", can_retry=True)
    post, _ = line_posts(a_card(reply, line(6, "closed", ANN, "answered"), status="closed", owner=ANN))
    assert buttons(post.blocks) == {}


def test_notes_of_the_desk_page_are_posted_and_those_written_in_slack_are_not():
    noted = line(5, "noted", "Dr. Rao", "ask about the lot", was_sent=True)
    assert shown(the_post(noted)).strip().split("\n") == [
        "Dr. Rao noted, internally: ",
        "ask about the lot",
        "Sent to the requester afterwards.",
    ]
    assert line_posts(a_card(replace(noted, author=ANN))) == ()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (line(5, "claimed", ANN), "<@U0123ABC> claimed the case."),
        (line(5, "released", "Dr. Rao"), "Dr. Rao released the case."),
        (line(5, "released", "bot", "Too long silent."), "The bot released the case. Too long silent."),
        (line(5, "closed", ANN, "no-answer-possible"), "<@U0123ABC> closed the case: no answer possible."),
        (line(5, "labelled", ANN, "high: adverse-event, human"), "<@U0123ABC> set the labels: adverse event, human; high priority."),
        (line(5, "revealed", BOB), "<@U0456DEF> looked at the original text."),
        (line(5, "erasure", text="The requester asked for deletion."), "The requester asked for deletion."),
        (line(5, "something new"), "something new"),
    ],
)  # fmt: skip
def test_what_happened_is_told_in_a_line(told, words):
    assert shown(the_post(told)).strip() == words


def test_the_note_of_a_closing_is_quoted():
    post = the_post(line(5, "closed", ANN, "answered: by phone: *twice*"))
    assert quoted((post,)) == "by phone: *twice*"


def test_what_the_bot_did_by_itself_has_a_key_of_its_own_that_stays():
    answered = line(0, "answered", text="missed-dose: What if I forget?")
    failed = line(0, "not delivered", text="service text: greeting", trouble="blocked", at=NOON + timedelta(minutes=1))
    posts = line_posts(a_card(answered, failed, failed))
    assert [shown(post).strip() for post in posts] == [
        "The bot answered: missed-dose: What if I forget?",
        "The bot could not deliver: service text: greeting \nReason: blocked",
        "The bot could not deliver: service text: greeting \nReason: blocked",
    ]
    keys = [post.key for post in posts]
    assert len({*keys}) == 3
    assert [post.key for post in line_posts(a_card(answered, wrote(2, "x"), failed))] == [keys[0], "e2", keys[1]]


RAISED = line(5, "raised", text="urgent: emergency, adverse-event")


def test_a_case_that_is_raised_alerts_its_owner():
    card = a_card(line(2, "claimed", ANN), line(3, "released", ANN), line(4, "claimed", BOB), RAISED)
    post = line_posts(card)[-1]
    words = "Raised to urgent priority by a further message: emergency, adverse event."
    assert shown(post).strip() == f"<@U0456DEF> {words}"
    assert (post.text, post.to_channel) == ("SMI-12: raised to urgent priority.", False)
    assert line_posts(replace(card, owner=None, thread=(*card.thread, line(6, "released", BOB))))[-2] == post


def test_what_nobody_owns_is_seen_in_the_channel_and_alerts_everybody_only_if_it_is_urgent():
    for told in (RAISED, replace(RAISED, text="high: adverse-event")):
        post = the_post(told)
        assert post.to_channel
        assert ("<!here>" in shown(post)) == told.text.startswith("urgent")
    reminded = line(6, "reminded", text="Nobody has claimed this case in time.")
    late = the_post(RAISED, reminded)
    assert shown(late).strip() == "<!here> Nobody has claimed this case in time."
    assert (late.text, late.to_channel) == ("SMI-12: overdue, urgent priority.", True)
    assert not the_post(wrote(2, "x")).to_channel
    assert the_post(line(2, "claimed", ANN), line(3, "released", ANN)).to_channel
    assert shown(the_post(line(2, "claimed", ANN), reminded)).startswith("\n<@U0123ABC> ")


def test_files_are_listed_with_what_became_of_them():
    files = (
        CardFile("f1", "rash.jpg", "image/jpeg", 2000, "failed", True),
        CardFile("f2", MARKUP, "", 0, "here", False),
        CardFile("f3", "", "video/mp4", 31_000_000, "refused", False),
        CardFile("f4", "n.txt", "text/plain", 12, "failed", False),
    )
    post = the_post(wrote(2, "look", attachments=files))
    found = [each for each in shown(post).split("\n") if each.startswith("File: ")]
    assert found[0].startswith("File: rash.jpg · image/jpeg, 2 kB, could not be had")
    assert "<!channel>" in found[1]
    assert found[1].endswith(" · here")
    assert found[2] == "File: without a name · video/mp4, 31.0 MB, not taken (too big or of a type we do not take)"
    assert found[3] == "File: n.txt · text/plain, 12 bytes, could not be had"
    assert buttons(post.blocks) == {"file_retry": "12:f1"}


def test_many_messages_and_files_are_parted_among_posts_and_each_file_keeps_its_button():
    files = tuple(CardFile(f"f{n}", f"{n}.jpg", "image/jpeg", 1, "failed", True) for n in range(60))
    posts = line_posts(a_card(wrote(2, *("a rash" for _ in range(70)), attachments=files)))
    assert len(posts) > 2
    assert "… continued (2)" in shown(posts[1])
    for post in posts:
        assert_takeable(post)
        assert shown(post).count("File: ") == shown(post).count("Fetch again")
    assert "".join(quoted((post,)) for post in posts) == "a rash" * 70


def test_a_post_depends_on_its_line_alone():
    reply = line(3, "replied", ANN, "Hello", state="sent")
    before = a_card(wrote(2, "one"), reply, status="claimed", owner=ANN)
    after = replace(before, thread=(*before.thread, wrote(4, "two")), owner=BOB, due=NOON, overdue=True, reports=2)
    assert line_posts(after)[:2] == line_posts(before)
    assert line_posts(replace(before, status="closed"))[:2] == line_posts(before)
